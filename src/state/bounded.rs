//! A map that holds so many entries and no more: the oldest goes first, whatever was asked for lately.
//!
//! First in, first out on purpose: a flood of new entries pushes out what is old anyway, and never the newest, as a
//! cache that protects often-read entries would. A million entries are the usual case, so each costs little more than
//! itself: places in one list a shard, chained by age, and a table of their numbers.

use crate::identity::SessionKey;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks that requests share; the key is a keyed hash, so its first byte spreads evenly.
const SHARDS: usize = 16;
/// No place: the end of a chain.
const NONE: u32 = u32::MAX;

pub type Alias = [u8; 16];

#[derive(Debug)]
pub struct Bounded<V> {
    shards: Vec<Mutex<Shard<V>>>,
    shard_capacity: usize,
}

#[derive(Debug)]
struct Shard<V> {
    /// Where the entry of an alias stands in `places`.
    table: HashTable<u32>,
    places: Vec<Place<V>>,
    oldest: u32,
    newest: u32,
    /// The first place that is free; the others follow by `newer`.
    free: u32,
}

#[derive(Debug)]
struct Place<V> {
    alias: Alias,
    /// `None`: the place is free.
    value: Option<V>,
    older: u32,
    newer: u32,
}

impl<V: Clone> Bounded<V> {
    pub fn new(capacity: usize) -> Self {
        let shard_capacity = capacity.div_ceil(SHARDS).clamp(1, NONE as usize);
        Bounded { shards: (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect(), shard_capacity }
    }

    pub fn get(&self, key: SessionKey) -> Option<V> {
        let shard = self.shard(&key.alias)?;
        let at = shard.find(&key.alias)?;
        shard.place(at).and_then(|p| p.value.clone())
    }

    /// A new entry is the youngest; one that was there keeps its age and gets the value. Gives what had to go for it.
    pub fn insert(&self, key: SessionKey, value: V) -> Option<(Alias, V)> {
        let mut shard = self.shard(&key.alias)?;
        if let Some(at) = shard.find(&key.alias) {
            if let Some(place) = shard.places.get_mut(at as usize) {
                place.value = Some(value);
            }
            return None;
        }
        let full = shard.table.len() >= self.shard_capacity;
        let gone = if full { shard.take_oldest() } else { None };
        shard.append(key.alias, value, self.shard_capacity);
        gone
    }

    pub fn remove(&self, key: SessionKey) -> Option<V> {
        self.shard(&key.alias)?.take(&key.alias)
    }

    /// Removes the entry if `ended` holds of it.
    pub fn remove_if(&self, key: SessionKey, ended: impl Fn(&V) -> bool) -> Option<V> {
        let mut shard = self.shard(&key.alias)?;
        let at = shard.find(&key.alias)?;
        let holds = shard.place(at).and_then(|p| p.value.as_ref()).is_some_and(ended);
        if holds { shard.take(&key.alias) } else { None }
    }

    /// Drops what `keep` refuses; what is dropped goes to `dropped`.
    pub fn retain(&self, keep: impl Fn(&V) -> bool, mut dropped: impl FnMut(Alias, V)) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let over: Vec<Alias> =
                shard.places.iter().filter(|p| p.value.as_ref().is_some_and(|v| !keep(v))).map(|p| p.alias).collect();
            for alias in over {
                if let Some(value) = shard.take(&alias) {
                    dropped(alias, value);
                }
            }
        }
    }

    pub fn count(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).table.len()).sum()
    }

    fn shard(&self, alias: &Alias) -> Option<MutexGuard<'_, Shard<V>>> {
        let first = alias.first().copied().map_or(0, usize::from);
        self.shards.get(first % SHARDS).map(|s| s.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The alias is a keyed hash already; what chose the shard says nothing more.
fn hash(alias: &Alias) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *alias;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]).rotate_right(4)
}

impl<V> Shard<V> {
    fn new() -> Self {
        Shard { table: HashTable::new(), places: Vec::new(), oldest: NONE, newest: NONE, free: NONE }
    }

    fn place(&self, at: u32) -> Option<&Place<V>> {
        self.places.get(at as usize)
    }

