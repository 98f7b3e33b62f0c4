//! Notice -> build -> publish, or keep what is in force and say so loudly.
//!
//! One path for every cause: SIGHUP, a changed policy file, a renewed certificate. The files are looked at every
//! second by content, so it does not matter how an editor or a config map replaces them.

use crate::config::settings::Settings;
use crate::config::{Loaded, files, read_directory};
use crate::diagnostic::{Diagnostic, code, render};
use crate::snapshot::{Live, Snapshot};
use crate::state::State;
use crate::telemetry::Telemetry;
use crate::transport::listen::Tls;
use crate::transport::{Running, in_one_line};
use async_trait::async_trait;
use jiff::Timestamp;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const REMIND_EVERY: Duration = Duration::from_secs(300);
/// A load may have failed for something outside the directory: a name that did not resolve, a file that came late.
const RETRY_EVERY: Duration = Duration::from_secs(15);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The background task that keeps what is in force in step with the directory.
pub struct Reloader {
    pub directory: PathBuf,
    pub live: Arc<Live<Running>>,
    pub state: Arc<State>,
    pub telemetry: Arc<Telemetry>,
    pub tls: Arc<Tls>,
}

#[async_trait]
impl BackgroundService for Reloader {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| log::error!("SIGHUP cannot be heard: {error}; changed files are still noticed"))
            .ok();
        let mut seen = self.fingerprint();
        let mut stale_since: Option<Instant> = None;
        let (mut tried, mut swept) = (Instant::now(), Instant::now());
        loop {
            let asked = tokio::select! {
                _ = shutdown.changed() => return,
                () = heard(&mut hangup) => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            self.look_at_the_clock();
            if swept.elapsed() > SWEEP_EVERY {
                let now_s = Timestamp::now().as_second();
                self.state.ledger.sweep(now_s);
                self.state.revocations.sweep(now_s);
                swept = Instant::now();
            }
            let now = self.fingerprint();
            let again = stale_since.is_some() && tried.elapsed() > RETRY_EVERY;
            if !asked && !again && now == seen {
                if stale_since.is_some_and(|since| since.elapsed() > REMIND_EVERY) {
                    log::error!("the policy in force is still not the one on disk: see `/status`");
                    stale_since = Some(Instant::now());
                }
                continue;
            }
            let quiet = !asked && now == seen;
            (seen, tried) = (now, Instant::now());
            stale_since = match (self.reload(quiet), stale_since) {
                (true, _) => None,
                (false, since) => since.filter(|_| quiet).or(Some(Instant::now())),
            };
        }
    }
}

/// Never, where the signal could not be registered.
async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

impl Reloader {
    fn fingerprint(&self) -> Option<String> {
        files::fingerprint(&self.directory, &self.live.current().snapshot.settings.files)
    }

    /// Gauges that move with time alone.
    fn look_at_the_clock(&self) {
        let running = self.live.current();
        let now = Timestamp::now();
        show_dates(&self.telemetry, &running.snapshot, now);
    }

    /// Whether the directory is in force now. A `quiet` attempt that fails as the one before is not told again.
    fn reload(&self, quiet: bool) -> bool {
        let now = Timestamp::now();
        match self.build() {
            Ok((running, warnings)) => {
                if !warnings.is_empty() {
                    log::warn!("policy loaded with warnings:\n{warnings}");
                }
                self.state.keys.adopt(&running.snapshot.settings.keys, now.as_second());
                show(&self.telemetry, &running.snapshot, now);
                self.telemetry.metrics.policy_reloads.with_label_values(&["ok"]).inc();
                self.telemetry.loads.succeeded(now);
                log::info!(
                    "policy {} is in force (generation {})",
                    running.snapshot.digest,
                    running.snapshot.generation
                );
                self.live.publish(running);
                true
            }
            Err(errors) => {
                let told = self.telemetry.loads.report().and_then(|r| r.errors);
                if quiet && told.as_ref() == Some(&errors) {
                    return false;
                }
                self.telemetry.metrics.policy_reloads.with_label_values(&["failed"]).inc();
                self.telemetry.metrics.policy_last_reload_successful.set(0);
                log::error!("policy not loaded; {} stays in force:\n{errors}", self.live.current().snapshot.digest);
                self.telemetry.loads.failed(now, errors);
                false
            }
        }
    }

