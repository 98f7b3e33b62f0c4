//! A map that holds so many entries and no more: the oldest goes first, whatever was asked for lately.
//!
//! First in, first out on purpose: a flood of new entries pushes out what is old anyway, and never the newest, as a
//! cache that protects often-read entries would.

use crate::identity::SessionKey;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks that requests share; the key is a keyed hash, so its first byte spreads evenly.
const SHARDS: usize = 16;

type Alias = [u8; 16];

#[derive(Debug)]
pub struct Bounded<V> {
    shards: Vec<Mutex<Shard<V>>>,
    shard_capacity: usize,
}

#[derive(Debug)]
struct Shard<V> {
    /// With the number under which the entry stands in `order`.
    map: HashMap<Alias, (u64, V)>,
    order: VecDeque<(u64, Alias)>,
    next: u64,
}

impl<V: Clone> Bounded<V> {
    pub fn new(capacity: usize) -> Self {
        let shard = || Mutex::new(Shard { map: HashMap::new(), order: VecDeque::new(), next: 0 });
        Bounded { shards: (0..SHARDS).map(|_| shard()).collect(), shard_capacity: capacity.div_ceil(SHARDS).max(1) }
    }

    pub fn get(&self, key: SessionKey) -> Option<V> {
        self.shard(key)?.map.get(&key.alias).map(|(_, v)| v.clone())
    }

    /// A new entry is the youngest; one that was there keeps its age and gets the value.
    pub fn insert(&self, key: SessionKey, value: V) {
        let Some(mut shard) = self.shard(key) else { return };
        if let Some((_, old)) = shard.map.get_mut(&key.alias) {
            *old = value;
            return;
        }
        while shard.map.len() >= self.shard_capacity {
            let Some((number, oldest)) = shard.order.pop_front() else { break };
            if shard.map.get(&oldest).is_some_and(|(n, _)| *n == number) {
                shard.map.remove(&oldest);
            }
        }
        let number = shard.next;
        shard.next += 1;
        shard.order.push_back((number, key.alias));
        shard.map.insert(key.alias, (number, value));
        // Removed entries leave their places behind.
        if shard.order.len() > 2 * self.shard_capacity {
            shard.tidy();
        }
    }

    pub fn remove(&self, key: SessionKey) -> Option<V> {
        self.shard(key)?.map.remove(&key.alias).map(|(_, v)| v)
    }

    /// Removes the entry if `ended` holds of it.
    pub fn remove_if(&self, key: SessionKey, ended: impl Fn(&V) -> bool) {
        let Some(mut shard) = self.shard(key) else { return };
        if shard.map.get(&key.alias).is_some_and(|(_, v)| ended(v)) {
            shard.map.remove(&key.alias);
        }
    }

    pub fn retain(&self, keep: impl Fn(&V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.map.retain(|_, (_, v)| keep(v));
            shard.tidy();
        }
    }

    pub fn count(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).map.len()).sum()
    }

    fn shard(&self, key: SessionKey) -> Option<MutexGuard<'_, Shard<V>>> {
        let first = key.alias.first().copied().map_or(0, usize::from);
        self.shards.get(first % SHARDS).map(|s| s.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V> Shard<V> {
    fn tidy(&mut self) {
        let map = &self.map;
        self.order.retain(|(number, alias)| map.get(alias).is_some_and(|(n, _)| n == number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SessionName;

    fn key(n: u128) -> SessionKey {
        SessionKey { alias: n.swap_bytes().to_be_bytes(), exact: [0; 16], name: SessionName(0) }
    }

    #[test]
    fn the_oldest_goes_first_and_the_newest_stays() {
        let map = Bounded::new(160);
        for n in 0..10_000_u128 {
            map.insert(key(n), n);
            assert_eq!(map.get(key(n)), Some(n));
            let _ = map.get(key(0));
        }
        assert!(map.count() <= 160);
        assert_eq!(map.get(key(0)), None);
        assert!((9_900..10_000).all(|n| map.get(key(n)).is_some()));
    }

    #[test]
    fn places_of_removed_entries_do_not_pile_up() {
        let map = Bounded::new(16);
        for n in 0..10_000_u128 {
            map.insert(key(n), n);
            map.remove(key(n));
        }
        let orders: usize = map.shards.iter().map(|s| s.lock().unwrap().order.len()).sum();
        assert!(orders <= 2 * 16 + SHARDS, "{orders}");
    }
}
