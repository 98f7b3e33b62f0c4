//! Who was revoked before their time: by an operator, or by whoever issued the token.
//!
//! An entry says of one name "whatever is not younger than this moment counts no more", so that whoever logs in again
//! is in. Names are keyed hashes: the list says nothing of anybody. Entries are kept as long as what they revoke may
//! live (`[state] keep_revocations`), and each request asks, so a list without entries costs one look at a number.

mod list;
mod name;
mod stream;

pub use name::{Names, Whom, issuer_of};
pub use stream::Follower;
pub(super) use stream::STREAM;

use super::keyed::Keyed;
use super::ledger::StoreLost;
use super::record::{Revocation, RevokedName};
use super::store::journal::{Change, Journal, Ticket};
use super::store::remote::Remote;
use crate::identity::{Credential, Facts, Identifiers};
use list::List;
use name::Name;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use stream::Stream;
use tokio::sync::watch;

/// Takes away whatever its issuing date is.
pub const WHENEVER: i64 = i64::MAX;
/// Entries kept; beyond it new ones are refused, since dropping an old one would bring somebody back.
const ENTRIES_MAX: usize = 1_000_000;

/// Why somebody could not be revoked everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRevoked {
    #[error(
        "the store did not take it: it holds in this gate, and beyond it once the store is back, unless this gate ends before"
    )]
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
    list: Arc<List>,
    kept: Kept,
    /// Held while the list and the journal are changed together.
    in_order: Mutex<()>,
    /// Credentials of which it was told that they live longer than the list remembers.
    told: Mutex<HashSet<String>>,
}

/// Where the list is kept beside this process's memory.
#[derive(Debug)]
enum Kept {
    Nowhere,
    OnDisk(Arc<Journal>),
    /// With `must_be_fresh`, a list that may lack something is no list.
    Shared {
        stream: Stream,
        must_be_fresh: bool,
    },
}

impl Revocations {
    /// A restart forgets them.
    pub fn in_memory(keyed: Arc<Keyed>, keep_s: i64) -> Self {
        Self::new(keyed, keep_s, Arc::new(List::new()), Kept::Nowhere)
    }

    /// Takes over what an earlier process wrote down, and writes down what follows.
    pub fn on_disk(
        keyed: Arc<Keyed>,
        keep_s: i64,
        journal: Arc<Journal>,
        written: Vec<(RevokedName, Revocation)>,
        now_s: i64,
    ) -> Self {
        let list = Arc::new(List::new());
        for (name, revocation) in written {
            list.learn(Name::from_record(name), revocation);
        }
        let revocations = Self::new(keyed, keep_s, list, Kept::OnDisk(journal));
        revocations.sweep(now_s);
        revocations
    }

    /// Shared with other gates; `follower` takes what they add. `must_be_fresh`: see [`Revocations::may_lack_some`].
    pub fn shared(
        keyed: Arc<Keyed>,
        keep_s: i64,
        remote: Arc<Remote>,
        follower: Arc<Follower>,
        must_be_fresh: bool,
    ) -> Self {
        let list = follower.list();
        Self::new(keyed, keep_s, list, Kept::Shared { stream: Stream::new(remote, follower), must_be_fresh })
    }

    fn new(keyed: Arc<Keyed>, keep_s: i64, list: Arc<List>, kept: Kept) -> Self {
        Revocations { keyed, keep_s, list, kept, in_order: Mutex::default(), told: Mutex::default() }
    }

    /// Takes away what `whom` names, as far as it was issued at `before_s` (Unix seconds) or
    /// earlier.
    /// Holds here at once, and beyond this process when this returns.
    pub async fn revoke(&self, whom: Whom<'_>, before_s: i64, now_s: i64) -> Result<(), NotRevoked> {
        self.keep(whom, Revocation { before_s, until_s: now_s.saturating_add(self.keep_s) }).await
    }

