//! Which opaque sessions the gate saw being born, and how. Kept in memory, bounded, forgotten when idle.
//!
//! Keys are keyed hashes of cookies, never cookies. A session that is not here is `unbound`. Forgetting goes by alias:
//! an event under any spelling of a cookie ends all of them. Believing goes by the exact bytes that were bound.

use super::bounded::Bounded;
use crate::identity::flow::FlowStamp;
use crate::identity::identify::SessionFound;
use crate::identity::{Facts, SessionKey, SessionName};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a person may take at the identity provider.
const BEGUN_S: i64 = 900;
/// Log-ins begun in several tabs of one browser.
const BEGUN_MAX: usize = 8;
/// Sessions with a log-in begun or under way.
const UNDER_WAY_MAX: usize = 200_000;
/// How long the old value of a renamed session is still good: requests sent side by side may each bring a new one.
const RENAMED_S: i64 = 60;

/// A session with its facts. It may have several names for a while.
#[derive(Debug)]
struct Bound {
    ended: AtomicBool,
    facts: Facts,
    called: SessionName,
    born_s: i64,
    seen_s: AtomicI64,
    birth: Birth,
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
    /// The bytes that were bound, as a keyed hash.
    exact: [u8; 16],
    until_s: i64,
}

impl Name {
    fn alive(&self, idle_s: i64, lifetime_s: i64, now_s: i64) -> bool {
        now_s < self.until_s && self.bound.alive(idle_s, lifetime_s, now_s)
    }
}

/// A log-in flow that the portal sent a session into: its keyed name and when.
type Begun = Arc<Mutex<Vec<([u8; 16], i64)>>>;

#[derive(Debug)]
pub struct Ledger {
    sessions: Bounded<Name>,
    begun: Bounded<Begun>,
    /// The last log-in or log-out that departed for a session.
    departures: Bounded<u64>,
    departed: AtomicU64,
}

/// What a session is bound with.
#[derive(Clone, Debug)]
pub struct Birth {
    pub facts: Facts,
    /// The log-in as the policy described it then.
    pub flow: FlowStamp,
    pub idle_s: i64,
    pub lifetime_s: i64,
    pub at_s: i64,
}

/// How a session is to be believed now.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    pub idle_s: i64,
    pub lifetime_s: i64,
    /// Log-ins that the policy in force describes; a session born of another one is no longer believed.
    pub flows: &'t [FlowStamp],
}

impl Ledger {
    /// `capacity` sessions; beyond it the oldest become unbound.
    pub fn new(capacity: usize) -> Self {
        Ledger {
            sessions: Bounded::new(capacity),
            begun: Bounded::new(UNDER_WAY_MAX),
            departures: Bounded::new(UNDER_WAY_MAX),
            departed: AtomicU64::new(0),
        }
    }

    /// The facts of a live session; being asked for keeps it alive.
    pub fn look_up(&self, key: SessionKey, terms: Terms<'_>, now_s: i64) -> SessionFound {
        let Some(name) = self.sessions.get(key) else { return SessionFound::Unknown };
        if !name.alive(terms.idle_s, terms.lifetime_s, now_s) {
            self.sessions.remove_if(key, |n| Arc::ptr_eq(&n.bound, &name.bound));
            return SessionFound::Unknown;
        }
        if name.exact != key.exact {
            return SessionFound::OtherSpelling;
        }
        if !terms.flows.contains(&name.bound.birth.flow) {
            return SessionFound::Unknown;
        }
        name.bound.seen_s.fetch_max(now_s, Ordering::Relaxed);
        SessionFound::Bound(name.bound.facts.clone(), name.bound.called)
    }

    /// Whether anything is known of the session, under whatever spelling.
    pub fn knows(&self, key: SessionKey) -> bool {
        self.sessions.get(key).is_some_and(|n| !n.bound.ended.load(Ordering::Relaxed))
    }

    /// A log-in or log-out of this session travels to the portal: what was known of it ends, and only the last one to
    /// depart may bind it again.
    pub fn depart(&self, key: SessionKey) -> u64 {
        let number = self.departed.fetch_add(1, Ordering::Relaxed) + 1;
        self.departures.insert(key, number);
        self.forget(key);
        number
    }

    /// Whether no other log-in or log-out departed since.
    pub fn is_last(&self, key: SessionKey, departure: u64) -> bool {
        self.departures.get(key) == Some(departure)
    }

    /// Writes what is known of a session, replacing what was known.
    pub fn bind(&self, key: SessionKey, birth: Birth) {
        self.forget(key);
        let bound = Arc::new(Bound {
            ended: AtomicBool::new(false),
            facts: birth.facts.clone(),
            called: key.name,
            born_s: birth.at_s,
            seen_s: AtomicI64::new(birth.at_s),
            birth,
        });
        self.sessions.insert(key, Name { bound, exact: key.exact, until_s: i64::MAX });
    }

    /// The session is unbound from now on, under each of its names.
    pub fn forget(&self, key: SessionKey) {
        if let Some(name) = self.sessions.remove(key) {
            name.bound.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Follows a session whose cookie value the portal changed, with the log-ins it had begun.
    pub fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) {
        if old == new {
            return;
        }
        if let Some(name) = self.sessions.get(old).filter(|n| n.exact == old.exact) {
            let until_s = name.until_s.min(now_s.saturating_add(RENAMED_S));
            self.sessions.insert(old, Name { until_s, ..name.clone() });
            self.sessions.insert(new, Name { until_s: i64::MAX, exact: new.exact, ..name });
        }
        if let Some(begun) = self.begun.get(old) {
            self.begun.insert(new, begun);
        }
    }

    /// The portal sent this session to an identity provider.
    pub fn begin(&self, key: SessionKey, flow: [u8; 16], at_s: i64) {
        let begun = self.begun.get(key).unwrap_or_default();
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

    /// Whether one of these flows was begun by this session, not too long ago.
    pub fn has_begun(&self, key: SessionKey, flows: &[[u8; 16]], now_s: i64) -> bool {
        self.begun.get(key).is_some_and(|begun| position(&lock(&begun), flows, now_s).is_some())
    }

    /// Uses a begun flow up: each counts once.
    pub fn take_begun(&self, key: SessionKey, flows: &[[u8; 16]], now_s: i64) -> bool {
        let Some(begun) = self.begun.get(key) else { return false };
        let mut list = lock(&begun);
        position(&list, flows, now_s).map(|at| list.remove(at)).is_some()
    }

    /// Sessions kept, those not yet swept included.
    pub fn count(&self) -> usize {
        self.sessions.count()
    }

    /// Drops what is no longer alive.
    pub fn sweep(&self, now_s: i64) {
        self.sessions.retain(|n| n.alive(n.bound.birth.idle_s, n.bound.birth.lifetime_s, now_s));
        self.begun.retain(|begun| lock(begun).iter().any(|(_, at)| now_s.saturating_sub(*at) < BEGUN_S));
    }
}

fn lock(begun: &Begun) -> std::sync::MutexGuard<'_, Vec<([u8; 16], i64)>> {
    begun.lock().unwrap_or_else(PoisonError::into_inner)
}

fn position(list: &[([u8; 16], i64)], flows: &[[u8; 16]], now_s: i64) -> Option<usize> {
    list.iter().position(|(f, at)| flows.contains(f) && now_s.saturating_sub(*at) < BEGUN_S)
}

#[cfg(test)]
mod tests;
