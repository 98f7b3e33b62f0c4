//! How a request is turned away: a closed list, matched without wildcard, holding nothing of the request.

use super::answer::Kind;
use crate::identity::presented::Ambiguity;
use crate::policy::{Action, Page, Reason, Verdict};
use crate::state::ledger::StoreLost;
use crate::wire::cookie::CookieError;
use crate::wire::form::BodyError;
use crate::wire::target::Ambiguous;

/// Why a request is not forwarded, or could not be answered by the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The policy said so.
    Decided(Verdict),
    Target(Ambiguous),
    Framing(Framing),
    Credentials(Ambiguity),
    MethodNotAllowed,
    /// A call-back that this session did not begin, while it is logged in: nothing forged reaches the portal, and the
    /// log-in that is known stays.
    UnsolicitedCallback,
    /// A log-in that must begin on a session that nobody has seen before.
    LoginStartsOver,
    /// A log-in or log-out that cannot be written down: what was known of its session would be believed again later.
    StoreLost,
    LoginBody(BodyError),
    BodyTooLarge,
    HeadTooLarge,
    UnknownHost,
    /// Taken away between the decision and the portal's answer.
    TakenAway,
    /// A plain listener that only sends people to https.
    RedirectToHttps,
    UpstreamUnavailable,
    UpstreamTimeout,
    /// The client stopped sending.
    RequestTimeout,
    Internal,
}

/// Heads whose end or body two servers could see at different places (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    ContentLength,
    TransferEncoding,
    /// Connection names a header that the gate or the portal needs.
    Connection,
    /// No head by the grammar.
    Head,
}

impl From<StoreLost> for Rejection {
    fn from(_: StoreLost) -> Self {
        Rejection::StoreLost
    }
}

impl Rejection {
    pub fn reason(self) -> Reason {
        match self {
            Rejection::Decided(verdict) => verdict.reason,
            Rejection::Target(_) | Rejection::Framing(_) | Rejection::Credentials(_) => Reason::AmbiguousRequest,
            Rejection::MethodNotAllowed => Reason::MethodNotAllowed,
            Rejection::UnsolicitedCallback => Reason::UnsolicitedCallback,
            Rejection::LoginStartsOver => Reason::LoginRestarted,
            Rejection::StoreLost => Reason::IdentityUnavailable,
            Rejection::LoginBody(_) => Reason::LoginBodyUnreadable,
            Rejection::BodyTooLarge => Reason::BodyTooLarge,
            Rejection::HeadTooLarge => Reason::HeadTooLarge,
            Rejection::UnknownHost => Reason::UnknownHost,
            Rejection::TakenAway => Reason::CredentialRevoked,
            Rejection::RedirectToHttps => Reason::RedirectToHttps,
            Rejection::UpstreamUnavailable => Reason::UpstreamUnavailable,
            Rejection::UpstreamTimeout => Reason::UpstreamTimeout,
            Rejection::RequestTimeout => Reason::RequestTimeout,
            Rejection::Internal => Reason::InternalError,
        }
    }

