//! The table about what is learned while running: which store keeps the ledger, and where.
//!
//! A key of one store is an error beside another: whoever writes it believes that it does something.

use super::Files;
use super::outside::{OR_A_FILE, seconds, variable};
use super::reader::{Table, Value};
use super::settings::{Gate, OnStoreLoss, Redis, Secret, State, Store};
use super::values;
use crate::diagnostic::{At, Diagnostic, code};
use redis::{ConnectionInfo, IntoConnectionInfo};
use std::time::Duration;

/// Where the embedded store lies unless `path` says otherwise.
const PATH: &str = "/var/lib/vneid-gate/state";
const SESSIONS: usize = 1_000_000;
const KEEP_REVOCATIONS_S: i64 = 7 * 86_400;
const TIMEOUT: Duration = Duration::from_millis(500);
const PREFIX: &str = "vneid-gate:";
/// Keys that only one store has.
const OWN_KEYS: [(&str, Kind); 11] = [
    ("path", Kind::Embedded),
    ("sessions", Kind::Embedded),
    ("url", Kind::Redis),
    ("url_env", Kind::Redis),
    ("username", Kind::Redis),
    ("password_file", Kind::Redis),
    ("password_env", Kind::Redis),
    ("ca_file", Kind::Redis),
    ("timeout", Kind::Redis),
    ("prefix", Kind::Redis),
    ("on_store_loss", Kind::Redis),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Embedded,
    Redis,
}

impl Kind {
    const WORDS: [&str; 3] = ["memory", "embedded", "redis"];

    fn parse(word: &str) -> Option<Self> {
        [Kind::Memory, Kind::Embedded, Kind::Redis].into_iter().find(|kind| kind.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Embedded => "embedded",
            Kind::Redis => "redis",
        }
    }
}

pub(super) fn state(files: &Files<'_>, gate: Option<&Gate>) -> State {
    let embedded = |path: Option<At<String>>| Store::Embedded {
        path: files.base.join(path.map_or_else(|| PATH.to_owned(), |p| p.value)),
    };
    let no_secret = gate.is_some_and(|g| g.secret.is_none());
    let Some(t) = files.single("state") else {
        if no_secret {
            let finding = Diagnostic::error(code::MISSING_KEY, needs_a_secret(Kind::Embedded));
            files.findings.borrow_mut().push(finding.help(NO_SECRET));
        }
        return State { store: embedded(None), sessions: SESSIONS, keep_revocations_s: KEEP_REVOCATIONS_S };
    };
    let kind = t.optional("store", |v| values::word(v, &Kind::WORDS, Kind::parse)).map_or(Kind::Embedded, |k| k.value);
    let path = t.optional("path", values::text);
    let sessions = t.optional("sessions", |v| values::integer(v, 1..=100_000_000));
    let keep = t.optional("keep_revocations", values::duration);
    let redis = redis(files, &t, kind);
    foreign_keys(&t, kind);
    if kind != Kind::Memory && no_secret {
        t.report(code::MISSING_KEY, needs_a_secret(kind), Some(NO_SECRET.into()));
    }
    t.done();
    State {
        store: match (kind, redis) {
            (Kind::Memory, _) | (Kind::Redis, None) => Store::Memory,
            (Kind::Embedded, _) => embedded(path),
            (Kind::Redis, Some(redis)) => Store::Redis(Box::new(redis)),
        },
        sessions: sessions.and_then(|n| usize::try_from(n.value).ok()).unwrap_or(SESSIONS),
        keep_revocations_s: keep.map_or(KEEP_REVOCATIONS_S, |keep| seconds(keep.value)),
    }
}