    fn build(&self) -> Result<(Running, String), String> {
        let loaded = read_directory(&self.directory);
        let Loaded { settings, mut diagnostics, sources, digest } = loaded;
        let before = self.live.current();
        if let Some(new) = &settings {
            diagnostics.extend(needs_restart(&before.snapshot.settings, new));
        }
        let text = render(&diagnostics, &sources);
        let settings =
            settings.filter(|_| !diagnostics.iter().any(Diagnostic::is_error)).ok_or_else(|| text.clone())?;
        let snapshot = Snapshot { generation: before.snapshot.generation + 1, digest, settings };
        let running = Running::new(snapshot, Some(&before)).map_err(|e| in_one_line(&e))?;
        self.tls.replace(&running.snapshot.settings, &self.telemetry).map_err(|e| e.to_string())?;
        Ok((running, text))
    }
}

/// What is fixed when the process starts.
fn needs_restart(old: &Settings, new: &Settings) -> Vec<Diagnostic> {
    // Renewed certificates are taken over; a listener that starts or stops speaking TLS is not.
    let listeners = |s: &Settings| {
        s.listeners
            .iter()
            .map(|l| (l.address, l.tls.is_empty(), l.http2, l.redirect_https, l.trusted_proxies.clone()))
            .collect::<Vec<_>>()
    };
    let connections = |s: &Settings| {
        (
            s.gate.limits.connections,
            s.gate.limits.head_bytes,
            s.gate.limits.tokens,
            s.gate.timeouts.head,
            s.gate.timeouts.idle,
            s.gate.timeouts.stop,
        )
    };
    let changed = [
        ("[[listener]]", listeners(old) != listeners(new)),
        ("[admin]", old.admin != new.admin),
        ("[state]", old.state != new.state),
        ("[audit]", old.audit != new.audit),
        ("the secret in [gate]", old.gate.secret != new.gate.secret),
        (
            "threads or tls_min_version in [gate]",
            (old.gate.threads, old.gate.tls_min_1_3) != (new.gate.threads, new.gate.tls_min_1_3),
        ),
        ("limits or timeouts of connections in [gate]", connections(old) != connections(new)),
    ];
    let named = changed.into_iter().filter(|(_, changed)| *changed);
    named
        .map(|(what, _)| {
            Diagnostic::error(code::NEEDS_RESTART, format!("{what} changed, which only a restart can do"))
                .help("restart the gate, or take the change back; until then the earlier policy stays in force")
        })
        .collect()
}

/// Every gauge that says which policy is in force; every series that it can move starts at 0.
pub fn show(telemetry: &Telemetry, snapshot: &Snapshot, now: Timestamp) {
    let metrics = &telemetry.metrics;
    metrics.start_series(snapshot);
    metrics.policy_info.reset();
    metrics.policy_info.with_label_values(&[snapshot.digest.as_str()]).set(1);
    metrics.policy_loaded_timestamp.set(seconds(now));
    metrics.policy_last_reload_successful.set(1);
    show_dates(telemetry, snapshot, now);
}

fn show_dates(telemetry: &Telemetry, snapshot: &Snapshot, now: Timestamp) {
    let policy = &snapshot.settings.policy;
    let metrics = &telemetry.metrics;
    metrics.policy_next_transition.reset();
    if let Some((rule, at)) = policy.next_transition(now) {
        metrics.policy_next_transition.with_label_values(&[rule]).set(seconds(at));
    }
    let today = now.to_zoned(snapshot.settings.gate.zone.clone()).date();
    metrics.policy_reviews_due.set(i64::try_from(policy.reviews_due(today).len()).unwrap_or(i64::MAX));
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for millions of years")]
fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}
