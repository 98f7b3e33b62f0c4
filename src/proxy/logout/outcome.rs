//! How a posted log-out ended, and what the provider is told.
//!
//! A closed list: the word of the metric and of the audit line, the status, and a sentence that holds nothing of the
//! request.

use crate::identity::logout_token::LogoutError;
use crate::proxy::answer::X_SUPPORT_CODE;
use crate::telemetry::series::{LOG_IN_ENDED, NOT_KEPT, NOT_READ, PERSON_ENDED, REPLAYED};
use crate::wire::form::BodyError;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use pingora::http::ResponseHeader;
use serde_json::json;

/// How a posted log-out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One log-in has ended.
    LogIn,
    /// Every log-in of a person has ended.
    Person,
    /// The token did its work before.
    Replayed,
    Method,
    Body(BodyError),
    TooLarge,
    TooSlow,
    Refused(LogoutError),
    /// The store did not take it.
    NotKept,
}

impl Outcome {
    /// The word of the metric.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::LogIn => LOG_IN_ENDED,
            Outcome::Person => PERSON_ENDED,
            Outcome::Replayed => REPLAYED,
            Outcome::Method | Outcome::Body(_) | Outcome::TooLarge | Outcome::TooSlow => NOT_READ,
            Outcome::Refused(error) => error.as_str(),
            Outcome::NotKept => NOT_KEPT,
        }
    }

    /// Head and body of the answer (§2.8).
    pub(super) fn answer(self, support_code: &str) -> pingora::Result<(ResponseHeader, Bytes)> {
        let status = self.status();
        let error =
            if status == StatusCode::SERVICE_UNAVAILABLE { "temporarily_unavailable" } else { "invalid_request" };
        let body = match status {
            StatusCode::OK => String::new(),
            _ => json!({ "error": error, "error_description": self.description() }).to_string(),
        };
        let mut parts = http::Response::new(()).into_parts().0;
        (parts.status, parts.headers) = (status, HeaderMap::with_capacity(5));
        let mut head = ResponseHeader::from(parts);
        head.insert_header(CACHE_CONTROL, "no-store")?;
        head.insert_header(CONTENT_LENGTH, body.len())?;
        head.insert_header(X_SUPPORT_CODE, support_code)?;
        if status != StatusCode::OK {
            head.insert_header(CONTENT_TYPE, "application/json")?;
        }
        if self == Outcome::Method {
            head.insert_header(ALLOW, "POST")?;
        }
        Ok((head, Bytes::from(body)))
    }

    fn status(self) -> StatusCode {
        match self {
            Outcome::LogIn | Outcome::Person => StatusCode::OK,
            Outcome::Method => StatusCode::METHOD_NOT_ALLOWED,
            // The provider may try again: the fault is not in the token.
            Outcome::NotKept | Outcome::Refused(LogoutError::Unavailable | LogoutError::UnknownKid) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Outcome::Replayed | Outcome::Body(_) | Outcome::TooLarge | Outcome::TooSlow | Outcome::Refused(_) => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    fn description(self) -> &'static str {
        match self {
            Outcome::LogIn | Outcome::Person => "",
            Outcome::Replayed => "this logout token was used before",
            Outcome::Method => "log-outs are posted here",
            Outcome::Body(BodyError::ContentType) => "the body must be application/x-www-form-urlencoded, in UTF-8",
            Outcome::Body(BodyError::Encoding) => "the body must not be compressed",
            Outcome::Body(BodyError::Undecodable) => "the body is no form that can be read in one way",
            Outcome::Body(BodyError::Duplicate) => "logout_token must be there once, in the body only",
            Outcome::Body(BodyError::Missing) => "logout_token is missing",
            Outcome::TooLarge => "the body is longer than a logout token can be",
            Outcome::TooSlow => "the body did not arrive in time",
            Outcome::NotKept => "the log-out could not be written down",
            Outcome::Refused(error) => refused(error),
        }
    }
}

fn refused(error: LogoutError) -> &'static str {
    match error {
        LogoutError::Malformed => "not a logout token: its form, its type or one of its dates",
        LogoutError::Algorithm => "signed by an algorithm that is not accepted",
        LogoutError::UnknownKid => "signed by a key that is not known",
        LogoutError::Signature => "the signature does not hold",
        LogoutError::Issuer => "iss is another issuer",
        LogoutError::Audience => "aud names none of our clients",
        LogoutError::NotIssued => "iat is missing",
        LogoutError::Expired => "it has expired",
        LogoutError::NotYetValid => "it is not yet valid",
        LogoutError::NoId => "jti is missing",
        LogoutError::Event => "events does not hold the back-channel logout event",
        LogoutError::Nonce => "nonce must not be there",
        LogoutError::Nobody => "neither sid nor sub says whose log-in has ended",
        LogoutError::Unavailable => "the keys to verify it are not there",
    }
}
