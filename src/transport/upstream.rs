//! The servers of an upstream: which one a request goes to, and how.
//!
//! A [`Pool`] is one named upstream: servers resolved to addresses when it is built, a prepared pingora peer for
//! each, taken in turn among the healthy ones. When every server is unhealthy all of them are: a health check that
//! is wrong must not take the portal down, and a server that is really gone shows as 502.
//! Every time-out that pingora leaves open is set here. Knows no request and counts nothing.

mod health;
#[cfg(test)]
mod tests;

pub use health::Health;

use super::pem::{self, PemError};
use pingora::upstreams::peer::HttpPeer;
use rustls::pki_types::ServerName;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Concurrent requests on one HTTP/2 connection to a server.
const HTTP2_STREAMS_MAX: usize = 100;

/// One upstream as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    pub name: String,
    /// `host:port` each; a name stands for one address.
    pub servers: Vec<String>,
    /// `None`: plain TCP.
    pub tls: Option<UpstreamTls>,
    /// HTTP/2 to the servers: by ALPN with fall back to HTTP/1.1, over plain TCP by prior knowledge.
    pub http2: bool,
    /// `None`: every server counts as healthy.
    pub health: Option<Health>,
    /// TCP and TLS handshake together.
    pub connect: Duration,
    /// Each wait for bytes of the answer.
    pub read: Duration,
    /// Each wait to get rid of bytes of the request.
    pub write: Duration,
    /// How long an unused connection is kept for the next request.
    pub idle: Duration,
}

/// How to speak TLS with the servers of an upstream. Their certificate is always checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Sent as SNI, and the name their certificate must carry.
    pub server_name: String,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// Why a pool cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("upstream `{upstream}` has no servers")]
    NoServers { upstream: String },
    #[error("server `{server}` of upstream `{upstream}` is not `host:port`")]
    NotHostPort { upstream: String, server: String },
    #[error("server `{server}` of upstream `{upstream}` cannot be resolved")]
    Unresolved { upstream: String, server: String, source: Option<std::io::Error> },
    #[error(
        "`{name}` is no server name: upstream `{upstream}` needs a host name to check the certificate of its servers"
    )]
    ServerName { upstream: String, name: String },
    #[error("the health check of upstream `{upstream}` has no usable {what}")]
    Health { upstream: String, what: &'static str },
    #[error("upstream `{upstream}`")]
    File { upstream: String, source: PemError },
}

/// One upstream at work.
pub struct Pool {
    settings: PoolSettings,
    servers: Vec<Arc<Server>>,
    next: AtomicUsize,
    probe: Option<health::Probe>,
}

/// One server of a pool.
struct Server {
    /// As configured; closed list, fit for a label.
    name: String,
    address: SocketAddr,
    peer: HttpPeer,
    state: health::State,
}

impl Pool {
    /// Resolves the servers (which may block) and reads the CA file.
    pub fn new(settings: PoolSettings) -> Result<Self, UpstreamError> {
        let upstream = &settings.name;
        let file = |source| UpstreamError::File { upstream: upstream.clone(), source };
        if settings.servers.is_empty() {
            return Err(UpstreamError::NoServers { upstream: upstream.clone() });
        }
        if let Some(tls) = &settings.tls
            && ServerName::try_from(tls.server_name.as_str()).is_err()
        {
            // pingora would take an empty name as the wish not to check certificates
            return Err(UpstreamError::ServerName { upstream: upstream.clone(), name: tls.server_name.clone() });
        }
        let addresses =
            settings.servers.iter().map(|server| resolve(upstream, server)).collect::<Result<Vec<_>, _>>()?;
        let ca_file = settings.tls.as_ref().and_then(|tls| tls.ca.as_deref());
        let authorities = ca_file.map(pem::authorities).transpose().map_err(file)?;

        let template = template(&settings, authorities);
        let probe =
            settings.health.as_ref().map(|health| health::Probe::new(upstream, health, &template)).transpose()?;
        let servers = settings.servers.iter().zip(addresses).map(|(name, address)| {
            let mut peer = template.clone();
            peer._address = address.into();
            Arc::new(Server { name: name.clone(), address, peer, state: health::State::default() })
        });
        Ok(Pool { servers: servers.collect(), next: AtomicUsize::new(0), probe, settings })
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// Whether both would treat every request alike: same settings, same addresses behind the names, same
    /// authorities in the CA file. Then the older one can stay, with what it knows about health.
    pub fn is_same_as(&self, other: &Pool) -> bool {
        let places =
            |pool: &Pool| pool.servers.iter().map(|server| (server.address, server.peer.group_key)).collect::<Vec<_>>();
        self.settings == other.settings && places(self) == places(other)
    }

    /// The next server in turn, ready to connect to. Always there: a pool has at least one server.
    pub fn peer(&self) -> Option<Box<HttpPeer>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let healthy = || self.servers.iter().filter(|server| server.state.is_healthy());
        // taken in turn among the healthy ones, so that the neighbour of a sick server does not get double load
        let chosen = match healthy().count() {
            0 => self.servers.get(turn % self.servers.len().max(1)),
            count => healthy().nth(turn % count).or(self.servers.first()),
        };
        chosen.map(|server| Box::new(server.peer.clone()))
    }

