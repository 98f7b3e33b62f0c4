//! The metric series that a finished request moves.
//!
//! Looking a series up by its eight label texts costs more than the decision itself, so each thread caches the handles
//! of the combinations it has met, all those of a request under one key, and beside them what their audit lines share.
//! A key is made of the labels themselves. They are numbers of the policy, which hold for one generation.

use super::Telemetry;
use super::finished::Finished;
use super::labels::{DecisionLabels, MethodLabel, RequestLabels};
use super::line::Shared;
use crate::identity::check::{Check, check_word};
use crate::identity::{CredentialId, Presented, Principal};
use crate::policy::{Decision, Mode, Verdict};
use prometheus::{Histogram, IntCounter};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

impl Telemetry {
    /// `write` gets what the request's line shares with others.
    pub(super) fn count(&self, f: &Finished<'_>, write: impl FnOnce(&Shared)) {
        for shown in f.presented {
            self.count_check(f, shown);
        }
        let anonymous = Principal::anonymous();
        let who = f.decision.and_then(|d| f.presented.get(d.deciding)).map_or(&anonymous, |shown| &shown.principal);
        let move_and_write = |series: &Series| {
            series.move_by(f);
            write(&series.shared);
        };
        let labels = Combination::of(f, who);
        cached(&REQUESTS, (f.snapshot.generation, labels), || self.series_of(f, labels), move_and_write);
        if let Some(seconds) = f.decision_s {
            self.metrics.decision_seconds.observe(seconds);
        }
        if let Some(decision) = f.decision {
            self.count_observed(f, who, decision);
        }
        for login in f.logins {
            self.metrics.logins.with_label_values(&[f.site_and_route().0, login.flow.as_str(), login.result]).inc();
        }
    }

    fn count_check(&self, f: &Finished<'_>, shown: &Presented) {
        let identity = &f.snapshot.settings.identity;
        let Some(credential) = shown.principal.credential().and_then(|c| identity.credential(c)) else { return };
        let key = (f.snapshot.generation, (credential.id, shown.check));
        let labels = [credential.name.as_str(), check_word(shown.check)];
        cached(&CHECKS, key, || self.metrics.credential_checks.with_label_values(&labels), IntCounter::inc);
    }

    /// Rules in observe mode are few and for a time: nothing is kept for them.
    fn count_observed(&self, f: &Finished<'_>, who: &Principal, decision: &Decision) {
        let Some(observed) = decision.observed else { return };
        self.decisions_of(f, DecisionLabels::of(f.route, observed, who, Mode::Observe)).inc();
        if observed.action != decision.verdict.action {
            let labels = [rule_name(f, observed), decision.verdict.action.as_str(), observed.action.as_str()];
            self.metrics.observe_disagreements.with_label_values(&labels).inc();
        }
    }

    fn series_of(&self, f: &Finished<'_>, labels: Combination) -> Series {
        let settings = &f.snapshot.settings;
        let upstream = f.site.and_then(|s| settings.policy.site(s)).and_then(|s| settings.upstreams.get(s.upstream));
        let (_, route) = f.site_and_route();
        Series {
            requests: labels.request.with_values(&settings.policy, |v| self.metrics.requests.with_label_values(v)),
            request_seconds: self.metrics.request_seconds.with_label_values(&[route]),
            decisions: labels.decision.map(|decision| self.decisions_of(f, decision)),
            upstream_seconds: upstream.map(|u| self.metrics.upstream_seconds.with_label_values(&[u.name.as_str()])),
            shared: Shared::of(f),
        }
    }

    fn decisions_of(&self, f: &Finished<'_>, labels: DecisionLabels) -> IntCounter {
        self.metrics.decisions.with_label_values(&labels.values(&f.snapshot.settings.policy))
    }
}

/// Everything that the labels of a request depend on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Combination {
    request: RequestLabels,
    decision: Option<DecisionLabels>,
}

impl Combination {
    fn of(f: &Finished<'_>, who: &Principal) -> Self {
        let &Finished { site, route, status, origin, .. } = f;
        Combination {
            request: RequestLabels { site, route, method: MethodLabel::of(f.method), status, origin },
            decision: f.decision.map(|d| DecisionLabels::of(route, d.verdict, who, Mode::Enforce)),
        }
    }
}

/// Handles of the series that one combination of site, answer and decision moves.
struct Series {
    requests: IntCounter,
    request_seconds: Histogram,
    decisions: Option<IntCounter>,
    upstream_seconds: Option<Histogram>,
    shared: Shared,
}

impl Series {
    fn move_by(&self, f: &Finished<'_>) {
        self.requests.inc();
        self.request_seconds.observe(f.total_s);
        if let Some(decisions) = &self.decisions {
            decisions.inc();
        }
        if let (Some(histogram), Some(seconds)) = (&self.upstream_seconds, f.upstream_s) {
            histogram.observe(seconds);
        }
    }
}

/// One multiplication for each number of a key: it is made of numbers of the policy, which nobody outside can choose to
/// collide.
#[derive(Default)]
struct Numbers(u64);

impl Numbers {
    fn add(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Numbers {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(u64::from(*byte)));
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    /// Of an enum, which variant.
    fn write_isize(&mut self, number: isize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// By generation of the policy, and by what the handle depends on.
type Cache<K, T> = RefCell<HashMap<(u64, K), T, BuildHasherDefault<Numbers>>>;

thread_local! {
    static REQUESTS: Cache<Combination, Series> = RefCell::default();
    static CHECKS: Cache<(CredentialId, Check), IntCounter> = RefCell::default();
}

/// More than any policy's combinations; a thread that has seen so many generations starts afresh.
const CACHED_MAX: usize = 20_000;

fn cached<K: Eq + Hash, T>(
    of: &'static std::thread::LocalKey<Cache<K, T>>,
    key: (u64, K),
    find: impl FnOnce() -> T,
    use_it: impl FnOnce(&T),
) {
    of.with_borrow_mut(|known| {
        if known.len() > CACHED_MAX {
            known.clear();
        }
        use_it(known.entry(key).or_insert_with(find));
    });
}

fn rule_name<'f>(f: &'f Finished<'_>, verdict: Verdict) -> &'f str {
    f.snapshot.settings.policy.rule(verdict.rule).map_or("", |rule| rule.name.as_str())
}
