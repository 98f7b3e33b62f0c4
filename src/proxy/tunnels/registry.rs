//! The open tunnels, and who opened them.
//!
//! Knows the names of people and how a tunnel is ended; nothing of requests.

use crate::proxy::Enforcer;
use crate::state::revocations::{Names, Revocations};
use crate::transport::guard::Ender;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open tunnels of all listeners, each for as long as its request lives.
#[derive(Default)]
pub struct Tunnels(Mutex<Open>);

#[derive(Default)]
struct Open {
    last: u64,
    by_number: HashMap<u64, Tunnel>,
}

struct Tunnel {
    /// Of every credential that was proved at the upgrade.
    people: Arc<[Names]>,
    ender: Ender,
}

fn are_taken_away(people: &[Names], revocations: &Revocations) -> bool {
    people.iter().any(|names| revocations.cover_any(names))
}

impl Tunnels {
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.open().by_number.len()
    }

    /// `None` when its people were revoked meanwhile.
    /// That is asked under the lock, so that whatever is revoked after the question finds the
    /// tunnel here.
    pub(super) fn enter(&self, people: Arc<[Names]>, ender: Ender, revocations: &Revocations) -> Option<u64> {
        let mut open = self.open();
        if are_taken_away(&people, revocations) {
            return None;
        }
        open.last += 1;
        let number = open.last;
        open.by_number.insert(number, Tunnel { people, ender });
        Some(number)
    }

    /// `None`: it was ended.
    fn leave(&self, number: u64) -> Option<Tunnel> {
        self.open().by_number.remove(&number)
    }

    /// Ends every tunnel of somebody who is revoked; how many.
    pub(super) fn end_revoked(&self, revocations: &Revocations) -> usize {
        let all: Vec<_> = self.open().by_number.iter().map(|(number, t)| (*number, t.people.clone())).collect();
        // Without the lock: looking tens of thousands of names up takes a while.
        let gone = all.into_iter().filter(|(_, people)| are_taken_away(people, revocations));
        let gone: Vec<u64> = gone.map(|(number, _)| number).collect();
        gone.into_iter().filter_map(|number| self.leave(number)).map(|tunnel| tunnel.ender.end()).count()
    }

    pub(super) fn end_all(&self) -> usize {
        let all = std::mem::take(&mut self.open().by_number);
        all.into_values().map(|tunnel| tunnel.ender.end()).count()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a request among the open tunnels.
pub struct Place {
    pub(super) gate: Enforcer,
    pub(super) number: u64,
}

impl Place {
    /// Whether the gate ended the tunnel.
    pub(super) fn was_ended(&self) -> bool {
        self.gate.tunnels.leave(self.number).is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.tunnels.leave(self.number);
    }
}
