//! Is this JWT genuine, current and meant for this portal?
//!
//! Form first, then the signature, then the claims: nothing that a token says about itself is judged before its
//! signature holds, and nothing but its `alg` and `kid` is looked at to verify it. Sources: RFC 7515, RFC 7519,
//! RFC 8725. Knows no network and no clock; the caller brings the keys and the time. No error carries token text.

mod form;

use super::claims::{ClaimRule, facts};
use super::json::parse_strict;
use super::keys::{KeySet, asymmetric};
use super::principal::Facts;
use super::registered::{Handles, Times, is_another_kind, is_meant_for, is_one_of, subject};
use super::words::words;
use form::Parts;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use std::sync::Arc;

pub use form::{claimed_issuer, claimed_kid, looks_like_jwt, may_be_token};

/// Header types of an API credential when the operator names none (RFC 7519 §5.1, RFC 9068 §2.1).
pub const DEFAULT_TYPES: &[&str] = &["JWT", "at+jwt"];

words! {
    /// Why a token proves nothing; the words of the metric `credential_checks_total`.
    pub enum TokenError {
        /// Not a JWT of a kind that this credential reads.
        Malformed = "malformed",
        /// Not signed by an algorithm that the credential and the key allow.
        Algorithm = "algorithm",
        UnknownKid = "unknown_kid",
        Signature = "signature",
        Expired = "expired",
        NotYetValid = "not_yet_valid",
        Issuer = "issuer",
        Audience = "audience",
        Party = "party",
        /// The authorization server says that it is not in force.
        Inactive = "inactive",
        /// Taken away before its time.
        Revoked = "revoked",
        /// There is no key set, or no answer of the authorization server, to judge it by.
        Unavailable = "unavailable",
    }
}

impl std::error::Error for TokenError {}

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
    pub handles: Arc<Handles>,
}

impl Jwt {
    /// Judges one token at `now_s` (Unix seconds). Without keys the form is judged all the same, then it is
    /// [`TokenError::Unavailable`].
    pub fn verify(&self, token: &str, keys: Option<&KeySet>, now_s: i64) -> Result<Verified, TokenError> {
        let parts = Parts::split(token).ok_or(TokenError::Malformed)?;
        let header = parse_strict(&parts.header).map_err(|_| TokenError::Malformed)?;
        let (algorithm, kid) = self.judge_header(&header)?;
        let keys = keys.ok_or(TokenError::Unavailable)?;
        prove(&parts, keys, kid, algorithm)?;
        let claims = parse_strict(&parts.claims).map_err(|_| TokenError::Malformed)?;
        self.judge_claims(&claims, now_s)
    }

    /// Algorithm and `kid`. Where to find a key (`jku`, `jwk`, `x5u`, `x5c`) is not the token's to say: ignored.
    fn judge_header<'h>(&self, header: &'h Value) -> Result<(Algorithm, Option<&'h str>), TokenError> {
        // each of these changes how the rest must be read, and the gate reads it in one way only
        if ["crit", "b64", "zip", "enc"].iter().any(|member| header.get(member).is_some()) {
            return Err(TokenError::Malformed);
        }
        let kind = optional_text(header, "typ")?;
        let kid = optional_text(header, "kid")?;
        let algorithm = optional_text(header, "alg")?.ok_or(TokenError::Malformed)?;
        if kind.is_some_and(|kind| !self.reads_kind(kind)) {
            return Err(TokenError::Malformed);
        }
        let algorithm = asymmetric(algorithm).filter(|algorithm| self.algorithms.contains(algorithm));
        Ok((algorithm.ok_or(TokenError::Algorithm)?, kid))
    }

    fn judge_claims(&self, claims: &Value, now_s: i64) -> Result<Verified, TokenError> {
        if !claims.is_object() || self.is_of_another_kind(claims) {
            return Err(TokenError::Malformed);
        }
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(TokenError::Issuer);
        }
        if !claims.get("aud").is_some_and(|aud| is_meant_for(aud, &self.audience)) {
            return Err(TokenError::Audience);
        }
        if !self.parties.is_empty() && !claims.get("azp").is_some_and(|azp| is_one_of(azp, &self.parties)) {
            return Err(TokenError::Party);
        }
        let expires_s = self.judge_times(claims, now_s)?;
        let subject = claims.pointer(&self.subject).and_then(subject).ok_or(TokenError::Malformed)?;
        Ok(Verified {
            facts: facts(&self.principals, claims, subject),
            expires_s,
            handles: Arc::new(Handles::read(claims)),
        })
    }

    /// Gives when it ends.
    fn judge_times(&self, claims: &Value, now_s: i64) -> Result<i64, TokenError> {
        let times = Times::read(claims).ok_or(TokenError::Malformed)?;
        let leeway_s = i64::try_from(self.leeway_s).unwrap_or(i64::MAX);
        let expires_s = times.expires_s.ok_or(TokenError::Malformed)?;
        if times.are_over(now_s, leeway_s) {
            return Err(TokenError::Expired);
        }
        if times.are_to_come(now_s, leeway_s) {
            return Err(TokenError::NotYetValid);
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

/// Tries the keys that the set offers; the signature covers header and claims as they were sent.
fn prove(parts: &Parts<'_>, keys: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> Result<(), TokenError> {
    let mut verdict = match kid {
        Some(kid) if keys.knows(kid) => TokenError::Algorithm,
        _ => TokenError::UnknownKid,
    };
    for key in keys.find(kid, algorithm) {
        if let Ok(true) = jsonwebtoken::crypto::verify(parts.signature, parts.signed, &key.public, algorithm) {
            return Ok(());
        }
        verdict = TokenError::Signature;
    }
    Err(verdict)
}

fn optional_text<'v>(object: &'v Value, member: &str) -> Result<Option<&'v str>, TokenError> {
    object.get(member).map(|value| value.as_str().ok_or(TokenError::Malformed)).transpose()
}

/// A media type without the prefix that RFC 7515 §4.1.9 lets senders leave out.
fn bare(kind: &str) -> &str {
    const PREFIX: &str = "application/";
    match kind.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => kind,
    }
}

#[cfg(test)]
mod tests;
