//! One thing in a policy is changed at a time, and its invariants and tests must tell.
//!
//! A change that changes no decision is none, and needs not be noticed. All others do: what survives here could be
//! mistyped in production.

use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use vneid_gate::config::{Settings, read_directory};
use vneid_gate::identity::{Level, Principal};
use vneid_gate::policy::enumerate::{Group, PossibleVerdict};
use vneid_gate::policy::{Action, Finite, Policy, Query, Route, Rule, RuleId, Site, reach};

fn shipped() -> Settings {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/daknong");
    read_directory(&directory).settings.expect("the shipped policy is fine")
}

/// What a policy is made of, to be changed.
#[derive(Clone)]
struct Parts {
    sites: Vec<Site>,
    routes: Vec<Route>,
    rules: Vec<Rule>,
    credentials: usize,
}

impl Parts {
    fn of(settings: &Settings) -> Parts {
        let policy = &settings.policy;
        Parts {
            sites: policy.sites().map(|(_, s)| s.clone()).collect(),
            routes: policy.routes().map(|(_, r)| r.clone()).collect(),
            rules: policy.rules().to_vec(),
            credentials: settings.identity.credentials.len(),
        }
    }

    fn policy(self) -> Policy {
        Policy::new(self.sites, self.routes, self.rules, self.credentials).unwrap()
    }

    fn with_rule(&self, place: usize, change: impl FnOnce(&mut Rule)) -> Policy {
        let mut changed = self.clone();
        change(&mut changed.rules[place]);
        changed.policy()
    }

    /// The rule applies nowhere any more, or everywhere.
    fn applied(&self, place: usize, everywhere: bool) -> Policy {
        let mut changed = self.clone();
        let id = RuleId(place as u16);
        for route in &mut changed.routes {
            route.rules.retain(|r| *r != id);
            if everywhere {
                route.rules.push(id);
                route.rules.sort_unstable();
            }
        }
        changed.policy()
    }
}

/// Every policy that differs in one thing, with words for it.
fn mutants(parts: &Parts) -> Vec<(String, Policy)> {
    let mut all = Vec::new();
    for (place, rule) in parts.rules.iter().enumerate() {
        let mut add = |what: &str, policy: Policy| all.push((format!("`{}`: {what}", rule.name), policy));
        for then in Action::ALL.iter().filter(|then| **then != rule.then) {
            add(&format!("then = {then}"), parts.with_rule(place, |r| r.then = *then));
        }
        if place + 1 == parts.rules.len() {
            break;
        }
        add("gone", parts.applied(place, false));
        add("on every route", parts.applied(place, true));
        add("observed only", parts.with_rule(place, |r| r.share = 0));
        add("for half of the people", parts.with_rule(place, |r| r.share = 50));
        for (key, drop) in conditions() {
            add(&format!("without {key}"), parts.with_rule(place, |r| drop(&mut r.when.finite)));
        }
        add("from anywhere", parts.with_rule(place, |r| r.when.client.clear()));
        let day = SignedDuration::from_hours(24);
        if let Some(from) = rule.from {
            add("always", parts.with_rule(place, |r| r.from = None));
            add("from a day earlier", parts.with_rule(place, |r| r.from = Some(from - day)));
            add("from a day later", parts.with_rule(place, |r| r.from = Some(from + day)));
        }
        if let Some(until) = rule.until {
            add("for ever", parts.with_rule(place, |r| r.until = None));
            add("until a day later", parts.with_rule(place, |r| r.until = Some(until + day)));
        }
        if let Some(level) = rule.when.finite.level_min {
            let lower = Level::new(level.number() - 1);
            add("a level lower", parts.with_rule(place, |r| r.when.finite.level_min = lower));
        }
    }
    all
}

type Drop = fn(&mut Finite);

fn conditions() -> [(&'static str, Drop); 5] {
    [
        ("account", |f| f.accounts = None),
        ("login", |f| f.logins = None),
        ("evidence", |f| f.evidence = None),
        ("level_min", |f| f.level_min = None),
        ("credential", |f| f.credentials = None),
    ]
}

fn is_noticed(settings: &Settings, policy: &Policy, principals: &[Principal]) -> bool {
    settings.invariants.iter().any(|i| i.broken_by(policy, principals).is_some())
        || settings.cases.iter().any(|case| policy.run(case).is_err())
}

/// The first decision of one policy that another takes differently.
fn difference(one: &Policy, other: &Policy, principals: &[Principal]) -> Option<String> {
    let mut found = None;
    for group in one.groups() {
        for principal in principals {
            one.enumerate(&group, principal, &[], |o| {
                if found.is_none() && differs(other, &group, &o) {
                    let route = &one.route(group.routes[0]).unwrap().name;
                    found = Some(format!("{:?} on `{route}` from {:?}: {:?}", o.principal, o.from, o.verdict.action));
                }
            });
        }
    }
    found
}

fn differs(other: &Policy, group: &Group, o: &PossibleVerdict<'_>) -> bool {
    let before = o.until.map(|until| until - SignedDuration::from_secs(1));
    [o.from.or(before).unwrap_or(Timestamp::UNIX_EPOCH), before.unwrap_or(Timestamp::MAX)].iter().any(|at| {
        group.routes.iter().any(|route| {
            let query = Query { route: *route, client: o.client, at: *at };
            other.decide(&query, std::iter::once(o.principal), &o.bucket).verdict.action != o.verdict.action
        })
    })
}

#[test]
fn whoever_changes_one_thing_in_the_shipped_policy_is_told() {
    let settings = shipped();
    let principals = reach::principals(&settings.identity);
    assert!(!is_noticed(&settings, &settings.policy, &principals));
    let mut survivors = Vec::new();
    let (mut noticed, mut without_effect) = (0, 0);
    for (what, mutant) in mutants(&Parts::of(&settings)) {
        let changed = difference(&settings.policy, &mutant, &principals)
            .or_else(|| difference(&mutant, &settings.policy, &principals));
        match changed {
            None => without_effect += 1,
            Some(_) if is_noticed(&settings, &mutant, &principals) => noticed += 1,
            Some(change) => survivors.push(format!("{what}: {change}")),
        }
    }
    assert!(survivors.is_empty(), "{} survive:\n{}", survivors.len(), survivors.join("\n"));
    assert!(noticed > 100 && without_effect < noticed, "{noticed} noticed, {without_effect} without effect");
}
