//! The ledger in a store that several gates share: every change is one step there, and what a gate was told it believes
//! for [`FRESH`] and no longer.
//!
//! A look-up that finds nothing fresh here says so; whoever asks then waits for [`Shared::fetch`]. What is not there is not
//! remembered: else a session that another gate has just bound would be unbound here for a moment.

use super::bound::{Bound, Name, until};
use super::scripts::Scripts;
use super::{BEGUN_MAX, BEGUN_S, Birth, Departure, RENAMED_S, StoreLost, Terms};
use crate::identity::SessionFound;
use crate::identity::SessionKey;
use crate::state::bounded::Bounded;
use crate::state::record::{self, SessionId};
use crate::state::seal::Seal;
use crate::state::store::remote::Remote;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an answer of the store is believed: what another gate ended is refused here after so long at the latest.
const FRESH: Duration = Duration::from_millis(250);
/// Answers kept.
const FRESH_MAX: usize = 100_000;
/// Longer than any request to the portal is on its way.
const DEPARTURE_S: i64 = 86_400;

/// What the store said of a session, and when.
#[derive(Clone, Debug)]
struct Answer {
    name: Name,
    at: Instant,
}

#[derive(Debug)]
pub struct Shared {
    remote: Arc<Remote>,
    seal: Arc<Seal>,
    answers: Bounded<Answer>,
    scripts: Scripts,
    /// What a session is taken for that the store cannot be asked about.
    lost_is: SessionFound,
}

impl Shared {
    pub fn new(remote: Arc<Remote>, seal: Arc<Seal>, lost_is: SessionFound) -> Self {
        Shared { remote, seal, answers: Bounded::new(FRESH_MAX), scripts: Scripts::new(), lost_is }
    }

    /// From what was told a moment ago; `Unavailable` when the store must be asked.
    pub fn look_up(&self, key: SessionKey, terms: Terms<'_>, now_s: i64) -> SessionFound {
        match self.answers.get(key).filter(|a| a.at.elapsed() < FRESH) {
            Some(answer) => self.judge(&answer.name, key, terms, now_s),
            None => SessionFound::Unavailable,
        }
    }

    /// Asks the store; the answer is for [`Shared::judge_fetched`].
    pub async fn fetch(&self, key: SessionKey) -> Result<Option<Name>, StoreLost> {
        let mut script = self.scripts.look.prepare_invoke();
        script.key(self.remote.key("name", &key.alias)).arg(self.remote.key("session", b""));
        let found: Vec<Vec<u8>> = self.remote.run(&script).await?;
        let Some((name, session)) = self.read(key, &found) else {
            self.answers.remove(key);
            return Ok(None);
        };
        let bound = Arc::new(Bound::new(name.session, session));
        if let Some(earlier) = self.answers.get(key).filter(|a| a.name.bound.id == bound.id) {
            bound.touch(earlier.name.bound.seen_s());
        }
        let name = Name { bound, exact: name.exact, until_s: until(name.until_s) };
        self.answers.insert(key, Answer { name: name.clone(), at: Instant::now() });
        Ok(Some(name))
    }

    pub fn judge_fetched(
        &self,
        fetched: &Result<Option<Name>, StoreLost>,
        key: SessionKey,
        terms: Terms<'_>,
        now_s: i64,
    ) -> SessionFound {
        match fetched {
            Ok(Some(name)) => self.judge(name, key, terms, now_s),
            Ok(None) => SessionFound::Unknown,
            Err(StoreLost) => self.lost_is.clone(),
        }
    }

    fn judge(&self, name: &Name, key: SessionKey, terms: Terms<'_>, now_s: i64) -> SessionFound {
        let found = name.judge(key, terms, now_s);
        if matches!(found, SessionFound::Bound(..)) && name.bound.touch_is_due(now_s) {
            self.write_use(name.bound.clone(), terms);
        }
        found
    }

