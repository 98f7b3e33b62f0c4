//! A decision explained: every rule in order as one principal meets it, and the next moment at which the decision is
//! another one.

#[cfg(test)]
mod tests;

use super::bucket::{Bucket, Buckets};
use super::rule::{Rule, RuleId};
use super::{Decision, Policy, Query, class};
use crate::identity::Principal;
use jiff::Timestamp;

/// How a rule met a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It does not speak of this route.
    OtherRoutes,
    /// It begins at that moment.
    NotYet(Timestamp),
    /// It ended at that moment.
    Ended(Timestamp),
    /// This key of `when` does not fit; `client` is one of them.
    Misses(&'static str),
    /// Its `unless` holds.
    Excepted,
    /// It hits, and is only observed for this part of the people.
    Observed,
    /// It hits and decides.
    Decides,
}

/// One rule in a trace.
#[derive(Clone, Copy, Debug)]
pub struct TraceStep<'p> {
    /// Its number.
    pub id: RuleId,
    /// The rule.
    pub rule: &'p Rule,
    /// How it met the principal.
    pub met: Met,
}

impl Policy {
    /// Every rule up to the one that decides for the principal, in order.
    pub fn trace(&self, query: &Query, principal: &Principal, bucket: Bucket) -> Vec<TraceStep<'_>> {
        let covered = self.route(query.route).map_or(&[][..], |route| route.rules.as_slice());
        let mut steps = Vec::new();
        for (id, rule) in (0_u16..).map(RuleId).zip(self.rules()) {
            let met = if id == self.default_id() {
                Met::Decides
            } else if covered.binary_search(&id).is_err() {
                Met::OtherRoutes
            } else {
                rule.met_by(principal, query, bucket)
            };
            steps.push(TraceStep { id, rule, met });
            if met == Met::Decides {
                break;
            }
        }
        steps
    }

    /// The next moment after `query.at` from which something else is decided, by this policy and for the same people.
    pub fn next_change(
        &self,
        query: &Query,
        principals: &[&Principal],
        buckets: &impl Buckets,
    ) -> Option<(Timestamp, Decision)> {
        let anonymous = Principal::anonymous();
        let asked = if principals.is_empty() { vec![&anonymous] } else { principals.to_vec() };
        let row = self.table().row(query.route)?;
        let mut edges: Vec<Timestamp> = asked
            .iter()
            .flat_map(|principal| self.table().cells(row, class::number(principal)))
            .map(|(from, _)| from)
            .filter(|from| *from > query.at)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let decide = |at| self.decide(&Query { at, ..*query }, principals.iter().copied(), buckets);
        let now = decide(query.at);
        let later = edges.into_iter().map(|at| (at, decide(at)));
        later.into_iter().find(|(_, then)| (then.verdict, then.observed) != (now.verdict, now.observed))
    }
}

impl Rule {
    fn met_by(&self, principal: &Principal, query: &Query, bucket: Bucket) -> Met {
        if let Some(from) = self.from.filter(|from| query.at < *from) {
            return Met::NotYet(from);
        }
        if let Some(until) = self.until.filter(|until| *until <= query.at) {
            return Met::Ended(until);
        }
        if let Some(key) = self.when.finite.missing(principal) {
            return Met::Misses(key);
        }
        if !self.when.admits(query.client) {
            return Met::Misses("client");
        }
        if self.unless.as_ref().is_some_and(|unless| unless.holds(principal, query.client)) {
            return Met::Excepted;
        }
        if bucket.is_among(self.share) { Met::Decides } else { Met::Observed }
    }
}
