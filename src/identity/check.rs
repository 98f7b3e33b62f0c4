//! The outcome of judging one credential: fine, or why it proves nothing. One list for every kind of credential.

use super::words::Evidence;
use crate::wire::words::words;

/// How one credential was judged.
pub type Check = Result<(), Failure>;

words! {
    /// Why a credential proves nothing.
    pub enum Failure {
        /// Not of a form that its credential reads.
        Malformed = "malformed",
        /// Not signed by an algorithm that the credential and the key allow.
        Algorithm = "algorithm",
        UnknownKid = "unknown_kid",
        Signature = "signature",
        Expired = "expired",
        NotYetValid = "not_yet_valid",
        Issuer = "issuer",
        Audience = "audience",
        Party = "party",
        /// The authorization server says that it is not in force.
        Inactive = "inactive",
        /// Taken away before its time.
        Revoked = "revoked",
        /// A session that nobody saw being born.
        Unbound = "unbound",
        /// What is needed to judge it (a key set, a store, an answer) is not there.
        Unavailable = "unavailable",
    }
}

impl std::error::Error for Failure {}

/// The word of an outcome, as counted in `credential_checks_total`.
pub const fn check_word(check: Check) -> &'static str {
    match check {
        Ok(()) => "ok",
        Err(failure) => failure.as_str(),
    }
}

/// Every word of [`check_word`].
pub fn check_words() -> impl Iterator<Item = &'static str> {
    std::iter::once("ok").chain(Failure::WORDS.iter().copied())
}

impl Failure {
    /// Whether the credential is good for nothing any more, so that nothing is lost with it. Another key set or clock might
    /// still find good what it does not now.
    pub fn is_final(self) -> bool {
        match self {
            Failure::Malformed
            | Failure::Algorithm
            | Failure::Signature
            | Failure::Expired
            | Failure::Issuer
            | Failure::Audience
            | Failure::Party
            | Failure::Inactive
            | Failure::Revoked => true,
            Failure::UnknownKid | Failure::NotYetValid | Failure::Unbound | Failure::Unavailable => false,
        }
    }

    pub fn evidence(self) -> Evidence {
        match self {
            Failure::Expired => Evidence::Expired,
            Failure::Revoked => Evidence::Revoked,
            Failure::Unbound => Evidence::Unbound,
            Failure::Unavailable => Evidence::Unavailable,
            Failure::Malformed
            | Failure::Algorithm
            | Failure::UnknownKid
            | Failure::Signature
            | Failure::NotYetValid
            | Failure::Issuer
            | Failure::Audience
            | Failure::Party
            | Failure::Inactive => Evidence::Invalid,
        }
    }
}
