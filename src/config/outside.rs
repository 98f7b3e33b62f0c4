//! What a policy names and does not hold: variables of the environment, other servers, and what is shown to them.

use super::Files;
use super::reader::Value;
use super::settings::CertificateFiles;
use crate::diagnostic::code;
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

pub(super) fn url(v: Value<'_>, example: &str) -> Option<String> {
    let text = v.text()?;
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a URL"), example);
    }
    Some(text.to_owned())
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