    /// Beside the request: nobody waits for it, and a use that is not written only makes the session look idle earlier.
    fn write_use(&self, bound: Arc<Bound>, terms: Terms<'_>) {
        let keep_s = terms.idle_s.saturating_add(bound.touch_s());
        let (remote, seal) = (self.remote.clone(), self.seal.clone());
        let touch = self.scripts.touch.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let Some(sealed) = bound.record().and_then(|r| r.close(&seal, bound.id)) else { return };
            let mut script = touch.prepare_invoke();
            script.key(remote.key("session", &bound.id.0.to_be_bytes())).arg(sealed).arg(keep_s);
            let _ = remote.run::<()>(&script).await;
        });
    }

    pub async fn knows(&self, key: SessionKey) -> Result<bool, StoreLost> {
        Ok(self.fetch(key).await?.is_some())
    }

    pub async fn depart(&self, key: SessionKey) -> Result<Departure, StoreLost> {
        self.answers.remove(key);
        let mut script = self.scripts.depart.prepare_invoke();
        script.key(self.remote.key("name", &key.alias)).key(self.remote.key("departure", &key.alias));
        script.arg(self.remote.key("session", b"")).arg(DEPARTURE_S);
        let number = self.remote.run(&script).await?;
        Ok(Departure { session: key, number })
    }

    pub async fn bind(&self, key: SessionKey, birth: Birth, last: Option<Departure>) -> Result<bool, StoreLost> {
        self.answers.remove(key);
        let id = SessionId(rand::random());
        let (idle_s, lifetime_s) = (birth.idle_s, birth.lifetime_s);
        let seen_s = birth.at_s;
        let session = record::Session { birth, called: key.name, seen_s };
        let keep_s = idle_s.saturating_add(Bound::new(id, session.clone()).touch_s()).min(lifetime_s);
        let name = record::Name { session: id, exact: key.exact, until_s: i64::MAX };
        let sealed = name.close(&self.seal, &key.alias).zip(session.close(&self.seal, id));
        let (name, session) = sealed.ok_or(StoreLost)?;
        let departed = last.map_or(key, |d| d.session);
        let mut script = self.scripts.bind.prepare_invoke();
        script.key(self.remote.key("name", &key.alias));
        script.key(self.remote.key("departure", &departed.alias));
        script.key(self.remote.key("session", &id.0.to_be_bytes()));
        script.arg(self.remote.key("session", b""));
        script.arg(last.map_or(String::new(), |d| d.number.to_string()));
        script.arg(pointing(id, &name)).arg(lifetime_s).arg(session).arg(keep_s);
        self.remote.run(&script).await
    }

    pub async fn forget(&self, key: SessionKey) -> Result<(), StoreLost> {
        self.answers.remove(key);
        let mut script = self.scripts.forget.prepare_invoke();
        script.key(self.remote.key("name", &key.alias)).arg(self.remote.key("session", b""));
        self.remote.run(&script).await
    }

    pub async fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) -> Result<(), StoreLost> {
        if old == new {
            return Ok(());
        }
        let name = self.fetch(old).await?.filter(|n| n.exact == old.exact);
        let mut script = self.scripts.rename.prepare_invoke();
        for (kind, key) in [("name", old), ("name", new), ("begun", old), ("begun", new)] {
            script.key(self.remote.key(kind, &key.alias));
        }
        script.arg(self.remote.key("session", b""));
        if let Some(name) = name {
            let id = name.bound.id;
            let until_s = name.record().until_s.min(now_s.saturating_add(RENAMED_S));
            let former = record::Name { until_s, ..name.record() };
            let current = record::Name { session: id, exact: new.exact, until_s: i64::MAX };
            let sealed = former.close(&self.seal, &old.alias).zip(current.close(&self.seal, &new.alias));
            let (former, current) = sealed.ok_or(StoreLost)?;
            script.arg(id.0.to_be_bytes().as_slice()).arg(pointing(id, &former));
            script.arg(until_s.saturating_sub(now_s).max(1));
            script.arg(pointing(id, &current)).arg(name.bound.lifetime_s());
        }
        self.answers.remove(old);
        self.answers.remove(new);
        self.remote.run(&script).await
    }

    pub async fn begin(&self, key: SessionKey, flow: [u8; 16], at_s: i64) -> Result<(), StoreLost> {
        let mut script = self.scripts.begin.prepare_invoke();
        script.key(self.remote.key("begun", &key.alias));
        script.arg(flow.as_slice()).arg(at_s).arg(BEGUN_S).arg(BEGUN_MAX);
        self.remote.run(&script).await
    }

    pub async fn begun(
        &self,
        key: SessionKey,
        flows: &[[u8; 16]],
        now_s: i64,
        use_up: bool,
    ) -> Result<bool, StoreLost> {
        let mut script = self.scripts.begun.prepare_invoke();
        script.key(self.remote.key("begun", &key.alias));
        script.arg(now_s.saturating_sub(BEGUN_S)).arg(i32::from(use_up));
        for flow in flows {
            script.arg(flow.as_slice());
        }
        self.remote.run(&script).await
    }

    /// Answers kept in this process.
    pub fn count(&self) -> usize {
        self.answers.count()
    }

    pub fn sweep(&self) {
        self.answers.retain(|answer| answer.at.elapsed() < FRESH, |_, _| {});
    }

    pub fn trouble(&self) -> Option<String> {
        self.remote.trouble()
    }

    pub fn close(&self) {
        self.remote.close();
    }

    /// What somebody else put there is nothing.
    fn read(&self, key: SessionKey, found: &[Vec<u8>]) -> Option<(record::Name, record::Session)> {
        let [name, session] = found else { return None };
        let (pointer, sealed) = name.split_first_chunk()?;
        let name = record::Name::open(&self.seal, &key.alias, sealed)?;
        let session = record::Session::open(&self.seal, name.session, session)?;
        (*pointer == name.session.0.to_be_bytes()).then_some((name, session))
    }
}

/// Scripts of the store cannot open a sealed name: the session it leads to stands before it.
fn pointing(id: SessionId, sealed: &[u8]) -> Vec<u8> {
    [&id.0.to_be_bytes()[..], sealed].concat()
}
