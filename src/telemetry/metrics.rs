//! Every metric that the process exports: names, help and label sets in one place, on a registry of its own.
//!
//! Labels come only from lists that are closed at load: never a path, a subject, an address or a header value.

use super::labels::{DecisionLabels, RequestLabels};
use crate::state::store::Meters;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};
use std::sync::Arc;

const PREFIX: &str = "vneid_gate";
/// From a look-up in memory to a busy second.
const OWN_SECONDS: [f64; 10] = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/// From a Redis next door to a disk in trouble.
const STORE_SECONDS: [f64; 10] = [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25, 2.0];
const WHOLE_SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// The standard process metrics, whose names carry no prefix.
    process: Arc<Registry>,
    pub decisions: IntCounterVec,
    pub observe_disagreements: IntCounterVec,
    pub requests: IntCounterVec,
    pub decision_seconds: Histogram,
    pub request_seconds: HistogramVec,
    pub upstream_seconds: HistogramVec,
    pub requests_in_flight: IntGaugeVec,
    pub connections_open: IntGaugeVec,
    pub connections_refused: IntCounterVec,
    pub credential_checks: IntCounterVec,
    pub jwks_refreshes: IntCounterVec,
    pub jwks_keys: IntGaugeVec,
    pub jwks_last_success: GaugeVec,
    pub introspection_seconds: HistogramVec,
    pub introspections: IntCounterVec,
    pub probe_seconds: HistogramVec,
    pub probes: IntCounterVec,
    pub logins: IntCounterVec,
    pub sessions_born: IntCounterVec,
    pub sessions_replaced: IntCounterVec,
    pub remember_cookies: IntCounterVec,
    pub backchannel_logouts: IntCounterVec,
    pub revocations: IntGauge,
    pub ledger_sessions: IntGauge,
    pub store: Meters,
    pub policy_reloads: IntCounterVec,
    pub policy_last_reload_successful: IntGauge,
    pub policy_loaded_timestamp: Gauge,
    pub policy_info: IntGaugeVec,
    pub policy_next_transition: GaugeVec,
    pub policy_reviews_due: IntGauge,
    pub refused: IntCounterVec,
    pub upstream_healthy: IntGaugeVec,
    pub upstream_failures: IntCounterVec,
    pub certificate_not_after: GaugeVec,
    pub audit_dropped: IntCounter,
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let r = Registry::new_custom(Some(PREFIX.into()), None)?;
        let metrics = Metrics {
            decisions: counters(
                &r,
                "decisions_total",
                "Decisions by the policy, those of observed rules included.",
                &DecisionLabels::NAMES,
            )?,
            observe_disagreements: counters(
                &r,
                "observe_disagreements_total",
                "Requests for which an observed rule would have decided otherwise.",
                &["rule", "enforced", "observed"],
            )?,
            requests: counters(
                &r,
                "requests_total",
                "Answers to requests, by who made the answer.",
                &RequestLabels::NAMES,
            )?,
            decision_seconds: register(
                &r,
                Histogram::with_opts(histogram(
                    "decision_duration_seconds",
                    "Own time from the head of a request to its decision.",
                    &OWN_SECONDS,
                ))?,
            )?,
            request_seconds: histograms(&r, "request_duration_seconds", "Whole time of a request.", "route")?,
            upstream_seconds: histograms(
                &r,
                "upstream_duration_seconds",
                "Time from the choice of a server to the head of its answer.",
                "upstream",
            )?,
            requests_in_flight: gauges(&r, "requests_in_flight", "Requests being served.", &["listener"])?,
            connections_open: gauges(&r, "connections_open", "Client connections open.", &["listener"])?,
            connections_refused: counters(
                &r,
                "connections_refused_total",
                "Client connections ended by a limit of the gate.",
                &["listener", "cause"],
            )?,
            credential_checks: counters(
                &r,
                "credential_checks_total",
                "Credentials judged, by outcome.",
                &["credential", "result"],
            )?,
            jwks_refreshes: counters(
                &r,
                "jwks_refreshes_total",
                "Fetches of a key set.",
                &["credential", "trigger", "result"],
            )?,
            jwks_keys: gauges(&r, "jwks_keys", "Usable keys in the key set in force.", &["credential"])?,
            jwks_last_success: float_gauges(
                &r,
                "jwks_last_success_timestamp_seconds",
                "When the key set was last fetched.",
                &["credential"],
            )?,
            introspection_seconds: histograms(
                &r,
                "introspection_duration_seconds",
                "Time of one question to an authorization server, with the wait for a turn.",
                "credential",
            )?,
            introspections: counters(
                &r,
                "introspections_total",
                "Questions to an authorization server about a token.",
                &["credential", "result"],
            )?,
            sessions_born: counters(
                &r,
                "sessions_born_total",
                "Sessions that began to be believed, by how they were born.",
                &["credential", "born"],
            )?,
            remember_cookies: counters(
                &r,
                "remember_cookies_total",
                "Cookies by which the portal would log somebody in by itself.",
                &["credential", "action"],
            )?,
            sessions_replaced: counters(
                &r,
                "sessions_replaced_total",
                "New values of a known session's cookie outside of log-ins.",
                &["credential"],
            )?,
            probe_seconds: histograms(
                &r,
                "probe_duration_seconds",
                "Time of one question to the portal about a session, with the wait for a turn.",
                "credential",
            )?,
            probes: counters(
                &r,
                "probes_total",
                "Questions to the portal about a session.",
                &["credential", "result"],
            )?,
            logins: counters(&r, "logins_total", "Log-ins seen, by flow and result.", &["site", "flow", "result"])?,
            backchannel_logouts: counters(
                &r,
                "backchannel_logouts_total",
                "Log-outs that an identity provider posted.",
                &["credential", "result"],
            )?,
            revocations: register(&r, IntGauge::new("revocations", "Entries of the list of who was taken away.")?)?,
            ledger_sessions: register(
                &r,
                IntGauge::new("ledger_sessions", "Opaque sessions that the gate saw being born.")?,
            )?,
            store: Meters {
                evicted: register(
                    &r,
                    IntCounter::new("ledger_evictions_total", "Sessions that became unbound to make room.")?,
                )?,
                errors: register(
                    &r,
                    IntCounter::new("store_errors_total", "Times that the store did not do what it was asked.")?,
                )?,
                seconds: register(
                    &r,
                    Histogram::with_opts(histogram(
                        "store_duration_seconds",
                        "Time of one commit of the embedded store, or of one question to the shared one.",
                        &STORE_SECONDS,
                    ))?,
                )?,
            },
            policy_reloads: counters(&r, "policy_reloads_total", "Attempts to load the policy again.", &["result"])?,
            policy_last_reload_successful: register(
                &r,
                IntGauge::new("policy_last_reload_successful", "1 if the policy in force is the one on disk.")?,
            )?,
            policy_loaded_timestamp: register(
                &r,
                Gauge::new("policy_loaded_timestamp_seconds", "When the policy in force was loaded.")?,
            )?,
            policy_info: gauges(&r, "policy_info", "1 for the policy in force.", &["digest"])?,
            policy_next_transition: float_gauges(
                &r,
                "policy_next_transition_timestamp_seconds",
                "When a rule next starts or ends.",
                &["rule"],
            )?,
            policy_reviews_due: register(
                &r,
                IntGauge::new("policy_reviews_due", "Rules whose review date has come.")?,
            )?,
            refused: counters(&r, "refused_requests_total", "Requests refused before any decision.", &["cause"])?,
            upstream_healthy: gauges(
                &r,
                "upstream_healthy",
                "1 if the last health check of the server held.",
                &["upstream", "server"],
            )?,
            upstream_failures: counters(
                &r,
                "upstream_failures_total",
                "Requests that an upstream failed.",
                &["upstream", "kind"],
            )?,
            certificate_not_after: float_gauges(
                &r,
                "tls_certificate_not_after_timestamp_seconds",
                "When a served certificate ends.",
                &["certificate"],
            )?,
            audit_dropped: register(
                &r,
                IntCounter::new("audit_dropped_total", "Audit lines lost since the writer could not keep up.")?,
            )?,
            registry: Arc::new(r),
            process: Arc::new(Registry::new()),
        };
        metrics.about_this_process()?;
        Ok(metrics)
    }

    /// The exposition format 0.0.4.
    pub fn exposition(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        TextEncoder::new().encode(&self.process.gather(), &mut out)?;
        Ok(out)
    }

    /// Requests being served on all listeners.
    pub fn in_flight(&self) -> i64 {
        let families = self.requests_in_flight.collect();
        families.iter().flat_map(|f| f.get_metric()).map(|m| m.get_gauge().get_value() as i64).sum()
    }

    fn about_this_process(&self) -> Result<(), prometheus::Error> {
        let info = gauges(&self.registry, "build_info", "1 for the build that runs.", &["version"])?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        self.process.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    register(r, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauges(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    register(r, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn float_gauges(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
    register(r, GaugeVec::new(Opts::new(name, help), labels)?)
}

fn histograms(r: &Registry, name: &str, help: &str, label: &str) -> Result<HistogramVec, prometheus::Error> {
    register(r, HistogramVec::new(histogram(name, help, &WHOLE_SECONDS), &[label])?)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets.to_vec())
}
