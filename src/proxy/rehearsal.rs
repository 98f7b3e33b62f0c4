//! Simulation: stages 2 and 3 and the answer, for bytes that came by no connection.
//!
//! The same readers and judges as in service; there is no listener, no ledger and no portal. The caller brings what is
//! known, asks `policy` for the decision, and shows what would have been answered.

use super::answer::{Answer, Audience, Kind, is_navigation, safe_link};
use super::attempt::{self, Seen};
use super::context::Target;
use super::rejection::Rejection;
use super::{logout, read, respond};
use crate::authn::{Authenticator, Head, InForce};
use crate::config::Settings;
use crate::identity::Credential;
use crate::identity::Presented;
use crate::identity::flow::Flow;
use crate::wire::target::Ambiguous;
use http::{Method, StatusCode};
use pingora::http::RequestHeader;

/// As many fields as pingora reads.
const FIELDS_MAX: usize = 256;

/// One request on HTTP/1.
pub struct Request {
    head: RequestHeader,
    raw_head: Vec<u8>,
    /// Everything behind the head.
    rest: Vec<u8>,
}

/// Why bytes are no request.
#[derive(Debug, thiserror::Error)]
pub enum NoRequest {
    #[error("the request has no head that could be read: {0}")]
    Malformed(httparse::Error),
    #[error("the request is empty")]
    Empty,
    #[error("the request cannot be held")]
    Unbuildable(#[from] Box<pingora::Error>),
}

impl Request {
    /// A head that lacks its empty line is closed with one: files written by hand often do.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoRequest> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(bytes).map_err(NoRequest::Malformed)? {
            httparse::Status::Complete(end) => Self::build(&parsed, bytes, end),
            httparse::Status::Partial if bytes.ends_with(b"\r\n\r\n") || bytes.trim_ascii().is_empty() => {
                Err(NoRequest::Empty)
            }
            httparse::Status::Partial => Self::parse(&[bytes.trim_ascii_end(), b"\r\n\r\n"].concat()),
        }
    }

    fn build(parsed: &httparse::Request<'_, '_>, bytes: &[u8], end: usize) -> Result<Self, NoRequest> {
        let path = parsed.path.unwrap_or_default().as_bytes();
        let mut head = RequestHeader::build(parsed.method.unwrap_or_default(), path, Some(parsed.headers.len()))?;
        if parsed.version == Some(0) {
            head.set_version(http::Version::HTTP_10);
        }
        for field in parsed.headers.iter() {
            head.append_header(field.name.to_owned(), field.value)?;
        }
        let (raw_head, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        Ok(Request { head, raw_head: raw_head.to_vec(), rest: rest.to_vec() })
    }

    /// Whether a body is announced, or stands behind the head.
    fn has_body(&self) -> bool {
        let announced = super::declared_length(&self.head).is_some_and(|length| length > 0);
        announced || self.head.headers.contains_key(http::header::TRANSFER_ENCODING) || !self.rest.is_empty()
    }

    pub fn method(&self) -> &Method {
        &self.head.method
    }

    pub fn headers(&self) -> &http::HeaderMap {
        &self.head.headers
    }

    /// The body of a log-in, as far as it is here. What is longer than declared is not part of it; what is shorter, the
    /// gate would wait for in vain.
    fn log_in_body(&self, max: usize) -> Result<&[u8], Rejection> {
        let declared = super::declared_length(&self.head).unwrap_or(0);
        let length = usize::try_from(declared).unwrap_or(usize::MAX);
        if length > max {
            return Err(Rejection::BodyTooLarge);
        }
        self.rest.get(..length).ok_or(Rejection::RequestTimeout)
    }
}

/// What comes after stage 2.
pub enum Then<'s> {
    Judge,
    /// The gate answers itself: log-outs for these credentials are posted there.
    LogOut(Vec<&'s Credential>),
}

/// Stop 2. The target is there as soon as it was read, also when the request is refused for something else.
pub fn read<'s>(settings: &'s Settings, request: &Request) -> (Option<Target>, Result<Then<'s>, Rejection>) {
    if request.raw_head.len() > settings.gate.limits.head_bytes {
        return (None, Err(Rejection::HeadTooLarge));
    }
    let target = match read::target(&settings.policy, &request.head, Some(&request.raw_head)) {
        Ok(target) => target,
        Err(rejection) => return (None, Err(rejection)),
    };
    let doors: Vec<&Credential> = logout::doors(settings, &target).collect();
    let allowed = if super::shows_a_session_in_its_path(settings, &target) {
        Err(Rejection::Target(Ambiguous::PathParameter))
    } else if !doors.is_empty() {
        Ok(Then::LogOut(doors))
    } else {
        match settings.policy.route(target.route) {
            Some(route) if route.allows(request.method()) => Ok(Then::Judge),
            Some(_) => Err(Rejection::MethodNotAllowed),
            None => Err(Rejection::Internal),
        }
    };
    (Some(target), allowed)
}

/// Every credential on a request, and the log-in that it belongs to.
pub struct Identified<'s> {
    pub presented: Vec<Presented>,
    pub flow: Option<&'s Flow>,
}

/// Stop 3, at `now_s` (Unix seconds).
pub fn identify<'s>(
    settings: &'s Settings,
    request: &Request,
    target: &Target,
    authn: &Authenticator,
    now_s: i64,
) -> Result<Identified<'s>, Rejection> {
    let identity = &settings.identity;
    let in_force = InForce { identity, generation: 0, running: None };
    let head = Head { in_force, site: target.site, headers: request.headers(), now_s };
    let mut presented = authn.authenticate_unasked(head).map_err(Rejection::Credentials)?;
    let flow = match attempt::recognise(identity, target, request.method(), request.has_body())? {
        Seen::Nothing => None,
        Seen::ByRedirect(_, flow) => Some(flow),
        Seen::ByPassword(log_in) => {
            let as_json = log_in.is_json(request.headers()).map_err(Rejection::LoginBody)?;
            let body = request.log_in_body(settings.gate.limits.login_body_bytes)?;
            let named = log_in.named(body, as_json).map_err(Rejection::LoginBody)?;
            presented.extend(named.iter().map(|named| attempt::attempt(identity, named)));
            named.map(|named| named.flow)
        }
    };
    Ok(Identified { presented, flow })
}

/// What is checked after the decision: whether the body may be as long as it says.
pub fn body_fits(settings: &Settings, request: &Request, target: &Target) -> Result<(), Rejection> {
    let max = settings.policy.route(target.route).map_or(0, |route| route.body_max);
    match super::declared_length(&request.head) {
        Some(length) if length > max => Err(Rejection::BodyTooLarge),
        _ => Ok(()),
    }
}

/// What a refused caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    /// Where a person is sent instead of being shown a page.
    pub location: Option<String>,
    pub kind: Kind,
    /// Whether the cookie of the refused session is taken out of the browser.
    pub takes_session_out: bool,
}

pub fn reply(rejection: Rejection, method: &Method, reader: Audience, login_url: Option<&str>) -> Reply {
    let kind = rejection.kind();
    let takes_session_out = super::expire::takes_session_out(rejection, reader);
    let sent = is_navigation(method, reader) && respond::sends_to_log_in(rejection);
    match login_url.filter(|_| sent).and_then(safe_link) {
        Some(url) => Reply { status: StatusCode::SEE_OTHER, location: Some(url.to_owned()), kind, takes_session_out },
        None => {
            let status = Answer::new(kind, rejection.reason().as_str(), "").status(reader);
            Reply { status, location: None, kind, takes_session_out }
        }
    }
}
