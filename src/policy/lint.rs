//! Warnings about a valid policy: rules that never decide, people who are left to the default, rules that no test asks.
//!
//! All of it is found by enumerating the cells of the table; nothing is guessed from the text of rules.

use super::case::Case;
use super::enumerate::{Group, PossibleVerdict};
use super::{Policy, RouteId, Rule, RuleId, Verdict};
use crate::identity::Principal;
use std::collections::{BTreeMap, BTreeSet};

/// What was found. Rules are named by number; the default is never among them.
#[derive(Clone, Debug, Default)]
pub struct Lint {
    /// Rules that never decide, in order.
    pub unreachable: Vec<Unreachable>,
    /// Whom no rule covers, by the first route.
    pub uncovered: Vec<Uncovered>,
}

/// A rule that is first for nobody, anywhere, at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The rule itself.
    pub rule: RuleId,
    /// Rules that hold wherever it would hit. Empty: no credential makes anybody whom it means.
    pub behind: BTreeSet<RuleId>,
}

/// Routes, and the people on them for whom no rule hits, at some time or from somewhere: places in
/// the list of principals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// Routes with the same people.
    pub routes: Vec<RouteId>,
    /// By their place in the list of principals.
    pub people: BTreeSet<usize>,
}

impl Policy {
    /// Looks at everything that can be decided for these principals.
    pub fn lint(&self, principals: &[Principal]) -> Lint {
        let mut decides = vec![false; self.rules().len()];
        let mut mark = |verdict: Verdict| {
            if let Some(seen) = decides.get_mut(usize::from(verdict.rule.0)) {
                *seen = true;
            }
        };
        let default = self.default_id();
        let mut uncovered: BTreeMap<BTreeSet<usize>, Vec<RouteId>> = BTreeMap::new();
        for group in self.groups() {
            let mut people = BTreeSet::new();
            for (place, principal) in principals.iter().enumerate() {
                let mut left_over = false;
                self.enumerate(&group, principal, &[], |o| {
                    std::iter::once(o.verdict).chain(o.observed).for_each(&mut mark);
                    left_over |= o.verdict.rule == default;
                });
                people.extend(left_over.then_some(place));
            }
            if !people.is_empty() {
                uncovered.entry(people).or_default().extend(group.routes);
            }
        }
        let idle = decides.iter().zip(0_u16..).filter(|(decides, _)| !**decides).map(|(_, id)| RuleId(id));
        let unreachable = idle.filter(|id| *id != default).map(|rule| self.unreachable(rule, principals)).collect();
        let mut uncovered: Vec<Uncovered> =
            uncovered.into_iter().map(|(people, routes)| Uncovered { routes, people }).collect();
        uncovered.sort_by_key(|left| left.routes.first().copied());
        Lint { unreachable, uncovered }
    }

    fn unreachable(&self, id: RuleId, principals: &[Principal]) -> Unreachable {
        let mut behind = BTreeSet::new();
        let Some(rule) = self.rule(id) else { return Unreachable { rule: id, behind } };
        let applies = |group: &Group| {
            let first = group.routes.first().and_then(|r| self.route(*r));
            first.is_some_and(|route| route.rules.contains(&id))
        };
        let clients: Vec<_> = rule.when.client.iter().map(ipnet::IpNet::network).collect();
        for group in self.groups().iter().filter(|g| applies(g)) {
            for principal in principals.iter().filter(|p| rule.when.finite.fits(p)) {
                self.enumerate(group, principal, &clients, |o| {
                    if would_hit(rule, &o) {
                        // An observed rule lets those behind it decide, but only the first of them is watched.
                        behind.insert(o.observed.unwrap_or(o.verdict).rule);
                    }
                });
            }
        }
        Unreachable { rule: id, behind }
    }

    /// Rules that decide no test, though some test might ask.
    pub fn untested(&self, cases: &[Case]) -> Vec<RuleId> {
        let asked: BTreeSet<RuleId> = cases.iter().flat_map(|case| self.deciders(case)).collect();
        let all = (0..self.default_id().0).map(RuleId);
        all.filter(|id| !asked.contains(id)).collect()
    }
}

fn would_hit(rule: &Rule, o: &PossibleVerdict<'_>) -> bool {
    o.overlaps(rule.from, rule.until)
        && rule.when.holds(o.principal, o.client)
        && !rule.unless.as_ref().is_some_and(|unless| unless.holds(o.principal, o.client))
}
