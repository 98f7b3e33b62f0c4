//! Log-ins on their way to the portal, by session: two of one session at once bind nobody but the last to depart.
//!
//! An entry lives as long as a request that carries a log-in, so there are never more than such requests under way. A
//! log-out leaves a mark only where a log-in is under way.

use crate::identity::SessionKey;
use crate::state::bounded::Alias;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The log-ins under way of one process.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    by_session: HashMap<Alias, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    under_way: usize,
    /// Of the last log-in or log-out that departed.
    last: u64,
}

/// A log-in that departed; over when it is dropped.
#[derive(Debug)]
pub struct Departure {
    session: SessionKey,
    number: u64,
    all: Arc<InFlight>,
}

impl InFlight {
    /// A log-in of this session departs.
    pub(super) fn enter(self: &Arc<Self>, session: SessionKey) -> Departure {
        let mut numbers = self.numbers();
        numbers.last += 1;
        let number = numbers.last;
        let entry = numbers.by_session.entry(session.alias).or_default();
        entry.under_way += 1;
        entry.last = number;
        Departure { session, number, all: self.clone() }
    }

    /// Something else of this session departs: a log-in under way is no longer the last word.
    pub(super) fn overtake(&self, session: SessionKey) {
        let mut numbers = self.numbers();
        let next = numbers.last + 1;
        if let Some(entry) = numbers.by_session.get_mut(&session.alias) {
            entry.last = next;
            numbers.last = next;
        }
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.numbers().by_session.len()
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Departure {
    /// Whether nothing of this session departed since.
    pub fn is_last(&self) -> bool {
        self.all.numbers().by_session.get(&self.session.alias).is_some_and(|entry| entry.last == self.number)
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        let mut numbers = self.all.numbers();
        if let Some(entry) = numbers.by_session.get_mut(&self.session.alias) {
            entry.under_way -= 1;
            if entry.under_way == 0 {
                numbers.by_session.remove(&self.session.alias);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SessionName;

    const K: SessionKey = SessionKey { alias: [1; 16], exact: [1; 16], name: SessionName(1) };

    #[test]
    fn only_the_last_to_depart_counts_and_nothing_stays() {
        let all = Arc::new(InFlight::default());
        let first = all.enter(K);
        assert!(first.is_last());
        let second = all.enter(K);
        assert!(!first.is_last() && second.is_last());
        drop(first);
        assert!(second.is_last());
        all.overtake(K);
        assert!(!second.is_last(), "a log-out departed since");
        drop(second);
        all.overtake(K);
        assert_eq!(all.count(), 0);
    }
}
