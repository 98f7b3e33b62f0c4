//! The ledger in this process: everything in memory, and written down by a journal where there is one.

use super::bound::{Bound, FOR_GOOD, Name, short, until};
use super::{BEGUN_MAX, BEGUN_S, Birth, Departure, RENAMED_S, StoreLost, Terms};
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

/// Sessions with a log-in begun or under way.
const UNDER_WAY_MAX: usize = 200_000;

/// Log-ins that the portal sent a session into. Names of one session share them.
pub type Begun = Arc<Mutex<record::Begun>>;

#[derive(Debug)]
pub struct Local {
    names: Bounded<Name>,
    begun: Bounded<Begun>,
    /// The last log-in or log-out that departed for a session.
    departures: Bounded<u64>,
    departed: AtomicU64,
    next_session: AtomicU64,
    journal: Option<Arc<Journal>>,
    evicted: IntCounter,
}

impl Local {
    /// `capacity` sessions; beyond it the oldest become unbound and are counted in `evicted`.
    pub fn new(capacity: usize, evicted: IntCounter) -> Self {
        Local {
            names: Bounded::new(capacity),
            begun: Bounded::new(UNDER_WAY_MAX),
            departures: Bounded::new(UNDER_WAY_MAX),
            departed: AtomicU64::new(0),
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
        for (alias, begun) in loaded.begun {
            let fresh = begun.iter().any(|(_, at)| now_s.saturating_sub(*at) < BEGUN_S);
            if fresh {
                self.begun.insert(at(alias), Arc::new(Mutex::new(begun)));
            } else {
                self.note(Change::BegunGone(alias));
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
        if self.journal.as_ref().is_some_and(|journal| journal.is_lost()) {
            return Err(StoreLost);
        }
        let number = self.departed.fetch_add(1, Ordering::Relaxed) + 1;
        self.departures.insert(key, number);
        self.forget(key).await?;
        Ok(Departure { session: key, number })
    }

    pub async fn bind(&self, key: SessionKey, birth: Birth, last: Option<Departure>) -> Result<bool, StoreLost> {
        if last.is_some_and(|d| self.departures.get(d.session) != Some(d.number)) {
            return Ok(false);
        }
        let mut changes = self.end(key);
        let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let seen_s = birth.at_s;
        let bound = Arc::new(Bound::new(id, record::Session { birth, called: key.name, seen_s }));
        let name = Name { bound: bound.clone(), exact: key.exact, until_s: FOR_GOOD };
        changes.extend([Change::Session(bound), Change::Name(key.alias, name.record())]);
        self.insert(key.alias, name);
        let written = self.written(changes).await;
        if written.is_err() {
            // Known here and forgotten by a restart would be neither.
            self.end(key).into_iter().for_each(|change| self.note(change));
        }
        written.map(|()| true)
    }

    pub async fn forget(&self, key: SessionKey) -> Result<(), StoreLost> {
        let changes = self.end(key);
        self.written(changes).await
    }

    pub async fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) -> Result<(), StoreLost> {
        if old == new {
            return Ok(());
        }
        if let Some(begun) = self.begun.get(old) {
            self.note(Change::Begun(new.alias, begun.clone()));
            self.begun.insert(new, begun);
        }
        let Some(name) = self.names.get(old).filter(|n| n.exact == old.exact) else { return Ok(()) };
        let until_s = name.until_s.min(short(now_s.saturating_add(RENAMED_S)));
        let former = Name { until_s, ..name.clone() };
        let current = Name { until_s: FOR_GOOD, exact: new.exact, ..name };
        let changes = vec![Change::Name(old.alias, former.record()), Change::Name(new.alias, current.record())];
        self.insert(old.alias, former);
        self.insert(new.alias, current);
        self.written(changes).await
    }

    pub fn begin(&self, key: SessionKey, flow: [u8; 16], at_s: i64) {
        let begun = self.begun.get(key).unwrap_or_default();
        {
            let mut list = lock(&begun);
            list.retain(|(f, at)| *f != flow && at_s.saturating_sub(*at) < BEGUN_S);
            if list.len() >= BEGUN_MAX {
                list.remove(0);
            }
            list.push((flow, at_s));
        }
        self.note(Change::Begun(key.alias, begun.clone()));
        if let Some((alias, _)) = self.begun.insert(key, begun) {
            self.note(Change::BegunGone(alias));
        }
    }

    pub fn has_begun(&self, key: SessionKey, flows: &[[u8; 16]], now_s: i64) -> bool {
        self.begun.get(key).is_some_and(|begun| position(&lock(&begun), flows, now_s).is_some())
    }

    pub fn take_begun(&self, key: SessionKey, flows: &[[u8; 16]], now_s: i64) -> bool {
        let Some(begun) = self.begun.get(key) else { return false };
        let mut list = lock(&begun);
        let taken = position(&list, flows, now_s).map(|at| list.remove(at)).is_some();
        drop(list);
        if taken {
            self.note(Change::Begun(key.alias, begun));
        }
        taken
    }

    pub fn count(&self) -> usize {
        self.names.count()
    }

    pub fn sweep(&self, now_s: i64) {
        self.names.retain(|n| n.alive(None, now_s), |alias, name| self.note_gone(alias, &name));
        let fresh = |begun: &Begun| lock(begun).iter().any(|(_, at)| now_s.saturating_sub(*at) < BEGUN_S);
        self.begun.retain(fresh, |alias, _| self.note(Change::BegunGone(alias)));
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

fn lock(begun: &Begun) -> MutexGuard<'_, record::Begun> {
    begun.lock().unwrap_or_else(PoisonError::into_inner)
}

fn position(list: &record::Begun, flows: &[[u8; 16]], now_s: i64) -> Option<usize> {
    list.iter().position(|(f, at)| flows.contains(f) && now_s.saturating_sub(*at) < BEGUN_S)
}