    fn find(&self, alias: &Alias) -> Option<u32> {
        let is_it = |at: &u32| self.place(*at).is_some_and(|p| p.alias == *alias);
        self.table.find(hash(alias), is_it).copied()
    }

    fn append(&mut self, alias: Alias, value: V, capacity: usize) {
        let place = Place { alias, value: Some(value), older: self.newest, newer: NONE };
        let at = match self.places.get_mut(self.free as usize) {
            Some(free) => {
                let at = self.free;
                self.free = free.newer;
                *free = place;
                at
            }
            None => {
                if self.places.len() == self.places.capacity() {
                    // An eighth more each time: doubling would leave up to half of it unused.
                    let step = (self.places.len() / 8).max(16);
                    self.places.reserve_exact(step.min(capacity.saturating_sub(self.places.len())).max(1));
                }
                self.places.push(place);
                u32::try_from(self.places.len() - 1).unwrap_or(NONE)
            }
        };
        self.link(self.newest, at);
        if self.oldest == NONE {
            self.oldest = at;
        }
        self.newest = at;
        let places = &self.places;
        let hash_of = |at: &u32| places.get(*at as usize).map_or(0, |p| hash(&p.alias));
        self.table.insert_unique(hash(&alias), at, hash_of);
    }

    fn take_oldest(&mut self) -> Option<(Alias, V)> {
        let alias = self.place(self.oldest)?.alias;
        self.take(&alias).map(|value| (alias, value))
    }

    fn take(&mut self, alias: &Alias) -> Option<V> {
        let places = &self.places;
        let is_it = |at: &u32| places.get(*at as usize).is_some_and(|p| p.alias == *alias);
        let hash_of = |at: &u32| places.get(*at as usize).map_or(0, |p| hash(&p.alias));
        let Entry::Occupied(entry) = self.table.entry(hash(alias), is_it, hash_of) else { return None };
        let (at, _) = entry.remove();
        let free = self.free;
        let place = self.places.get_mut(at as usize)?;
        let (older, newer, value) = (place.older, place.newer, place.value.take());
        (place.older, place.newer) = (NONE, free);
        self.free = at;
        self.link(older, newer);
        if self.oldest == at {
            self.oldest = newer;
        }
        if self.newest == at {
            self.newest = older;
        }
        value
    }

    /// Makes two places neighbours in age.
    fn link(&mut self, older: u32, newer: u32) {
        if let Some(place) = self.places.get_mut(older as usize) {
            place.newer = newer;
        }
        if let Some(place) = self.places.get_mut(newer as usize) {
            place.older = older;
        }
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
            let gone = map.insert(key(n), n);
            assert_eq!(gone, n.checked_sub(160).map(|old| (key(old).alias, old)));
            assert_eq!(map.get(key(n)), Some(n));
            let _ = map.get(key(0));
        }
        assert!(map.count() <= 160);
        assert_eq!(map.get(key(0)), None);
        assert!((9_900..10_000).all(|n| map.get(key(n)).is_some()));
    }

    #[test]
    fn an_entry_written_again_keeps_its_age() {
        let map = Bounded::new(2 * SHARDS);
        map.insert(key(0), 0);
        map.insert(key(16), 1);
        map.insert(key(0), 2);
        assert_eq!(map.insert(key(32), 3), Some((key(0).alias, 2)));
    }

    #[test]
    fn places_of_removed_entries_are_used_again_in_whatever_order_they_go() {
        let map = Bounded::new(100 * SHARDS);
        for round in 0..100_u128 {
            let keys = |n: u128| key((round * 50 + n) * 16);
            (0..50).for_each(|n| assert_eq!(map.insert(keys(n), n), None));
            map.remove(keys(49));
            map.remove_if(keys(0), |v| *v == 0);
            map.remove(keys(25));
            map.retain(|_| false, |_, _| {});
            assert_eq!(map.count(), 0);
        }
        let places: usize = map.shards.iter().map(|s| s.lock().unwrap().places.len()).sum();
        assert!(places <= 50, "{places}");
    }
}
