//! Tokens that were verified, remembered by a keyed digest until they expire, the keys change or the policy does.

use crate::identity::registered::Handles;
use crate::identity::{CredentialId, Facts};
use quick_cache::sync::Cache;
use std::sync::Arc;

/// Generation of the policy and version of the key set.
pub type Stamp = (u64, u64);

/// One verified token.
#[derive(Debug)]
pub struct Remembered {
    pub credential: CredentialId,
    pub stamp: Stamp,
    /// Unix seconds, leeway included.
    pub until_s: i64,
    pub facts: Facts,
    /// For who takes tokens away; nobody does yet.
    pub handles: Handles,
}

/// Bounded; the least used are forgotten first and verified again.
#[derive(Debug)]
pub struct Tokens(Cache<[u8; 16], Arc<Remembered>>);

impl Tokens {
    pub fn new(capacity: usize) -> Self {
        Tokens(Cache::new(capacity))
    }

    pub fn recall(&self, digest: &[u8; 16], credential: CredentialId, stamp: Stamp, now_s: i64) -> Option<Facts> {
        let known = self.0.get(digest)?;
        let fits = known.credential == credential && known.stamp == stamp && now_s < known.until_s;
        fits.then(|| known.facts.clone())
    }

    pub fn remember(&self, digest: [u8; 16], token: Remembered) {
        self.0.insert(digest, Arc::new(token));
    }
}