    /// What exactly, for the log.
    pub fn detail(self) -> Option<&'static str> {
        match self {
            Rejection::Target(what) => Some(what.as_str()),
            Rejection::Framing(Framing::ContentLength) => Some("content-length"),
            Rejection::Framing(Framing::TransferEncoding) => Some("transfer-encoding"),
            Rejection::Framing(Framing::Connection) => Some("connection-header"),
            Rejection::Framing(Framing::Head) => Some("malformed-head"),
            Rejection::Credentials(Ambiguity::TwoHeaders) => Some("two-credentials"),
            Rejection::Credentials(Ambiguity::Cookies(CookieError::Ambiguous)) => Some("two-cookies"),
            Rejection::Credentials(Ambiguity::Cookies(CookieError::LegacySyntax)) => Some("cookie-version"),
            Rejection::Credentials(Ambiguity::Cookies(CookieError::TooMany)) => Some("too-many-cookies"),
            Rejection::Credentials(Ambiguity::SessionSpelling) => Some("session-spelling"),
            Rejection::Credentials(Ambiguity::TwoPeople) => Some("two-people"),
            Rejection::Credentials(Ambiguity::InQuery) => Some("credential-in-query"),
            Rejection::LoginBody(what) => Some(what.as_str()),
            Rejection::Decided(_)
            | Rejection::MethodNotAllowed
            | Rejection::UnsolicitedCallback
            | Rejection::LoginStartsOver
            | Rejection::StoreLost
            | Rejection::BodyTooLarge
            | Rejection::HeadTooLarge
            | Rejection::UnknownHost
            | Rejection::TakenAway
            | Rejection::RedirectToHttps
            | Rejection::UpstreamUnavailable
            | Rejection::UpstreamTimeout
            | Rejection::RequestTimeout
            | Rejection::Internal => None,
        }
    }

    /// The label of `refused_requests_total`; `None` when the policy decided, or after it did.
    pub fn cause(self) -> Option<&'static str> {
        match self {
            Rejection::Target(_) | Rejection::Credentials(_) | Rejection::LoginBody(_) => Some("ambiguous_target"),
            Rejection::Framing(_) => Some("framing"),
            Rejection::UnknownHost => Some("unknown_host"),
            Rejection::BodyTooLarge | Rejection::HeadTooLarge => Some("too_large"),
            Rejection::Decided(_)
            | Rejection::MethodNotAllowed
            | Rejection::UnsolicitedCallback
            | Rejection::LoginStartsOver
            | Rejection::StoreLost
            | Rejection::TakenAway
            | Rejection::RedirectToHttps
            | Rejection::UpstreamUnavailable
            | Rejection::UpstreamTimeout
            | Rejection::RequestTimeout
            | Rejection::Internal => None,
        }
    }

    /// What the caller is told.
    pub fn kind(self) -> Kind {
        match self {
            Rejection::Decided(verdict) => decided(verdict),
            Rejection::Target(_) | Rejection::Framing(_) | Rejection::Credentials(_) => Kind::AmbiguousRequest,
            Rejection::MethodNotAllowed => Kind::MethodNotAllowed,
            Rejection::UnsolicitedCallback | Rejection::LoginStartsOver | Rejection::TakenAway => Kind::LogInFirst,
            Rejection::StoreLost => Kind::IdentityUnavailable,
            Rejection::LoginBody(BodyError::ContentType | BodyError::Encoding) => Kind::NotSupported,
            Rejection::LoginBody(BodyError::Undecodable | BodyError::Duplicate | BodyError::Missing) => {
                Kind::AmbiguousRequest
            }
            Rejection::BodyTooLarge => Kind::TooLarge,
            Rejection::HeadTooLarge => Kind::HeaderTooLarge,
            Rejection::UnknownHost => Kind::UnknownHost,
            Rejection::UpstreamUnavailable => Kind::UpstreamUnavailable,
            Rejection::UpstreamTimeout => Kind::UpstreamTimeout,
            Rejection::RequestTimeout => Kind::RequestTimeout,
            Rejection::RedirectToHttps | Rejection::Internal => Kind::Internal,
        }
    }
}

fn decided(verdict: Verdict) -> Kind {
    if verdict.reason == Reason::IdentityUnavailable {
        return Kind::IdentityUnavailable;
    }
    if verdict.action == Action::Login {
        return Kind::LogInFirst;
    }
    let page = verdict.page.unwrap_or(match verdict.reason {
        Reason::PasswordAttempt | Reason::PasswordSession => Page::UseVneid,
        Reason::LevelTooLow => Page::RaiseLevel,
        Reason::NotLoggedIn
        | Reason::CredentialExpired
        | Reason::CredentialInvalid
        | Reason::CredentialRevoked
        | Reason::SessionUnbound => Page::LogIn,
        _ => Page::NotPermitted,
    });
    Kind::Refused(page)
}
