//! What a policy names and does not hold: variables of the environment, other servers, and what is shown to them.

use super::Files;
use super::reader::Value;
use super::settings::CertificateFiles;
use crate::diagnostic::{Diagnostic, code};
use http::Uri;
use std::net::IpAddr;
use std::time::Duration;

/// What helps where a variable is not set.
pub(super) const OR_A_FILE: &str = "set it, or use a file";

/// The text of a variable; `instead` says what to do when it is not set.
#[expect(clippy::disallowed_methods, reason = "config is one of the two rooms that may read the environment")]
pub(super) fn variable(v: Value<'_>, instead: &str) -> Option<String> {
    let name = v.text()?;
    match std::env::var(name) {
        Ok(value) => Some(value),
        Err(_) => v.fail(code::UNUSABLE_FILE, format!("the variable `{name}` is not set"), instead),
    }
}

/// Where another server is asked; with a warning where the way there is open to others.
pub(super) fn url(v: Value<'_>, example: &str, danger: Danger) -> Option<String> {
    let text = v.text()?;
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a URL"), example);
    }
    not_in_the_clear(v, text, danger);
    Some(text.to_owned())
}

/// What somebody on the way to another server could do.
#[derive(Clone, Copy)]
pub(super) enum Danger {
    /// The gate learns from there which keys prove a token.
    Keys,
    /// The gate sends tokens there, and its own proof with them.
    Tokens,
}

/// Warns of a URL that leaves this machine without TLS.
pub(super) fn not_in_the_clear(v: Value<'_>, url: &str, danger: Danger) {
    let uri: Option<Uri> = url.parse().ok();
    let Some(host) = uri.as_ref().and_then(Uri::host).filter(|_| url.starts_with("http://")) else { return };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        return;
    }
    let help = match danger {
        Danger::Keys => "whoever is on the way can put in keys of their own, and sign tokens that let anybody in",
        Danger::Tokens => "whoever is on the way can read the tokens and the client's secret, and make answers up",
    };
    let help = format!("{help}: use `https://`; `ca_file` names an authority of your own");
    let finding = Diagnostic::warning(code::IN_THE_CLEAR, format!("`{url}` is asked in the clear"));
    v.findings.borrow_mut().push(finding.at(v.place).help(help));
}

/// What the gate shows of itself to another server.
pub(super) fn certificate(files: &Files<'_>, v: Value<'_>) -> Option<CertificateFiles> {
    let t = v.table("credential.client_tls")?;
    let certificate = t.required("certificate", |v| files.path(v));
    let key = t.required("key", |v| files.path(v));
    t.done();
    Some(CertificateFiles { certificate: certificate?.value, key: key?.value })
}

/// As clocks of tokens count.
pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
