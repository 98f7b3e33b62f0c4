//! Finds *every* credential on a request and who judges each: nothing is picked, nothing is skipped.
//!
//! Two credentials of one kind are ambiguous and end the request. An Authorization header that no declared credential
//! explains is a credential too, with evidence `invalid`.

use super::authenticated::{Authenticated, Identifiers};
use super::check::{Check, Failure};
use super::cookie::{self, CookieError};
use super::credential::{Credential, Identity, Kind, Session, SiteId};
use super::introspection::Introspection;
use super::principal::{CredentialId, Principal};
use super::session::{SessionKey, SessionName};
use super::token::{self, Jwt};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use std::sync::Arc;

/// What the ledger says of a session value.
#[derive(Clone, Debug)]
pub enum SessionFound {
    Bound(Authenticated),
    Unknown,
    /// A session is known under another spelling of this value: the portal may take both for one, or not.
    OtherSpelling,
    /// The store that knows has not been asked, or did not answer.
    Unavailable,
}

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
    /// Where facts were proved: by what they can be taken away.
    pub identifiers: Option<Identifiers>,
}

impl Presented {
    /// How a declared credential was judged.
    pub fn judged(credential: CredentialId, judged: Result<Authenticated, Failure>, location: Location) -> Self {
        match judged {
            Ok(Authenticated { facts, identifiers }) => Presented {
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
        Presented { principal, location: Location::Body, check: Ok(()), session: None, identifiers: None }
    }

    fn unproved(credential: Option<CredentialId>, failure: Failure, location: Location) -> Self {
        let principal = Principal::unproved(credential, failure.evidence());
        Presented { principal, location, check: Err(failure), session: None, identifiers: None }
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
}

/// Which credential a value claims to be, and so who alone judges it.
#[derive(Clone, Copy, Debug)]
pub enum Claimed<'r> {
    Jwt {
        credential: &'r Credential,
        jwt: &'r Jwt,
        token: &'r str,
    },
    Introspection {
        credential: &'r Credential,
        introspection: &'r Arc<Introspection>,
        token: &'r str,
    },
    Session {
        credential: &'r Credential,
        session: &'r Session,
        value: &'r [u8],
    },
    /// It stands where this credential does and has no form that anybody could judge.
    Malformed(&'r Credential),
    /// No declared credential explains it.
    Unexplained,
}

impl Identity {
    /// Every credential on the head of a request, in the order cookies, headers: nothing is picked, nothing is skipped.
    pub fn claimed<'r>(
        &'r self,
        site: SiteId,
        headers: &'r HeaderMap,
        mut found: impl FnMut(Location, Claimed<'r>) -> Result<(), Ambiguity>,
    ) -> Result<(), Ambiguity> {
        let Some(plan) = self.plan(site) else { return Ok(()) };
        if !plan.cookie_names.is_empty() {
            let mut judged = Ok(());
            cookie::read(headers, &plan.cookie_names, |index, value| {
                let readers = plan.cookies.get(index).map_or(&[][..], Vec::as_slice);
                if let (false, Some(name)) = (value.is_empty(), plan.cookie_names.get(index)) {
                    let claimed = self.claim(readers, Value { whole: value, token: Some(value) });
                    if let Err(ambiguity) = found(Location::Cookie(name.clone()), claimed) {
                        judged = Err(ambiguity);
                    }
                }
            })
            .map_err(Ambiguity::Cookies)?;
            judged?;
        }
        for (name, readers) in &plan.headers {
            if let Some(value) = only(headers, name)? {
                found(Location::Header(name.clone()), self.claim(readers, in_header(name, value)))?;
            }
        }
        let explained = plan.headers.iter().any(|(name, _)| name == AUTHORIZATION);
        if !explained && only(headers, &AUTHORIZATION)?.is_some() {
            found(Location::Header(AUTHORIZATION), Claimed::Unexplained)?;
        }
        Ok(())
    }

    /// Finds the one credential that judges a value: a JWT is judged by its issuer, anything else by the ledger or by
    /// whoever issued it.
    fn claim<'r>(&'r self, readers: &[CredentialId], value: Value<'r>) -> Claimed<'r> {
        let readers = || readers.iter().filter_map(|id| self.credential(*id));
        let opaque = readers().find(|c| !matches!(c.kind, Kind::Jwt(_)));
        let text = value.token.and_then(|t| std::str::from_utf8(t).ok());
        // Only where a token and an opaque value can stand in one place must the form tell them apart; else the one
        // judge says `malformed` itself.
        let jwt = text.filter(|t| opaque.is_none() || token::looks_like_jwt(t));
        let named = jwt.and_then(|text| by_issuer(readers(), text));
        // A session may look like a token by chance. What is introspected may not: a JWT that names a stranger is bad.
        let stranger = jwt.is_some() && readers().any(|c| matches!(c.kind, Kind::Jwt(_)));
        let judge = named.or(opaque);
        match judge.map(|credential| (credential, &credential.kind)) {
            Some((credential, Kind::Jwt(jwt))) => Claimed::Jwt { credential, jwt, token: text.unwrap_or_default() },
            Some((credential, Kind::Introspection(introspection))) if named.is_some() || !stranger => {
                match text.filter(|text| token::may_be_token(text)) {
                    Some(token) => Claimed::Introspection { credential, introspection, token },
                    None => Claimed::Malformed(credential),
                }
            }
            Some((credential, Kind::Session(session))) => Claimed::Session { credential, session, value: value.whole },
            Some((_, Kind::Introspection(_))) | None => {
                readers().next().map_or(Claimed::Unexplained, Claimed::Malformed)
            }
        }
    }
}

/// The credential that names the issuer which a JWT claims. The claim is not verified: it is read only to choose among
/// several.
fn by_issuer<'c>(readers: impl Iterator<Item = &'c Credential> + Clone, text: &str) -> Option<&'c Credential> {
    let mut naming = readers.filter(|c| c.issuer().is_some());
    let first = naming.clone().next()?;
    if naming.clone().nth(1).is_none() {
        return Some(first);
    }
    let issuer = token::claimed_issuer(text)?;
    naming.find(|c| c.issuer() == Some(issuer.as_str()))
}

/// The one value of a header, or nothing; two are ambiguous.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, Ambiguity> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Ambiguity::TwoHeaders);
    }
    Ok(first.map(http::HeaderValue::as_bytes))
}

/// What stands in one place: as a session value, and as a token where the place allows one.
#[derive(Clone, Copy)]
struct Value<'v> {
    whole: &'v [u8],
    token: Option<&'v [u8]>,
}

/// A token stands behind `Bearer `. Other headers than Authorization may carry it
/// bare; another scheme there is no token.
fn in_header<'v>(name: &HeaderName, whole: &'v [u8]) -> Value<'v> {
    let token = token::bearer(whole).or((name != AUTHORIZATION).then_some(whole));
    Value { whole, token }
}
