//! The ledger in a store that several gates share: every change is one step there, and what a gate was told it believes
//! for [`FRESH`] and no longer.
//!
//! A look-up that finds nothing fresh here says so; whoever asks then waits for [`Shared::fetch`].
//! What is not there is not remembered: else a session that another gate has just bound would be
//! unbound here for a moment.

use super::bound::{Bound, Name, until};
use super::in_flight::InFlight;
use super::machine::{self, Event, Outcome, Step};
use super::scripts::{Scripts, Swap};
use super::{BEGUN_S, Birth, Departure, LoginId, Proof, RENAMED_S, StoreLost, Terms};
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
/// How often a change is tried that others come before.
const TRIES: usize = 5;

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
    in_flight: Arc<InFlight>,
    /// What a session is taken for that the store cannot be asked about.
    lost_is: SessionFound,
}

impl Shared {
    pub fn new(remote: Arc<Remote>, seal: Arc<Seal>, lost_is: SessionFound) -> Self {
        Shared {
            remote,
            seal,
            answers: Bounded::new(FRESH_MAX),
            scripts: Scripts::new(),
            in_flight: Arc::default(),
            lost_is,
        }
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
        let Some((name, session)) = self.load(key, None).await?.opened else {
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
        let departure = self.in_flight.enter(key);
        self.ended(key, Event::Departs).await?;
        Ok(departure)
    }

    pub async fn bind(&self, key: SessionKey, birth: Birth, proof: Proof<'_>) -> Result<Outcome, StoreLost> {
        for _ in 0..TRIES {
            let found = self.load(key, proof.login).await?;
            let overtaken = proof.departure.is_some_and(|departure| !departure.is_last());
            let step = machine::step(overtaken || found.is_there(), Event::Succeeds { used: found.used });
            let swap = match step {
                Step::Bind => self.binding(key, &birth, proof.login).ok_or(StoreLost)?,
                Step::End => self.ending(key, &found),
                Step::Nothing | Step::Follow => return Ok(machine::outcome(step, found.used)),
            };
            if self.swap(key, &swap).await? {
                return Ok(machine::outcome(step, found.used));
            }
        }
        Err(StoreLost)
    }

    fn binding(&self, key: SessionKey, birth: &Birth, login: Option<LoginId>) -> Option<Swap> {
        let id = SessionId(rand::random());
        let (idle_s, lifetime_s, seen_s) = (birth.idle_s, birth.lifetime_s, birth.at_s);
        let session = record::Session { birth: birth.clone(), called: key.name, seen_s };
        let keep_s = idle_s.saturating_add(Bound::new(id, session.clone()).touch_s()).min(lifetime_s);
        let name = record::Name { session: id, exact: key.exact, until_s: i64::MAX };
        let sealed = name.close(&self.seal, &key.alias)?;
        let named = self.name_key(key);
        let swap = Swap::default().compare(named.clone(), b"").compare(self.session_key(id), b"");
        let swap = swap.set(named, pointing(id, &sealed), lifetime_s);
        let swap = swap.set(self.session_key(id), session.close(&self.seal, id)?, keep_s);
        Some(match login.map(|id| self.remote.key("used", &id)) {
            Some(used) => swap.compare(used.clone(), b"").set(used, b"1".to_vec(), BEGUN_S),
            None => swap,
        })
    }

    pub async fn forget(&self, key: SessionKey) -> Result<(), StoreLost> {
        self.in_flight.overtake(key);
        self.ended(key, Event::Ends).await
    }

    async fn ended(&self, key: SessionKey, event: Event) -> Result<(), StoreLost> {
        for _ in 0..TRIES {
            let found = self.load(key, None).await?;
            if machine::step(found.is_there(), event) != Step::End || self.swap(key, &self.ending(key, &found)).await? {
                self.answers.remove(key);
                return Ok(());
            }
        }
        Err(StoreLost)
    }

    fn ending(&self, key: SessionKey, found: &Found) -> Swap {
        let swap = Swap::default().compare(self.name_key(key), &found.raw).delete(self.name_key(key));
        match found.raw.first_chunk() {
            Some(pointer) => swap.delete(self.session_key(SessionId(u64::from_be_bytes(*pointer)))),
            None => swap,
        }
    }

    pub async fn rename(&self, old: SessionKey, new: SessionKey, now_s: i64) -> Result<(), StoreLost> {
        for _ in 0..TRIES {
            let (found, other) = (self.load(old, None).await?, self.load(new, None).await?);
            let name = found.opened.as_ref().filter(|(name, _)| name.exact == old.exact);
            let step = machine::step(name.is_some(), Event::Replaced { by_known: other.is_there() });
            let (Step::Follow, Some((name, session))) = (step, name) else { return Ok(()) };
            let id = name.session;
            let until_s = name.until_s.min(now_s.saturating_add(RENAMED_S));
            let former = record::Name { until_s, ..*name }.close(&self.seal, &old.alias);
            let current =
                record::Name { session: id, exact: new.exact, until_s: i64::MAX }.close(&self.seal, &new.alias);
            let (former, current) = former.zip(current).ok_or(StoreLost)?;
            let swap = Swap::default().compare(self.name_key(old), &found.raw).compare(self.name_key(new), b"");
            let swap = swap.set(self.name_key(old), pointing(id, &former), until_s.saturating_sub(now_s));
            let swap = swap.set(self.name_key(new), pointing(id, &current), session.birth.lifetime_s);
            if self.swap(old, &swap).await? {
                self.answers.remove(new);
                return Ok(());
            }
        }
        Err(StoreLost)
    }

    async fn load(&self, key: SessionKey, login: Option<LoginId>) -> Result<Found, StoreLost> {
        let mut script = self.scripts.load.prepare_invoke();
        script.key(self.name_key(key));
        if let Some(id) = login {
            script.key(self.remote.key("used", &id));
        }
        script.arg(self.remote.key("session", b""));
        let (raw, session, used): (Vec<u8>, Vec<u8>, bool) = self.remote.run(&script).await?;
        let opened = self.read(key, &raw, &session);
        Ok(Found { raw, opened, used })
    }

    /// `false`: somebody else came before.
    async fn swap(&self, key: SessionKey, swap: &Swap) -> Result<bool, StoreLost> {
        self.answers.remove(key);
        self.remote.run(&swap.of(&self.scripts.swap)).await
    }

    fn name_key(&self, key: SessionKey) -> Vec<u8> {
        self.remote.key("name", &key.alias)
    }

    fn session_key(&self, id: SessionId) -> Vec<u8> {
        self.remote.key("session", &id.0.to_be_bytes())
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
    fn read(&self, key: SessionKey, name: &[u8], session: &[u8]) -> Option<(record::Name, record::Session)> {
        let (pointer, sealed) = name.split_first_chunk()?;
        let name = record::Name::open(&self.seal, &key.alias, sealed)?;
        let session = record::Session::open(&self.seal, name.session, session)?;
        (*pointer == name.session.0.to_be_bytes()).then_some((name, session))
    }
}

/// What the store holds under a name.
struct Found {
    raw: Vec<u8>,
    /// Whole, and written by a gate with this secret.
    opened: Option<(record::Name, record::Session)>,
    /// Whether the log-in that was asked about was bound before.
    used: bool,
}

impl Found {
    /// Also where it cannot be read, or its session has run out: its place is taken.
    fn is_there(&self) -> bool {
        !self.raw.is_empty()
    }
}

/// Scripts of the store cannot open a sealed name: the session it leads to stands before it.
fn pointing(id: SessionId, sealed: &[u8]) -> Vec<u8> {
    [&id.0.to_be_bytes()[..], sealed].concat()
}
