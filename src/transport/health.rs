//! Asks the servers of every upstream whether they are well, at each upstream's own pace.

use super::Running;
use crate::snapshot::Live;
use crate::telemetry::Telemetry;
use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The background task; the pools remember what it finds.
pub struct HealthChecks {
    pub live: Arc<Live<Running>>,
    pub telemetry: Arc<Telemetry>,
}

#[async_trait]
impl BackgroundService for HealthChecks {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut due: HashMap<String, Instant> = HashMap::new();
        loop {
            let running = self.live.current();
            for pool in &running.pools {
                let now = Instant::now();
                if due.get(pool.name()).is_some_and(|at| *at > now) {
                    continue;
                }
                let interval = pool.settings().health.as_ref().map_or(Duration::from_secs(5), |h| h.interval);
                due.insert(pool.name().to_owned(), now + interval);
                let (pool, metrics) = (pool.clone(), self.telemetry.metrics.clone());
                // Each upstream for itself: a silent one does not keep the others waiting.
                tokio::spawn(async move {
                    let before: Vec<bool> = pool.healthy();
                    for ((server, healthy), before) in pool.check().await.into_iter().zip(before) {
                        if healthy != before {
                            let now = if healthy { "is well again" } else { "does not answer its health check" };
                            log::warn!("upstream `{}`: server {server} {now}", pool.name());
                        }
                        let labels = [pool.name(), server.as_str()];
                        metrics.upstream_healthy.with_label_values(&labels).set(i64::from(healthy));
                    }
                });
            }
            drop(running);
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    }
}
