//! Series that exist from the start: every reachable combination of labels is set to 0 when a policy is published, so
//! that the first refusal is a step from 0 and an absent series means a broken gate.

use super::Metrics;
use super::finished::Origin;
use super::labels::{DecisionLabels, MethodLabel, RequestLabels};
use crate::identity::Principal;
use crate::identity::check::check_words;
use crate::identity::credential::Session;
use crate::identity::logout_token::LogoutError;
use crate::identity::session::{PROBED, Start};
use crate::policy::enumerate::{Group, PossibleVerdict};
use crate::policy::{Mode, Policy, RouteId, Verdict, reach};
use crate::snapshot::Snapshot;
use http::Method;
use std::collections::HashSet;

/// Causes of `refused_requests_total`.
pub const REFUSED: [&str; 6] = ["ambiguous_target", "framing", "unknown_host", "too_large", "rate", "overload"];
/// Results of `logins_total`.
pub const LOGIN_RESULTS: [&str; 11] = [
    "begun",
    "restarted",
    "bound",
    "unrecognised",
    "unsolicited",
    "forged",
    "expired",
    "changed",
    REPLAYED,
    UNCONFIRMED,
    LOST,
];
/// The portal did not say that somebody is signed in.
pub const UNCONFIRMED: &str = "unconfirmed";
/// Actions of `remember_cookies_total`.
pub const REMEMBER_ACTIONS: [&str; 3] = ["forwarded", "removed", "observed"];
/// The store did not take it.
pub const LOST: &str = "lost";
/// Flow and result of a log-out in `logins_total`.
pub const LOG_OUT: &str = "log-out";
pub const LOGGED_OUT: &str = "logged_out";
/// Results of `backchannel_logouts_total` beside those of logout tokens: what ended, and why nothing did.
pub const LOG_IN_ENDED: &str = "log_in";
pub const PERSON_ENDED: &str = "person";
pub const REPLAYED: &str = "replayed";
pub const NOT_READ: &str = "not_read";
pub const NOT_KEPT: &str = "not_kept";
pub const LOGOUT_RESULTS: [&str; 5] = [LOG_IN_ENDED, PERSON_ENDED, REPLAYED, NOT_READ, NOT_KEPT];
/// Answers of `requests_total` that every route can give; a portal's rarer codes appear when they happen.
const USUAL_ANSWERS: [(u16, Origin); 9] = [
    (200, Origin::Upstream),
    (302, Origin::Upstream),
    (404, Origin::Upstream),
    (500, Origin::Upstream),
    (303, Origin::Gate),
    (401, Origin::Gate),
    (403, Origin::Gate),
    (502, Origin::Gate),
    (504, Origin::Gate),
];
/// Results of `introspections_total`.
pub const INTROSPECTIONS: [&str; 4] = ["active", "inactive", "failed", "unasked"];
/// Results of `probes_total`.
pub const PROBES: [&str; 4] = ["signed_in", "nobody", "failed", "unasked"];
/// Kinds of `upstream_failures_total`.
pub const FAILURES: [&str; 4] = ["connect", "timeout", "protocol", "reset"];

/// How sessions can be born: values of the label `born`.
pub fn births(session: &Session) -> impl Iterator<Item = &'static str> {
    let probed = session.probe.as_ref().filter(|probe| probe.tells_login()).map(|_| PROBED);
    Start::WORDS.iter().copied().chain(probed)
}

