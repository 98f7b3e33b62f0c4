//! Invariants: what must always hold, and who would break it when and where; proved by enumerating every cell.

use super::enumerate::{LOWEST, PossibleVerdict};
use super::rule::{Action, Condition};
use super::{Policy, RouteId, Verdict};
use crate::diagnostic::Place;
use crate::identity::Principal;
use crate::policy::networks::Networks;
use jiff::Timestamp;
use std::net::IpAddr;

/// One `[[invariant]]`: for these people, there and then, none of these actions.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// As written; shown when it is broken.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Said when it is broken, in the operator's words.
    pub why: Option<String>,
    /// Mask of [`Action::bit`].
    pub never: u32,
    /// Whom it speaks of.
    pub when: Condition,
    /// Whom of them it does not speak of.
    pub unless: Option<Condition>,
    /// Where it holds.
    pub routes: Vec<RouteId>,
    /// from <= t < until
    pub from: Option<Timestamp>,
    /// See `from`.
    pub until: Option<Timestamp>,
}

/// The first way found to break an invariant.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Where it is broken.
    pub route: RouteId,
    /// By whom.
    pub who: Principal,
    /// The earliest moment; `None`: since ever.
    pub at: Option<Timestamp>,
    /// From where.
    pub client: IpAddr,
    /// What is decided there.
    pub verdict: Verdict,
}

impl Invariant {
    /// Whether it speaks of none of these principals, or of no route: then it holds, and says nothing.
    pub fn is_of_nobody(&self, principals: &[Principal]) -> bool {
        self.routes.is_empty() || !principals.iter().any(|p| self.when.finite.fits(p))
    }

    /// Looks at everything that can be decided for these principals.
    pub fn broken_by(&self, policy: &Policy, principals: &[Principal]) -> Option<Violation> {
        let clients = self.clients();
        let who: Vec<&Principal> = principals.iter().filter(|p| self.when.finite.fits(p)).collect();
        for group in policy.groups() {
            let Some(route) = group.routes.iter().find(|r| self.routes.contains(r)) else { continue };
            for principal in &who {
                let mut first = None;
                policy.enumerate(&group, principal, &clients, |outcome| {
                    if first.is_none() && self.is_broken_by(&outcome) {
                        first = Some(outcome);
                    }
                });
                if let Some(o) = first {
                    let at = o.from.max(self.from);
                    return Some(Violation {
                        route: *route,
                        who: o.principal.clone(),
                        at,
                        client: o.client,
                        verdict: o.verdict,
                    });
                }
            }
        }
        None
    }

    /// Rules in observe mode change nothing, so they break nothing either.
    fn is_broken_by(&self, o: &PossibleVerdict<'_>) -> bool {
        self.never & o.verdict.action.bit() != 0
            && o.overlaps(self.from, self.until)
            && self.when.holds(o.principal, o.client)
            && !self.unless.as_ref().is_some_and(|unless| unless.holds(o.principal, o.client))
    }

    /// Addresses at which its own conditions change.
    fn clients(&self) -> Vec<IpAddr> {
        let conditions = std::iter::once(&self.when).chain(&self.unless);
        conditions
            .filter(|c| !c.client.is_empty())
            .flat_map(|c| Networks::new(&c.client).edges().chain(LOWEST).collect::<Vec<_>>())
            .collect()
    }
}

impl Action {
    /// In the order of severity, for messages.
    pub fn words(mask: u32) -> String {
        let of_pseudonym = Action::ALL.iter().filter(|a| a.bit() & mask != 0).map(|a| format!("`{a}`"));
        of_pseudonym.collect::<Vec<_>>().join(" or ")
    }
}
