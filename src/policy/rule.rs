//! One rule: where, who and when lead to an action. Pure matching over closed lists, networks and moments.

use super::page::Page;
use crate::diagnostic::Place;
use crate::identity::{Level, Principal};
use crate::wire::words::words;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use std::net::IpAddr;

words! {
    /// What is done with a request.
    pub enum Action {
        Forward = "forward",
        /// Forward without any credential.
        Anonymous = "anonymous",
        /// Send to the log-in.
        Login = "login",
        Reject = "reject",
    }
}

impl Action {
    /// With several principals the most severe decision holds.
    pub fn severity(self) -> u8 {
        match self {
            Action::Forward | Action::Anonymous => 0,
            Action::Login => 1,
            Action::Reject => 2,
        }
    }
}

words! {
    /// Whether a rule bites or only reports.
    pub enum Mode {
        Enforce = "enforce",
        /// Evaluated and counted; changes nothing.
        Observe = "observe",
    }
}

/// The number of a rule: its place in the merged files. The default comes after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u16);

/// All parts must hold; an absent part always holds.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// What is asked of closed lists.
    pub finite: Finite,
    /// Empty: from anywhere.
    pub client: Vec<IpNet>,
}

/// What a condition asks of closed lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finite {
    /// Masks of [`crate::identity::Account::bit`] and so on.
    pub accounts: Option<u32>,
    /// Mask of logins.
    pub logins: Option<u32>,
    /// Mask of evidence.
    pub evidence: Option<u32>,
    /// The least level.
    pub level_min: Option<Level>,
    /// Bit n: credential n.
    pub credentials: Option<u64>,
}

impl Finite {
    /// Whether every part fits the principal.
    pub fn fits(&self, principal: &Principal) -> bool {
        self.missing(principal).is_none()
    }

    /// The first key that does not fit, as it is written in a rule.
    pub fn missing(&self, principal: &Principal) -> Option<&'static str> {
        let within = |mask: Option<u32>, bit: u32| mask.is_none_or(|m| m & bit != 0);
        let shown = |mask: u64| {
            principal.credential().is_some_and(|c| 1_u64.checked_shl(u32::from(c.0)).is_some_and(|b| mask & b != 0))
        };
        let parts = [
            ("account", within(self.accounts, principal.account().bit())),
            ("login", within(self.logins, principal.login().bit())),
            ("level_min", self.level_min.is_none_or(|least| principal.level() >= least)),
            ("evidence", within(self.evidence, principal.evidence().bit())),
            ("credential", self.credentials.is_none_or(shown)),
        ];
        parts.into_iter().find(|(_, fits)| !fits).map(|(key, _)| key)
    }
}

impl Condition {
    /// Whether every part holds for the principal, coming from there.
    pub fn holds(&self, principal: &Principal, client: IpAddr) -> bool {
        self.finite.fits(principal) && self.admits(client)
    }

    /// Whether the client is in one of the networks.
    pub fn admits(&self, client: IpAddr) -> bool {
        self.client.is_empty() || self.client.iter().any(|net| net.contains(&client))
    }
}

/// One `[[rule]]`, or the `[default]`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique in the policy.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Said to the person on the page, in the operator's words.
    pub why: Option<String>,
    /// Whom it speaks of.
    pub when: Condition,
    /// Negates the whole of it.
    pub unless: Option<Condition>,
    /// from <= t < until
    pub from: Option<Timestamp>,
    /// See `from`.
    pub until: Option<Timestamp>,
    /// What it does.
    pub then: Action,
    /// What a rejected person reads.
    pub page: Option<Page>,
    /// Percent of the people for whom it is enforced, 0 to 100; it is observed for the others.
    pub share: u8,
    /// From this day on `check` and a metric remind; nothing changes by itself.
    pub review: Option<Date>,
}

impl Rule {
    /// Whether it holds at that moment.
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// The plain meaning of a rule: whether it speaks of this principal, from there, at that moment.
    pub fn hits(&self, principal: &Principal, client: IpAddr, at: Timestamp) -> bool {
        self.in_force(at)
            && self.when.holds(principal, client)
            && self.unless.as_ref().is_none_or(|unless| !unless.holds(principal, client))
    }
}