impl Metrics {
    /// Starts every series that this policy can move.
    pub fn start_series(&self, snapshot: &Snapshot) {
        let settings = &snapshot.settings;
        self.start_decisions(&settings.policy, &reach::principals(&settings.identity));
        for cause in REFUSED {
            self.refused.with_label_values(&[cause]);
        }
        for credential in &settings.identity.credentials {
            for result in check_words() {
                self.credential_checks.with_label_values(&[credential.name.as_str(), result]);
            }
            for born in credential.session().iter().flat_map(|session| births(session)) {
                self.sessions_born.with_label_values(&[credential.name.as_str(), born]);
            }
            if credential.session().is_some_and(|session| session.probe.is_some()) {
                self.probe_seconds.with_label_values(&[credential.name.as_str()]);
                for result in PROBES {
                    self.probes.with_label_values(&[credential.name.as_str(), result]);
                }
            }
            if credential.logout_door.is_some() {
                for result in LOGOUT_RESULTS.iter().chain(LogoutError::WORDS) {
                    self.backchannel_logouts.with_label_values(&[credential.name.as_str(), *result]);
                }
            }
            if credential.session().is_some_and(|session| !session.remembers.is_empty()) {
                for action in REMEMBER_ACTIONS {
                    self.remember_cookies.with_label_values(&[credential.name.as_str(), action]);
                }
            }
            if credential.session().is_some() {
                self.sessions_replaced.with_label_values(&[credential.name.as_str()]);
            }
            for (_, site) in settings.policy.sites().filter(|(id, _)| credential.covers(*id)) {
                for flow in &credential.flows {
                    for result in LOGIN_RESULTS {
                        self.logins.with_label_values(&[site.name.as_str(), flow.name.as_str(), result]);
                    }
                }
                if !credential.logouts.is_empty() {
                    self.logins.with_label_values(&[site.name.as_str(), LOG_OUT, LOGGED_OUT]);
                }
            }
        }
        for source in &settings.keys {
            let pinned = source.pinned.as_ref().and_then(|set| i64::try_from(set.len()).ok());
            let gauge = self.jwks_keys.with_label_values(&[source.name.as_str()]);
            pinned.into_iter().for_each(|count| gauge.set(count));
        }
        for source in &settings.introspections {
            self.introspection_seconds.with_label_values(&[source.name.as_str()]);
            for result in INTROSPECTIONS {
                self.introspections.with_label_values(&[source.name.as_str(), result]);
            }
        }
        for source in settings.keys.iter().filter(|k| k.remote.is_some()) {
            for trigger in ["start", "interval", "unknown-kid"] {
                for result in ["ok", "failed"] {
                    self.jwks_refreshes.with_label_values(&[source.name.as_str(), trigger, result]);
                }
            }
        }
        for upstream in &settings.upstreams {
            for kind in FAILURES {
                self.upstream_failures.with_label_values(&[upstream.name.as_str(), kind]);
            }
            self.upstream_seconds.with_label_values(&[upstream.name.as_str()]);
        }
        for (id, route) in settings.policy.routes() {
            self.request_seconds.with_label_values(&[route.name.as_str()]);
            for method in [Method::GET, Method::POST] {
                let (site, route) = (Some(route.site), Some(id));
                for (status, origin) in USUAL_ANSWERS {
                    let labels = RequestLabels { site, route, method: MethodLabel::of(&method), status, origin };
                    labels.with_values(&settings.policy, |values| self.requests.with_label_values(values));
                }
            }
        }
        for result in ["ok", "failed"] {
            self.policy_reloads.with_label_values(&[result]);
        }
        for listener in &settings.listeners {
            let name = listener.address.to_string();
            self.requests_in_flight.with_label_values(&[name.as_str()]);
        }
    }

    fn start_decisions(&self, policy: &Policy, principals: &[Principal]) {
        for group in policy.groups() {
            let mut started = HashSet::new();
            let first = group.routes.first().copied();
            for principal in principals {
                policy.enumerate(&group, principal, &[], |o| {
                    if started.insert(decided(policy, first, &o)) {
                        self.start_outcome(policy, &group, &o);
                    }
                });
            }
        }
    }

    /// The series of one outcome on every route of a group.
    fn start_outcome(&self, policy: &Policy, group: &Group, o: &PossibleVerdict<'_>) {
        for route in &group.routes {
            for labels in decided(policy, Some(*route), o).into_iter().flatten() {
                self.decisions.with_label_values(&labels.values(policy));
            }
        }
        let (verdict, observed) = policy.as_told(o.verdict, o.observed);
        let name = |v: Verdict| policy.rule(v.rule).map_or("", |r| r.name.as_str());
        if let Some(observed) = observed.filter(|seen| seen.action != verdict.action) {
            let labels = [name(observed), verdict.action.as_str(), observed.action.as_str()];
            self.observe_disagreements.with_label_values(&labels);
        }
    }
}

/// What is counted of one outcome on a route: what holds, and what would hold.
fn decided(policy: &Policy, route: Option<RouteId>, o: &PossibleVerdict<'_>) -> [Option<DecisionLabels>; 2] {
    let (verdict, observed) = policy.as_told(o.verdict, o.observed);
    let labels = |verdict, mode| DecisionLabels::of(route, verdict, o.principal, mode);
    [Some(labels(verdict, Mode::Enforce)), observed.map(|verdict| labels(verdict, Mode::Observe))]
}
