//! The metric series that a finished request moves.
//!
//! Looking a series up by its eight label texts costs more than the decision itself, so each thread keeps the handles
//! of the combinations it has met, all those of a request under one small key, and beside them what their audit lines
//! share. Numbers of rules and routes hold for one generation of the policy only, and so do the keys.

use super::Telemetry;
use super::finished::Finished;
use super::line::Shared;
use super::series::{method_label, method_place};
use crate::identity::check::check_word;
use crate::identity::{Presented, Principal};
use crate::policy::{Decision, Mode, Verdict};
use prometheus::{Histogram, IntCounter};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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
        kept(&REQUESTS, request_key(f, who), || self.series_of(f, who), move_and_write);
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
        let number = shown.check.map_or_else(|failure| failure as u64 + 1, |()| 0);
        let key = Key { generation: f.snapshot.generation, numbers: (u64::from(credential.id.0), number) };
        let labels = [credential.name.as_str(), check_word(shown.check)];
        kept(&CHECKS, key, || self.metrics.credential_checks.with_label_values(&labels), IntCounter::inc);
    }

    /// Rules in observe mode are few and for a time: nothing is kept for them.
    fn count_observed(&self, f: &Finished<'_>, who: &Principal, decision: &Decision) {
        let Some(observed) = decision.observed else { return };
        self.decisions_of(f, who, observed, Mode::Observe).inc();
        if observed.action != decision.verdict.action {
            let labels = [rule_name(f, observed), decision.verdict.action.as_str(), observed.action.as_str()];
            self.metrics.observe_disagreements.with_label_values(&labels).inc();
        }
    }

    fn series_of(&self, f: &Finished<'_>, who: &Principal) -> Series {
        let (site, route) = f.site_and_route();
        let settings = &f.snapshot.settings;
        let upstream = f.site.and_then(|s| settings.policy.site(s)).and_then(|s| settings.upstreams.get(s.upstream));
        let code = f.status.to_string();
        let labels = [site, route, method_label(f.method), code.as_str(), f.origin.as_str()];
        Series {
            requests: self.metrics.requests.with_label_values(&labels),
            request_seconds: self.metrics.request_seconds.with_label_values(&[route]),
            decisions: f.decision.map(|d| self.decisions_of(f, who, d.verdict, Mode::Enforce)),
            upstream_seconds: upstream.map(|u| self.metrics.upstream_seconds.with_label_values(&[u.name.as_str()])),
            shared: Shared::of(f),
        }
    }

    fn decisions_of(&self, f: &Finished<'_>, who: &Principal, verdict: Verdict, mode: Mode) -> IntCounter {
        let (site, route) = f.site_and_route();
        self.metrics.decisions.with_label_values(&[
            site,
            route,
            rule_name(f, verdict),
            verdict.action.as_str(),
            verdict.reason.as_str(),
            who.account().as_str(),
            who.login().as_str(),
            mode.as_str(),
        ])
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

/// A combination in numbers that are cheap to hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    generation: u64,
    numbers: (u64, u64),
}

/// Everything that the labels of a request depend on. A number stands in 8 or 16 bits of its own.
fn request_key(f: &Finished<'_>, who: &Principal) -> Key {
    let route = f.route.map_or(u64::from(u16::MAX), |route| u64::from(route.0));
    let answer = route | u64::from(f.status) << 16 | (method_place(f.method) as u64) << 32 | (f.origin as u64) << 40;
    let decided = f.decision.map_or(0, |decision| {
        let verdict = decision.verdict;
        let what = u64::from(verdict.rule.0) | (verdict.action as u64) << 16 | (verdict.reason as u64) << 24;
        what | (who.account() as u64) << 32 | (who.login() as u64) << 40 | 1 << 48
    });
    Key { generation: f.snapshot.generation, numbers: (answer, decided) }
}

/// Three multiplications for a key: it is made of numbers of the policy, which nobody outside can choose to collide.
#[derive(Default)]
struct Numbers(u64);

impl Hasher for Numbers {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

type Kept<T> = RefCell<HashMap<Key, T, BuildHasherDefault<Numbers>>>;

thread_local! {
    static REQUESTS: Kept<Series> = RefCell::default();
    static CHECKS: Kept<IntCounter> = RefCell::default();
}

/// More than any policy's combinations; a thread that has seen so many generations starts afresh.
const KEPT_MAX: usize = 20_000;

fn kept<T>(of: &'static std::thread::LocalKey<Kept<T>>, key: Key, find: impl FnOnce() -> T, use_it: impl FnOnce(&T)) {
    of.with_borrow_mut(|known| {
        if known.len() > KEPT_MAX {
            known.clear();
        }
        use_it(known.entry(key).or_insert_with(find));
    });
}

fn rule_name<'f>(f: &'f Finished<'_>, verdict: Verdict) -> &'f str {
    f.snapshot.settings.policy.rule(verdict.rule).map_or("", |rule| rule.name.as_str())
}
