//! `record`: called once a request, writes counters and the audit line from the same value.

use super::{Telemetry, redact};
use crate::identity::{Presented, Principal, SiteId};
use crate::policy::{Decision, Mode, Reason, RouteId, Verdict};
use crate::snapshot::Snapshot;
use crate::state::keyed::Keyed;
use http::Method;
use jiff::Timestamp;
use prometheus::{Histogram, IntCounter};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Who made the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Gate,
    Upstream,
}

impl Origin {
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Gate => "gate",
            Origin::Upstream => "upstream",
        }
    }
}

/// A log-in or log-out seen on the way.
#[derive(Clone, Debug)]
pub struct LoginSeen {
    pub flow: String,
    /// One of [`super::series::LOGIN_RESULTS`].
    pub result: &'static str,
}

/// One request that came to its end, however it ended.
#[derive(Debug)]
pub struct Finished<'f> {
    pub snapshot: &'f Snapshot,
    pub keyed: &'f Keyed,
    pub at: Timestamp,
    pub support_code: &'f str,
    pub request_id: &'f str,
    pub site: Option<SiteId>,
    pub route: Option<RouteId>,
    pub method: &'f Method,
    pub host: &'f str,
    /// As it came, without the query.
    pub path: &'f str,
    pub client: SocketAddr,
    pub presented: &'f [Presented],
    pub decision: Option<&'f Decision>,
    pub reason: Reason,
    /// What exactly made a refused request ambiguous.
    pub detail: Option<&'static str>,
    pub status: u16,
    pub origin: Origin,
    pub logins: &'f [LoginSeen],
    /// Whether the client stayed to the end.
    pub complete: bool,
    pub decision_s: Option<f64>,
    pub upstream_s: Option<f64>,
    pub total_s: f64,
}

impl Telemetry {
    /// Stop 7.
    pub fn record(&self, finished: &Finished<'_>) {
        self.count(finished);
        LINE.with_borrow_mut(|line| {
            line.clear();
            if serde_json::to_writer(&mut *line, &Line::of(finished)).is_ok() {
                self.audit.push(line, &self.metrics.audit_dropped);
            }
        });
    }

    fn count(&self, f: &Finished<'_>) {
        let policy = &f.snapshot.settings.policy;
        for shown in f.presented {
            let name = shown.principal.credential().and_then(|c| f.snapshot.settings.identity.credential(c));
            if let Some(credential) = name {
                let key = Key::of(f, 1, [u64::from(credential.id.0), shown.check as u64, 0, 0]);
                counter(key, || {
                    self.metrics.credential_checks.with_label_values(&[credential.name.as_str(), shown.check.as_str()])
                });
            }
        }
        if let Some(decision) = f.decision {
            let anonymous = Principal::anonymous();
            let who = f.presented.get(decision.holder).map_or(&anonymous, |p| &p.principal);
            self.count_verdict(f, who, decision.verdict, Mode::Enforce);
            if let Some(observed) = decision.observed {
                self.count_verdict(f, who, observed, Mode::Observe);
                if observed.action != decision.verdict.action {
                    let rule = policy.rule(observed.rule).map_or("", |r| r.name.as_str());
                    let labels = [rule, decision.verdict.action.as_str(), observed.action.as_str()];
                    self.metrics.observe_disagreements.with_label_values(&labels).inc();
                }
            }
        }
        let (site, route) = names(f);
        let number = f.route.map_or(u64::from(u16::MAX), |r| u64::from(r.0));
        let method = method_label(f.method);
        let place = METHODS.iter().position(|m| *m == method).unwrap_or(0) as u64;
        counter(Key::of(f, 2, [number, place, u64::from(f.status), f.origin as u64]), || {
            let code = f.status.to_string();
            self.metrics.requests.with_label_values(&[site, route, method, code.as_str(), f.origin.as_str()])
        });
        observe(Key::of(f, 3, [number, 0, 0, 0]), f.total_s, || {
            self.metrics.request_seconds.with_label_values(&[route])
        });
        if let Some(seconds) = f.decision_s {
            self.metrics.decision_seconds.observe(seconds);
        }
        let upstream = f.site.and_then(|s| policy.site(s)).and_then(|s| f.snapshot.settings.upstreams.get(s.upstream));
        if let (Some(seconds), Some(upstream)) = (f.upstream_s, upstream) {
            let key = Key::of(f, 4, [f.site.map_or(0, |s| u64::from(s.0)), 0, 0, 0]);
            observe(key, seconds, || self.metrics.upstream_seconds.with_label_values(&[upstream.name.as_str()]));
        }
        for login in f.logins {
            self.metrics.logins.with_label_values(&[site, login.flow.as_str(), login.result]).inc();
        }
    }

    fn count_verdict(&self, f: &Finished<'_>, who: &Principal, verdict: Verdict, mode: Mode) {
        let (site, route) = names(f);
        let who_bits = (who.account() as u64) << 8 | who.login() as u64;
        let what_bits = (verdict.action as u64) << 16 | (verdict.reason as u64) << 8 | mode as u64;
        let number = f.route.map_or(u64::from(u16::MAX), |r| u64::from(r.0));
        counter(Key::of(f, 5, [number, u64::from(verdict.rule.0), what_bits, who_bits]), || {
            let rule = f.snapshot.settings.policy.rule(verdict.rule).map_or("", |r| r.name.as_str());
            self.metrics.decisions.with_label_values(&[
                site,
                route,
                rule,
                verdict.action.as_str(),
                verdict.reason.as_str(),
                who.account().as_str(),
                who.login().as_str(),
                mode.as_str(),
            ])
        });
    }
}

