//! Verification of a JWT: genuine, current and meant for this portal.
//!
//! Form and signature first, then the claims: nothing that a token says about itself is judged
//! before its signature holds.
//! Sources: RFC 7515, RFC 7519, RFC 8725.
//! Knows no network and no clock; the caller brings the keys and the time.
//! No error carries token text.

mod form;
mod signed;

use super::check::Failure;
use super::claims::{ClaimRule, facts};
use super::keys::KeySet;
use super::principal::Facts;
use super::registered::{Times, TokenIds, is_another_kind, is_meant_for, is_one_of, subject};
use jsonwebtoken::Algorithm;
use serde_json::Value;
use std::sync::Arc;

pub use form::{bearer, claimed_issuer, claimed_kid, looks_like_jwt, may_be_token};
pub(super) use signed::{bare, signed_claims};

/// Header types of an API credential when the operator names none (RFC 7519 §5.1, RFC 9068 §2.1).
pub const DEFAULT_TYPES: &[&str] = &["JWT", "at+jwt"];

/// A `[credential.jwt]`: what a token must be, and what it then proves.
#[derive(Clone, Debug)]
pub struct Jwt {
    /// The one `iss`, exact.
    pub issuer: String,
    /// One of these must be in `aud`.
    pub audience: Vec<String>,
    /// `azp` must be one of these; empty = not looked at.
    pub parties: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    pub leeway_s: u64,
    /// Accepted `typ` of the header; see [`DEFAULT_TYPES`].
    pub types: Vec<String>,
    /// JSON pointer to the claim that names the person.
    pub subject: String,
    pub principals: Vec<ClaimRule>,
}

/// What a good token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub facts: Facts,
    /// `exp` as it stands, without the leeway; Unix seconds.
    pub expires_s: i64,
    pub token_ids: Arc<TokenIds>,
}

impl Jwt {
    /// Judges one token at `now_s` (Unix seconds). Without keys the form is judged all the same, then it is
    /// [`Failure::Unavailable`].
    pub fn verify(&self, token: &str, keys: Option<&KeySet>, now_s: i64) -> Result<Verified, Failure> {
        let claims = signed_claims(token, keys, &self.algorithms, |kind| self.reads_kind(kind))?;
        self.judge_claims(&claims, now_s)
    }

    fn judge_claims(&self, claims: &Value, now_s: i64) -> Result<Verified, Failure> {
        // A token that tells of an event (RFC 8417), such as a log-out, opens nothing.
        if !claims.is_object() || self.is_of_another_kind(claims) || claims.get("events").is_some() {
            return Err(Failure::Malformed);
        }
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(Failure::Issuer);
        }
        if !claims.get("aud").is_some_and(|aud| is_meant_for(aud, &self.audience)) {
            return Err(Failure::Audience);
        }
        if !self.parties.is_empty() && !claims.get("azp").is_some_and(|azp| is_one_of(azp, &self.parties)) {
            return Err(Failure::Party);
        }
        let expires_s = self.judge_times(claims, now_s)?;
        let subject = claims.pointer(&self.subject).and_then(subject).ok_or(Failure::Malformed)?;
        Ok(Verified {
            facts: facts(&self.principals, claims, subject),
            expires_s,
            token_ids: Arc::new(TokenIds::read(claims)),
        })
    }

    /// Gives when it ends.
    fn judge_times(&self, claims: &Value, now_s: i64) -> Result<i64, Failure> {
        let times = Times::read(claims).ok_or(Failure::Malformed)?;
        let leeway_s = i64::try_from(self.leeway_s).unwrap_or(i64::MAX);
        let expires_s = times.expires_s.ok_or(Failure::Malformed)?;
        if times.are_over(now_s, leeway_s) {
            return Err(Failure::Expired);
        }
        if times.are_to_come(now_s, leeway_s) {
            return Err(Failure::NotYetValid);
        }
        Ok(expires_s)
    }

    fn reads_kind(&self, kind: &str) -> bool {
        self.types.iter().any(|ours| bare(ours).eq_ignore_ascii_case(bare(kind)))
    }

    fn is_of_another_kind(&self, claims: &Value) -> bool {
        let kind = claims.get("typ").and_then(Value::as_str);
        kind.is_some_and(|kind| is_another_kind(kind) && !self.reads_kind(kind))
    }
}

#[cfg(test)]
mod tests;
