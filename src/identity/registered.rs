//! The claims that tokens and answers about tokens have in common (RFC 7519 §4.1, RFC 7662 §2.2).
//!
//! One reading of audiences, dates, kinds and subjects for both, so that no way of proving a token is laxer than the
//! other. Judges values; knows no signature, no network and no clock.

use super::principal::Subject;
use serde_json::Value;

/// What Keycloak writes into the claim `typ` of tokens that are signed alike but open no API.
const OTHER_KINDS: &[&str] = &["Refresh", "ID", "Offline", "Logout"];
const HANDLE_MAX_BYTES: usize = 512;
const SUBJECT_MAX_BYTES: usize = 256;
/// 9999-12-31T23:59:59Z
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Whether a kind, as Keycloak's claim `typ` words it, is not that of an access token.
pub fn is_another_kind(kind: &str) -> bool {
    OTHER_KINDS.iter().any(|other| other.eq_ignore_ascii_case(kind))
}

/// Whether one of the names is in `aud`: a string, or an array of nothing but strings.
pub fn is_meant_for(aud: &Value, names: &[String]) -> bool {
    match aud {
        Value::Array(all) => all.iter().all(Value::is_string) && all.iter().any(|one| is_one_of(one, names)),
        one => is_one_of(one, names),
    }
}

pub fn is_one_of(value: &Value, words: &[String]) -> bool {
    value.as_str().is_some_and(|value| words.iter().any(|word| word == value))
}

/// `exp`, `nbf` and `iat`, as Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub expires_s: Option<i64>,
    pub not_before_s: Option<i64>,
    pub issued_s: Option<i64>,
}

impl Times {
    /// `None` when one of them is there and no date.
    pub fn read(claims: &Value) -> Option<Self> {
        let time = |claim| claims.get(claim).map_or(Some(None), |time| seconds(time).map(Some));
        Some(Times { expires_s: time("exp")?, not_before_s: time("nbf")?, issued_s: time("iat")? })
    }

    pub fn are_over(&self, now_s: i64, leeway_s: i64) -> bool {
        self.expires_s.is_some_and(|expires_s| now_s >= expires_s.saturating_add(leeway_s))
    }

    pub fn are_to_come(&self, now_s: i64, leeway_s: i64) -> bool {
        self.not_before_s.max(self.issued_s).is_some_and(|begins_s| begins_s > now_s.saturating_add(leeway_s))
    }
}

/// By what a token can be revoked before its time. None of it is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenIds {
    /// The log-in at the issuer: `sid`, or `session_state` as Keycloak called it before version 25.
    pub session: Option<Box<str>>,
    /// `jti`
    pub id: Option<Box<str>>,
    /// `sub`, whatever claim names the person here.
    pub subject: Option<Box<str>>,
    /// `iat`; Unix seconds, rounded down: no younger than it is.
    pub issued_s: Option<i64>,
}

impl std::fmt::Debug for TokenIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenIds(…)")
    }
}

impl TokenIds {
    pub fn read(claims: &Value) -> Self {
        let text = |claim| claims.get(claim).and_then(handle);
        TokenIds {
            session: text("sid").or_else(|| text("session_state")),
            id: text("jti"),
            subject: text("sub"),
            issued_s: claims.get("iat").and_then(date).map(|date| date.floor() as i64),
        }
    }
}

/// A name by which tokens are revoked: text of a usual length.
pub fn handle(claim: &Value) -> Option<Box<str>> {
    claim.as_str().filter(|text| (1..=HANDLE_MAX_BYTES).contains(&text.len())).map(Box::from)
}

/// A NumericDate (RFC 7519 §2) as Unix seconds; a fraction counts as the next whole second.
fn seconds(value: &Value) -> Option<i64> {
    date(value).map(|date| date.ceil() as i64)
}

fn date(value: &Value) -> Option<f64> {
    value.as_f64().filter(|date| (0.0..=LAST_SECOND).contains(date))
}

/// A subject travels in a header field: what would not arrive there unchanged is none.
pub fn subject(claim: &Value) -> Option<Subject> {
    let subject = claim.as_str()?;
    let fits = !subject.is_empty()
        && subject.len() <= SUBJECT_MAX_BYTES
        && subject.trim() == subject
        && !subject.chars().any(char::is_control);
    fits.then(|| subject.into())
}
