//! `[[invariant]]`: what must always hold of the rules, whatever else is changed.

use super::Files;
use super::names::Names;
use super::place::Reach;
use super::reader::{Table, many};
use super::{rules, values};
use crate::diagnostic::code;
use crate::policy::invariant::Invariant;
use crate::policy::{Action, Policy};
use jiff::tz::TimeZone;

/// What the words of an invariant are about.
pub(super) struct Subjects<'p> {
    pub policy: &'p Policy,
    pub routes: &'p Names,
    pub credentials: &'p Names,
    pub zone: &'p TimeZone,
}

pub(super) fn invariants(files: &Files<'_>, subjects: &Subjects<'_>) -> Vec<Invariant> {
    let mut names = Names::new("invariant");
    files.arrays("invariant").into_iter().filter_map(|t| invariant(files, t, &mut names, subjects)).collect()
}

fn invariant(files: &Files<'_>, t: Table<'_>, names: &mut Names, subjects: &Subjects<'_>) -> Option<Invariant> {
    let Subjects { policy, routes, credentials, zone } = *subjects;
    let name = t.required("name", values::text);
    let why = t.optional("why", values::text);
    let never = t.required("never", |v| {
        if v.count() == 0 {
            return v.fail(code::BAD_VALUE, "`never` is empty: it would always hold", "like never = \"forward\"");
        }
        let actions = many(v, |v| values::word(v, Action::WORDS, Action::parse));
        Some(actions.into_iter().fold(0, |mask, action| mask | action.value.bit()))
    });
    let when = t.optional("when", |v| rules::condition(v, credentials));
    let unless = t.optional("unless", |v| rules::exception(v, credentials));
    let from = t.optional("from", |v| values::moment(v, zone));
    let until = t.optional("until", |v| values::moment(v, zone));
    let reach = Reach::of(&t, routes);
    rules::ends_after_it_starts(files, from.as_ref(), until.as_ref(), "the invariant never applies");
    t.done();
    let name = name?;
    names.define(name.clone(), files.findings);
    let routes: Vec<_> = policy.routes().map(|(id, _)| id).collect();
    let covered = reach.places(routes.len()).into_iter().filter_map(|place| routes.get(place).copied());
    Some(Invariant {
        name: name.value,
        place: name.place,
        why: why.map(|w| w.value),
        never: never?.value,
        when: when.map(|w| w.value).unwrap_or_default(),
        unless: unless.map(|u| u.value),
        routes: covered.collect(),
        from: from.map(|f| f.value),
        until: until.map(|u| u.value),
    })
}
