//! The names that a revocation is made of.
//!
//! What identity providers and operators say becomes a keyed hash of one width. Names of an issuer are bound to that
//! issuer: two may give out the same `jti`.

use crate::identity::{Credential, Facts, Identifiers, Pseudonym, SessionName, Subject};
use crate::state::keyed::Keyed;
use crate::state::record::RevokedName;

/// Whom a revocation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom<'w> {
    Everybody,
    /// Whatever the credential with this name accepted.
    Credential(&'w str),
    /// Everything of a person, as the log calls them.
    Person(Pseudonym),
    /// A session of the portal, as the log calls it.
    Session(SessionName),
    /// One token: its `jti`.
    Token {
        issuer: &'w str,
        id: &'w str,
    },
    /// The tokens of one log-in: their `sid`.
    LogIn {
        issuer: &'w str,
        id: &'w str,
    },
    /// The tokens of a subject: their `sub`.
    Subject {
        issuer: &'w str,
        subject: &'w str,
    },
    /// Takes nobody away: a logout token that did its work, and does it once. Its `jti`.
    LogoutToken {
        issuer: &'w str,
        id: &'w str,
    },
}

/// A name in the list: its kind, and 64 bits of a keyed hash. Chance makes two of a million people share one with a
/// probability of 10^-8, and then one of them has to log in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    kind: u8,
    number: u64,
}

impl Name {
    pub(super) fn record(self) -> RevokedName {
        let [a, b, c, d, e, f, g, h] = self.number.to_be_bytes();
        [self.kind, a, b, c, d, e, f, g, h]
    }

    pub(super) fn from_record([kind, a, b, c, d, e, f, g, h]: RevokedName) -> Self {
        Name { kind, number: u64::from_be_bytes([a, b, c, d, e, f, g, h]) }
    }
}

/// Every name of one credential that was accepted.
#[derive(Clone, Debug)]
pub struct Names {
    pub(super) names: Box<[Name]>,
    /// As in its identifiers.
    pub(super) since_s: i64,
}

impl<'w> Whom<'w> {
    pub(super) fn name(self, keyed: &Keyed) -> Name {
        let (kind, number) = match self {
            Whom::Everybody => (0, 0),
            Whom::Credential(name) => (1, keyed.revoked(&[b"credential", name.as_bytes()])),
            Whom::Person(Pseudonym(number)) => (2, number),
            Whom::Session(SessionName(number)) => (3, number),
            Whom::Token { issuer, id } => (4, keyed.revoked(&[b"jti", issuer.as_bytes(), id.as_bytes()])),
            Whom::LogIn { issuer, id } => (5, keyed.revoked(&[b"sid", issuer.as_bytes(), id.as_bytes()])),
            Whom::Subject { issuer, subject } => (6, keyed.revoked(&[b"sub", issuer.as_bytes(), subject.as_bytes()])),
            Whom::LogoutToken { issuer, id } => (7, keyed.revoked(&[b"logout jti", issuer.as_bytes(), id.as_bytes()])),
        };
        Name { kind, number }
    }

    /// Every name by which a credential can be revoked.
    pub(super) fn all_of(
        credential: &'w Credential,
        facts: &'w Facts,
        identifiers: &'w Identifiers,
        keyed: &Keyed,
    ) -> impl Iterator<Item = Whom<'w>> {
        let issuer = issuer_of(credential);
        let person = facts.subject.as_ref().map(|s| Whom::Person(s.pseudonym(|name| keyed.person(name))));
        let token_ids = identifiers.token_ids.as_deref();
        let provider = credential.session().and_then(|session| session.probe.as_ref()?.issuer.as_deref());
        let subject = facts.subject.as_ref().map(Subject::name);
        let names = [
            Some(Whom::Everybody),
            Some(Whom::Credential(&credential.name)),
            person,
            identifiers.session.map(Whom::Session),
            token_ids.and_then(|h| h.id.as_deref()).map(|id| Whom::Token { issuer, id }),
            token_ids.and_then(|h| h.session.as_deref()).map(|id| Whom::LogIn { issuer, id }),
            token_ids.and_then(|h| h.subject.as_deref()).map(|subject| Whom::Subject { issuer, subject }),
            provider.zip(subject).map(|(issuer, subject)| Whom::Subject { issuer, subject }),
        ];
        names.into_iter().flatten()
    }
}

/// Whose names a credential's tokens carry: the issuer's, or its own where it names no issuer.
pub fn issuer_of(credential: &Credential) -> &str {
    credential.issuer().unwrap_or(&credential.name)
}
