//! Who was taken away before their time: by an operator, or by whoever issued the token.
//!
//! An entry says of one name "whatever is not younger than this moment counts no more", so that whoever logs in again
//! is in. Names are keyed hashes: the list says nothing of anybody. Entries are kept as long as what they take away may
//! live (`[state] keep_revocations`), and each request asks, so a list without entries costs one look at a number.

mod name;

pub use name::Whom;

use super::keyed::Keyed;
use super::ledger::StoreLost;
use crate::identity::{Credential, Facts, Marks};
use name::Name;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// Takes away whatever its issuing date is.
pub const WHENEVER: i64 = i64::MAX;
/// Entries kept; beyond it new ones are refused, since dropping an old one would bring somebody back.
const ENTRIES_MAX: usize = 1_000_000;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unix seconds: what is not younger counts no more.
    before_s: i64,
    /// Unix seconds: how long the entry is kept.
    until_s: i64,
}

/// Why somebody could not be taken away everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRevoked {
    #[error("the store did not take it: it holds in this gate only, until it restarts")]
    Store(#[from] StoreLost),
    #[error(
        "there are {ENTRIES_MAX} revocations already: revoke everything of a credential, issued before now, instead"
    )]
    Full,
}

/// See the module.
#[derive(Debug)]
pub struct Revocations {
    keyed: Arc<Keyed>,
    keep_s: i64,
    entries: RwLock<HashMap<Name, Entry>>,
    /// Counts up with every entry that becomes known here, whoever made it.
    changed: watch::Sender<u64>,
    /// The same number, for those who only compare.
    known: AtomicU64,
}

impl Revocations {
    pub fn new(keyed: Arc<Keyed>, keep_s: i64) -> Self {
        let (entries, changed) = (RwLock::default(), watch::Sender::new(0));
        Revocations { keyed, keep_s, entries, changed, known: AtomicU64::new(0) }
    }

    /// Takes away what `whom` names, as far as it was issued at `before_s` (Unix seconds) or earlier. Holds here at once,
    /// and everywhere when this returns.
    pub async fn revoke(&self, whom: Whom<'_>, before_s: i64, now_s: i64) -> Result<(), NotRevoked> {
        let entry = Entry { before_s, until_s: now_s.saturating_add(self.keep_s) };
        if !self.learn([(whom.name(&self.keyed), entry)]) {
            return Err(NotRevoked::Full);
        }
        Ok(())
    }

    /// Whether this was taken away.
    pub fn cover(&self, credential: &Credential, facts: &Facts, marks: &Marks) -> bool {
        if self.known() == 0 {
            return false;
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let covers =
            |whom: Whom<'_>| entries.get(&whom.name(&self.keyed)).is_some_and(|entry| marks.since_s <= entry.before_s);
        Whom::all_of(credential, facts, marks, &self.keyed).any(covers)
    }

    /// Whether `whom` itself was named, whatever moment was given.
    pub fn has(&self, whom: Whom<'_>) -> bool {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).contains_key(&whom.name(&self.keyed))
    }

    /// How many times something became known here; 0: nobody was ever taken away.
    pub fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    /// Tells when there are more, for those who hold something open.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Entries kept, those not yet swept included.
    pub fn count(&self) -> usize {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Drops what has been kept long enough.
    pub fn sweep(&self, now_s: i64) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).retain(|_, entry| now_s < entry.until_s);
    }

    /// `false` when there was no room for all. Of two entries with one name the further-reaching holds.
    fn learn(&self, more: impl IntoIterator<Item = (Name, Entry)>) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for (name, new) in more {
            if entries.len() >= ENTRIES_MAX && !entries.contains_key(&name) {
                return false;
            }
            let entry = entries.entry(name).or_insert(new);
            entry.before_s = entry.before_s.max(new.before_s);
            entry.until_s = entry.until_s.max(new.until_s);
        }
        drop(entries);
        let known = self.known.fetch_add(1, Ordering::AcqRel) + 1;
        self.changed.send_replace(known);
        true
    }
}

#[cfg(test)]
mod tests;
