//! Finds *every* credential on a request and who judges each: nothing is picked, nothing is skipped.
//!
//! Two credentials of one kind are ambiguous and end the request. An Authorization header that no declared credential
//! explains is a credential too.

use super::credential::{Credential, Identity, Kind, Session, SiteId};
use super::introspection::Introspection;
use super::presented::{Ambiguity, Location};
use super::principal::CredentialId;
use super::token::{self, Jwt};
use crate::wire::cookie;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use std::sync::Arc;

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
