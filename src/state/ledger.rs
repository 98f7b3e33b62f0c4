//! Which opaque sessions the gate saw being born, and how. Kept in memory, bounded, forgotten when idle.
//!
//! Keys are keyed hashes of cookies, never cookies. A session that is not here is `unbound`.

use crate::identity::Facts;
use crate::identity::identify::SessionKey;
use quick_cache::sync::Cache;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a person may take at the identity provider.
const BEGUN_S: i64 = 900;
/// Log-ins begun in several tabs of one browser.
const BEGUN_MAX: usize = 8;

/// How long the old value of a renamed session is still good: requests sent side by side may each bring a new one.
const RENAMED_S: i64 = 60;

/// A session with its facts. It may have several names for a while.
#[derive(Debug)]
struct Bound {
    ended: AtomicBool,
    facts: Facts,
    born_s: i64,
    seen_s: AtomicI64,
    idle_s: i64,
    lifetime_s: i64,
}

impl Bound {
    fn alive(&self, idle_s: i64, lifetime_s: i64, now_s: i64) -> bool {
        !self.ended.load(Ordering::Relaxed)
            && now_s.saturating_sub(self.seen_s.load(Ordering::Relaxed)) < idle_s
            && now_s.saturating_sub(self.born_s) < lifetime_s
    }
}

/// One name of a session.
#[derive(Clone, Debug)]
struct Name {
    bound: Arc<Bound>,
    until_s: i64,
}

/// A log-in flow that the portal sent a session into: its keyed name and when.
type Begun = Arc<Mutex<Vec<([u8; 16], i64)>>>;

#[derive(Debug)]
pub struct Ledger {
    sessions: Cache<SessionKey, Name>,
    begun: Cache<SessionKey, Begun>,
}

/// What a session is bound with.
#[derive(Clone, Debug)]
pub struct Birth {
    pub facts: Facts,
    pub idle_s: i64,
    pub lifetime_s: i64,
    pub at_s: i64,
}

impl Ledger {
    /// `capacity` sessions; beyond it the least used become unbound.
    pub fn new(capacity: usize) -> Self {
        Ledger { sessions: Cache::new(capacity), begun: Cache::new(capacity.clamp(1, 100_000)) }
    }

    /// The facts of a live session; being asked for keeps it alive.
    pub fn look_up(&self, key: SessionKey, idle_s: i64, lifetime_s: i64, now_s: i64) -> Option<Facts> {
        let Name { bound, until_s } = self.sessions.get(&key)?;
        if now_s >= until_s || !bound.alive(idle_s, lifetime_s, now_s) {
            self.sessions.remove(&key);
            return None;
        }
        bound.seen_s.fetch_max(now_s, Ordering::Relaxed);
        Some(bound.facts.clone())
    }

    /// Writes what is known of a session, replacing what was known.
    pub fn bind(&self, key: SessionKey, birth: Birth) {
        let Birth { facts, idle_s, lifetime_s, at_s } = birth;
        let (ended, seen_s) = (AtomicBool::new(false), AtomicI64::new(at_s));
        let bound = Arc::new(Bound { ended, facts, born_s: at_s, seen_s, idle_s, lifetime_s });
        self.sessions.insert(key, Name { bound, until_s: i64::MAX });
    }

