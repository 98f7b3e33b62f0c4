//! The one list of reason codes: log field, metric label, problem type, page and test share the string.

use super::page::Page;
use super::rule::Action;
use crate::identity::{Evidence, Login, Principal};
use crate::wire::words::words;

words! {
    /// Why a request got the answer it got.
    pub enum Reason {
        Allowed = "allowed",
        CredentialRemoved = "credential-removed",
        /// Forwarded because the whole gate only observes.
        Observed = "observed",
        NotLoggedIn = "not-logged-in",
        CredentialExpired = "credential-expired",
        CredentialInvalid = "credential-invalid",
        CredentialRevoked = "credential-revoked",
        SessionUnbound = "session-unbound",
        IdentityUnavailable = "identity-unavailable",
        PasswordAttempt = "password-attempt",
        PasswordSession = "password-session",
        LevelTooLow = "level-too-low",
        NotPermitted = "not-permitted",
        AmbiguousRequest = "ambiguous-request",
        MethodNotAllowed = "method-not-allowed",
        UnsolicitedCallback = "unsolicited-callback",
        /// The gate asked the browser to begin the log-in once more, without the session it had.
        LoginRestarted = "login-restarted",
        LoginBodyUnreadable = "login-body-unreadable",
        BodyTooLarge = "body-too-large",
        HeadTooLarge = "head-too-large",
        UnknownHost = "unknown-host",
        RedirectToHttps = "redirect-to-https",
        UpstreamUnavailable = "upstream-unavailable",
        UpstreamTimeout = "upstream-timeout",
        RequestTimeout = "request-timeout",
        InternalError = "internal-error",
        /// An identity provider posted that somebody has logged out.
        BackchannelLogout = "backchannel-logout",
    }
}

impl Reason {
    /// Why a rule with this action met this principal: said by what is known of the principal, so that a log line
    /// explains itself without the policy at hand.
    pub fn of(action: Action, page: Option<Page>, principal: &Principal) -> Reason {
        match (action, principal.evidence()) {
            (Action::Forward, _) => Reason::Allowed,
            (Action::Anonymous, Evidence::None) => Reason::Allowed,
            (Action::Anonymous, _) => Reason::CredentialRemoved,
            (_, Evidence::None) => Reason::NotLoggedIn,
            (_, Evidence::Expired) => Reason::CredentialExpired,
            (_, Evidence::Invalid) => Reason::CredentialInvalid,
            (_, Evidence::Revoked) => Reason::CredentialRevoked,
            (_, Evidence::Unbound) => Reason::SessionUnbound,
            (_, Evidence::Unavailable) => Reason::IdentityUnavailable,
            (_, Evidence::Attempt) => Reason::PasswordAttempt,
            (_, Evidence::Valid) if page == Some(Page::RaiseLevel) => Reason::LevelTooLow,
            (_, Evidence::Valid) if principal.login() == Login::Password => Reason::PasswordSession,
            (_, Evidence::Valid) => Reason::NotPermitted,
        }
    }
}
