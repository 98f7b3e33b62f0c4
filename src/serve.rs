//! The composition root: puts the rooms together, opens the listeners, and serves until the process is told to stop.
//!
//! [`prepare`] builds everything that can fail; [`PreparedGate::run`] serves on the calling thread.

mod opening;
pub mod reachable;
mod stop;

use crate::admin::AdminService;
use crate::authn::Authenticator;
use crate::config::settings::Settings;
use crate::proxy::Enforcer;
use crate::proxy::tunnels::Keeper;
use crate::proxy::tunnels::registry::Tunnels;
use crate::reload::{self, Reloader};
use crate::snapshot::{Live, Snapshot};
use crate::state::State;
use crate::state::store::StoreError;
use crate::telemetry::{Telemetry, audit};
use crate::transport::guard::{Guarded, Limits, Meters};
use crate::transport::health::HealthChecks;
use crate::transport::key_sets::KeyRefresher;
use crate::transport::listen::Tls;
use crate::transport::running::RunningError;
use crate::transport::tls::{self, TlsError, TlsVersion};
use crate::transport::{Running, pem};
use jiff::Timestamp;
use opening::{Announce, Opening};
use pingora::apps::http_app::HttpServer;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::ServiceWithDependents;
use pingora::services::background::background_service;
use pingora::services::listening::Service;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use stop::{Signals, Stopper};

/// Idle connections kept to all upstreams, for each serving thread.
const UPSTREAM_IDLE_MAX: usize = 256;
/// A connection serves so many requests; then its memory is given back.
const REQUESTS_PER_CONNECTION: u32 = 100_000;

