//! A map whose entries end after a time, for what the stand-ins remember.
//!
//! A shelf keeps at most so many things under unguessable keys; the oldest falls off when it is full. Everything
//! that the demo remembers of its visitors lies on one, so no traffic makes it grow. It knows nothing of HTTP.

use std::collections::VecDeque;

/// Things by key, oldest first, at most `room` of them.
pub(super) struct Shelf<V> {
    room: usize,
    items: VecDeque<(String, V)>,
}

impl<V> Shelf<V> {
    pub(super) fn new(room: usize) -> Self {
        Shelf { room, items: VecDeque::new() }
    }

    /// Puts a thing under a key; one that lay there already is replaced.
    pub(super) fn put(&mut self, key: String, value: V) {
        self.take(&key);
        if self.items.len() >= self.room {
            self.items.pop_front();
        }
        self.items.push_back((key, value));
    }

    pub(super) fn look(&self, key: &str) -> Option<&V> {
        self.items.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub(super) fn look_mut(&mut self, key: &str) -> Option<&mut V> {
        self.items.iter_mut().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<V> {
        let place = self.items.iter().position(|(k, _)| k == key)?;
        self.items.remove(place).map(|(_, v)| v)
    }

    /// From the newest to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &V> {
        self.items.iter().rev().map(|(_, v)| v)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

/// 128 random bits as 32 hexadecimal digits: session ids, states and codes.
pub(super) fn unguessable() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_falls_off_a_full_shelf() {
        let mut shelf = Shelf::new(2);
        for n in 1..=3 {
            shelf.put(n.to_string(), n);
        }
        assert_eq!(shelf.len(), 2);
        assert_eq!(shelf.look("1"), None);
        assert_eq!(shelf.newest_first().copied().collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn what_is_taken_is_gone() {
        let mut shelf = Shelf::new(2);
        shelf.put("a".into(), 1);
        shelf.put("a".into(), 2);
        assert_eq!(shelf.len(), 1);
        assert_eq!(shelf.take("a"), Some(2));
        assert_eq!(shelf.take("a"), None);
    }

    #[test]
    fn two_unguessable_names_differ() {
        let (a, b) = (unguessable(), unguessable());
        assert_ne!(a, b);
        assert!(a.len() == 32 && a.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
