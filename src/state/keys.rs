//! The key sets in use, one a credential: pinned at load or fetched, the last good one kept.

use crate::config::settings::KeySource;
use crate::identity::keys::KeySet;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;

/// A key set as a request finds it.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// Absent until the first successful fetch.
    pub set: Option<Arc<KeySet>>,
    /// Changes with every set, so that what was verified by an older one is verified again.
    pub version: u64,
}

#[derive(Debug, Default)]
struct Cell {
    current: Current,
    url: Option<String>,
    /// Told when a token names a key that is not there.
    wanted: Arc<Notify>,
}

/// All key sets by the name of their credential.
#[derive(Debug, Default)]
pub struct Keys {
    cells: RwLock<HashMap<String, Cell>>,
    versions: std::sync::atomic::AtomicU64,
}

impl Keys {
    /// Takes over what a new policy says: pinned sets are replaced, fetched ones kept while their URL is the same,
    /// others dropped.
    pub fn adopt(&self, sources: &[KeySource]) {
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|name, _| sources.iter().any(|s| s.name == *name));
        for source in sources {
            let cell = cells.entry(source.name.clone()).or_default();
            if cell.url != source.url {
                *cell = Cell { url: source.url.clone(), ..Cell::default() };
            }
            if let Some(pinned) = &source.pinned {
                cell.current = Current { set: Some(pinned.clone()), version: self.next_version() };
            }
        }
    }

    pub fn of(&self, credential: &str) -> Current {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(credential).map(|c| c.current.clone()).unwrap_or_default()
    }

    /// A set fetched from `url`, replacing the last good one. A fetch that ends after the policy named another URL is
    /// dropped: its keys vouch for nobody any more.
    pub fn fetched(&self, credential: &str, url: &str, set: KeySet) -> bool {
        let version = self.next_version();
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        match cells.get_mut(credential).filter(|cell| cell.url.as_deref() == Some(url)) {
            Some(cell) => {
                cell.current = Current { set: Some(Arc::new(set)), version };
                true
            }
            None => false,
        }
    }

    /// Notes that a token named an unknown key; whoever refreshes decides when to look.
    pub fn want(&self, credential: &str) {
        self.wanted(credential).notify_one();
    }

    /// Where a refresher waits for such tokens.
    pub fn wanted(&self, credential: &str) -> Arc<Notify> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(credential).map(|c| c.wanted.clone()).unwrap_or_default()
    }

    /// Names of credentials that have no key set yet: their tokens are refused as `unavailable`.
    pub fn missing(&self) -> Vec<String> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> =
            cells.iter().filter(|(_, c)| c.current.set.is_none()).map(|(n, _)| n.clone()).collect();
        names.sort();
        names
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
    }
}
