//! The tables about this process: gate, listener, admin, audit. What they say can only change by a restart.

use super::Files;
use super::outside::{OR_A_FILE, variable};
use super::reader::{Table, Value, many};
use super::settings::{Admin, Audit, CertificateFiles, Gate, Limits, Listener, Secret, Timeouts};
use super::values;
use crate::diagnostic::{Diagnostic, code};
use crate::identity::token::may_be_token;
use crate::policy::Mode;
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use std::time::Duration;
use toml::de::DeValue;

pub(super) fn gate(files: &Files<'_>) -> Option<Gate> {
    let t = files.mandatory("gate")?;
    let name = t.required("name", values::name);
    let zone = t.optional("time_zone", zone);
    let secret_file = t.optional("secret_file", |v| secret(v, files.read(v)?));
    let secret_env = t.optional("secret_env", secret_from_environment);
    if t.toml.contains_key("secret_file") && t.toml.contains_key("secret_env") {
        t.report_key("secret_env", code::CONFLICTING_KEYS, "`secret_file` and `secret_env` at once", Some("keep one"));
    }
    let tls_min = t.optional("tls_min_version", |v| {
        values::word(v, &["1.2", "1.3"], |w| match w {
            "1.2" => Some(false),
            "1.3" => Some(true),
            _ => None,
        })
    });
    let threads = t.optional("threads", |v| values::integer(v, 1..=256));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mode = t.optional("mode", |v| values::word(v, Mode::WORDS, Mode::parse));
    let limits = limits(t.raw("limits").and_then(|v| v.table("gate.limits")));
    let timeouts = timeouts(t.raw("timeouts").and_then(|v| v.table("gate.timeouts")));
    t.done();
    Some(Gate {
        name: name?.value,
        observing: mode.is_some_and(|m| m.value == Mode::Observe),
        zone: zone.map_or_else(default_zone, |z| z.value),
        secret: secret_file.or(secret_env).map(|s| s.value),
        tls_min_1_3: tls_min.is_some_and(|v| v.value),
        threads: threads.and_then(|n| usize::try_from(n.value).ok()).unwrap_or(cores),
        limits,
        timeouts,
    })
}

/// What `[gate]` says of it, whatever else it says.
pub(super) fn time_zone(files: &Files<'_>) -> Option<TimeZone> {
    match files.values_in(&["gate"], "time_zone").into_iter().next() {
        Some(named) => zone(named),
        None => Some(default_zone()),
    }
}

/// Viet Nam has one time zone; a policy that names none means it.
fn default_zone() -> TimeZone {
    TimeZone::get("Asia/Ho_Chi_Minh").unwrap_or(TimeZone::UTC)
}

fn zone(v: Value<'_>) -> Option<TimeZone> {
    let text = v.text()?;
    match TimeZone::get(text) {
        Ok(zone) => Some(zone),
        Err(_) => v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not a time zone"),
            "a name of the IANA time zone database, like \"Asia/Ho_Chi_Minh\"",
        ),
    }
}

fn secret(v: Value<'_>, bytes: Vec<u8>) -> Option<Secret> {
    let trimmed = bytes.trim_ascii();
    if trimmed.len() < 32 {
        return v.fail(
            code::UNUSABLE_FILE,
            format!("the secret has {} bytes; it needs at least 32", trimmed.len()),
            "make one with `openssl rand -hex 32`",
        );
    }
    Some(Secret(trimmed.into()))
}

fn secret_from_environment(v: Value<'_>) -> Option<Secret> {
    secret(v, variable(v, "set it, or use `secret_file`")?.into_bytes())
}

fn limits(t: Option<Table<'_>>) -> Limits {
    let defaults = Limits { connections: 8_192, head_bytes: 32 << 10, login_body_bytes: 16 << 10, tokens: 100_000 };
    let Some(t) = t else { return defaults };
    let number = |key, default: usize| {
        t.optional(key, |v| values::integer(v, 1..=10_000_000))
            .map_or(default, |n| usize::try_from(n.value).unwrap_or(default))
    };
    let bytes = |key, default: usize, max: usize| {
        t.optional(key, |v| match values::size(v)? {
            n if (1_024..=max as u64).contains(&n) => usize::try_from(n).ok(),
            n => {
                v.fail(code::BAD_VALUE, format!("{n} bytes is out of range"), format!("from 1KiB to {}KiB", max >> 10))
            }
        })
        .map_or(default, |n| n.value)
    };
    let limits = Limits {
        connections: number("connections", defaults.connections),
        head_bytes: bytes("head", defaults.head_bytes, 256 << 10),
        // What is read here must fit the buffer from which it is sent on.
        login_body_bytes: bytes("login_body", defaults.login_body_bytes, 60 << 10),
        tokens: number("tokens", defaults.tokens),
    };
    t.done();
    limits
}

