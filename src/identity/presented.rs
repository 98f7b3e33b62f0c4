//! What comes of authentication: each credential on a request, judged, or why the request can be read in two ways.

use super::authenticated::{Authenticated, Identifiers};
use super::check::{Check, Failure};
use super::principal::{CredentialId, Principal, Subject};
use super::session::{Born, SessionKey, SessionName};
use super::words::Account;
use crate::wire::cookie::CookieError;
use http::HeaderName;

/// Where a credential stands on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Header(HeaderName),
    Cookie(String),
    /// A log-in attempt in the request body.
    Body,
}

/// One credential on a request, judged.
#[derive(Clone, Debug)]
pub struct Presented {
    pub principal: Principal,
    pub location: Location,
    pub check: Check,
    /// Of an opaque session.
    pub session: Option<SessionKey>,
    /// Of an opaque session that is believed.
    pub born: Option<Born>,
    /// Where facts were proved: by what they can be revoked.
    pub identifiers: Option<Identifiers>,
}

impl Presented {
    /// How a declared credential was judged.
    pub fn judged(credential: CredentialId, judged: Result<Authenticated, Failure>, location: Location) -> Self {
        match judged {
            Ok(Authenticated { facts, identifiers, born }) => Presented {
                born,
                principal: Principal::valid(credential, facts),
                location,
                check: Ok(()),
                session: None,
                identifiers: Some(identifiers),
            },
            Err(failure) => Self::unproved(Some(credential), failure, location),
        }
    }

    /// An Authorization header that no declared credential explains.
    pub fn unexplained(location: Location) -> Self {
        Self::unproved(None, Failure::Malformed, location)
    }

    /// A log-in attempt on its way to the portal.
    pub fn attempt(principal: Principal) -> Self {
        Presented { principal, location: Location::Body, check: Ok(()), session: None, identifiers: None, born: None }
    }

    fn unproved(credential: Option<CredentialId>, failure: Failure, location: Location) -> Self {
        let principal = Principal::unproved(credential, failure.evidence());
        Presented { principal, location, check: Err(failure), session: None, identifiers: None, born: None }
    }

    /// The person whom this names, proved. A service is nobody: pages that call an API with a token of their own send it
    /// beside a person's session.
    pub fn person(&self) -> Option<&Subject> {
        self.principal.subject().filter(|_| self.principal.account() != Account::Service)
    }

    /// What the log calls the session, where it is one that is bound.
    pub fn session_name(&self) -> Option<SessionName> {
        self.identifiers.as_ref().and_then(|identifiers| identifiers.session)
    }
}

/// Two readings of one request: it is refused, nobody is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    TwoHeaders,
    Cookies(CookieError),
    /// Another spelling of a session that is known.
    SessionSpelling,
    /// Credentials of two people.
    TwoPeople,
    /// The name of a declared credential in the query, where some server looks for it and the gate does not.
    InQuery,
}
