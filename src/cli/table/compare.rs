//! What differs between two policies, by the names of routes and by people: at a moment, and at each later one.

use super::changes::PairedEffects;
use super::declared;
use super::sheet::{Moment, Sheet, at_moment};
use crate::cli::at;
use crate::cli::people::Universe;
use crate::cli::words::route_name;
use crate::config::Settings;
use crate::identity::{CredentialId, Evidence, Facts, Principal};
use crate::policy::effect::{Effect, Timeline};
use crate::policy::enumerate::Group;
use crate::policy::{Policy, reach};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One side of the comparison.
struct Side<'s> {
    policy: &'s Policy,
    name: &'s str,
    /// In the order of the policy.
    routes: Vec<String>,
    groups: Vec<Group>,
    /// Route -> place of its group.
    places: BTreeMap<String, usize>,
    credentials: Vec<&'s str>,
}

impl<'s> Side<'s> {
    fn of(settings: &'s Settings, name: &'s str) -> Self {
        let policy = &settings.policy;
        let groups = policy.groups();
        let routes = policy.routes().map(|(id, _)| route_name(policy, id)).collect();
        let grouped = groups.iter().enumerate().flat_map(|(n, group)| group.routes.iter().map(move |id| (n, *id)));
        let places = grouped.map(|(n, id)| (route_name(policy, id), n)).collect();
        let credentials = settings.identity.credentials.iter().map(|c| c.name.as_str()).collect();
        Side { policy, name, routes, groups, places, credentials }
    }

    /// The principal as this policy numbers credentials; `None` where it does not have that credential.
    fn own(&self, principal: &Principal, names: &[String]) -> Option<Principal> {
        let Some(id) = principal.credential() else { return Some(principal.clone()) };
        let name = names.get(usize::from(id.0))?;
        let place = self.credentials.iter().position(|c| c == name)?;
        Some(shown_by(principal, CredentialId(u8::try_from(place).ok()?)))
    }

    fn effects(&self, group: usize, principal: &Principal) -> Timeline {
        self.groups.get(group).map_or_else(Vec::new, |group| self.policy.effects(group, principal))
    }
}

/// The same person with another credential.
fn shown_by(p: &Principal, id: CredentialId) -> Principal {
    let facts = Facts { account: p.account(), login: p.login(), level: p.level(), subject: None };
    match p.evidence() {
        Evidence::None => Principal::anonymous(),
        Evidence::Valid => Principal::valid(id, facts),
        Evidence::Attempt => Principal::attempt(id, p.account()),
        unproved => Principal::unproved(Some(id), unproved),
    }
}

/// Whoever one of the two policies can be asked about, with the names of all credentials.
fn everyone(both: [&Settings; 2]) -> (Vec<Principal>, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut people: Vec<Principal> = Vec::new();
    for settings in both {
        for credential in &settings.identity.credentials {
            if !names.contains(&credential.name) {
                names.push(credential.name.clone());
            }
        }
        for principal in reach::principals(&settings.identity) {
            let own = principal.credential().and_then(|id| settings.identity.credential(id));
            let place = own.and_then(|c| names.iter().position(|n| *n == c.name));
            let id = place.and_then(|n| u8::try_from(n).ok()).map(CredentialId);
            let principal = id.map_or_else(|| principal.clone(), |id| shown_by(&principal, id));
            if !people.contains(&principal) {
                people.push(principal);
            }
        }
    }
    (people, names)
}

