//! From a question to a decision, and from a decision to the one value without which nothing is forwarded.
//!
//! A [`Grant`] has private fields and is made here only. Whoever holds one may ask an upstream; there is no other way.

use super::page::Page;
use super::reason::Reason;
use super::rule::{Action, Mode, Rule, RuleId};
use super::{Policy, RouteId};
use crate::identity::{Evidence, Principal, SiteId};
use jiff::Timestamp;
use std::net::IpAddr;

/// Where, from where and when. Who is passed beside it.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    pub route: RouteId,
    pub client: IpAddr,
    pub at: Timestamp,
}

/// What one rule says about one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub action: Action,
    pub rule: RuleId,
    pub reason: Reason,
    pub page: Option<Page>,
}

/// The answer to a query, with the principal that led to it.
#[derive(Debug)]
pub struct Decision {
    pub verdict: Verdict,
    /// Which of the principals holds the verdict; 0 when there was none.
    pub holder: usize,
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
    speaker: Option<usize>,
}

impl Grant {
    pub fn site(&self) -> SiteId {
        self.site
    }

    pub fn route(&self) -> RouteId {
        self.route
    }

    /// Whether the n-th principal's credential must not travel.
    pub fn removes(&self, nth: usize) -> bool {
        u32::try_from(nth).ok().and_then(|n| self.removed.checked_shr(n)).is_none_or(|bits| bits & 1 == 1)
    }

    /// The principal on whose behalf the request travels; `None` is nobody.
    pub fn speaker(&self) -> Option<usize> {
        self.speaker
    }
}

impl Policy {
    /// Decides for all principals; none at all is the anonymous one. Writes nothing, allocates nothing.
    pub fn decide<'p>(&self, query: &Query, principals: impl Iterator<Item = &'p Principal>) -> Decision {
        let mut held: Option<(usize, Verdict)> = None;
        let mut watched: Option<Verdict> = None;
        let mut any_observed = false;
        let (mut removed, mut speaker) = (0_u64, None);
        let mut weigh = |nth: usize, principal: &Principal| {
            let (verdict, observed) = self.judge(query, principal);
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
                Action::Forward => speaker = speaker.or(Some(nth)),
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
            speaker = None;
        }
        let (holder, verdict) = held.unwrap_or_else(|| (0, self.verdict(self.default_id(), &Principal::anonymous())));
        let site = self.route(query.route).map(|r| r.site);
        let grant = match (verdict.action, site) {
            // More credentials than the mask holds are never forwarded: undecided is not forwarded.
            (Action::Forward | Action::Anonymous, Some(site)) if count <= 64 => {
                Some(Grant { site, route: query.route, removed, speaker })
            }
            _ => None,
        };
        Decision { verdict, holder, observed: if any_observed { watched } else { None }, grant }
    }

    /// What holds for one principal, and what would hold if observed rules were enforced (when one would hit first).
    fn judge(&self, query: &Query, principal: &Principal) -> (Verdict, Option<Verdict>) {
        let mut observed = None;
        let rules = self.route(query.route).map_or(&[][..], |r| r.rules.as_slice());
        for id in rules {
            let Some(rule) = self.rule(*id).filter(|r| r.hits(principal, query.client, query.at)) else { continue };
            let verdict = Self::verdict_of(rule, *id, principal);
            match rule.mode {
                Mode::Enforce => return (verdict, observed),
                Mode::Observe => observed = observed.or(Some(verdict)),
            }
        }
        (self.verdict(self.default_id(), principal), observed)
    }

    fn verdict(&self, id: RuleId, principal: &Principal) -> Verdict {
        match self.rule(id) {
            Some(rule) => Self::verdict_of(rule, id, principal),
            None => Verdict { action: Action::Reject, rule: id, reason: Reason::InternalError, page: None },
        }
    }

    fn verdict_of(rule: &Rule, id: RuleId, principal: &Principal) -> Verdict {
        let action = match (rule.then, principal.evidence()) {
            // The credential of an attempt is the request itself: it cannot be left behind.
            (Action::Anonymous, Evidence::Attempt) => Action::Reject,
            (action, _) => action,
        };
        let reason = Reason::of(action, rule.page, principal);
        Verdict { action, rule: id, reason, page: rule.page }
    }
}