/// Why a good policy cannot be served on this machine.
#[derive(Debug, thiserror::Error)]
pub enum CannotServe {
    #[error("cannot listen on {address} (`{table}`)")]
    Listen { address: SocketAddr, table: &'static str, source: std::io::Error },
    #[error("the store of sessions (`[state]`) cannot be used")]
    Store(#[from] StoreError),
    #[error("cannot write the audit log")]
    Audit(#[source] std::io::Error),
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    #[error("the certificates of this policy cannot be used")]
    Tls(#[from] TlsError),
    #[error("this machine trusts no certificate authority: install `ca-certificates`")]
    Roots(#[from] pem::PemError),
    #[error(transparent)]
    Policy(#[from] RunningError),
}

/// A gate that is ready to serve.
pub struct PreparedGate {
    server: Server,
    state: Arc<State>,
    telemetry: Arc<Telemetry>,
    last_lines: audit::Writer,
    opening: Opening,
}

/// Builds everything that can fail before the first connection is accepted.
pub fn prepare(directory: &Path, settings: Settings, digest: String) -> Result<PreparedGate, CannotServe> {
    let telemetry = Arc::new(Telemetry::new()?);
    let version = if settings.gate.tls_min_1_3 { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
    tls::install_crypto_provider(version)?;
    pem::system_roots()?;
    audit::check(&settings.audit).map_err(CannotServe::Audit)?;
    for listener in &settings.listeners {
        can_listen(listener.address, "[[listener]]")?;
    }
    can_listen(settings.admin.address, "[admin]")?;

    let tls = Arc::new(Tls::new(&settings, &telemetry)?);
    let now = Timestamp::now();
    let state = State::new(&settings.gate, &settings.state, telemetry.metrics.store.clone(), now.as_second())?;
    let state = Arc::new(state);
    state.keys.adopt(&settings.keys, now.as_second());
    if settings.gate.secret.is_none() {
        log::warn!("`[gate]` has no secret: pseudonyms in the audit log change at every start");
    }
    let running = Running::new(Snapshot { generation: 1, digest, settings }, None)?;
    reload::show(&telemetry, &running.snapshot, now);
    telemetry.loads.succeeded(now);
    let live = Arc::new(Live::new(running));

    let mut server = Server::new_with_opt_and_conf(None, conf(&live.current().snapshot.settings));
    server.bootstrap();
    let settings = &live.current().snapshot.settings;
    let writer =
        || audit::Writer::new(telemetry.audit.clone(), settings.audit.clone(), telemetry.metrics.audit_dropped.clone());
    server.add_service(background_service("audit", writer()));
    let tunnels = Arc::new(Tunnels::default());
    server.add_service(background_service("tunnels", Keeper { state: state.clone(), tunnels: tunnels.clone() }));
    let authn = Arc::new(Authenticator::new(state.clone(), telemetry.clone(), settings.gate.limits.tokens));
    for listener in &settings.listeners {
        let judges = (state.clone(), authn.clone());
        let enforcer = Enforcer::new(live.clone(), judges, telemetry.clone(), listener.clone(), tunnels.clone());
        let address = listener.address.to_string();
        let guarded = guarded(&server, enforcer, limits(settings), meters(&telemetry, &address));
        let speaks = tls.of(listener.address).map(|c| tls::settings(c, listener.http2)).transpose()?;
        server.add_service(guarded.into_service("gate", &address, speaks));
    }
    let listening = Arc::new(AtomicBool::new(false));
    let admin = AdminService {
        live: live.clone(),
        state: state.clone(),
        telemetry: telemetry.clone(),
        listening: listening.clone(),
    };
    server.add_service(admin_service(admin, settings));
    server.add_service(background_service(
        "keys",
        KeyRefresher { live: live.clone(), state: state.clone(), telemetry: telemetry.clone() },
    ));
    server.add_service(background_service("health", HealthChecks { live: live.clone(), telemetry: telemetry.clone() }));
    let (directory, shared) = (directory.to_owned(), live.clone());
    let reloader = Reloader { directory, live: shared, state: state.clone(), telemetry: telemetry.clone(), tls };
    server.add_service(background_service("reload", reloader));
    log::info!("policy {} is in force; {}", live.current().snapshot.digest, addresses(settings));
    let open = settings.listeners.iter().map(|l| l.address).collect();
    Ok(PreparedGate {
        server,
        state,
        telemetry: telemetry.clone(),
        last_lines: writer(),
        opening: Opening { addresses: open, listening },
    })
}

impl PreparedGate {
    /// Serves until the process is told to stop; `more` are services beside the gate's own. `on_open` is called once
    /// every listener accepts connections, `on_close` when the last running request is done.
    pub fn run(
        mut self,
        more: Vec<Box<dyn ServiceWithDependents>>,
        on_open: impl Fn() + Send + Sync + 'static,
        on_close: impl Fn() + Send + Sync + 'static,
    ) {
        for service in more {
            self.server.add_boxed_service(service);
        }
        self.server.add_service(background_service("opening", Announce { opening: self.opening, on_open }));
        let stopper = Stopper { state: self.state, telemetry: self.telemetry, last_lines: self.last_lines, on_close };
        self.server.add_service(background_service("stop", stopper));
        self.server.run(RunArgs { shutdown_signal: Box::new(Signals) });
    }
}

fn conf(settings: &Settings) -> ServerConf {
    let stop = settings.gate.timeouts.stop.as_secs().max(1);
    ServerConf {
        threads: settings.gate.threads,
        // Each thread keeps its connections: with one thread a twentieth cheaper than stealing, with more no dearer.
        // Tunnels need it: see `Pool::peer_of_tunnel`.
        work_stealing: false,
        grace_period_seconds: Some(stop),
        graceful_shutdown_timeout_seconds: Some(1),
        upstream_keepalive_pool_size: UPSTREAM_IDLE_MAX,
        max_retries: 4,
        // Time-outs of a second and more wait in tokio's timers: those read no clock before they have to wait, and are
        // gone when the wait is over.
        fast_timeout_to_tokio_threshold_seconds: Some(0),
        ..ServerConf::default()
    }
}

fn can_listen(address: SocketAddr, table: &'static str) -> Result<(), CannotServe> {
    // std sets SO_REUSEADDR, so a connection in TIME_WAIT does not count as taken.
    TcpListener::bind(address).map(drop).map_err(|source| CannotServe::Listen { address, table, source })
}

/// The enforcement point behind a guard.
fn guarded(server: &Server, enforcer: Enforcer, limits: Limits, meters: Meters) -> Guarded<HttpProxy<Enforcer>> {
    let refuse = Arc::new(enforcer.clone());
    let mut proxy = http_proxy(&server.configuration, enforcer);
    let mut options = pingora::apps::HttpServerOptions::default();
    options.keepalive_request_limit = Some(REQUESTS_PER_CONNECTION);
    proxy.server_options = Some(options);
    Guarded::new(Arc::new(proxy), limits, meters, refuse)
}

fn meters(telemetry: &Telemetry, address: &str) -> Meters {
    let metrics = &telemetry.metrics;
    let refused = |cause: &str| metrics.connections_refused.with_label_values(&[address, cause]);
    Meters {
        open: metrics.connections_open.with_label_values(&[address]),
        refused: refused("limit"),
        slow_heads: refused("slow-head"),
        long_heads: refused("long-head"),
    }
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        head: settings.gate.timeouts.head,
        idle: settings.gate.timeouts.idle,
        // Twice what is answered with 431, so that whoever is a little over is told and not cut.
        head_bytes_max: settings.gate.limits.head_bytes * 2,
        connections_max: settings.gate.limits.connections,
    }
}

fn admin_service(admin: AdminService, settings: &Settings) -> Service<HttpServer<AdminService>> {
    let mut service = Service::new("admin".to_owned(), HttpServer::new_app(admin));
    service.threads = Some(1);
    service.add_tcp(&settings.admin.address.to_string());
    service
}

fn addresses(settings: &Settings) -> String {
    let listeners: Vec<String> = settings
        .listeners
        .iter()
        .map(|l| format!("{}://{}", if l.tls.is_empty() { "http" } else { "https" }, l.address))
        .collect();
    format!("listening on {}, admin on http://{}", listeners.join(", "), settings.admin.address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_directory;
    use std::io::{Read, Write};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn a_gate_can_be_started_within_a_test() {
        let (directory, main, admin) = (tempfile::tempdir().unwrap(), free_port(), free_port());
        let policy = format!(
            r#"
            gate = {{ name = "within-a-test" }}
            listener = [{{ address = "127.0.0.1:{main}" }}]
            admin = {{ address = "127.0.0.1:{admin}" }}
            state = {{ store = "memory" }}
            upstream = [{{ name = "portal", servers = ["127.0.0.1:9"] }}]
            site = [{{ name = "portal", hosts = ["portal.example"], upstream = "portal" }}]
            default = {{ then = "reject", page = "not-permitted" }}
            "#
        );
        std::fs::write(directory.path().join("policy.toml"), policy).unwrap();
        let loaded = read_directory(directory.path());
        let gate = prepare(directory.path(), loaded.settings.unwrap(), loaded.digest).unwrap();
        let (opened, open) = channel();
        std::thread::spawn(move || gate.run(Vec::new(), move || opened.send(()).unwrap(), || {}));
        open.recv_timeout(Duration::from_secs(30)).unwrap();
        let mut client = std::net::TcpStream::connect(("127.0.0.1", main)).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: portal.example\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}
