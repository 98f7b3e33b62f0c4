//! What others answered, remembered for a short time: many requests with one question ask once.
//!
//! The first asks, the others wait for its answer. Bounded: the least used are forgotten first and asked about again.

use quick_cache::sync::Cache;
use std::convert::Infallible;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// Whoever waits for the answer to another's question gives up a little after that one must have.
const PATIENCE: Duration = Duration::from_millis(500);

/// An answer, and until when it is believed (Unix seconds).
#[derive(Debug)]
pub(super) struct Known<V> {
    pub value: V,
    pub until_s: i64,
}

#[derive(Debug)]
pub(super) struct Asked<K, V>(Cache<K, Arc<Known<V>>>);

impl<K: Copy + Eq + Hash, V: Clone> Asked<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Asked(Cache::new(capacity))
    }

    pub(super) fn recall(&self, about: &K, now_s: i64) -> Option<V> {
        self.0.get(about).filter(|known| now_s < known.until_s).map(|known| known.value.clone())
    }

    /// Asks, or waits for the answer to the same question of another request. `None`: there was none in time.
    pub(super) async fn learn(
        &self,
        about: &K,
        (now_s, timeout): (i64, Duration),
        asking: impl Future<Output = Known<V>>,
    ) -> Option<V> {
        self.0.remove_if(about, |known| now_s >= known.until_s);
        let asking = async { Ok::<_, Infallible>(Arc::new(asking.await)) };
        let learned = self.0.get_or_insert_async(about, asking);
        match tokio::time::timeout(timeout + PATIENCE, learned).await {
            Ok(Ok(known)) => Some(known.value.clone()),
            Err(_) => None,
        }
    }

    pub(super) fn forget(&self, about: &K) {
        self.0.remove(about);
    }
}
