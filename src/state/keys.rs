//! The key sets in use, one a credential: pinned at load, fetched, or both; the last good one kept.
//!
//! What is in force is put together when something arrives or its time is over, so that a request finds it ready: the
//! pinned keys, the fetched ones unless they are too old, and for a while those that the last fetch no longer held.

use crate::config::settings::{KeySource, RemoteKeys};
use crate::identity::keys::KeySet;
use jiff::Timestamp;
use quick_cache::sync::Cache;
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;

/// An unknown key id is looked for once in so many seconds.
const STRANGER_S: i64 = 60;
/// Unknown key ids remembered for each credential; the least met are forgotten first.
const STRANGERS: usize = 1_000;

/// A key set as a request finds it.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// Absent until the first successful fetch.
    pub set: Option<Arc<KeySet>>,
    /// Changes with every set, so that what was verified by an older one is verified again.
    pub version: u64,
}

/// What `/status` says of one key set.
#[derive(Debug, Serialize)]
pub struct Report {
    pub credential: String,
    /// Keys that may verify now.
    pub keys: usize,
    pub pinned: usize,
    /// The last good fetch, if it was in this process.
    pub fetched_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Cell {
    source: KeySource,
    fetched: Option<Fetched>,
    /// Keys that a fetch no longer held, and until when they count (Unix seconds).
    gone: Vec<(KeySet, i64)>,
    current: Current,
    /// When `current` must be put together anew.
    until_s: i64,
    /// Told when a token names a key that is not there.
    wanted: Arc<Notify>,
    strangers: Arc<Cache<u64, i64>>,
}

#[derive(Debug)]
struct Fetched {
    set: KeySet,
    at_s: i64,
}

impl Cell {
    fn new(source: &KeySource) -> Self {
        Cell {
            source: source.clone(),
            fetched: None,
            gone: vec![],
            current: Current::default(),
            until_s: i64::MAX,
            wanted: Arc::default(),
            strangers: Arc::new(Cache::new(STRANGERS)),
        }
    }

    /// When the fetched set is too old to prove anything.
    fn ends_s(&self, fetched: &Fetched) -> i64 {
        self.source.max_age_s.map_or(i64::MAX, |age_s| fetched.at_s.saturating_add(age_s))
    }

    fn put_together(&mut self, now_s: i64, version: u64) {
        self.gone.retain(|(_, until_s)| now_s < *until_s);
        let fetched = self.fetched.as_ref().map(|f| (&f.set, self.ends_s(f))).filter(|(_, ends_s)| now_s < *ends_s);
        let gone = self.gone.iter().map(|(set, until_s)| (set, *until_s));
        let pinned = self.source.pinned.as_deref().map(|set| (set, i64::MAX));
        let parts: Vec<(&KeySet, i64)> = pinned.into_iter().chain(fetched).chain(gone).collect();
        let until_s = parts.iter().map(|(_, until_s)| *until_s).min().unwrap_or(i64::MAX);
        let set = KeySet::union(parts.into_iter().map(|(set, _)| set)).map(Arc::new);
        self.current = Current { set, version };
        self.until_s = until_s;
    }
}

/// All key sets by the name of their credential.
#[derive(Debug, Default)]
pub struct Keys {
    cells: RwLock<HashMap<String, Cell>>,
    versions: AtomicU64,
    hasher: RandomState,
}

impl Keys {
    /// Takes over what a new policy says: pinned sets are replaced, fetched ones kept while they come from the same
    /// place, others dropped.
    pub fn adopt(&self, sources: &[KeySource], now_s: i64) {
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|name, _| sources.iter().any(|s| s.name == *name));
        for source in sources {
            let cell = cells.entry(source.name.clone()).or_insert_with(|| Cell::new(source));
            if cell.source.remote != source.remote {
                *cell = Cell::new(source);
            }
            cell.source = source.clone();
            cell.put_together(now_s, self.next_version());
        }
    }

    pub fn of(&self, credential: &str, now_s: i64) -> Current {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let Some(cell) = cells.get(credential) else { return Current::default() };
        if now_s < cell.until_s {
            return cell.current.clone();
        }
        drop(cells);
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        let Some(cell) = cells.get_mut(credential) else { return Current::default() };
        if now_s >= cell.until_s {
            cell.put_together(now_s, self.next_version());
        }
        cell.current.clone()
    }

    /// A set fetched from `remote`, in place of the last good one.
    /// A fetch that ends after the policy named another place is dropped: its keys vouch for nobody
    /// any more.
    pub fn fetched(&self, credential: &str, remote: &RemoteKeys, set: KeySet, now_s: i64) -> bool {
        let version = self.next_version();
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        let Some(cell) = cells.get_mut(credential).filter(|cell| cell.source.remote.as_ref() == Some(remote)) else {
            return false;
        };
        // A key that is back needs no grace.
        cell.gone = std::mem::take(&mut cell.gone)
            .into_iter()
            .filter_map(|(gone, until_s)| Some((gone.without(&set)?, until_s)))
            .collect();
        let before = cell.fetched.take();
        if let (Some(before), Some(grace_s)) = (before, cell.source.grace_s)
            && let Some(gone) = before.set.without(&set)
        {
            cell.gone.push((gone, now_s.saturating_add(grace_s).min(cell.ends_s(&before))));
        }
        cell.fetched = Some(Fetched { set, at_s: now_s });
        cell.put_together(now_s, version);
        true
    }

    /// Notes that a token named a key that is not there; whoever refreshes decides when to look.
    /// One that was looked for a while ago and not found is not worth another look.
    pub fn want(&self, credential: &str, kid: Option<&str>, now_s: i64) {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let Some(cell) = cells.get(credential).filter(|cell| cell.source.remote.is_some()) else { return };
        if let Some(kid) = kid.map(|kid| self.hasher.hash_one(kid)) {
            if cell.strangers.get(&kid).is_some_and(|until_s| now_s < until_s) {
                return;
            }
            cell.strangers.insert(kid, now_s.saturating_add(STRANGER_S));
        }
        cell.wanted.notify_one();
    }

    /// Where a refresher waits for such tokens.
    pub fn wanted(&self, credential: &str) -> Arc<Notify> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(credential).map(|c| c.wanted.clone()).unwrap_or_default()
    }

    /// Names of credentials that have no key set: their tokens are refused as `unavailable`.
    pub fn missing(&self, now_s: i64) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| self.of(name, now_s).set.is_none());
        names
    }

    /// Every key set, by name.
    pub fn report(&self, now_s: i64) -> Vec<Report> {
        let report = |credential: String| {
            let keys = self.of(&credential, now_s).set.map_or(0, |set| set.len());
            let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
            let cell = cells.get(&credential)?;
            let pinned = cell.source.pinned.as_ref().map_or(0, |set| set.len());
            let fetched_at = cell.fetched.as_ref().and_then(|f| Timestamp::from_second(f.at_s).ok());
            Some(Report { credential, keys, pinned, fetched_at })
        };
        self.names().into_iter().filter_map(report).collect()
    }

    fn names(&self) -> Vec<String> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = cells.keys().cloned().collect();
        names.sort();
        names
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[cfg(test)]
mod tests;
