//! Finds *every* credential on a request and judges each: nothing is picked, nothing is skipped.
//!
//! Two credentials of one kind are ambiguous and end the request. An Authorization header that no declared credential
//! explains is a credential too, with evidence `invalid`.

use super::accepted::{Accepted, Marks};
use super::cookie::{self, CookieError};
use super::credential::{Credential, Identity, Kind, SiteId, SitePlan};
use super::introspection::Introspection;
use super::principal::{CredentialId, Principal};
use super::session::{SessionKey, SessionName};
use super::token::{self, Jwt, TokenError};
use super::words::{Evidence, words};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use std::sync::Arc;

words! {
    /// The outcome of judging one credential, as counted in `credential_checks_total`.
    pub enum Check {
        Ok = "ok",
        Malformed = "malformed",
        Algorithm = "algorithm",
        UnknownKid = "unknown_kid",
        Signature = "signature",
        Expired = "expired",
        NotYetValid = "not_yet_valid",
        Issuer = "issuer",
        Audience = "audience",
        Party = "party",
        Inactive = "inactive",
        Revoked = "revoked",
        Unbound = "unbound",
        Unavailable = "unavailable",
    }
}

impl Check {
    fn of(error: TokenError) -> Check {
        match error {
            TokenError::Malformed => Check::Malformed,
            TokenError::Algorithm => Check::Algorithm,
            TokenError::UnknownKid => Check::UnknownKid,
            TokenError::Signature => Check::Signature,
            TokenError::Expired => Check::Expired,
            TokenError::NotYetValid => Check::NotYetValid,
            TokenError::Issuer => Check::Issuer,
            TokenError::Audience => Check::Audience,
            TokenError::Party => Check::Party,
            TokenError::Inactive => Check::Inactive,
            TokenError::Revoked => Check::Revoked,
            TokenError::Unavailable => Check::Unavailable,
        }
    }

    /// Whether the credential is good for nothing any more, so that nothing is lost with it. Another key set or clock might
    /// still find good what it does not now.
    pub fn is_final(self) -> bool {
        match self {
            Check::Malformed
            | Check::Algorithm
            | Check::Signature
            | Check::Expired
            | Check::Issuer
            | Check::Audience
            | Check::Party
            | Check::Inactive
            | Check::Revoked => true,
            Check::Ok | Check::UnknownKid | Check::NotYetValid | Check::Unbound | Check::Unavailable => false,
        }
    }

    fn evidence(self) -> Evidence {
        match self {
            Check::Ok => Evidence::Valid,
            Check::Expired => Evidence::Expired,
            Check::Revoked => Evidence::Revoked,
            Check::Unbound => Evidence::Unbound,
            Check::Unavailable => Evidence::Unavailable,
            Check::Malformed
            | Check::Algorithm
            | Check::UnknownKid
            | Check::Signature
            | Check::NotYetValid
            | Check::Issuer
            | Check::Audience
            | Check::Party
            | Check::Inactive => Evidence::Invalid,
        }
    }
}

/// What the ledger says of a session value.
#[derive(Clone, Debug)]
pub enum SessionFound {
    Bound(Accepted),
    Unknown,
    /// Taken away before its time.
    Revoked,
    /// A session is known under another spelling of this value: the portal may take both for one, or not.
    OtherSpelling,
    /// The store that knows has not been asked, or did not answer.
    Unavailable,
}

/// What must be looked up while identifying; `state` implements it.
pub trait Known {
    /// The ledger's name for a session value of this credential on a site: what one site vouches for says nothing on
    /// another.
    fn session_key(&self, site: &str, credential: &Credential, value: &[u8]) -> SessionKey;
    /// The facts of a session that is bound, not idle and not over its lifetime at `now_s` (Unix seconds).
    fn session(&self, credential: &Credential, key: SessionKey, now_s: i64) -> SessionFound;
    /// What the authorization server said of a token; [`TokenError::Unavailable`] while it was not asked.
    fn introspected(
        &self,
        credential: &Credential,
        introspection: &Arc<Introspection>,
        token: &str,
        now_s: i64,
    ) -> Result<Accepted, TokenError>;
    /// The facts of a token, verified now or remembered.
    fn token(&self, credential: &Credential, jwt: &Jwt, token: &str, now_s: i64) -> Result<Accepted, TokenError>;
}

/// Where a credential was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    Header(HeaderName),
    Cookie(String),
    /// A log-in attempt in the request body.
    Body,
}

/// One credential on a request, judged.
#[derive(Clone, Debug)]
pub struct Presented {
    pub principal: Principal,
    pub shown: Shown,
    pub check: Check,
    /// Of an opaque session.
    pub session: Option<SessionKey>,
    /// Where facts were proved: by what they can be taken away.
    pub marks: Option<Marks>,
}

