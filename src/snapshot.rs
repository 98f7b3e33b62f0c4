//! Everything a request may depend on, built whole, pinned once per request, swapped whole.

use crate::config::Settings;
use std::sync::{Arc, PoisonError, RwLock};

/// One policy directory, validated. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with each one published.
    pub generation: u64,
    /// Hex digits that change when a policy file does.
    pub digest: String,
    pub settings: Settings,
}

/// The door to what is in force: a snapshot with what was made for it.
#[derive(Debug)]
pub struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    pub fn new(first: T) -> Self {
        Live(RwLock::new(Arc::new(first)))
    }

    /// Pins what is in force now.
    pub fn current(&self) -> Arc<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn publish(&self, next: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}
