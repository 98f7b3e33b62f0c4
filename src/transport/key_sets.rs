//! Keeps fetched key sets fresh: at start, at an interval, and soon after a token named a key that is not there.
//!
//! One fetch at a time for each credential, with a pause after each: a storm of junk key ids costs one fetch. A fetch
//! that fails leaves the last good set in force.

use super::fetch::{FetchLimits, get};
use super::{Running, in_one_line};
use crate::config::settings::{self as config, KeysAt, RemoteKeys};
use crate::identity::credential::Kind;
use crate::identity::discovery::jwks_uri;
use crate::identity::keys::KeySet;
use crate::snapshot::Live;
use crate::state::State;
use crate::telemetry::Telemetry;
use async_trait::async_trait;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A key set that was fetched well is looked at again.
const INTERVAL: Duration = Duration::from_secs(300);
/// Not more often than this for unknown key ids.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// After a failure: at first soon, then ever slower.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
const BYTES_MAX: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The background task: one refresher for each credential, so that a slow key server keeps no other waiting.
pub struct KeyRefresher {
    pub live: Arc<Live<Running>>,
    pub state: Arc<State>,
    pub telemetry: Arc<Telemetry>,
}

/// How often the policy in force is asked which key sets it needs.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[async_trait]
impl BackgroundService for KeyRefresher {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut at_work: HashMap<KeySource, JoinHandle<()>> = HashMap::new();
        loop {
            let running = self.live.current();
            let wanted: Vec<KeySource> =
                running.snapshot.settings.keys.iter().filter_map(|k| KeySource::of(&running, k)).collect();
            at_work.retain(|source, task| {
                let stays = wanted.contains(source);
                if !stays {
                    task.abort();
                }
                stays
            });
            for source in wanted {
                let (state, telemetry) = (self.state.clone(), self.telemetry.clone());
                at_work
                    .entry(source)
                    .or_insert_with_key(|source| tokio::spawn(refresh(source.clone(), state, telemetry)));
            }
            drop(running);
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// What a refresher works from; another one is started when any of it changes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct KeySource {
    name: String,
    remote: RemoteKeys,
    algorithms: Vec<Algorithm>,
}

impl KeySource {
    /// `None` for keys that are only pinned.
    fn of(running: &Running, source: &config::KeySource) -> Option<Self> {
        let credential = running.snapshot.settings.identity.credential(source.credential)?;
        let Kind::Jwt(jwt) = &credential.kind else { return None };
        let remote = source.remote.clone()?;
        Some(KeySource { name: source.name.clone(), remote, algorithms: jwt.algorithms.clone() })
    }
}

async fn refresh(source: KeySource, state: Arc<State>, telemetry: Arc<Telemetry>) {
    let wanted = state.keys.wanted(&source.name);
    let (mut trigger, mut failures) = ("start", 0_u32);
    loop {
        let fetched = fetch(&source, &state, &telemetry).await;
        let result = if fetched.is_ok() { "ok" } else { "failed" };
        let labels = [source.name.as_str(), trigger, result];
        telemetry.metrics.jwks_refreshes.with_label_values(&labels).inc();
        let pause = match fetched {
            Ok(()) => {
                failures = 0;
                INTERVAL
            }
            Err(why) => {
                let pause = RETRY_MIN.saturating_mul(1 << failures.min(6)).min(RETRY_MAX);
                failures += 1;
                log::error!(
                    "credential `{}`: key set not fetched: {why}; next try in {}s",
                    source.name,
                    pause.as_secs()
                );
                pause
            }
        };
        let cool_down = COOL_DOWN.min(pause);
        tokio::time::sleep(cool_down).await;
        // A wish that came during the cool-down is kept by the notifier.
        trigger = tokio::select! {
            () = wanted.notified() => "unknown-kid",
            () = tokio::time::sleep(pause.saturating_sub(cool_down)) => "interval",
        };
    }
}

/// What a fetch may cost, and whom it trusts.
pub fn limits(remote: &RemoteKeys) -> FetchLimits {
    let RemoteKeys { ca_file, client_tls, .. } = remote;
    FetchLimits { bytes_max: BYTES_MAX, timeout: TIMEOUT, ca: ca_file.clone(), client: client_tls.clone() }
}

/// The key set that is there now, and a warning for each key that is left out.
pub async fn fetch_keys(remote: &RemoteKeys, allowed: &[Algorithm]) -> Result<(KeySet, Vec<String>), String> {
    let limits = limits(remote);
    let url = match &remote.at {
        KeysAt::Set(url) => url.clone(),
        KeysAt::Discovery { url, issuer, origins } => {
            let document = get(url, limits.clone()).await.map_err(|e| format!("discovery: {}", in_one_line(&e)))?;
            jwks_uri(&document, url, issuer, origins).map_err(|e| format!("discovery: {}", in_one_line(&e)))?
        }
    };
    let body = get(&url, limits).await.map_err(|e| in_one_line(&e))?;
    KeySet::parse(&body, allowed).map_err(|e| in_one_line(&e))
}

async fn fetch(source: &KeySource, state: &State, telemetry: &Telemetry) -> Result<(), String> {
    let (set, warnings) = fetch_keys(&source.remote, &source.algorithms).await?;
    for warning in warnings {
        log::warn!("credential `{}`: {warning}", source.name);
    }
    let now_s = Timestamp::now().as_second();
    if state.keys.fetched(&source.name, &source.remote, set, now_s) {
        let label = [source.name.as_str()];
        let keys = state.keys.of(&source.name, now_s).set.map_or(0, |set| set.len());
        telemetry.metrics.jwks_keys.with_label_values(&label).set(i64::try_from(keys).unwrap_or(i64::MAX));
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for millions of years")]
        telemetry.metrics.jwks_last_success.with_label_values(&label).set(now_s as f64);
    }
    Ok(())
}
