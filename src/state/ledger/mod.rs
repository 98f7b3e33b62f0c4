//! Which opaque sessions the gate saw being born, and how.
//!
//! Keys are keyed hashes of cookies, never cookies. A session that is not here is `unbound`. Forgetting goes by alias:
//! an event under any spelling of a cookie ends all of them. Believing goes by the exact bytes that were bound.
//!
//! What happens to a session is decided in [`machine`], for every store alike.
//! Everything here is there because a log-in succeeded: nothing is kept for whoever only tries.
//!
//! A look-up never waits. Everything that changes what is known waits until it is written down, with a deadline: an
//! answer that depends on it leaves the gate only then.

mod bound;
mod in_flight;
mod local;
pub mod machine;
mod scripts;
mod shared;
#[cfg(test)]
mod tests;

pub use crate::identity::session::Start;
pub use bound::{Bound, Name};
pub use in_flight::Departure;
pub use local::Local;
pub use machine::Outcome;
pub use shared::Shared;

use crate::identity::SessionFound;
use crate::identity::flow::FlowStamp;
use crate::identity::{Facts, SessionKey};

/// How long a person may take at the identity provider.
pub const BEGUN_S: i64 = 900;
/// How long the old value of a renamed session is still good: requests sent side by side may each bring a new one.
pub const RENAMED_S: i64 = 60;
/// Uses of a session are written down so far apart at most, and a tenth of its idle time if that is
/// less: after a crash, and to another gate, a session may look idle for so much longer than it
/// was.
pub const TOUCH_S: i64 = 60;

/// What a session is bound with.
#[derive(Clone, Debug, PartialEq)]
pub struct Birth {
    pub facts: Facts,
    /// The log-in as the policy described it then.
    pub flow: FlowStamp,
    pub start: Start,
    pub idle_s: i64,
    pub lifetime_s: i64,
    pub at_s: i64,
}

/// Names one log-in that was begun; it is bound once.
pub type LoginId = [u8; 16];

/// What a success is bound on.
#[derive(Debug, Default)]
pub struct Proof<'p> {
    /// Of the log-in, where its session was visible when it departed.
    pub departure: Option<&'p Departure>,
    /// Of a log-in by redirect.
    pub login: Option<LoginId>,
}

/// How a session is to be believed now.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    pub idle_s: i64,
    pub lifetime_s: i64,
    /// Log-ins that the policy in force describes; a session born of another one is no longer believed.
    pub flows: &'t [FlowStamp],
}

/// The store did not take it in time, or is known to be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store of sessions cannot be reached")]
pub struct StoreLost;

/// The ledger, wherever it is kept.
#[derive(Debug)]
pub enum Ledger {
    /// In this process, perhaps written down on its disk.
    Local(Local),
    /// In a store that several gates share.
    Shared(Box<Shared>),
}

impl Ledger {
    /// The facts of a live session; being asked for keeps it alive. `Unavailable`: a shared store must be asked first.
    pub fn look_up(&self, key: SessionKey, terms: Terms<'_>, now_s: i64) -> SessionFound {
        match self {
            Ledger::Local(local) => local.look_up(key, terms, now_s),
            Ledger::Shared(shared) => shared.look_up(key, terms, now_s),
        }
    }

    /// Whether anything is known of the session, under whatever spelling.
    pub async fn knows(&self, key: SessionKey) -> Result<bool, StoreLost> {
        match self {
            Ledger::Local(local) => Ok(local.knows(key)),
            Ledger::Shared(shared) => shared.knows(key).await,
        }
    }

    /// A log-in of this session travels to the portal: what was known of it ends, and only the last one to depart may
    /// bind it.
    pub async fn depart(&self, key: SessionKey) -> Result<Departure, StoreLost> {
        match self {
            Ledger::Local(local) => local.depart(key).await,
            Ledger::Shared(shared) => shared.depart(key).await,
        }
    }

    /// Writes what is known of a session of which nothing was known. Nothing is written for a log-in that was overtaken
    /// by another or bound before.
    pub async fn bind(&self, key: SessionKey, birth: Birth, proof: Proof<'_>) -> Result<Outcome, StoreLost> {
        match self {
            Ledger::Local(local) => local.bind(key, birth, proof).await,
            Ledger::Shared(shared) => shared.bind(key, birth, proof).await,
        }
    }

    /// The session is unbound from now on, under each of its names, and no log-in of it that is under way binds it.
    pub async fn forget(&self, key: SessionKey) -> Result<(), StoreLost> {
        match self {
            Ledger::Local(local) => local.forget(key).await,
            Ledger::Shared(shared) => shared.forget(key).await,
        }
    }

    /// Follows a session whose cookie value the portal changed to one of which nothing is known.
    pub async fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) -> Result<(), StoreLost> {
        match self {
            Ledger::Local(local) => local.rename(old, new, now_s).await,
            Ledger::Shared(shared) => shared.rename(old, new, now_s).await,
        }
    }

    /// Whether a success could not be written down now, as far as is known.
    pub fn is_lost(&self) -> bool {
        match self {
            Ledger::Local(local) => local.is_lost(),
            Ledger::Shared(shared) => shared.trouble().is_some(),
        }
    }

    /// Sessions kept in this process, those not yet swept included.
    pub fn count(&self) -> usize {
        match self {
            Ledger::Local(local) => local.count(),
            Ledger::Shared(shared) => shared.count(),
        }
    }

    /// Drops what is no longer alive.
    pub fn sweep(&self, now_s: i64) {
        match self {
            Ledger::Local(local) => local.sweep(now_s),
            Ledger::Shared(shared) => shared.sweep(),
        }
    }

    /// What is wrong with the store, for `/readyz` and `/status`.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Ledger::Local(local) => local.trouble(),
            Ledger::Shared(shared) => shared.trouble(),
        }
    }

    /// Writes down what waits; blocks for a moment. Called once, before the process ends.
    pub fn close(&self) {
        match self {
            Ledger::Local(local) => local.close(),
            Ledger::Shared(shared) => shared.close(),
        }
    }
}
