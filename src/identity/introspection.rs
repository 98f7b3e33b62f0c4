//! What does an authorization server's answer about a token prove (RFC 7662)?
//!
//! The gate shows the token to whoever issued it and believes the answer as far as the operator has said. An answer
//! that cannot be read is none at all, so the token stays undecided. Knows no network and no clock: the caller asks and
//! brings the time.

use super::check::Failure;
use super::claims::{ClaimRule, facts};
use super::registered::{Times, TokenIds, is_another_kind, is_meant_for, is_one_of, subject};
use super::token::Verified;
use crate::wire::json::{JsonError, parse_strict};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A `[credential.introspection]`: what an answer must say, and what it then proves.
#[derive(Clone, Debug)]
pub struct Introspection {
    /// `iss` of the answer, exact; `None` = not looked at.
    pub issuer: Option<String>,
    /// One of these must be in `aud`; empty = not looked at.
    pub audience: Vec<String>,
    /// `client_id` (and `azp` where there is one) must be one of these; empty = not looked at.
    pub parties: Vec<String>,
    /// Whether an answer counts that does not say that the token is a bearer token.
    pub untyped: bool,
    pub leeway_s: i64,
    /// JSON pointer to the member that names the person.
    pub subject: String,
    pub principals: Vec<ClaimRule>,
    /// How long a good answer is believed without asking again, in seconds.
    pub cache_s: i64,
    /// For one question, everything included.
    pub timeout: Duration,
}

/// Why an answer is none. Tells places, repeats nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer is not strict JSON: {0}")]
    Json(#[source] JsonError),
    #[error("the answer has no member `active` that is true or false")]
    Shape,
}

/// An answer that says whether the token is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer(Value);

impl Answer {
    /// `active` must be the JSON boolean: nothing that merely looks like it.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let answer = parse_strict(body).map_err(AnswerError::Json)?;
        match answer.get("active") {
            Some(Value::Bool(_)) => Ok(Answer(answer)),
            _ => Err(AnswerError::Shape),
        }
    }

    pub fn is_active(&self) -> bool {
        self.0.get("active") == Some(&Value::Bool(true))
    }
}

impl Introspection {
    /// Judges one answer at `now_s` (Unix seconds).
    pub fn judge(&self, answer: &Answer, now_s: i64) -> Result<Verified, Failure> {
        if !answer.is_active() {
            return Err(Failure::Inactive);
        }
        let answer = &answer.0;
        if !self.is_bearer(answer) {
            return Err(Failure::Malformed);
        }
        if self.issuer.as_ref().is_some_and(|ours| answer.get("iss").and_then(Value::as_str) != Some(ours)) {
            return Err(Failure::Issuer);
        }
        if !self.audience.is_empty() && !answer.get("aud").is_some_and(|aud| is_meant_for(aud, &self.audience)) {
            return Err(Failure::Audience);
        }
        if !self.parties.is_empty() && !self.is_for_a_party(answer) {
            return Err(Failure::Party);
        }
        let times = Times::read(answer).ok_or(Failure::Malformed)?;
        if times.are_over(now_s, self.leeway_s) {
            return Err(Failure::Expired);
        }
        if times.are_to_come(now_s, self.leeway_s) {
            return Err(Failure::NotYetValid);
        }
        let subject = answer.pointer(&self.subject).and_then(subject).ok_or(Failure::Malformed)?;
        Ok(Verified {
            facts: facts(&self.principals, answer, subject),
            expires_s: times.expires_s.unwrap_or(i64::MAX),
            token_ids: Arc::new(TokenIds::read(answer)),
        })
    }

    /// Servers answer about refresh tokens too (RFC 7662 §4): a kind that is named must be that of a bearer token, and
    /// one must be named.
    fn is_bearer(&self, answer: &Value) -> bool {
        let kinds = ["token_type", "typ"].map(|member| answer.get(member));
        let is_bearer = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        match kinds {
            [None, None] => self.untyped,
            [None, Some(typ)] if self.untyped => typ.as_str().is_some_and(|kind| !is_another_kind(kind)),
            kinds => kinds.into_iter().flatten().all(is_bearer),
        }
    }

    fn is_for_a_party(&self, answer: &Value) -> bool {
        let mut parties = ["client_id", "azp"].into_iter().filter_map(|member| answer.get(member)).peekable();
        parties.peek().is_some() && parties.all(|party| is_one_of(party, &self.parties))
    }
}

#[cfg(test)]
mod tests;