/// The sheet of differences; without any it has neither notes nor changes.
pub(super) fn compare(before: (&Settings, &str), after: (&Settings, &str), at: Timestamp) -> Sheet {
    let (people, names) = everyone([before.0, after.0]);
    let universe = Universe { principals: &people, credentials: &names };
    let sides = (Side::of(before.0, before.1), Side::of(after.0, after.1));
    let common = |route: &&String| sides.1.places.contains_key(*route);
    let routes: Vec<String> = sides.0.routes.iter().filter(common).cloned().collect();
    // Most routes share their group with others on both sides, and each pair of groups is compared once.
    let mut pairs: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (nth, route) in routes.iter().enumerate() {
        if let (Some(one), Some(other)) = (sides.0.places.get(route), sides.1.places.get(route)) {
            pairs.entry((*one, *other)).or_default().push(nth);
        }
    }
    let mut found = PairedEffects::on(routes);
    for ((first, second), routes) in &pairs {
        for (nth, principal) in people.iter().enumerate() {
            let own = (sides.0.own(principal, &names), sides.1.own(principal, &names));
            let (Some(one), Some(other)) = own else { continue };
            let timelines = (sides.0.effects(*first, &one), sides.1.effects(*second, &other));
            differences((&timelines.0, &timelines.1), at, |moment, pair| found.note(moment, pair, routes, nth));
        }
    }
    let zone = &before.0.gate.zone;
    let of = (sides.0.policy, sides.1.policy);
    let moments = found.moments().map(|moment| Moment {
        at: at::written(moment, zone),
        shown: at::shown(moment, zone),
        starts: Vec::new(),
        ends: Vec::new(),
        changes: found.changes(moment, &universe, of),
    });
    Sheet {
        title: format!("{} -> {} at {}", before.1, after.1, at::shown(at, zone)),
        policies: vec![before.1.to_owned(), after.1.to_owned()],
        at: at::written(at, zone),
        notes: notes(&sides).into_iter().chain(declared::notes(before, after)).collect(),
        changes: moments.collect(),
        routes: Vec::new(),
    }
}

/// What one policy has and the other has not.
fn notes((before, after): &(Side<'_>, Side<'_>)) -> Vec<String> {
    let mut notes = Vec::new();
    for (one, other) in [(before, after), (after, before)] {
        let routes = one.places.keys().filter(|route| !other.places.contains_key(*route));
        notes.extend(routes.map(|route| format!("only {} has the route `{route}`", one.name)));
        let credentials = one.credentials.iter().filter(|c| !other.credentials.contains(c));
        notes.extend(credentials.map(|c| format!("only {} has the credential `{c}`", one.name)));
        let (mine, theirs) = (paths(one.policy), paths(other.policy));
        for (route, own) in mine.iter().filter(|(route, _)| other.places.contains_key(*route)) {
            let gone = |path: &&String| !theirs.get(route).is_some_and(|paths| paths.contains(*path));
            let only: Vec<&str> = own.iter().filter(gone).map(String::as_str).collect();
            if !only.is_empty() {
                notes.push(format!("only {} has on its route `{route}`: {}", one.name, only.join(", ")));
            }
        }
        if one.policy.is_observing() && !other.policy.is_observing() {
            notes.push(format!("{} as a whole only observes", one.name));
        }
    }
    notes
}

/// Route -> its paths with their hosts.
fn paths(policy: &Policy) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, site) in policy.sites() {
        for (pattern, route) in site.routes.patterns() {
            let paths = all.entry(route_name(policy, route)).or_default();
            paths.extend(site.hosts.iter().map(|host| format!("{host}{pattern}")));
        }
    }
    all
}

/// Every moment from `at` on from which another difference holds than before; also when there is none any more.
fn differences(
    (one, other): (&Timeline, &Timeline),
    at: Timestamp,
    mut found: impl FnMut(Timestamp, (&Effect, &Effect)),
) {
    let later = one.iter().chain(other).map(|(from, _)| *from).filter(|from| *from > at);
    let moments: BTreeSet<Timestamp> = later.chain([at]).collect();
    let mut last: Option<(&Effect, &Effect)> = None;
    for moment in moments {
        let (Some(a), Some(b)) = (at_moment(one, moment), at_moment(other, moment)) else { continue };
        let differs = !a.does_like(b);
        let news = match last {
            Some((c, d)) => !(a.does_like(c) && b.does_like(d)),
            None => differs,
        };
        if news {
            found(moment, (a, b));
        }
        last = if differs { Some((a, b)) } else { None };
    }
}