fn timeouts(t: Option<Table<'_>>) -> Timeouts {
    let s = Duration::from_secs;
    let defaults = Timeouts { head: s(15), idle: s(60), body: s(600), stall: s(30), websocket: s(600), stop: s(30) };
    let Some(t) = t else { return defaults };
    let time = |key, default: Duration| t.optional(key, values::duration).map_or(default, |d| d.value);
    let timeouts = Timeouts {
        head: time("head", defaults.head),
        idle: time("idle", defaults.idle),
        body: time("body", defaults.body),
        stall: time("stall", defaults.stall),
        websocket: time("websocket", defaults.websocket),
        stop: time("stop", defaults.stop),
    };
    t.done();
    timeouts
}

pub(super) fn listeners(files: &Files<'_>) -> Vec<Listener> {
    let tables = files.arrays("listener");
    if tables.is_empty() {
        let finding = Diagnostic::error(code::MISSING_KEY, "no file has a `[[listener]]`");
        files.findings.borrow_mut().push(finding.help("without one nobody can come in"));
    }
    tables.into_iter().filter_map(|t| listener(files, t)).collect()
}

fn listener(files: &Files<'_>, t: Table<'_>) -> Option<Listener> {
    let address = t.required("address", values::address);
    let certificates = t.raw("tls").map(|v| many(v, |v| certificate(files, v))).unwrap_or_default();
    let redirect = t.optional("redirect", |v| values::word(v, &["https"], |w| (w == "https").then_some(())));
    let trusted = t.list("trusted_proxies", values::network);
    let http2 = t.optional("http2", values::boolean);
    if t.raw("proxy_protocol").and_then(values::boolean) == Some(true) {
        t.unsupported("proxy_protocol");
    }
    if redirect.is_some() && t.toml.contains_key("tls") {
        let message = "a listener that redirects to https has no `tls` of its own";
        t.report_key("tls", code::CONFLICTING_KEYS, message, Some("another listener serves https"));
    }
    t.done();
    Some(Listener {
        address: address?.value,
        tls: certificates.into_iter().map(|c| c.value).collect(),
        http2: http2.is_none_or(|h| h.value),
        redirect_https: redirect.is_some(),
        trusted_proxies: trusted.into_iter().map(|n| n.value).collect(),
    })
}

fn certificate(files: &Files<'_>, v: Value<'_>) -> Option<CertificateFiles> {
    let t = v.table("listener.tls")?;
    let certificate = t.required("certificate", |v| files.read(v).and(v.text().map(|n| files.base.join(n))));
    let key = t.required("key", |v| files.read(v).and(v.text().map(|n| files.base.join(n))));
    t.done();
    Some(CertificateFiles { certificate: certificate?.value, key: key?.value })
}

pub(super) fn admin(files: &Files<'_>) -> Option<Admin> {
    let t = files.mandatory("admin")?;
    let address = t.required("address", values::address);
    let from_file = t.optional("token_file", |v| token(v, files.read(v)?));
    let from_env = t.optional("token_env", |v| token(v, variable(v, OR_A_FILE)?.into_bytes()));
    if t.toml.contains_key("token_file") && t.toml.contains_key("token_env") {
        t.report_key("token_env", code::CONFLICTING_KEYS, "`token_file` and `token_env` at once", Some("keep one"));
    }
    t.done();
    Some(Admin { address: address?.value, token: from_file.or(from_env).map(|token| token.value) })
}

/// A secret that can be sent as a bearer token (RFC 6750 §2.1).
fn token(v: Value<'_>, bytes: Vec<u8>) -> Option<Secret> {
    let token = secret(v, bytes)?;
    if !std::str::from_utf8(&token.0).is_ok_and(may_be_token) {
        let help = "make one with `openssl rand -hex 32`";
        return v.fail(code::UNUSABLE_FILE, "the token has characters that no bearer token may have", help);
    }
    Some(token)
}

/// Two listeners on one address would share the connections between them, whoever they were meant for.
pub(super) fn addresses_apart(files: &Files<'_>) {
    let mut taken: Vec<SocketAddr> = Vec::new();
    for value in files.values_in(&["listener", "admin"], "address") {
        let DeValue::String(text) = value.toml else { continue };
        let Ok(address) = text.parse::<SocketAddr>() else { continue };
        let overlaps = |other: &SocketAddr| {
            other.port() == address.port()
                && (other.ip() == address.ip() || other.ip().is_unspecified() || address.ip().is_unspecified())
        };
        if let Some(other) = taken.iter().find(|other| overlaps(other)) {
            let message = format!("the addresses {other} and {address} overlap");
            let help = "every listener and `[admin]` has an address of its own; 0.0.0.0 takes the port on all";
            value.fail::<()>(code::CONFLICTING_KEYS, message, help);
        }
        taken.push(address);
    }
}

pub(super) fn audit(files: &Files<'_>) -> Audit {
    let Some(t) = files.single("audit") else { return Audit::Stdout };
    let path = t.required("path", values::text);
    t.done();
    match path {
        Some(path) if path.value != "stdout" => Audit::File(files.base.join(path.value)),
        _ => Audit::Stdout,
    }
}
