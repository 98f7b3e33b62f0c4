//! Tokens that were verified, remembered by a keyed digest until they expire, the keys change or the policy does.

use crate::identity::{Accepted, CredentialId};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Generation of the policy and version of the key set.
pub type Stamp = (u64, u64);

/// One verified token.
#[derive(Debug)]
pub struct Remembered {
    pub credential: CredentialId,
    pub stamp: Stamp,
    /// Unix seconds, leeway included.
    pub until_s: i64,
    pub accepted: Accepted,
    /// So many revocations were known when it was last found that none takes it away.
    pub cleared: AtomicU64,
}

/// Bounded; the least used are forgotten first and verified again.
#[derive(Debug)]
pub struct Tokens(Cache<[u8; 16], Arc<Remembered>>);

impl Tokens {
    pub fn new(capacity: usize) -> Self {
        Tokens(Cache::new(capacity))
    }

    pub fn recall(
        &self,
        digest: &[u8; 16],
        credential: CredentialId,
        stamp: Stamp,
        now_s: i64,
    ) -> Option<Arc<Remembered>> {
        let known = self.0.get(digest)?;
        let fits = known.credential == credential && known.stamp == stamp && now_s < known.until_s;
        fits.then_some(known)
    }

    /// Since when the token is known, whatever it was judged by then; Unix seconds.
    pub fn known_since(&self, digest: &[u8; 16]) -> Option<i64> {
        self.0.peek(digest).map(|known| known.accepted.marks.since_s)
    }

    pub fn remember(&self, digest: [u8; 16], token: Arc<Remembered>) {
        self.0.insert(digest, token);
    }
}
