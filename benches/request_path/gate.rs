//! The gate as an operator runs it: its policy, and a session in its ledger.
//!
//! A policy directory written by hand along the handbook: a JWT credential, an opaque session with a VNeID log-in, the
//! notice's rules, the audit log on. The gate is the release binary; nothing of the library is called.

use crate::Outcome;
use crate::client::{self, Answer};
use crate::peers::{CALLBACK_PATH, LOGIN_HOST, LOGIN_PATH, LOGIN_STATE, SESSION_COOKIE};
use crate::processes::{Running, free_address};
use crate::tokens::{AUDIENCE, ISSUER, PARTY};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const HOST: &str = "portal.test";
/// A page that everyone may read, and one that is for people who came by VNeID.
pub(crate) const PUBLIC_PATH: &str = "/tra-cuu-ho-so/1";
pub(crate) const FILING_PATH: &str = "/nop-ho-so/1";

const START_LIMIT: Duration = Duration::from_secs(60);

/// What the gates of a comparison share.
pub(crate) struct Policy {
    pub binary: PathBuf,
    pub key_set: String,
    pub upstream: SocketAddr,
}

pub(crate) struct Gate {
    pub address: SocketAddr,
    admin: SocketAddr,
    pub audit: PathBuf,
    /// What its binary is called with.
    pub arguments: Vec<OsString>,
    log: PathBuf,
}

impl Gate {
    /// Writes the policy of one gate into `folder`.
    pub(crate) fn prepare(folder: &Path, policy: &Policy) -> Outcome<Gate> {
        fs::create_dir_all(folder)?;
        let (address, admin) = (free_address()?, free_address()?);
        let audit = folder.join("audit.jsonl");
        let directory = folder.join("policy");
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("jwks.json"), &policy.key_set)?;
        // 32 bytes of nobody's secret: the entries it keys live as long as this comparison
        fs::write(folder.join("secret"), "5f0c1d9e8b7a64532211ffeeddccbbaa5f0c1d9e8b7a64532211ffeeddccbbaa\n")?;
        fs::write(
            directory.join("gate.toml"),
            gate_toml(address, admin, policy.upstream, &audit, &folder.join("secret")),
        )?;
        fs::write(directory.join("identity.toml"), identity_toml())?;
        fs::write(directory.join("rules.toml"), RULES)?;
        let arguments = vec!["run".into(), directory.into()];
        Ok(Gate { address, admin, audit, arguments, log: folder.join("log") })
    }

    pub(crate) fn start(&self, core: usize, program: &Path, args: &[OsString]) -> Outcome<Running> {
        let mut running = Running::start("the gate", core, program, args, &self.log)?;
        let question = "GET /readyz HTTP/1.1\r\nHost: admin\r\n\r\n";
        let ready = || client::ask(self.admin, question).is_ok_and(|answer| answer.status == 200);
        running.wait_until("become ready", START_LIMIT, ready)?;
        Ok(running)
    }
}

/// Logs a person in by VNeID through the gate; the session's cookie, now in the ledger.
pub(crate) fn log_in(gate: SocketAddr) -> Outcome<String> {
    let begun = get(gate, LOGIN_PATH, None)?;
    let sent_to = begun.field("location").unwrap_or_default();
    if begun.status != 302 || !sent_to.contains(LOGIN_HOST) {
        return Err(format!("the log-in did not begin: {} to `{sent_to}`", begun.status).into());
    }
    // The session comes with the success; until then the gate's own cookie stands for the log-in.
    let callback = format!("{CALLBACK_PATH}?code=c0de5e55&state={LOGIN_STATE}");
    let done = get(gate, &callback, Some(&set_by(&begun)))?;
    if done.status != 302 {
        return Err(format!("the log-in was not finished: {} {}", done.status, done.body).into());
    }
    let cookie = set_by(&done);
    if !cookie.starts_with(SESSION_COOKIE) {
        return Err("the log-in gave no session".into());
    }
    Ok(cookie)
}

/// The first cookie that an answer sets.
fn set_by(answer: &Answer) -> String {
    answer.field("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap_or_default().to_owned()
}

fn get(address: SocketAddr, path: &str, cookie: Option<&str>) -> Outcome<Answer> {
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    client::ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\n"))
}

fn gate_toml(address: SocketAddr, admin: SocketAddr, upstream: SocketAddr, audit: &Path, secret: &Path) -> String {
    format!(
        r#"
[gate]
name        = "bench"
time_zone   = "Asia/Ho_Chi_Minh"
secret_file = {secret:?}
threads     = 1

[[listener]]
address = "{address}"

[admin]
address = "{admin}"

[state]
store = "memory"

[audit]
path = {audit:?}

[[upstream]]
name    = "portal"
servers = ["{upstream}"]

[[site]]
name      = "portal"
hosts     = ["{HOST}"]
upstream  = "portal"
login_url = "{LOGIN_PATH}"

[[route]]
name  = "public"
site  = "portal"
paths = ["/", "/tra-cuu-ho-so", "/tra-cuu-ho-so/**"]
[[route]]
name  = "login"
site  = "portal"
paths = ["/dang-nhap/**"]
[[route]]
name    = "filing"
site    = "portal"
paths   = ["/nop-ho-so", "/nop-ho-so/**"]
methods = ["GET", "POST"]
"#
    )
}

fn identity_toml() -> String {
    format!(
        r#"
[[credential]]
name = "sso-token"
from = [{{ header = "authorization" }}, {{ cookie = "access_token" }}]
[credential.jwt]
issuer     = "{ISSUER}"
audience   = ["{AUDIENCE}"]
parties    = ["{PARTY}"]
algorithms = ["RS256"]
jwks_file  = "jwks.json"
leeway     = "30s"
subject    = "/preferred_username"
[[credential.principal]]
equals = {{ "/identity_provider" = "vneid" }}
is     = {{ account = "citizen", login = "vneid", level_from = "/vneid_level" }}
[[credential.principal]]
absent  = ["/identity_provider"]
matches = {{ "/preferred_username" = '^\d{{12}}$' }}
is      = {{ account = "citizen", login = "password" }}

[[credential]]
name = "portal-session"
from = [{{ cookie = "{SESSION_COOKIE}" }}]
[credential.session]
idle = "30m"
[[credential.login]]
name    = "vneid"
begins  = {{ location_host = ["{LOGIN_HOST}"] }}
request = {{ method = "GET", path = "{CALLBACK_PATH}", query = ["code", "state"] }}
success = {{ status = [302, 303], location = ["/", "/nop-ho-so/**"] }}
is      = {{ account = "citizen", login = "vneid", level = 2 }}
"#
    )
}

const RULES: &str = r#"
[[rule]]
name = "citizen-uses-vneid"
when = { account = ["citizen", "unknown"], login = "password" }
except_routes = ["login"]
from = 2024-07-01T00:00:00+07:00
then = "reject"
page = "use-vneid"

[[rule]]
name = "citizen-vneid"
when = { account = "citizen", login = "vneid", level_min = 2 }
then = "forward"

[[rule]]
name   = "public-pages"
routes = ["public", "login"]
when   = { evidence = ["none", "expired", "unbound", "valid"] }
then   = "forward"

[[rule]]
name   = "public-without-identity"
routes = ["public", "login"]
when   = { evidence = ["invalid", "revoked", "unavailable"] }
then   = "anonymous"

[default]
then = "login"
"#;
