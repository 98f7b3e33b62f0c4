//! The answer to a caller who is turned away: a page, a problem document or a redirect.
//!
//! An [`Answer`] is what happened, in closed words; from it come a page for a person (Vietnamese and English) and a
//! problem document for a program (RFC 9457), with their status and headers. Pure: knows no session, no snapshot and
//! no clock, and holds nothing of the request. `Allow`, `Set-Cookie` and `Location` are the caller's to add.

pub mod audience;
pub mod link;

mod headers;
mod page;
mod problem;
mod text;

#[cfg(test)]
mod tests;

pub use crate::wire::language::{Language, language};
pub use audience::{Audience, audience, is_navigation};
pub use headers::X_SUPPORT_CODE;
pub use link::safe_link;

use crate::policy::page::Page;
use http::{HeaderMap, StatusCode};

/// Where organisations get and use their account, unless the site names another address.
pub const NATIONAL_PORTAL_URL: &str = "https://dichvucong.gov.vn";

/// What happened, as far as the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A rule rejected the request, and names the page that explains it.
    Refused(Page),
    /// The request needs a log-in and cannot be redirected to it: a program's call, or a form on its way.
    LogInFirst,
    /// The request could be read in two ways, so it was not read at all.
    AmbiguousRequest,
    /// The route does not take this method; the caller of this module adds `Allow`.
    MethodNotAllowed,
    /// The body is above the route's limit.
    TooLarge,
    /// The request head is above the limit.
    HeaderTooLarge,
    /// No site has this host name, or the connection is for another one.
    UnknownHost,
    /// A log-in form in a format or coding that the gate cannot read, so it cannot tell who is logging in.
    NotSupported,
    /// The request stopped arriving before it was whole.
    RequestTimeout,
    /// No portal server could be reached, or its answer could not be read.
    UpstreamUnavailable,
    /// The portal did not answer in time.
    UpstreamTimeout,
    /// What vouches for log-ins (key set, introspection, store) cannot be reached.
    IdentityUnavailable,
    /// Something in the gate went wrong.
    Internal,
}

impl Kind {
    /// May the answer show the way to the log-in? Not when a log-in would change nothing.
    fn offers_login(self) -> bool {
        matches!(self, Kind::Refused(_) | Kind::LogInFirst | Kind::NotSupported)
    }
}

/// One answer that the gate makes itself.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub kind: Kind,
    /// Kebab-case reason code, the same as in the audit line and the metrics.
    pub reason: &'a str,
    /// What a refused person reads out to the help desk.
    pub support_code: &'a str,
    /// The site's `login_url`; shown only where [`safe_link`] holds.
    pub login_url: Option<&'a str>,
    /// See [`NATIONAL_PORTAL_URL`]; shown only where [`safe_link`] holds.
    pub national_portal_url: &'a str,
    /// The rule's own sentence, operator text in Vietnamese.
    pub why: Option<&'a str>,
    /// The request was sending something that a person wrote (a form), other than a log-in: the page then says
    /// what became of it and how to get it back.
    pub submission: bool,
}

impl<'a> Answer<'a> {
    /// An answer without a log-in link, a sentence of the rule or a form; set those with struct update.
    pub fn new(kind: Kind, reason: &'a str, support_code: &'a str) -> Self {
        let national_portal_url = NATIONAL_PORTAL_URL;
        Answer { kind, reason, support_code, login_url: None, national_portal_url, why: None, submission: false }
    }

    /// The status code. Only [`Kind::LogInFirst`] depends on the audience: a program gets 401 and a challenge
    /// (RFC 9110 §15.5.2); a person gets 403 with a page, because browsers have no dialog for this log-in.
    pub fn status(&self, audience: Audience) -> StatusCode {
        match (self.kind, audience) {
            (Kind::LogInFirst, Audience::Program) => StatusCode::UNAUTHORIZED,
            (Kind::LogInFirst, Audience::Person) | (Kind::Refused(_), _) => StatusCode::FORBIDDEN,
            (Kind::AmbiguousRequest, _) => StatusCode::BAD_REQUEST,
            (Kind::MethodNotAllowed, _) => StatusCode::METHOD_NOT_ALLOWED,
            (Kind::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
            (Kind::HeaderTooLarge, _) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            (Kind::UnknownHost, _) => StatusCode::MISDIRECTED_REQUEST,
            (Kind::NotSupported, _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Kind::RequestTimeout, _) => StatusCode::REQUEST_TIMEOUT,
            (Kind::UpstreamUnavailable, _) => StatusCode::BAD_GATEWAY,
            (Kind::UpstreamTimeout, _) => StatusCode::GATEWAY_TIMEOUT,
            (Kind::IdentityUnavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
            (Kind::Internal, _) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Every header of the answer but its length and what only the caller knows.
    pub fn headers(&self, audience: Audience, language: Language) -> HeaderMap {
        headers::of(self, audience, language)
    }

    /// The page or the problem document, whichever the audience reads.
    pub fn body(&self, audience: Audience, language: Language) -> Vec<u8> {
        match audience {
            Audience::Person => self.html(language).into_bytes(),
            Audience::Program => self.problem(language),
        }
    }

    /// The page for a person: `language` first, the other one after it. Under 12 KB, no script, no other resource.
    pub fn html(&self, language: Language) -> String {
        page::render(self, language)
    }

    /// The problem document for a program (RFC 9457), with the members `reason` and `support_code`.
    pub fn problem(&self, language: Language) -> Vec<u8> {
        problem::render(self, language)
    }

    fn login_link(&self) -> Option<&'a str> {
        self.login_url.filter(|_| self.kind.offers_login()).and_then(safe_link)
    }
}