    /// The same for a request that may become a tunnel, which may then be silent for `silence`.
    pub fn peer_of_tunnel(&self, silence: Duration) -> Option<Box<HttpPeer>> {
        let mut peer = self.peer()?;
        peer.options.read_timeout = Some(silence);
        // pingora ends a tunnel at birth if it reads the 101 before the end of the request's empty body, which it has
        // queued. It cannot while nobody but its own thread looks for bytes on the connection: hence none is shared
        // with other threads. Holds for as long as a thread keeps its tasks.
        let mut hasher = DefaultHasher::new();
        (peer.group_key, std::thread::current().id()).hash(&mut hasher);
        peer.group_key = hasher.finish();
        Some(peer)
    }

    /// What is believed of each server now, in the order of the settings.
    pub fn healthy(&self) -> Vec<bool> {
        self.servers.iter().map(|server| server.state.is_healthy()).collect()
    }

    /// Asks every server once, at the same time, and says what is now believed of each. A server changes sides
    /// after as many answers of one kind as [`Health`] demands. Without a health check all are healthy.
    pub async fn check(&self) -> Vec<(String, bool)> {
        if let Some(probe) = &self.probe {
            probe.ask_all(&self.servers).await;
        }
        self.servers.iter().map(|server| (server.name.clone(), server.state.is_healthy())).collect()
    }
}

/// The peer of a pool but for its address.
fn template(settings: &PoolSettings, authorities: Option<Arc<[pingora::utils::tls::WrappedX509]>>) -> HttpPeer {
    let server_name = settings.tls.as_ref().map(|tls| tls.server_name.clone());
    let placeholder = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut peer = HttpPeer::new(placeholder, server_name.is_some(), server_name.unwrap_or_default());
    peer.group_key = group_key(settings, authorities.as_deref());
    let options = &mut peer.options;
    options.connection_timeout = Some(settings.connect);
    options.total_connection_timeout = Some(settings.connect);
    options.read_timeout = Some(settings.read);
    options.write_timeout = Some(settings.write);
    options.idle_timeout = Some(settings.idle);
    options.ca = authorities;
    if settings.http2 {
        options.set_http_version(2, if settings.tls.is_some() { 1 } else { 2 });
        options.max_h2_streams = HTTP2_STREAMS_MAX;
    }
    peer
}

/// Keeps connections apart that were made under other rules: pingora shares them without a look at CA and ALPN.
fn group_key(settings: &PoolSettings, authorities: Option<&[pingora::utils::tls::WrappedX509]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    settings.http2.hash(&mut hasher);
    for authority in authorities.unwrap_or_default() {
        authority.borrow_raw_cert().hash(&mut hasher);
    }
    hasher.finish()
}

/// One address for `host:port`: the first IPv4 one, else the first. Servers behind a name with several addresses
/// are to be listed one by one.
fn resolve(upstream: &str, server: &str) -> Result<SocketAddr, UpstreamError> {
    let named = |source| UpstreamError::Unresolved { upstream: upstream.to_owned(), server: server.to_owned(), source };
    match server.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => {}
        _ => return Err(UpstreamError::NotHostPort { upstream: upstream.to_owned(), server: server.to_owned() }),
    }
    let addresses: Vec<_> = server.to_socket_addrs().map_err(|source| named(Some(source)))?.collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().ok_or_else(|| named(None))
}