/// Reads every key of the shared store, whatever store it is, so that each is known; `None` after a finding.
fn redis(files: &Files<'_>, t: &Table<'_>, kind: Kind) -> Option<Redis> {
    let written = t.optional("url", written_url);
    let from_env = t.optional("url_env", url_from_environment);
    let username = t.optional("username", values::text);
    let password_file = t.optional("password_file", |v| files.read(v).map(|bytes| Secret(bytes.trim_ascii().into())));
    let password_env =
        t.optional("password_env", |v| variable(v, OR_A_FILE).map(|text| Secret(text.into_bytes().into())));
    let ca_file = t.optional("ca_file", |v| files.read(v).and(v.text().map(|name| files.base.join(name))));
    let timeout = t.optional("timeout", values::duration);
    let prefix = t.optional("prefix", values::text);
    let on_loss = t.optional("on_store_loss", |v| {
        values::word(v, &["refuse", "unbound"], |word| match word {
            "refuse" => Some(OnStoreLoss::Refuse),
            "unbound" => Some(OnStoreLoss::Unbound),
            _ => None,
        })
    });
    for (one, other) in [("url", "url_env"), ("password_file", "password_env")] {
        if t.toml.contains_key(one) && t.toml.contains_key(other) {
            t.report(code::CONFLICTING_KEYS, format!("`{one}` and `{other}` at once"), Some("keep one".into()));
        }
    }
    if kind == Kind::Redis && !t.toml.contains_key("url") && !t.toml.contains_key("url_env") {
        let help = "the address of a Redis or Valkey, like `url = \"rediss://10.0.10.30:6379/0\"`";
        t.report(code::MISSING_KEY, "`store = \"redis\"` needs `url` or `url_env`", Some(help.into()));
    }
    Some(Redis {
        url: written.or(from_env)?.value,
        username: username.map(|u| u.value),
        password: password_file.or(password_env).map(|p| p.value),
        ca_file: ca_file.map(|f| f.value),
        timeout: timeout.map_or(TIMEOUT, |t| t.value),
        prefix: prefix.map_or_else(|| PREFIX.to_owned(), |p| p.value),
        on_loss: on_loss.map_or(OnStoreLoss::Refuse, |l| l.value),
    })
}

fn written_url(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let info = url(v, text)?;
    if info.redis_settings().password().is_some() {
        // Without its place: the line would be shown, and the password with it.
        let finding =
            Diagnostic::error(code::BAD_VALUE, "a password in `url` of `[state]`: secrets are never in these files");
        let help = "take it out, and name a file with `password_file` or a variable with `password_env` or `url_env`";
        v.findings.borrow_mut().push(finding.help(help));
        return None;
    }
    Some(text.to_owned())
}

fn url_from_environment(v: Value<'_>) -> Option<String> {
    let text = variable(v, OR_A_FILE)?;
    url(v, &text)?;
    Some(text)
}

fn url(v: Value<'_>, text: &str) -> Option<ConnectionInfo> {
    match text.into_connection_info() {
        Ok(info) => Some(info),
        Err(_) => {
            let help =
                "write it like \"redis://10.0.10.30:6379/0\", or with TLS \"rediss://redis.noi-bo.example:6379/0\"";
            v.fail(code::BAD_VALUE, "not the address of a Redis or Valkey", help)
        }
    }
}

const NO_SECRET: &str = "set `secret_file` or `secret_env` in `[gate]` (make one with `openssl rand -hex 32`), or take \
                         `store = \"memory\"`, which forgets everybody at a restart";

fn needs_a_secret(kind: Kind) -> String {
    format!("`store = \"{}\"` needs a secret to seal what it keeps", kind.word())
}

fn foreign_keys(t: &Table<'_>, kind: Kind) {
    for (key, of) in OWN_KEYS {
        let spoken_for = of == kind || (key == "sessions" && kind == Kind::Memory);
        if t.toml.contains_key(key) && !spoken_for {
            let help = format!("take it out, or write `store = \"{}\"`", of.word());
            let message = format!("`{key}` says nothing to `store = \"{}\"`", kind.word());
            t.report(code::CONFLICTING_KEYS, message, Some(help));
        }
    }
}
