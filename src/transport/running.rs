//! What is in force: a snapshot, and the pools of servers and the questioners that were made for it. Pinned together by
//! each request.

use super::introspect::{IntrospectError, Introspector};
use super::key_sets;
use super::pem::PemError;
use super::probe::Prober;
use super::upstream::{Health, Pool, PoolSettings, UpstreamError, UpstreamTls};
use crate::config::settings::{KeySource, Upstream};
use crate::identity::Credential;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use std::time::Duration;

/// A snapshot at work.
pub struct Running {
    pub snapshot: Snapshot,
    /// In the order of the snapshot's upstreams.
    pub pools: Vec<Arc<Pool>>,
    /// One for each credential by introspection.
    pub introspectors: Vec<Arc<Introspector>>,
    /// One for each credential whose sessions the portal is asked about.
    pub probers: Vec<Arc<Prober>>,
}

/// Why a policy cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    #[error("the upstreams of this policy cannot be used")]
    Upstream(#[from] UpstreamError),
    #[error("an introspection endpoint of this policy cannot be used")]
    Introspection(#[from] IntrospectError),
    #[error("the keys of credential `{credential}` cannot be fetched")]
    Keys { credential: String, source: PemError },
}

impl Running {
    /// Pools that did not change are taken over from `before`, with what they know of their servers' health. Names are
    /// resolved here, which may block.
    pub fn new(snapshot: Snapshot, before: Option<&Running>) -> Result<Self, RunningError> {
        let known = |pool: &Pool| before?.pools.iter().find(|old| old.is_same_as(pool)).cloned();
        let pools = snapshot
            .settings
            .upstreams
            .iter()
            .map(|upstream| {
                Pool::new(pool_settings(upstream)).map(|pool| known(&pool).unwrap_or_else(|| Arc::new(pool)))
            })
            .collect::<Result<_, UpstreamError>>()?;
        let introspectors = snapshot
            .settings
            .introspections
            .iter()
            .map(|source| Introspector::new(source).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let https = snapshot.settings.listeners.iter().any(|listener| !listener.tls.is_empty());
        let credentials = snapshot.settings.identity.credentials.iter();
        let probers = credentials.filter_map(|credential| prober(credential, https)).collect();
        snapshot.settings.keys.iter().try_for_each(can_be_fetched)?;
        Ok(Running { snapshot, pools, introspectors, probers })
    }
}

fn prober(credential: &Credential, https: bool) -> Option<Arc<Prober>> {
    let probe = credential.session()?.probe.as_ref()?;
    Some(Arc::new(Prober::new(credential.id, &credential.name, probe, https)))
}

/// Whether the files are fit that fetching these keys needs.
pub fn can_be_fetched(keys: &KeySource) -> Result<(), RunningError> {
    let tried = keys.remote.as_ref().map_or(Ok(()), |remote| key_sets::limits(remote).try_files());
    tried.map_err(|source| RunningError::Keys { credential: keys.name.clone(), source })
}

fn pool_settings(upstream: &Upstream) -> PoolSettings {
    PoolSettings {
        name: upstream.name.clone(),
        servers: upstream.servers.clone(),
        tls: upstream.tls.as_ref().map(|t| UpstreamTls { server_name: t.server_name.clone(), ca: t.ca_file.clone() }),
        http2: upstream.http2,
        health: upstream.health.as_ref().map(|h| Health {
            path: h.path.clone(),
            host: h.host.clone().unwrap_or_else(|| first_host(upstream)),
            interval: h.interval,
            timeout: h.interval.min(Duration::from_secs(2)),
            failures: 2,
            successes: 1,
        }),
        connect: upstream.connect,
        read: upstream.read,
        write: upstream.write,
        idle: upstream.idle,
    }
}

/// A health check that names no host asks by the name that the certificate carries, or by the server's own.
fn first_host(upstream: &Upstream) -> String {
    let named = upstream.tls.as_ref().map(|t| t.server_name.clone());
    named.or_else(|| upstream.servers.first().cloned()).unwrap_or_default()
}
