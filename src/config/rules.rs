//! `[[rule]]` and `[default]`: who may do what, and from when.

use super::Files;
use super::names::Names;
use super::place::Reach;
use super::reader::{Table, Value, many};
use super::values;
use crate::diagnostic::{At, Diagnostic, code};
use crate::identity::{Account, Evidence, Login};
use crate::policy::{Action, Condition, Finite, Mode, Page, Route, Rule, RuleId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// All rules in order with the default last; fills in which rules apply to which route.
pub(super) fn rules(
    files: &Files<'_>,
    routes: &mut [Route],
    route_names: &Names,
    credentials: &Names,
    zone: &TimeZone,
) -> Vec<Rule> {
    let mut names = Names::new("rule");
    let mut all = Vec::new();
    for t in files.arrays("rule") {
        let Some(id) = u16::try_from(all.len()).ok().filter(|n| *n < 20_000).map(RuleId) else {
            t.report(code::BAD_VALUE, "more than 20,000 rules", None);
            break;
        };
        let reach = Reach::of(&t, route_names);
        let Some(rule) = rule(files, t, &mut names, credentials, zone) else { continue };
        for place in reach.places(routes.len()) {
            if let Some(route) = routes.get_mut(place) {
                route.rules.push(id);
            }
        }
        all.push(rule);
    }
    if let Some(default) = default(files) {
        all.push(default);
    }
    all
}

fn rule(files: &Files<'_>, t: Table<'_>, names: &mut Names, credentials: &Names, zone: &TimeZone) -> Option<Rule> {
    let name = t.required("name", |v| match values::name(v)? {
        reserved if reserved == "default" => {
            v.fail(code::BAD_VALUE, "`default` is the name of `[default]`", "choose another")
        }
        name => Some(name),
    });
    let why = t.optional("why", values::text);
    let when = t.optional("when", |v| condition(v, credentials));
    let unless = t.optional("unless", |v| exception(v, credentials));
    let from = t.optional("from", |v| values::moment(v, zone));
    let until = t.optional("until", |v| values::moment(v, zone));
    let then = t.required("then", |v| values::word(v, Action::WORDS, Action::parse));
    let page = t.optional("page", |v| values::word(v, Page::WORDS, Page::parse));
    let mode = t.optional("mode", |v| values::word(v, Mode::WORDS, Mode::parse));
    let review = t.optional("review", |v| values::moment(v, zone).map(|m| m.to_zoned(zone.clone()).date()));
    t.optional("note", values::text);
    let percent = t.optional("percent", |v| values::integer(v, 0..=100));
    if percent.is_some() && mode.as_ref().is_some_and(|m| m.value == Mode::Observe) {
        let help = "`percent` enforces the rule for a part of the people; with `observe` it is enforced for nobody";
        t.report_key("percent", code::CONFLICTING_KEYS, "`percent` on a rule that only observes", Some(help));
    }
    ends_after_it_starts(files, from.as_ref(), until.as_ref(), "the rule is never in force");
    let then = then.map(|a| a.value);
    if page.is_some() && matches!(then, Some(Action::Forward | Action::Anonymous)) {
        let message = "`page` on a rule that lets the request through";
        t.report_key("page", code::CONFLICTING_KEYS, message, Some("nobody would see it: take it out"));
    }
    let when = when.map(|w| w.value).unwrap_or_default();
    t.done();
    let name: At<String> = name?;
    names.define(name.clone(), files.findings);
    Some(Rule {
        name: name.value,
        place: name.place,
        why: why.map(|w| w.value),
        when,
        unless: unless.map(|u| u.value),
        from: from.map(|f| f.value),
        until: until.map(|u| u.value),
        then: then?,
        page: page.map(|p| p.value),
        share: match (mode, percent.and_then(|p| u8::try_from(p.value).ok())) {
            (Some(mode), _) if mode.value == Mode::Observe => 0,
            (_, percent) => percent.unwrap_or(100),
        },
        review: review.map(|r| r.value),
    })
}

pub(super) fn ends_after_it_starts(
    files: &Files<'_>,
    from: Option<&At<Timestamp>>,
    until: Option<&At<Timestamp>>,
    otherwise: &str,
) {
    if let (Some(from), Some(until)) = (from, until)
        && until.value <= from.value
    {
        let finding = Diagnostic::error(code::BAD_VALUE, format!("`until` is not after `from`: {otherwise}"));
        files.findings.borrow_mut().push(finding.at(until.place));
    }
}

fn default(files: &Files<'_>) -> Option<Rule> {
    let t = files.mandatory("default")?;
    let then = t.required("then", |v| values::word(v, Action::WORDS, Action::parse));
    let page = t.optional("page", |v| values::word(v, Page::WORDS, Page::parse));
    let why = t.optional("why", values::text);
    let place = t.place;
    t.done();
    Some(Rule {
        name: "default".into(),
        place,
        why: why.map(|w| w.value),
        when: Condition::default(),
        unless: None,
        from: None,
        until: None,
        then: then?.value,
        page: page.map(|p| p.value),
        share: 100,
        review: None,
    })
}

/// A condition that takes people away; an empty one would take everybody.
pub(super) fn exception(v: Value<'_>, credentials: &Names) -> Option<Condition> {
    if v.table("unless").is_some_and(|t| t.toml.is_empty()) {
        return v.fail(
            code::BAD_VALUE,
            "`unless` is empty: it would hold for everybody",
            "take it out, or say for whom",
        );
    }
    condition(v, credentials)
}

pub(super) fn condition(v: Value<'_>, credentials: &Names) -> Option<Condition> {
    let t = v.table("when")?;
    let accounts = mask(&t, "account", |v| values::word(v, Account::WORDS, Account::parse).map(Account::bit));
    let logins = mask(&t, "login", |v| values::word(v, Login::WORDS, Login::parse).map(Login::bit));
    let evidence = mask(&t, "evidence", |v| values::word(v, Evidence::WORDS, Evidence::parse).map(Evidence::bit));
    let level_min = t.optional("level_min", values::level);
    let named = t.raw("credential").map(|v| many(v, |v| credentials.resolve(v)));
    if t.raw("credential").is_some_and(|v| v.count() == 0) {
        t.report(
            code::BAD_VALUE,
            "`credential` is empty: nobody would match",
            Some("take it out for everybody".into()),
        );
    }
    let credentials = named.map(|list| {
        list.into_iter()
            .filter_map(|c| u32::try_from(c.value).ok().and_then(|n| 1_u64.checked_shl(n)))
            .fold(0, |mask, bit| mask | bit)
    });
    let client = t.list("client", values::network);
    if let Some(value) = t.raw("client").filter(|v| v.count() == 0) {
        value.fail::<()>(code::BAD_VALUE, "`client` is empty: nobody would match", "take it out for everybody");
    }
    t.done();
    let client = client.into_iter().map(|n| n.value).collect();
    let level_min = level_min.map(|l| l.value);
    Some(Condition { finite: Finite { accounts, logins, evidence, level_min, credentials }, client })
}

/// One word or several as a mask; an empty list is a finding, not "everybody".
fn mask<'t>(t: &Table<'t>, key: &'static str, read: impl Fn(Value<'t>) -> Option<u32>) -> Option<u32> {
    let value = t.raw(key)?;
    if value.count() == 0 {
        return value.fail(
            code::BAD_VALUE,
            format!("`{key}` is empty: nobody would match"),
            "take it out for everybody",
        );
    }
    Some(many(value, read).into_iter().fold(0, |mask, bit| mask | bit.value))
}