    /// Remembers that a logout token did its work, for as long as it is good: until `until_s` (Unix
    /// seconds), and no longer than any entry.
    pub async fn use_up(&self, issuer: &str, id: &str, until_s: i64, now_s: i64) -> Result<(), NotRevoked> {
        let until_s = until_s.min(now_s.saturating_add(self.keep_s));
        self.keep(Whom::LogoutToken { issuer, id }, Revocation { before_s: WHENEVER, until_s }).await
    }

    async fn keep(&self, whom: Whom<'_>, new: Revocation) -> Result<(), NotRevoked> {
        let name = whom.name(&self.keyed);
        if self.count() >= ENTRIES_MAX && !self.list.read().contains_key(&name) {
            return Err(NotRevoked::Full);
        }
        match &self.kept {
            Kept::Nowhere => drop(self.list.learn(name, new)),
            Kept::OnDisk(journal) => journal.written(self.learn_and_note(journal, name, new)?).await?,
            Kept::Shared { stream, .. } => stream.add(name, self.list.learn(name, new)).await?,
        }
        Ok(())
    }

    /// In one step, so that the file ends with what the list ends with.
    fn learn_and_note(&self, journal: &Journal, name: Name, new: Revocation) -> Result<Ticket, StoreLost> {
        let _in_order = self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        let revocation = self.list.learn(name, new);
        journal.write(vec![Change::Revoked(name.record(), revocation)])
    }

    /// Whether this was revoked.
    pub fn cover(&self, credential: &Credential, facts: &Facts, identifiers: &Identifiers) -> bool {
        if self.known() == 0 {
            return false;
        }
        let entries = self.list.read();
        let covers =
            |whom: Whom<'_>| entries.get(&whom.name(&self.keyed)).is_some_and(|e| e.covers(identifiers.since_s));
        Whom::all_of(credential, facts, identifiers, &self.keyed).any(covers)
    }

    /// Every name by which this can be revoked, for whoever asks often.
    pub fn names(&self, credential: &Credential, facts: &Facts, identifiers: &Identifiers) -> Names {
        let names = Whom::all_of(credential, facts, identifiers, &self.keyed).map(|whom| whom.name(&self.keyed));
        Names { names: names.collect(), since_s: identifiers.since_s }
    }

    /// Whether what has these names was revoked.
    pub fn cover_any(&self, names: &Names) -> bool {
        let entries = self.list.read();
        names.names.iter().any(|name| entries.get(name).is_some_and(|entry| entry.covers(names.since_s)))
    }

    /// Whether `whom` itself was named, whatever moment was given.
    pub fn has(&self, whom: Whom<'_>) -> bool {
        self.list.read().contains_key(&whom.name(&self.keyed))
    }

    /// Says once of each credential that its token would come back to life: it ends after an entry that is made now.
    pub fn note_end(&self, credential: &Credential, end_s: i64, now_s: i64) {
        if end_s.saturating_sub(now_s) <= self.keep_s {
            return;
        }
        let name = &credential.name;
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone()) {
            log::warn!(
                "tokens of `{name}` live longer than `[state] keep_revocations`: taken away, they would be good again after that"
            );
        }
    }

    /// Whether whom another gate took away may be unknown here, in a gate that was told to refuse then.
    pub fn may_lack_some(&self) -> bool {
        matches!(&self.kept, Kept::Shared { stream, must_be_fresh: true } if !stream.follower.is_fresh())
    }

    /// How many times something became known here; 0: nobody was ever taken away.
    pub fn known(&self) -> u64 {
        self.list.known()
    }

    /// Tells when there are more, for those who hold something open.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.list.changes()
    }

    /// Entries kept, those not yet swept included.
    pub fn count(&self) -> usize {
        self.list.read().len()
    }

    /// Drops what has been kept long enough.
    pub fn sweep(&self, now_s: i64) {
        let _in_order = self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        let over = self.list.sweep(now_s);
        if let Kept::OnDisk(journal) = &self.kept {
            over.into_iter().for_each(|name| journal.note(Change::RevocationGone(name.record())));
        }
    }
}

#[cfg(test)]
mod tests;
