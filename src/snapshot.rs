//! Everything a request may depend on, built whole, pinned once per request, swapped whole.

use crate::config::Settings;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// One policy directory, validated. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with each one published.
    pub generation: u64,
    /// Hex digits that change when a policy file does.
    pub digest: String,
    pub settings: Settings,
}

/// What is in force: a snapshot with what was made for it.
#[derive(Debug)]
pub struct Live<T>(ArcSwap<T>);

impl<T> Live<T> {
    pub fn new(first: T) -> Self {
        Live(ArcSwap::from_pointee(first))
    }

    /// Pins what is in force now, without a lock.
    pub fn current(&self) -> Arc<T> {
        self.0.load_full()
    }

    pub fn publish(&self, next: T) {
        self.0.store(Arc::new(next));
    }
}