    /// The session is unbound from now on, under each of its names.
    pub fn forget(&self, key: SessionKey) {
        if let Some((_, name)) = self.sessions.remove(&key) {
            name.bound.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Follows a session whose cookie value the portal changed, with the log-ins it had begun.
    pub fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) {
        if old == new {
            return;
        }
        if let Some(name) = self.sessions.get(&old) {
            let until_s = name.until_s.min(now_s.saturating_add(RENAMED_S));
            self.sessions.insert(old, Name { until_s, ..name.clone() });
            self.sessions.insert(new, Name { until_s: i64::MAX, ..name });
        }
        if let Some(begun) = self.begun.get(&old) {
            self.begun.insert(new, begun);
        }
    }

    /// The portal sent this session to an identity provider.
    pub fn begin(&self, key: SessionKey, flow: [u8; 16], at_s: i64) {
        let begun = self.begun.get(&key).unwrap_or_default();
        {
            let mut list = begun.lock().unwrap_or_else(PoisonError::into_inner);
            list.retain(|(f, at)| *f != flow && at_s.saturating_sub(*at) < BEGUN_S);
            if list.len() >= BEGUN_MAX {
                list.remove(0);
            }
            list.push((flow, at_s));
        }
        self.begun.insert(key, begun);
    }

    /// Whether one of these flows was begun by this session, not too long ago; each begin counts once.
    pub fn take_begun(&self, key: SessionKey, flows: &[[u8; 16]], now_s: i64) -> bool {
        let Some(begun) = self.begun.get(&key) else { return false };
        let mut list = begun.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list.iter().position(|(f, at)| flows.contains(f) && now_s.saturating_sub(*at) < BEGUN_S);
        found.map(|at| list.remove(at)).is_some()
    }

    /// Sessions kept, those not yet swept included.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Drops what is no longer alive.
    pub fn sweep(&self, now_s: i64) {
        self.sessions.retain(|_, Name { bound, until_s }| {
            now_s < *until_s && bound.alive(bound.idle_s, bound.lifetime_s, now_s)
        });
        self.begun.retain(|_, begun| {
            let list = begun.lock().unwrap_or_else(PoisonError::into_inner);
            list.iter().any(|(_, at)| now_s.saturating_sub(*at) < BEGUN_S)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: SessionKey = SessionKey([1; 16]);
    const L: SessionKey = SessionKey([2; 16]);

    fn birth(at_s: i64) -> Birth {
        Birth { facts: Facts::UNKNOWN, idle_s: 60, lifetime_s: 600, at_s }
    }

    #[test]
    fn a_session_lives_while_it_is_used_and_not_beyond_its_lifetime() {
        let ledger = Ledger::new(10);
        ledger.bind(K, birth(0));
        assert!(ledger.look_up(K, 60, 600, 59).is_some());
        assert!(ledger.look_up(K, 60, 600, 118).is_some());
        assert!(ledger.look_up(K, 60, 600, 178).is_none());
        assert!(ledger.look_up(K, 60, 600, 118).is_none(), "once forgotten, forgotten");
        ledger.bind(K, birth(0));
        for t in (0..600).step_by(30) {
            assert!(ledger.look_up(K, 60, 600, t).is_some());
        }
        assert!(ledger.look_up(K, 60, 600, 600).is_none());
    }

    #[test]
    fn a_clock_that_steps_back_neither_panics_nor_prolongs() {
        let ledger = Ledger::new(10);
        ledger.bind(K, birth(1_000));
        assert!(ledger.look_up(K, 60, 600, 0).is_some());
        assert!(ledger.look_up(K, 60, 600, 1_060).is_none());
    }

    #[test]
    fn a_renamed_session_keeps_its_facts_and_its_begun_flows() {
        let ledger = Ledger::new(10);
        ledger.bind(K, birth(0));
        ledger.begin(K, [7; 16], 0);
        ledger.rename(K, L, 1);
        assert!(ledger.look_up(L, 60, 600, 2).is_some());
        assert!(ledger.take_begun(L, &[[7; 16]], 1));
        assert!(ledger.look_up(K, 60, 600, 2).is_some(), "requests side by side still show the old value");
        assert!(ledger.look_up(L, 60, 600, 40).is_some());
        assert!(ledger.look_up(K, 60, 600, 61).is_none(), "but not for ever");
        assert!(ledger.look_up(L, 60, 600, 61).is_some());
    }

    #[test]
    fn a_log_out_under_one_name_ends_the_session_under_all() {
        let ledger = Ledger::new(10);
        ledger.bind(K, birth(0));
        ledger.rename(K, L, 1);
        ledger.forget(K);
        assert!(ledger.look_up(L, 60, 600, 2).is_none());
    }

    #[test]
    fn a_begun_flow_counts_once_and_not_for_ever() {
        let ledger = Ledger::new(10);
        ledger.begin(K, [7; 16], 0);
        assert!(!ledger.take_begun(K, &[[8; 16]], 1));
        assert!(!ledger.take_begun(L, &[[7; 16]], 1));
        assert!(ledger.take_begun(K, &[[8; 16], [7; 16]], 1));
        assert!(!ledger.take_begun(K, &[[7; 16]], 1));
        ledger.begin(K, [7; 16], 0);
        assert!(!ledger.take_begun(K, &[[7; 16]], BEGUN_S));
    }

    #[test]
    fn the_ledger_is_bounded() {
        let ledger = Ledger::new(100);
        for n in 0..10_000_u128 {
            ledger.bind(SessionKey(n.to_be_bytes()), birth(0));
        }
        assert!(ledger.len() <= 130, "{}", ledger.len());
    }
}
