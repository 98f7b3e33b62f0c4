//! The ledger in this process: everything in memory, and written down by a journal where there is one.

use super::bound::{Bound, FOR_GOOD, Name, short, until};
use super::in_flight::InFlight;
use super::machine::{self, Event, Outcome, Step};
use super::{BEGUN_S, Birth, Departure, LoginId, Proof, RENAMED_S, StoreLost, Terms};
use crate::identity::SessionFound;
use crate::identity::{SessionKey, SessionName};
use crate::state::bounded::{Alias, Bounded};
use crate::state::record::{self, SessionId};
use crate::state::store::Loaded;
use crate::state::store::journal::{Change, Journal, Ticket};
use prometheus::IntCounter;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub struct Local {
    names: Bounded<Name>,
    /// One change after the other: what is known when a step is chosen is known when it is taken.
    changing: Mutex<()>,
    /// Log-ins that were bound, until they run out (Unix seconds): at most as many as succeed in [`BEGUN_S`].
    used: Mutex<HashMap<LoginId, i64>>,
    in_flight: Arc<InFlight>,
    next_session: AtomicU64,
    journal: Option<Arc<Journal>>,
    evicted: IntCounter,
}

impl Local {
    /// `capacity` sessions; beyond it the oldest become unbound and are counted in `evicted`.
    pub fn new(capacity: usize, evicted: IntCounter) -> Self {
        Local {
            names: Bounded::new(capacity),
            changing: Mutex::default(),
            used: Mutex::default(),
            in_flight: Arc::default(),
            next_session: AtomicU64::new(0),
            journal: None,
            evicted,
        }
    }

    /// Takes over what an earlier process wrote down, and writes down what follows. What is over stays behind.
    pub fn with_journal(mut self, loaded: Loaded, journal: Arc<Journal>, now_s: i64) -> Self {
        self.journal = Some(journal);
        let sessions = loaded.sessions.into_iter().map(|(id, session)| (id, Arc::new(Bound::new(id, session))));
        let mut sessions: HashMap<SessionId, Arc<Bound>> = sessions.collect();
        self.next_session = AtomicU64::new(loaded.last_session.0 + 1);
        let mut names = loaded.names;
        // Sessions are numbered in the order of their birth.
        names.sort_unstable_by_key(|(_, name)| name.session);
        for (alias, name) in names {
            let bound = sessions.get(&name.session).cloned();
            match bound.map(|bound| Name { bound, exact: name.exact, until_s: until(name.until_s) }) {
                Some(name) if name.alive(None, now_s) => self.insert(alias, name),
                _ => self.note(Change::NameGone(alias)),
            }
        }
        // A session that no name leads to is nobody's.
        sessions.retain(|_, bound| Arc::strong_count(bound) == 1);
        sessions.into_keys().for_each(|id| self.note(Change::SessionGone(id)));
        for (id, until_s) in loaded.used {
            if now_s < until_s {
                lock(&self.used).insert(id, until_s);
            } else {
                self.note(Change::UsedGone(id));
            }
        }
        self
    }

    pub fn look_up(&self, key: SessionKey, terms: Terms<'_>, now_s: i64) -> SessionFound {
        let Some(name) = self.names.get(key) else { return SessionFound::Unknown };
        if !name.alive(Some(terms), now_s) {
            let over = self.names.remove_if(key, |n| Arc::ptr_eq(&n.bound, &name.bound));
            drop(name);
            over.into_iter().for_each(|name| self.note_gone(key.alias, &name));
            return SessionFound::Unknown;
        }
        let found = name.judge(key, terms, now_s);
        if matches!(found, SessionFound::Bound(..)) && name.bound.touch_is_due(now_s) {
            self.note(Change::Session(name.bound));
        }
        found
    }

    pub fn knows(&self, key: SessionKey) -> bool {
        self.names.get(key).is_some_and(|n| !n.bound.has_ended())
    }

    pub async fn depart(&self, key: SessionKey) -> Result<Departure, StoreLost> {
        // Not even a log-in of an unknown session: its success could not be written down.
        if self.is_lost() {
            return Err(StoreLost);
        }
        let departure = self.in_flight.enter(key);
        self.ended(key, Event::Departs).await?;
        Ok(departure)
    }

    pub async fn bind(&self, key: SessionKey, birth: Birth, proof: Proof<'_>) -> Result<Outcome, StoreLost> {
        let (outcome, changes) = self.bound(key, birth, &proof);
        let written = self.written(changes).await;
        if written.is_err() {
            // Known here and forgotten by a restart would be neither.
            self.end(key).into_iter().for_each(|change| self.note(change));
        }
        written.map(|()| outcome)
    }

