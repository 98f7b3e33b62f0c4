//! Does an identity provider say that somebody has logged out, and who?
//!
//! OpenID Connect Back-Channel Logout 1.0, §2.4 and §2.6. A logout token is signed like every other token of its issuer,
//! so what tells it from one that opens something is its form: an event, its own kind, no nonce. Whatever lacks one of
//! these ends nobody's session. Knows no network and no clock; no error carries token text.

use super::check::Failure;
use super::keys::KeySet;
use super::registered::{Times, handle, is_meant_for};
use super::token::{Jwt, bare, signed_claims};
use crate::wire::words::words;
use serde_json::Value;

/// Member of `events` that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Accepted `typ` of the header; `JWT` because explicit typing came late to the specification.
const TYPES: [&str; 2] = ["logout+jwt", "JWT"];
/// What Keycloak writes into the claim `typ`.
const KIND: &str = "Logout";
/// A token without `exp` counts this long after `iat`: the specification asks for `exp` only since December 2023, and
/// several providers still leave it out.
const AGE_MAX_S: i64 = 300;

/// A `[credential.jwt.logout]`: where the issuer of a credential says that a log-in has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// In canonical form.
    pub path: String,
    /// One of these must be in `aud`: client ids.
    pub audience: Vec<String>,
    pub reach: Reach,
}

words! {
    /// What ends where a logout token names both a log-in and a person.
    pub enum Reach {
        /// The one log-in, as the specification means it.
        LogIn = "log-in",
        /// Every log-in of the person: for issuers whose other tokens do not say to which log-in they belong.
        Person = "person",
    }
}

/// What a genuine logout token says.
#[derive(PartialEq, Eq)]
pub struct LogoutToken {
    /// `jti`
    pub id: Box<str>,
    pub ends: Ends,
    /// Unix seconds: when it is no longer good, leeway included.
    pub until_s: i64,
}

/// Whose log-in has ended.
#[derive(PartialEq, Eq)]
pub enum Ends {
    /// One log-in of somebody: `sid`.
    LogIn(Box<str>),
    /// Every log-in of somebody until then: `sub`, and `iat` in Unix seconds by the clock of the issuer.
    Subject(Box<str>, i64),
}

impl std::fmt::Debug for LogoutToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogoutToken(…)")
    }
}

words! {
    /// Why a logout token ends nothing; words of the metric `backchannel_logouts_total`.
    pub enum LogoutError {
        /// Not a JWT of the kind.
        Malformed = "malformed",
        Algorithm = "algorithm",
        UnknownKid = "unknown_kid",
        Signature = "signature",
        Issuer = "issuer",
        Audience = "audience",
        /// No `iat`.
        NotIssued = "not_issued",
        Expired = "expired",
        NotYetValid = "not_yet_valid",
        /// No `jti`.
        NoId = "no_id",
        /// No event, or another one.
        Event = "event",
        /// Made for a log-in.
        Nonce = "nonce",
        /// Neither `sid` nor `sub`.
        Nobody = "nobody",
        /// There is no key set to judge it by.
        Unavailable = "unavailable",
    }
}

impl From<Failure> for LogoutError {
    fn from(error: Failure) -> Self {
        match error {
            Failure::Algorithm => LogoutError::Algorithm,
            Failure::UnknownKid => LogoutError::UnknownKid,
            Failure::Signature => LogoutError::Signature,
            Failure::Expired => LogoutError::Expired,
            Failure::NotYetValid => LogoutError::NotYetValid,
            Failure::Issuer => LogoutError::Issuer,
            Failure::Audience => LogoutError::Audience,
            Failure::Unavailable => LogoutError::Unavailable,
            Failure::Malformed | Failure::Party | Failure::Inactive | Failure::Revoked | Failure::Unbound => {
                LogoutError::Malformed
            }
        }
    }
}

impl Logout {
    /// Judges one logout token of `jwt`'s issuer at `now_s` (Unix seconds).
    pub fn verify(
        &self,
        jwt: &Jwt,
        token: &str,
        keys: Option<&KeySet>,
        now_s: i64,
    ) -> Result<LogoutToken, LogoutError> {
        let claims = signed_claims(token, keys, &jwt.algorithms, is_kind)?;
        let is_another_kind = claims.get("typ").is_some_and(|kind| kind.as_str() != Some(KIND));
        if !claims.is_object() || is_another_kind {
            return Err(LogoutError::Malformed);
        }
        if claims.get("iss").and_then(Value::as_str) != Some(&jwt.issuer) {
            return Err(LogoutError::Issuer);
        }
        if !claims.get("aud").is_some_and(|aud| is_meant_for(aud, &self.audience)) {
            return Err(LogoutError::Audience);
        }
        let (issued_s, until_s) = judge_times(&claims, i64::try_from(jwt.leeway_s).unwrap_or(i64::MAX), now_s)?;
        let id = text(&claims, "jti", LogoutError::NoId)?.ok_or(LogoutError::NoId)?;
        if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
            return Err(LogoutError::Event);
        }
        if claims.get("nonce").is_some() {
            return Err(LogoutError::Nonce);
        }
        let log_in = text(&claims, "sid", LogoutError::Nobody)?;
        let subject = text(&claims, "sub", LogoutError::Nobody)?;
        let ends = match (log_in, subject, self.reach) {
            (Some(log_in), None, _) | (Some(log_in), Some(_), Reach::LogIn) => Ends::LogIn(log_in),
            (_, Some(subject), _) => Ends::Subject(subject, issued_s),
            (None, None, _) => return Err(LogoutError::Nobody),
        };
        Ok(LogoutToken { id, ends, until_s })
    }
}

fn is_kind(kind: &str) -> bool {
    TYPES.iter().any(|ours| ours.eq_ignore_ascii_case(bare(kind)))
}

/// Gives when it was issued, and when it is no longer good.
fn judge_times(claims: &Value, leeway_s: i64, now_s: i64) -> Result<(i64, i64), LogoutError> {
    let times = Times::read(claims).ok_or(LogoutError::Malformed)?;
    let issued_s = times.issued_s.ok_or(LogoutError::NotIssued)?;
    let expires_s = times.expires_s.unwrap_or(issued_s.saturating_add(AGE_MAX_S));
    let times = Times { expires_s: Some(expires_s), ..times };
    if times.are_over(now_s, leeway_s) {
        return Err(LogoutError::Expired);
    }
    if times.are_to_come(now_s, leeway_s) {
        return Err(LogoutError::NotYetValid);
    }
    Ok((issued_s, expires_s.saturating_add(leeway_s)))
}

/// A claim that may be absent, but is nothing else than a name of usual length where it is there.
fn text(claims: &Value, claim: &str, otherwise: LogoutError) -> Result<Option<Box<str>>, LogoutError> {
    claims.get(claim).map(|value| handle(value).ok_or(otherwise)).transpose()
}

#[cfg(test)]
mod tests;