impl Presented {
    /// What the log calls the session, where it is one that is bound.
    pub fn session_name(&self) -> Option<SessionName> {
        self.marks.as_ref().and_then(|marks| marks.session)
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

impl Identity {
    /// Every credential on the head of a request, in the order cookies, headers. Empty when there is none.
    pub fn identify(
        &self,
        site: SiteId,
        headers: &HeaderMap,
        known: &impl Known,
        now_s: i64,
    ) -> Result<Vec<Presented>, Ambiguity> {
        let mut all = Vec::new();
        let Some(plan) = self.plan(site) else { return Ok(all) };
        if !plan.cookie_names.is_empty() {
            let mut unclear = None;
            cookie::read(headers, &plan.cookie_names, |index, value| {
                let readers = plan.cookies.get(index).map_or(&[][..], Vec::as_slice);
                if let (false, Some(name)) = (value.is_empty(), plan.cookie_names.get(index)) {
                    let value = Value { whole: value, token: Some(value) };
                    match self.judge(plan, readers, value, Shown::Cookie(name.clone()), known, now_s) {
                        Ok(presented) => all.push(presented),
                        Err(ambiguity) => unclear = Some(ambiguity),
                    }
                }
            })
            .map_err(Ambiguity::Cookies)?;
            unclear.map_or(Ok(()), Err)?;
        }
        for (name, readers) in &plan.headers {
            if let Some(value) = only(headers, name)? {
                all.push(self.judge(
                    plan,
                    readers,
                    in_header(name, value),
                    Shown::Header(name.clone()),
                    known,
                    now_s,
                )?);
            }
        }
        let explained = plan.headers.iter().any(|(name, _)| name == AUTHORIZATION);
        if !explained && only(headers, &AUTHORIZATION)?.is_some() {
            all.push(unexplained(Shown::Header(AUTHORIZATION)));
        }
        Ok(all)
    }

    /// Lets the one credential judge that claims the value: a JWT by its issuer, anything else by the ledger or by
    /// whoever issued it.
    fn judge(
        &self,
        plan: &SitePlan,
        readers: &[CredentialId],
        value: Value<'_>,
        shown: Shown,
        known: &impl Known,
        now_s: i64,
    ) -> Result<Presented, Ambiguity> {
        let readers = || readers.iter().filter_map(|id| self.credential(*id));
        let opaque = readers().find(|c| !matches!(c.kind, Kind::Jwt(_)));
        let text = value.token.and_then(|t| std::str::from_utf8(t).ok());
        // Only where a token and an opaque value can stand in one place must the form tell them apart; else the one
        // judge says `malformed` itself.
        let jwt = text.filter(|t| opaque.is_none() || token::looks_like_jwt(t));
        let named = jwt.and_then(|text| Some((by_issuer(readers(), text)?, text)));
        // A session may look like a token by chance. What is introspected may not: a JWT that names a stranger is bad.
        let stranger = jwt.is_some() && readers().any(|c| matches!(c.kind, Kind::Jwt(_)));
        let judge = named.map(|(credential, _)| credential).or(opaque);
        let accepted = match judge.map(|c| (c, &c.kind)) {
            Some((credential, Kind::Jwt(jwt))) => {
                (credential, known.token(credential, jwt, text.unwrap_or_default(), now_s))
            }
            Some((credential, Kind::Introspection(introspection))) if named.is_some() || !stranger => {
                let token = text.filter(|t| token::may_be_token(t));
                let accepted = token.map(|t| known.introspected(credential, introspection, t, now_s));
                (credential, accepted.unwrap_or(Err(TokenError::Malformed)))
            }
            Some((credential, Kind::Session(_))) => {
                let key = known.session_key(&plan.site, credential, value.whole);
                let judged = match known.session(credential, key, now_s) {
                    SessionFound::Bound(accepted) => proved(credential.id, accepted, shown),
                    SessionFound::Revoked => unproved(credential.id, Check::Revoked, shown),
                    SessionFound::Unknown => unproved(credential.id, Check::Unbound, shown),
                    SessionFound::Unavailable => unproved(credential.id, Check::Unavailable, shown),
                    SessionFound::OtherSpelling => return Err(Ambiguity::SessionSpelling),
                };
                return Ok(Presented { session: Some(key), ..judged });
            }
            Some((_, Kind::Introspection(_))) | None => match readers().next() {
                Some(credential) => (credential, Err(TokenError::Malformed)),
                None => return Ok(unexplained(shown)),
            },
        };
        Ok(match accepted {
            (credential, Ok(accepted)) => proved(credential.id, accepted, shown),
            (credential, Err(error)) => unproved(credential.id, Check::of(error), shown),
        })
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

fn proved(credential: CredentialId, accepted: Accepted, shown: Shown) -> Presented {
    let Accepted { facts, marks } = accepted;
    Presented { marks: Some(marks), ..judged(Principal::valid(credential, facts), Check::Ok, shown) }
}

fn unproved(credential: CredentialId, check: Check, shown: Shown) -> Presented {
    judged(Principal::unproved(Some(credential), check.evidence()), check, shown)
}

fn unexplained(shown: Shown) -> Presented {
    judged(Principal::unproved(None, Evidence::Invalid), Check::Malformed, shown)
}

fn judged(principal: Principal, check: Check, shown: Shown) -> Presented {
    Presented { principal, shown, check, session: None, marks: None }
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
