//! The labels of the metrics that every request moves: a field each, in numbers.
//!
//! Names and values stand in one order here and nowhere else. A struct of labels is also the key under which a thread
//! caches the handle of its series (see `count`): what is a label is part of the key, and a field that is forgotten
//! anywhere does not compile.

use super::finished::{Origin, place};
use crate::identity::{Account, Login, Principal, SiteId};
use crate::policy::{Action, METHODS, Mode, Policy, Reason, RouteId, RuleId, Verdict};
use http::Method;

/// Labels of `decisions_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DecisionLabels {
    /// Says the site too.
    pub route: Option<RouteId>,
    pub rule: RuleId,
    pub action: Action,
    pub reason: Reason,
    pub account: Account,
    pub login: Login,
    pub mode: Mode,
}

impl DecisionLabels {
    pub(super) const NAMES: [&'static str; 8] =
        ["site", "route", "rule", "action", "reason", "account", "login", "mode"];

    pub(super) fn of(route: Option<RouteId>, verdict: Verdict, who: &Principal, mode: Mode) -> Self {
        let Verdict { action, rule, reason, page: _ } = verdict;
        DecisionLabels { route, rule, action, reason, account: who.account(), login: who.login(), mode }
    }

    pub(super) fn values(self, policy: &Policy) -> [&str; 8] {
        let DecisionLabels { route, rule, action, reason, account, login, mode } = self;
        let (site, route) = place(policy, None, route);
        let rule = policy.rule(rule).map_or("", |rule| rule.name.as_str());
        [site, route, rule, action.as_str(), reason.as_str(), account.as_str(), login.as_str(), mode.as_str()]
    }
}

/// Labels of `requests_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestLabels {
    pub site: Option<SiteId>,
    pub route: Option<RouteId>,
    pub method: MethodLabel,
    /// The label `code`.
    pub status: u16,
    /// The label `source`.
    pub origin: Origin,
}

impl RequestLabels {
    pub(super) const NAMES: [&'static str; 5] = ["site", "route", "method", "code", "source"];

    pub(super) fn with_values<R>(self, policy: &Policy, read: impl FnOnce(&[&str; 5]) -> R) -> R {
        let RequestLabels { site, route, method, status, origin } = self;
        let (site, route) = place(policy, site, route);
        read(&[site, route, method.as_str(), &status.to_string(), origin.as_str()])
    }
}

/// A method as a label: one of [`METHODS`], or `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MethodLabel(u8);

impl MethodLabel {
    pub(super) fn of(method: &Method) -> Self {
        let known = (0_u8..).zip(METHODS).find(|(_, name)| *name == method.as_str());
        MethodLabel(known.map_or(u8::MAX, |(place, _)| place))
    }

    pub(super) fn as_str(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("other")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_method_is_other() {
        let of = |method: &str| MethodLabel::of(&Method::from_bytes(method.as_bytes()).unwrap()).as_str();
        assert_eq!(METHODS.map(of), METHODS);
        assert_eq!([of("PROPFIND"), of("get"), of("CONNECT")], ["other"; 3]);
    }
}
