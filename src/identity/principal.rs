//! Who stands behind one credential, as far as the gate could establish it.
//!
//! Facts exist only with evidence `valid` or `attempt`. The constructors keep that promise, so no rule can let
//! someone in on unproved facts by forgetting a condition.

use super::words::{Account, Evidence, Level, Login};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a credential: its place in the merged policy files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub u8);

/// What is established about a person or machine, independent of how it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub account: Account,
    pub login: Login,
    pub level: Level,
    pub subject: Option<Subject>,
}

impl Facts {
    pub const UNKNOWN: Facts =
        Facts { account: Account::Unknown, login: Login::Unknown, level: Level::UNKNOWN, subject: None };
}

/// The stable name of a person; personal data, never logged in the clear. All requests of a token or session share it,
/// and with it the pseudonym that stands for it in the log, which is worked out once.
#[derive(Clone)]
pub struct Subject(Arc<Named>);

struct Named {
    name: Box<str>,
    /// 0 until it is worked out: there may be a million of these.
    pseudonym: AtomicU64,
}

/// What stands for a person in the log: a keyed hash of the subject, written as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub u64);

impl Subject {
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Every caller passes the same way to work it out.
    pub fn pseudonym(&self, work_out: impl FnOnce(&str) -> Pseudonym) -> Pseudonym {
        match self.0.pseudonym.load(Ordering::Relaxed) {
            0 => {
                let pseudonym = work_out(self.name());
                self.0.pseudonym.store(pseudonym.0, Ordering::Relaxed);
                pseudonym
            }
            known => Pseudonym(known),
        }
    }
}

impl From<&str> for Subject {
    fn from(name: &str) -> Self {
        Subject(Arc::new(Named { name: name.into(), pseudonym: AtomicU64::new(0) }))
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Subject {}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subject(…)")
    }
}

/// One asker. Private fields: see the module's promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    credential: Option<CredentialId>,
    evidence: Evidence,
    facts: Facts,
}

impl Principal {
    /// No credential on the request.
    pub fn anonymous() -> Self {
        let facts = Facts { account: Account::Anonymous, login: Login::None, level: Level::UNKNOWN, subject: None };
        Principal { credential: None, evidence: Evidence::None, facts }
    }

    /// A credential that proved its facts.
    pub fn valid(credential: CredentialId, facts: Facts) -> Self {
        Principal { credential: Some(credential), evidence: Evidence::Valid, facts }
    }

    /// A password log-in on its way to the portal; the account is a guess from the shape of the name typed.
    pub fn attempt(credential: CredentialId, account: Account) -> Self {
        let facts = Facts { account, login: Login::Password, level: Level::UNKNOWN, subject: None };
        Principal { credential: Some(credential), evidence: Evidence::Attempt, facts }
    }

    /// A credential that proves nothing. `None` is the Authorization header that no declared credential explains.
    pub fn unproved(credential: Option<CredentialId>, evidence: Evidence) -> Self {
        debug_assert!(!matches!(evidence, Evidence::Valid | Evidence::Attempt | Evidence::None));
        Principal { credential, evidence, facts: Facts::UNKNOWN }
    }

    /// Somebody described in words, for questions to a policy; `Err` says why nobody can be like this.
    pub fn told(
        credential: CredentialId,
        evidence: Evidence,
        (account, login, level): (Option<Account>, Option<Login>, Option<Level>),
    ) -> Result<Self, &'static str> {
        let facts = Facts {
            account: account.unwrap_or(Account::Unknown),
            login: login.unwrap_or(Login::Unknown),
            level: level.unwrap_or(Level::UNKNOWN),
            subject: None,
        };
        match evidence {
            Evidence::Valid => Ok(Self::valid(credential, facts)),
            Evidence::Attempt if level.is_some() || login.is_some_and(|login| login != Login::Password) => {
                Err("an attempt is by `password`, and has no level")
            }
            Evidence::Attempt => Ok(Self::attempt(credential, facts.account)),
            _ if account.is_some() || login.is_some() || level.is_some() => {
                Err("account, login and level are known with `valid` evidence only")
            }
            Evidence::None => Ok(Self::anonymous()),
            unproved => Ok(Self::unproved(Some(credential), unproved)),
        }
    }

    pub fn credential(&self) -> Option<CredentialId> {
        self.credential
    }
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
    pub fn account(&self) -> Account {
        self.facts.account
    }
    pub fn login(&self) -> Login {
        self.facts.login
    }
    pub fn level(&self) -> Level {
        self.facts.level
    }
    pub fn subject(&self) -> Option<&Subject> {
        self.facts.subject.as_ref()
    }
}
