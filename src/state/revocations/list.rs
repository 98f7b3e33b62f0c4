//! The revocations as they stand in memory, and who is told when there are more.

use super::name::Name;
use crate::state::record::Revocation;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct List {
    entries: RwLock<HashMap<Name, Revocation>>,
    /// Counts up with every entry that becomes known here, whoever made it.
    changed: watch::Sender<u64>,
    /// The same number, for those who only compare.
    known: AtomicU64,
}

impl List {
    pub(super) fn new() -> Self {
        List { entries: RwLock::default(), changed: watch::Sender::new(0), known: AtomicU64::new(0) }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, HashMap<Name, Revocation>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of two entries with one name the further-reaching holds, which is given back.
    /// What is known already is news to nobody.
    pub(super) fn learn(&self, name: Name, new: Revocation) -> Revocation {
        let mut entries = self.write();
        let before = entries.get(&name).copied();
        let entry = before.map_or(new, |before| before.furthest(new));
        if before != Some(entry) {
            entries.insert(name, entry);
            // Under the lock: whoever sees the new number waits for it, and then finds the entry.
            self.changed.send_replace(self.known.fetch_add(1, Ordering::AcqRel) + 1);
        }
        entry
    }

    /// Drops what has been kept long enough; gives the names.
    pub(super) fn sweep(&self, now_s: i64) -> Vec<Name> {
        let mut over = Vec::new();
        self.write().retain(|name, entry| {
            let stays = now_s < entry.until_s;
            if !stays {
                over.push(*name);
            }
            stays
        });
        over
    }

    pub(super) fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Name, Revocation>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}
