//! Settings as meant: every default filled in, every name resolved, nothing left to check.

use crate::identity::assertion::ClientKey;
use crate::identity::keys::KeySet;
use crate::identity::{CredentialId, Identity};
use crate::policy::Policy;
use crate::policy::case::Case;
use crate::policy::invariant::Invariant;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything that a policy directory says.
#[derive(Clone, Debug)]
pub struct Settings {
    pub gate: Gate,
    pub listeners: Vec<Listener>,
    pub admin: Admin,
    pub state: State,
    pub audit: Audit,
    pub upstreams: Vec<Upstream>,
    pub identity: Identity,
    pub keys: Vec<KeySource>,
    pub introspections: Vec<IntrospectionSource>,
    pub policy: Policy,
    pub cases: Vec<Case>,
    /// All of them hold.
    pub invariants: Vec<Invariant>,
    /// Every other file that was read: certificates, key sets, secrets. A change of one is a change of the policy.
    pub files: Vec<PathBuf>,
}

/// `[gate]`
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub name: String,
    /// Whether everything is forwarded, whatever was decided: `mode = "observe"`.
    pub observing: bool,
    pub zone: TimeZone,
    /// Keys pseudonyms, ledger entries and remembered tokens; at least 32 bytes. `None`: a new one at every start.
    pub secret: Option<Secret>,
    pub tls_min_1_3: bool,
    /// Threads that serve requests.
    pub threads: usize,
    pub limits: Limits,
    pub timeouts: Timeouts,
}

/// Bytes that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Arc<[u8]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once on each listener.
    pub connections: usize,
    /// Bytes of a request head.
    pub head_bytes: usize,
    /// Bytes of a log-in body that the gate reads itself.
    pub login_body_bytes: usize,
    /// Verified tokens remembered.
    pub tokens: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The whole head of a request.
    pub head: Duration,
    /// Between two requests on a connection.
    pub idle: Duration,
    /// The whole body of a request.
    pub body: Duration,
    /// No byte read from or written to the client.
    pub stall: Duration,
    /// A WebSocket without traffic.
    pub websocket: Duration,
    /// Running requests at a graceful stop.
    pub stop: Duration,
}

/// `[[listener]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub address: SocketAddr,
    pub tls: Vec<CertificateFiles>,
    pub http2: bool,
    pub redirect_https: bool,
    pub trusted_proxies: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub address: SocketAddr,
    /// What whoever revokes shows; at least 32 bytes. `None`: nobody is revoked here.
    pub token: Option<Secret>,
}

/// `[state]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub store: Store,
    /// Sessions kept at once; beyond it the oldest become unbound.
    pub sessions: usize,
    /// Seconds for which it is remembered that somebody was revoked.
    pub keep_revocations_s: i64,
}

/// Where the ledger is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A restart forgets everybody.
    Memory,
    /// A folder of this gate's own.
    Embedded { path: PathBuf },
    /// Shared by several gates.
    Redis(Box<Redis>),
}

/// Redis or Valkey.
#[derive(Clone, PartialEq, Eq)]
pub struct Redis {
    /// May hold a password where it came from the environment.
    pub url: String,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// PEM of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// For one question.
    pub timeout: Duration,
    /// Before every key.
    pub prefix: String,
    pub on_loss: OnStoreLoss,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({:?}, {:?}, {:?}, {:?})", self.ca_file, self.timeout, self.prefix, self.on_loss)
    }
}

/// What a session is taken for while the store cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStoreLoss {
    /// Evidence `unavailable`.
    Refuse,
    /// As if it had never been seen.
    Unbound,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audit {
    Stdout,
    File(PathBuf),
}

/// `[[upstream]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    pub servers: Vec<String>,
    pub tls: Option<UpstreamTls>,
    pub http2: bool,
    pub health: Option<Health>,
    pub connect: Duration,
    pub read: Duration,
    pub write: Duration,
    pub idle: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Name in SNI and in the server's certificate.
    pub server_name: String,
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `None`: a TCP connection is enough.
    pub path: Option<String>,
    pub host: Option<String>,
    pub interval: Duration,
}

/// Where the keys of a JWT credential come from.
#[derive(Clone, Debug)]
pub struct KeySource {
    pub credential: CredentialId,
    pub name: String,
    /// Read from `jwks_file` at load.
    pub pinned: Option<Arc<KeySet>>,
    pub remote: Option<RemoteKeys>,
    /// Seconds for which a key counts that the fetched set no longer holds.
    pub grace_s: Option<i64>,
    /// Seconds after which a fetched set proves nothing any more.
    pub max_age_s: Option<i64>,
}

/// Keys that are fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteKeys {
    pub at: KeysAt,
    pub ca_file: Option<PathBuf>,
    pub client_tls: Option<CertificateFiles>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeysAt {
    /// The URL of the set.
    Set(String),
    /// The URL of a document (OpenID Connect Discovery §4) that names it and must name this issuer.
    /// The set is on the same origin, or on one of these.
    Discovery { url: String, issuer: String, origins: Vec<String> },
}

/// Whom to ask about the tokens of an introspected credential.
#[derive(Clone, Debug)]
pub struct IntrospectionSource {
    pub credential: CredentialId,
    pub name: String,
    pub endpoint: String,
    pub client: Client,
    pub ca_file: Option<PathBuf>,
    pub client_tls: Option<CertificateFiles>,
    /// For one question, everything included.
    pub timeout: Duration,
    /// Questions on their way at once.
    pub concurrency: usize,
}

/// As whom the gate asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: String,
    pub proof: Proof,
}

/// How the gate proves that it is this client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By Basic authentication (RFC 6749 §2.3.1).
    Secret(Secret),
    /// By an assertion (RFC 7523 §2.2) for `audience`.
    Key { key: ClientKey, key_id: Option<String>, audience: String },
}
