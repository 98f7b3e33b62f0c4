//! Health checks: which servers of an upstream answer.
//!
//! Uses pingora's checks: a TCP (and TLS) connection, or an HTTP request whose answer must be 2xx or 3xx. Whoever
//! owns the pool decides when to ask; here is only what one round means.

use super::{Server, UpstreamError};
use crate::transport::pem;
use http::HeaderValue;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::lb::Backend;
use pingora::lb::health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck};
use pingora::upstreams::peer::{HttpPeer, Peer};
use pingora::{Error, ErrorType};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// How the servers of an upstream are asked for their health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Path of a GET request; `None`: a connection is enough.
    pub path: Option<String>,
    /// Host field of that request.
    pub host: String,
    /// From one round to the next.
    pub interval: Duration,
    /// For one answer, connection included.
    pub timeout: Duration,
    /// So many failures in a row make a server unhealthy.
    pub failures: usize,
    /// So many successes in a row make it healthy again.
    pub successes: usize,
}

/// What is believed of one server.
#[derive(Debug, Default)]
pub(super) struct State {
    unhealthy: AtomicBool,
    /// Answers in a row that speak against the belief.
    against: AtomicUsize,
}

impl State {
    pub(super) fn is_healthy(&self) -> bool {
        !self.unhealthy.load(Ordering::Relaxed)
    }

    fn note(&self, answered: bool, health: &Health) {
        if answered == self.is_healthy() {
            self.against.store(0, Ordering::Relaxed);
            return;
        }
        let needed = if answered { health.successes } else { health.failures };
        if self.against.fetch_add(1, Ordering::Relaxed) + 1 >= needed {
            self.unhealthy.store(!answered, Ordering::Relaxed);
            self.against.store(0, Ordering::Relaxed);
        }
    }
}

/// The check of one pool.
pub(super) struct Probe {
    health: Health,
    check: Arc<dyn HealthCheck + Send + Sync>,
}

impl Probe {
    /// `template` says how requests reach the servers; the check goes the same way.
    pub(super) fn new(upstream: &str, health: &Health, template: &HttpPeer) -> Result<Self, UpstreamError> {
        pem::system_roots().map_err(|source| UpstreamError::File { upstream: upstream.to_owned(), source })?;
        let check: Arc<dyn HealthCheck + Send + Sync> = match &health.path {
            Some(path) => Arc::new(by_request(upstream, health, path, template)?),
            None => Arc::new(by_connection(health, template)),
        };
        Ok(Probe { health: health.clone(), check })
    }

    /// One round over all servers.
    pub(super) async fn ask_all(&self, servers: &[Arc<Server>]) {
        let mut asked = JoinSet::new();
        for server in servers {
            let (server, check, timeout) = (server.clone(), self.check.clone(), self.health.timeout);
            asked.spawn(async move {
                let backend = Backend { addr: server.peer.address().clone(), weight: 1, ext: http::Extensions::new() };
                // the time-outs of the check are for each step, and an answer may have any number of those
                let answer = tokio::time::timeout(timeout, check.check(&backend)).await;
                let answered = match answer {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err(format!("no answer within {timeout:?}")),
                };
                (server, answered)
            });
        }
        while let Some(done) = asked.join_next().await {
            let Ok((server, answered)) = done else {
                continue; // a check that panicked says nothing about its server
            };
            let before = server.state.is_healthy();
            server.state.note(answered.is_ok(), &self.health);
            match (before, server.state.is_healthy(), answered) {
                (true, false, Err(why)) => log::warn!("server {} is unhealthy: {why}", server.name),
                (false, true, _) => log::info!("server {} is healthy again", server.name),
                _ => {}
            }
        }
    }
}

fn by_request(
    upstream: &str,
    health: &Health,
    path: &str,
    template: &HttpPeer,
) -> Result<HttpHealthCheck, UpstreamError> {
    let unusable = |what| UpstreamError::Health { upstream: upstream.to_owned(), what };
    // pingora's constructor panics on a bad host
    HeaderValue::from_str(&health.host).map_err(|_| unusable("host"))?;
    let mut check = HttpHealthCheck::new_custom(&health.host, template.is_tls(), Connector::new(None));
    check.peer_template = template.clone();
    check.peer_template.options.connection_timeout = Some(health.timeout);
    check.peer_template.options.total_connection_timeout = Some(health.timeout);
    check.peer_template.options.read_timeout = Some(health.timeout);
    check.peer_template.options.write_timeout = Some(health.timeout);

    if !path.starts_with('/') || path.parse::<http::Uri>().is_err() {
        return Err(unusable("path"));
    }
    let mut request = RequestHeader::build("GET", path.as_bytes(), Some(3)).map_err(|_| unusable("path"))?;
    request.insert_header("Host", &health.host).map_err(|_| unusable("host"))?;
    request.insert_header("User-Agent", "vneid-gate health check").map_err(|_| unusable("request"))?;
    check.req = request;
    check.validator = Some(Box::new(|answer| {
        if answer.status.is_success() || answer.status.is_redirection() {
            return Ok(());
        }
        Error::e_explain(ErrorType::HTTPStatus(answer.status.as_u16()), "the health check was not answered 2xx or 3xx")
    }));
    Ok(check)
}

fn by_connection(health: &Health, template: &HttpPeer) -> TcpHealthCheck {
    let mut check = TcpHealthCheck::default();
    check.peer_template.sni = template.sni.clone();
    let options = &mut check.peer_template.options;
    options.ca = template.options.ca.clone();
    options.alpn = template.options.alpn.clone();
    options.connection_timeout = Some(health.timeout);
    options.total_connection_timeout = Some(health.timeout);
    check
}