const METHODS: [&str; 9] = ["other", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// Unknown methods are folded into one label.
fn method_label(method: &Method) -> &'static str {
    METHODS.iter().skip(1).find(|m| **m == method.as_str()).copied().unwrap_or("other")
}

/// Site and route as labels; a request that was refused before it had them says `none`.
fn names<'f>(f: &'f Finished<'_>) -> (&'f str, &'f str) {
    let policy = &f.snapshot.settings.policy;
    let site = f.site.and_then(|s| policy.site(s)).map_or("none", |s| s.name.as_str());
    let route = f.route.and_then(|r| policy.route(r)).map_or("none", |r| r.name.as_str());
    (site, route)
}

/// Which series, in numbers that are cheap to hash. Numbers of rules and routes hold for one generation only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    generation: u64,
    family: u8,
    numbers: [u64; 4],
}

impl Key {
    fn of(f: &Finished<'_>, family: u8, numbers: [u64; 4]) -> Self {
        Key { generation: f.snapshot.generation, family, numbers }
    }
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// Handles of series that this thread moved before: looking one up by its eight label texts costs more than the
    /// decision itself. Those of earlier policies go when there are too many.
    static COUNTERS: RefCell<HashMap<Key, IntCounter>> = RefCell::default();
    static HISTOGRAMS: RefCell<HashMap<Key, Histogram>> = RefCell::default();
}

/// More than any policy's series; a thread that has seen so many generations starts afresh.
const HANDLES_MAX: usize = 20_000;

fn counter(key: Key, find: impl FnOnce() -> IntCounter) {
    COUNTERS.with_borrow_mut(|known| {
        if known.len() > HANDLES_MAX {
            known.clear();
        }
        known.entry(key).or_insert_with(find).inc();
    });
}

fn observe(key: Key, seconds: f64, find: impl FnOnce() -> Histogram) {
    HISTOGRAMS.with_borrow_mut(|known| {
        if known.len() > HANDLES_MAX {
            known.clear();
        }
        known.entry(key).or_insert_with(find).observe(seconds);
    });
}

/// One audit line, in the order in which people read it.
#[derive(Serialize)]
struct Line<'l> {
    time: String,
    support_code: &'l str,
    request_id: &'l str,
    site: &'l str,
    route: &'l str,
    method: &'l str,
    host: &'l str,
    path: std::borrow::Cow<'l, str>,
    client: SocketAddr,
    principals: Vec<Who<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Said<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<Said<'l>>,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    status: u16,
    source: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logins: Vec<Seen<'l>>,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_us: Option<u64>,
    total_us: u64,
    policy: &'l str,
    key_id: &'l str,
}

#[derive(Serialize)]
struct Who<'l> {
    credential: &'l str,
    evidence: &'static str,
    account: &'static str,
    login: &'static str,
    level: u8,
    check: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

#[derive(Serialize)]
struct Said<'l> {
    action: &'static str,
    rule: &'l str,
    reason: &'static str,
}

#[derive(Serialize)]
struct Seen<'l> {
    flow: &'l str,
    result: &'static str,
}

impl<'l> Line<'l> {
    fn of(f: &'l Finished<'_>) -> Self {
        let policy = &f.snapshot.settings.policy;
        let (site, route) = names(f);
        let rule = |v: Verdict| Said {
            action: v.action.as_str(),
            rule: policy.rule(v.rule).map_or("", |r| r.name.as_str()),
            reason: v.reason.as_str(),
        };
        Line {
            time: time(f),
            support_code: f.support_code,
            request_id: f.request_id,
            site,
            route,
            method: method_label(f.method),
            host: f.host,
            path: redact::path(f.path),
            client: f.client,
            principals: f.presented.iter().map(|p| who(f, p)).collect(),
            decision: f.decision.map(|d| rule(d.verdict)),
            observed: f.decision.and_then(|d| d.observed).map(rule),
            reason: f.reason.as_str(),
            detail: f.detail,
            status: f.status,
            source: f.origin.as_str(),
            logins: f.logins.iter().map(|l| Seen { flow: &l.flow, result: l.result }).collect(),
            complete: f.complete,
            decision_us: f.decision_s.map(micros),
            upstream_us: f.upstream_s.map(micros),
            total_us: micros(f.total_s),
            policy: &f.snapshot.digest,
            key_id: f.keyed.id(),
        }
    }
}

fn who<'l>(f: &'l Finished<'_>, shown: &'l Presented) -> Who<'l> {
    let p = &shown.principal;
    let credential = p.credential().and_then(|c| f.snapshot.settings.identity.credential(c));
    Who {
        credential: credential.map_or("none", |c| c.name.as_str()),
        evidence: p.evidence().as_str(),
        account: p.account().as_str(),
        login: p.login().as_str(),
        level: p.level().number(),
        check: shown.check.as_str(),
        subject: p.subject().map(|s| f.keyed.person(s)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are small and positive")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// RFC 3339 with the offset of the gate's time zone, to the millisecond.
fn time(f: &Finished<'_>) -> String {
    let zone = &f.snapshot.settings.gate.zone;
    let offset = zone.to_offset(f.at);
    let local = offset.to_datetime(f.at);
    let minutes = offset.seconds() / 60;
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second(),
        local.millisecond(),
        if minutes < 0 { '-' } else { '+' },
        minutes.abs() / 60,
        minutes.abs() % 60
    )
}
