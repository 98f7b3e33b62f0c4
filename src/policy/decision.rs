//! From a question to a decision, and from a decision to the one value without which nothing is forwarded.
//!
//! A [`Grant`] has private fields and is made here only. Whoever holds one may ask an upstream; there is no other way.

use super::bucket::Buckets;
use super::page::Page;
use super::reason::Reason;
use super::rule::{Action, RuleId};
use super::table::TableCell;
use super::{Policy, RouteId, class};
use crate::identity::{Evidence, Principal, SiteId};
use jiff::Timestamp;
use std::net::IpAddr;

/// Where, from where and when. Who is passed beside it.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Where to.
    pub route: RouteId,
    /// Where from.
    pub client: IpAddr,
    /// When: the one `now` of the request.
    pub at: Timestamp,
}

/// What one rule says about one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is done.
    pub action: Action,
    /// The rule that says so.
    pub rule: RuleId,
    /// Why, for log, metric and page.
    pub reason: Reason,
    /// What a rejected person reads.
    pub page: Option<Page>,
}

/// The answer to a query, with the principal that led to it.
#[derive(Debug)]
pub struct Decision {
    /// What holds.
    pub verdict: Verdict,
    /// Which of the principals is the deciding one; 0 when there was none.
    pub deciding: usize,
    /// What would hold if every observed rule were enforced; `None` when no observed rule had a say.
    pub observed: Option<Verdict>,
    /// Present exactly when the action is `forward` or `anonymous`.
    pub grant: Option<Grant>,
}

/// Proof that a request was decided to be forwarded.
#[derive(Debug)]
pub struct Grant {
    site: SiteId,
    route: RouteId,
    removed: u64,
    acting: Option<usize>,
}

impl Grant {
    /// The site that may be asked.
    pub fn site(&self) -> SiteId {
        self.site
    }

    /// The route that was decided on.
    pub fn route(&self) -> RouteId {
        self.route
    }

    /// Whether the n-th principal's credential must not travel.
    pub fn removes(&self, nth: usize) -> bool {
        u32::try_from(nth).ok().and_then(|n| self.removed.checked_shr(n)).is_none_or(|bits| bits & 1 == 1)
    }

    /// The acting principal, on whose behalf the request travels; `None` is nobody.
    pub fn acting(&self) -> Option<usize> {
        self.acting
    }
}

/// Where the table has no answer: for a route or a credential of another policy.
const UNDECIDED: Verdict =
    Verdict { action: Action::Reject, rule: RuleId(u16::MAX), reason: Reason::InternalError, page: None };

impl Policy {
    /// Decides for all principals; none at all is the anonymous one. Writes nothing, allocates nothing.
    pub fn decide<'p>(
        &self,
        query: &Query,
        principals: impl Iterator<Item = &'p Principal>,
        buckets: &impl Buckets,
    ) -> Decision {
        let mut held: Option<(usize, Verdict)> = None;
        let mut watched: Option<Verdict> = None;
        let mut any_observed = false;
        let (mut removed, mut acting) = (0_u64, None);
        let mut weigh = |nth: usize, principal: &Principal| {
            let (verdict, observed) = self.judge(query, (nth, principal), buckets);
            any_observed |= observed.is_some();
            let would = observed.unwrap_or(verdict);
            if watched.is_none_or(|w| would.action.severity() > w.action.severity()) {
                watched = Some(would);
            }
            if held.is_none_or(|(_, h)| verdict.action.severity() > h.action.severity()) {
                held = Some((nth, verdict));
            }
            match verdict.action {
                Action::Anonymous => removed |= u32::try_from(nth).ok().and_then(|n| 1_u64.checked_shl(n)).unwrap_or(0),
                Action::Forward => acting = acting.or(Some(nth)),
                Action::Login | Action::Reject => {}
            }
        };
        let mut count = 0;
        for (nth, principal) in principals.enumerate() {
            weigh(nth, principal);
            count = nth + 1;
        }
        if count == 0 {
            weigh(0, &Principal::anonymous());
            acting = None;
        }
        let (deciding, verdict) = held.unwrap_or_else(|| (0, self.verdict(self.default_id(), &Principal::anonymous())));
        let observed = if any_observed { watched } else { None };
        let (verdict, observed) = self.as_told(verdict, observed);
        let removed = if self.observing { 0 } else { removed };
        let site = self.site_of.get(usize::from(query.route.0)).copied();
        let grant = match (verdict.action, site) {
            // More credentials than the mask holds are never forwarded: undecided is not forwarded.
            (Action::Forward | Action::Anonymous, Some(site)) if count <= 64 => {
                Some(Grant { site, route: query.route, removed, acting })
            }
            _ => None,
        };
        Decision { verdict, deciding, observed, grant }
    }

    /// What is enforced and what is told as observed. A gate that only observes lets the request travel as it came and
    /// tells what was decided; what could not be decided is not forwarded by it either.
    pub fn as_told(&self, decided: Verdict, observed: Option<Verdict>) -> (Verdict, Option<Verdict>) {
        if !self.observing || decided.action == Action::Forward || decided.reason == Reason::InternalError {
            return (decided, observed);
        }
        let verdict = Verdict { action: Action::Forward, reason: Reason::Observed, page: None, ..decided };
        (verdict, Some(decided))
    }

    /// What holds for the n-th principal, and what would hold if observed rules were enforced (when one would hit
    /// first).
    pub(super) fn judge(
        &self,
        query: &Query,
        who: (usize, &Principal),
        buckets: &impl Buckets,
    ) -> (Verdict, Option<Verdict>) {
        let (nth, principal) = who;
        let list = match self.table.cell(query.route, class::number(principal), query.at) {
            Some(TableCell::Rule(id)) => return (self.verdict(id, principal), None),
            Some(TableCell::List(list)) => list,
            None => &[],
        };
        let (mut observed, mut bucket) = (None, None);
        for entry in list.iter().filter(|e| self.table.admits(e, query.client)) {
            let verdict = self.verdict(entry.rule, principal);
            let enforced = match entry.share {
                0 => false,
                100.. => true,
                share => bucket.get_or_insert_with(|| buckets.of(nth, principal)).is_among(share),
            };
            if enforced {
                return (verdict, observed);
            }
            observed = observed.or(Some(verdict));
        }
        (UNDECIDED, observed)
    }

    pub(super) fn verdict(&self, rule: RuleId, principal: &Principal) -> Verdict {
        let Some((then, page)) = self.says.get(usize::from(rule.0)).copied() else {
            return Verdict { rule, ..UNDECIDED };
        };
        let action = match (then, principal.evidence()) {
            // The credential of an attempt is the request itself: it cannot be left behind.
            (Action::Anonymous, Evidence::Attempt) => Action::Reject,
            (action, _) => action,
        };
        Verdict { action, rule, reason: Reason::of(action, page, principal), page }
    }
}