    /// In memory at once; gives what is to be written down.
    fn bound(&self, key: SessionKey, birth: Birth, proof: &Proof<'_>) -> (Outcome, Vec<Change>) {
        let _one_by_one = lock(&self.changing);
        let overtaken = proof.departure.is_some_and(|departure| !departure.is_last());
        let used = proof.login.is_some_and(|id| lock(&self.used).contains_key(&id));
        let step = machine::step(overtaken || self.knows(key), Event::Succeeds { used });
        let mut changes = if step == Step::End { self.end(key) } else { Vec::new() };
        if step == Step::Bind {
            let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
            let seen_s = birth.at_s;
            let bound = Arc::new(Bound::new(id, record::Session { birth, called: key.name, seen_s }));
            let name = Name { bound: bound.clone(), exact: key.exact, until_s: FOR_GOOD };
            changes.extend([Change::Session(bound), Change::Name(key.alias, name.record())]);
            self.insert(key.alias, name);
            if let Some(login) = proof.login {
                let until_s = seen_s.saturating_add(BEGUN_S);
                lock(&self.used).insert(login, until_s);
                changes.push(Change::Used(login, until_s));
            }
        }
        (machine::outcome(step, used), changes)
    }

    pub async fn forget(&self, key: SessionKey) -> Result<(), StoreLost> {
        self.in_flight.overtake(key);
        self.ended(key, Event::Ends).await
    }

    async fn ended(&self, key: SessionKey, event: Event) -> Result<(), StoreLost> {
        let changes = {
            let _one_by_one = lock(&self.changing);
            if machine::step(self.knows(key), event) == Step::End { self.end(key) } else { Vec::new() }
        };
        self.written(changes).await
    }

    pub async fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) -> Result<(), StoreLost> {
        let changes = self.followed(old, new, now_s);
        self.written(changes).await
    }

    fn followed(&self, old: SessionKey, new: SessionKey, now_s: i64) -> Vec<Change> {
        let _one_by_one = lock(&self.changing);
        let by_known = self.knows(new);
        let name = self.names.get(old).filter(|n| n.exact == old.exact && !n.bound.has_ended());
        let step = machine::step(name.is_some(), Event::Replaced { by_known });
        let Some(name) = name.filter(|_| step == Step::Follow) else { return Vec::new() };
        let until_s = name.until_s.min(short(now_s.saturating_add(RENAMED_S)));
        let former = Name { until_s, ..name.clone() };
        let current = Name { until_s: FOR_GOOD, exact: new.exact, ..name };
        let changes = vec![Change::Name(old.alias, former.record()), Change::Name(new.alias, current.record())];
        self.insert(old.alias, former);
        self.insert(new.alias, current);
        changes
    }

    pub fn is_lost(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.is_lost())
    }

    pub fn count(&self) -> usize {
        self.names.count()
    }

    pub fn sweep(&self, now_s: i64) {
        self.names.retain(|n| n.alive(None, now_s), |alias, name| self.note_gone(alias, &name));
        lock(&self.used).retain(|id, until_s| {
            let counts = now_s < *until_s;
            if !counts {
                self.note(Change::UsedGone(*id));
            }
            counts
        });
    }

    pub fn trouble(&self) -> Option<String> {
        self.journal.as_ref().and_then(|journal| journal.trouble())
    }

    pub fn close(&self) {
        if let Some(journal) = &self.journal {
            journal.close();
        }
    }

    /// Ends the session in memory at once; gives what is to be written down of it.
    fn end(&self, key: SessionKey) -> Vec<Change> {
        let Some(name) = self.names.remove(key) else { return Vec::new() };
        name.bound.end();
        vec![Change::NameGone(key.alias), Change::SessionGone(name.bound.id)]
    }

    fn insert(&self, alias: Alias, name: Name) {
        if let Some((alias, name)) = self.names.insert(at(alias), name) {
            self.evicted.inc();
            self.note_gone(alias, &name);
        }
    }

    /// A name that went by itself takes its session along if it was the last one.
    fn note_gone(&self, alias: Alias, name: &Name) {
        if self.journal.is_none() {
            return;
        }
        self.note(Change::NameGone(alias));
        if name.bound.has_ended() || Arc::strong_count(&name.bound) == 1 {
            self.note(Change::SessionGone(name.bound.id));
        }
    }

    /// To be written down soon. What is lost of this in a crash costs nobody a session.
    fn note(&self, change: Change) {
        if let Some(journal) = &self.journal {
            journal.note(change);
        }
    }

    async fn written(&self, changes: Vec<Change>) -> Result<(), StoreLost> {
        match &self.journal {
            Some(journal) if !changes.is_empty() => {
                let ticket: Ticket = journal.write(changes)?;
                journal.written(ticket).await
            }
            _ => Ok(()),
        }
    }
}

fn at(alias: Alias) -> SessionKey {
    SessionKey { alias, exact: alias, name: SessionName(0) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
