//! Keeps fetched key sets fresh: at start, at an interval, and soon after a token named a key that is not there.
//!
//! One fetch at a time for each credential, with a pause after each: a storm of junk key ids costs one fetch. A fetch
//! that fails leaves the last good set in force.

use super::Running;
use super::fetch::{FetchLimits, get};
use crate::config::settings::KeySource;
use crate::identity::credential::Kind;
use crate::identity::keys::KeySet;
use crate::snapshot::Live;
use crate::state::State;
use crate::telemetry::Telemetry;
use async_trait::async_trait;
use jiff::Timestamp;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A key set that was fetched well is looked at again.
const INTERVAL: Duration = Duration::from_secs(300);
/// Not more often than this for unknown key ids.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// After a failure: at first soon, then ever slower.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
const BYTES_MAX: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The background task.
pub struct KeyRefresher {
    pub live: Arc<Live<Running>>,
    pub state: Arc<State>,
    pub telemetry: Arc<Telemetry>,
}

/// When a credential's set is to be looked at again.
struct Plan {
    url: String,
    next: Instant,
    failures: u32,
    last: Option<Instant>,
}

#[async_trait]
impl BackgroundService for KeyRefresher {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut plans: HashMap<String, Plan> = HashMap::new();
        loop {
            let running = self.live.current();
            let sources = &running.snapshot.settings.keys;
            plans.retain(|name, plan| sources.iter().any(|s| s.name == *name && s.url.as_ref() == Some(&plan.url)));
            for source in sources {
                if let Some(url) = &source.url {
                    self.visit(&running, source, url, &mut plans).await;
                }
            }
            drop(running);
            tokio::select! {
                _ = shutdown.changed() => return,
                () = self.state.keys.wanted.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    }
}

impl KeyRefresher {
    async fn visit(&self, running: &Running, source: &KeySource, url: &str, plans: &mut HashMap<String, Plan>) {
        let now = Instant::now();
        let known = plans.contains_key(&source.name);
        let plan = plans.entry(source.name.clone()).or_insert_with(|| Plan {
            url: url.to_owned(),
            next: now,
            failures: 0,
            last: None,
        });
        let cooled = plan.last.is_none_or(|last| now.duration_since(last) >= COOL_DOWN);
        let trigger = if !known {
            "start"
        } else if now >= plan.next {
            "interval"
        } else if cooled && self.state.keys.take_wanted(&source.name) {
            "unknown-kid"
        } else {
            return;
        };
        plan.last = Some(now);
        let fetched = self.fetch(running, source, url).await;
        match &fetched {
            Ok(()) => {
                plan.failures = 0;
                plan.next = Instant::now() + INTERVAL;
            }
            Err(why) => {
                let pause = RETRY_MIN.saturating_mul(1 << plan.failures.min(6)).min(RETRY_MAX);
                plan.failures += 1;
                plan.next = Instant::now() + pause;
                log::error!(
                    "credential `{}`: key set not fetched: {why}; next try in {}s",
                    source.name,
                    pause.as_secs()
                );
            }
        }
        let result = if fetched.is_ok() { "ok" } else { "failed" };
        self.telemetry.metrics.jwks_refreshes.with_label_values(&[source.name.as_str(), trigger, result]).inc();
    }

    async fn fetch(&self, running: &Running, source: &KeySource, url: &str) -> Result<(), String> {
        let limits = FetchLimits { bytes_max: BYTES_MAX, timeout: TIMEOUT, ca: source.ca_file.clone() };
        let body = get(url, limits).await.map_err(|e| chain(&e))?;
        let credential = running.snapshot.settings.identity.credential(source.credential);
        let Some(Kind::Jwt(jwt)) = credential.map(|c| &c.kind) else { return Ok(()) };
        let (set, warnings) = KeySet::parse(&body, &jwt.algorithms).map_err(|e| chain(&e))?;
        for warning in warnings {
            log::warn!("credential `{}`: {warning}", source.name);
        }
        let metrics = &self.telemetry.metrics;
        let count = i64::try_from(set.len()).unwrap_or(i64::MAX);
        metrics.jwks_keys.with_label_values(&[source.name.as_str()]).set(count);
        let now_s = Timestamp::now().as_second();
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for millions of years")]
        metrics.jwks_last_success.with_label_values(&[source.name.as_str()]).set(now_s as f64);
        self.state.keys.fetched(&source.name, set);
        Ok(())
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
