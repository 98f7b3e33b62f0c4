//! What is decided otherwise, where and for whom: later by the same policy, or by another one.

use super::sheet::{DatedChange, Moment, brief, rule_names};
use crate::cli::at;
use crate::cli::people::{Part, Universe};
use crate::cli::words::route_name;
use crate::policy::Policy;
use crate::policy::effect::Effect;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// By place in the list of routes.
type Ways = BTreeMap<usize, Part>;

/// From what to what, for whom and on which routes; all by moment.
pub(super) struct PairedEffects {
    routes: Vec<String>,
    moments: BTreeMap<Timestamp, BTreeMap<(Effect, Effect), Ways>>,
}

impl PairedEffects {
    /// `routes` are all that are looked at.
    pub(super) fn on(routes: Vec<String>) -> Self {
        PairedEffects { routes, moments: BTreeMap::new() }
    }

    /// Notes that from `at` on a principal gets the second where the first was; `routes` by their place in the list.
    pub(super) fn note(&mut self, at: Timestamp, pair: (&Effect, &Effect), routes: &[usize], principal: usize) {
        let ways = self.moments.entry(at).or_default().entry((pair.0.clone(), pair.1.clone())).or_default();
        for route in routes {
            ways.entry(*route).or_default().insert(principal);
        }
    }

    pub(super) fn moments(&self) -> impl Iterator<Item = Timestamp> {
        self.moments.keys().copied()
    }

    /// In words: routes with the same change for the same people are put together.
    pub(super) fn changes(&self, at: Timestamp, universe: &Universe<'_>, of: (&Policy, &Policy)) -> Vec<DatedChange> {
        let mut changes: Vec<(Vec<usize>, DatedChange)> = Vec::new();
        for ((before, after), ways) in self.moments.get(&at).into_iter().flatten() {
            let mut alike: BTreeMap<&Part, Vec<usize>> = BTreeMap::new();
            for (route, part) in ways {
                alike.entry(part).or_default().push(*route);
            }
            let with_page = brief(before, false) == brief(after, false);
            for (part, routes) in alike {
                let change = DatedChange {
                    routes: self.names(&routes),
                    who: universe.phrases(part),
                    before: brief(before, with_page),
                    after: brief(after, with_page),
                    rules_before: rules_of(of.0, before),
                    rules_after: rules_of(of.1, after),
                };
                changes.push((routes, change));
            }
        }
        changes.sort_by(|(a, x), (b, y)| (a, &x.before, &x.who).cmp(&(b, &y.before, &y.who)));
        changes.into_iter().map(|(_, change)| change).collect()
    }

    fn names(&self, routes: &[usize]) -> Vec<String> {
        if routes.len() > 1 && routes.len() == self.routes.len() {
            return vec!["every route".to_owned()];
        }
        routes.iter().filter_map(|n| self.routes.get(*n).cloned()).collect()
    }
}

fn rules_of(policy: &Policy, effect: &Effect) -> Vec<String> {
    let mut names: Vec<String> = effect.0.iter().flat_map(|clause| rule_names(policy, clause)).collect();
    names.dedup();
    names
}

/// Every moment after `at` at which a rule starts or ends, with what is then decided otherwise.
pub(super) fn transitions(policy: &Policy, universe: &Universe<'_>, at: Timestamp, zone: &TimeZone) -> Vec<Moment> {
    let mut found = PairedEffects::on(policy.routes().map(|(id, _)| route_name(policy, id)).collect());
    for group in policy.groups() {
        let routes: Vec<usize> = group.routes.iter().map(|id| usize::from(id.0)).collect();
        for (nth, principal) in universe.principals.iter().enumerate() {
            let effects = policy.effects(&group, principal);
            for ((_, before), (from, after)) in effects.iter().zip(effects.iter().skip(1)) {
                if *from > at && !before.does_like(after) {
                    found.note(*from, (before, after), &routes, nth);
                }
            }
        }
    }
    // Rules that start, and rules that end.
    let mut why: BTreeMap<Timestamp, [Vec<String>; 2]> = BTreeMap::new();
    for rule in policy.rules() {
        for (moment, place) in [(rule.from, 0), (rule.until, 1)] {
            if let Some(moment) = moment.filter(|moment| *moment > at) {
                let names = why.entry(moment).or_default().get_mut(place);
                names.into_iter().for_each(|names| names.push(rule.name.clone()));
            }
        }
    }
    let moment = |(moment, [starts, ends]): (Timestamp, [Vec<String>; 2])| Moment {
        at: at::written(moment, zone),
        shown: at::shown(moment, zone),
        starts,
        ends,
        changes: found.changes(moment, universe, (policy, policy)),
    };
    why.into_iter().map(moment).collect()
}
