//! What is learned while running: sessions, key sets, verified tokens. Every cell is bounded.
//!
//! Implements what `identity` must be able to look up. All secrets that key these cells come from `[gate] secret`.

pub mod answers;
pub mod bounded;
pub mod keyed;
pub mod keys;
pub mod ledger;
pub mod record;
pub mod revocations;
pub mod seal;
pub mod store;
pub mod tokens;

use crate::config::settings::{Gate, OnStoreLoss, Redis, State as Settings, Store};
use crate::identity::identify::{Check, Known, Presented, SessionFound};
use crate::identity::introspection::Introspection;
use crate::identity::token::{Jwt, TokenError, claimed_kid};
use crate::identity::{Accepted, Credential, Marks, SessionKey};
use answers::{About, Answers, Asks, Outcome, Question};
use keyed::Keyed;
use keys::Keys;
use ledger::{Ledger, Local, Name, Shared, StoreLost, Terms};
use revocations::{Follower, Revocations};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::embedded::Embedded;
use store::journal::Journal;
use store::remote::Remote;
use store::{Meters, StoreError};
use tokens::{Remembered, Tokens};

/// All cells of learned state.
#[derive(Debug)]
pub struct State {
    pub keyed: Arc<Keyed>,
    pub keys: Keys,
    pub ledger: Ledger,
    pub tokens: Tokens,
    pub answers: Answers,
    pub revocations: Revocations,
}

impl State {
    /// Opens the store and reads what an earlier process left there, which may take a moment.
    pub fn new(gate: &Gate, settings: &Settings, meters: Meters, now_s: i64) -> Result<Self, StoreError> {
        let keyed = Arc::new(match &gate.secret {
            Some(secret) => Keyed::new(&secret.0),
            None => Keyed::new(&rand::random::<[u8; 32]>()),
        });
        let keep_s = settings.keep_revocations_s;
        let local = Local::new(settings.sessions, meters.evicted.clone());
        let (ledger, revocations) = match &settings.store {
            Store::Memory => (Ledger::Local(local), Revocations::in_memory(keyed.clone(), keep_s)),
            Store::Embedded { path } => {
                let (disk, mut loaded) = Embedded::open(path, &keyed)?;
                let journal = Arc::new(Journal::new(disk, meters).map_err(StoreError::Thread)?);
                let written = std::mem::take(&mut loaded.revocations);
                let revocations = Revocations::on_disk(keyed.clone(), keep_s, journal.clone(), written, now_s);
                (Ledger::Local(local.with_journal(loaded, journal, now_s)), revocations)
            }
            Store::Redis(redis) => shared(redis, &keyed, keep_s, meters)?,
        };
        let (tokens, answers) = (Tokens::new(gate.limits.tokens), Answers::new(gate.limits.tokens));
        Ok(State { keyed, keys: Keys::default(), ledger, tokens, answers, revocations })
    }

    /// What a request sees that pinned the snapshot `generation`.
    pub fn seen_from(&self, generation: u64) -> View<'_> {
        View { state: self, generation, fetched: Vec::new(), questions: RefCell::default(), answered: Vec::new() }
    }
}

/// Both are kept in one store, over one connection.
fn shared(
    settings: &Redis,
    keyed: &Arc<Keyed>,
    keep_s: i64,
    meters: Meters,
) -> Result<(Ledger, Revocations), StoreError> {
    let seal = Arc::new(keyed.seal().ok_or(StoreError::NoSeal)?);
    let (lost_is, refuses) = match settings.on_loss {
        OnStoreLoss::Refuse => (SessionFound::Unavailable, true),
        OnStoreLoss::Unbound => (SessionFound::Unknown, false),
    };
    let follower = Arc::new(Follower::new(seal.clone(), keep_s));
    let remote = Arc::new(Remote::new(settings, keyed, meters, revocations::STREAM, follower.clone())?);
    let revocations = Revocations::shared(keyed.clone(), keep_s, remote.clone(), follower, refuses);
    Ok((Ledger::Shared(Box::new(Shared::new(remote, seal, lost_is))), revocations))
}

/// The state as one request sees it: what is remembered under another policy is not believed.
#[derive(Debug)]
pub struct View<'s> {
    state: &'s State,
    generation: u64,
    /// What the shared store said of the sessions that this request shows.
    fetched: Vec<(SessionKey, Fetched)>,
    /// About tokens of which nothing fresh is known here.
    questions: RefCell<Vec<Question>>,
    answered: Vec<(About, Outcome)>,
}

type Fetched = Result<Option<Name>, StoreLost>;

impl View<'_> {
    /// Whether somebody elsewhere knows more: of one of these sessions or tokens nothing fresh is known here.
    pub fn must_ask(&self, presented: &[Presented]) -> bool {
        let of_sessions = matches!(self.state.ledger, Ledger::Shared(_)) && unanswered(presented).next().is_some();
        of_sessions || !self.questions.borrow().is_empty()
    }

    /// Asks the shared store and the authorization servers about them; identifying again then says more.
    pub async fn ask(&mut self, presented: &[Presented], asks: &impl Asks, now_s: i64) {
        if let Ledger::Shared(shared) = &self.state.ledger {
            for session in unanswered(presented) {
                self.fetched.push((session, shared.fetch(session).await));
            }
        }
        for question in self.questions.take() {
            let outcome = self.state.answers.learn(&question, asks, now_s).await;
            self.answered.push((question.about, outcome));
        }
    }
}

fn unanswered(presented: &[Presented]) -> impl Iterator<Item = SessionKey> + '_ {
    presented.iter().filter(|p| p.check == Check::Unavailable).filter_map(|p| p.session)
}

impl Known for View<'_> {
    fn session_key(&self, site: &str, credential: &Credential, value: &[u8]) -> SessionKey {
        self.state.keyed.session(site, &credential.name, value)
    }

    fn session(&self, credential: &Credential, key: SessionKey, now_s: i64) -> SessionFound {
        let Some(session) = credential.session() else { return SessionFound::Unknown };
        let terms = Terms { idle_s: session.idle_s, lifetime_s: session.lifetime_s, flows: &session.flows };
        let fetched = self.fetched.iter().find(|(of, _)| *of == key);
        let found = match (fetched, &self.state.ledger) {
            (Some((_, fetched)), Ledger::Shared(shared)) => shared.judge_fetched(fetched, key, terms, now_s),
            _ => self.state.ledger.look_up(key, terms, now_s),
        };
        let SessionFound::Bound(accepted) = found else { return found };
        match self.still_counts(credential, accepted) {
            Ok(accepted) => SessionFound::Bound(accepted),
            Err(TokenError::Revoked) => SessionFound::Revoked,
            Err(_) => SessionFound::Unavailable,
        }
    }

    fn introspected(
        &self,
        credential: &Credential,
        introspection: &Arc<Introspection>,
        token: &str,
        now_s: i64,
    ) -> Outcome {
        let about =
            About { generation: self.generation, credential: credential.id, token: self.state.keyed.token(token) };
        let answered = self.answered.iter().find(|(of, _)| *of == about).map(|(_, outcome)| outcome.clone());
        let outcome = answered.or_else(|| self.state.answers.recall(&about, now_s)).unwrap_or_else(|| {
            let question = Question { about, introspection: introspection.clone(), token: token.into() };
            self.questions.borrow_mut().push(question);
            Err(TokenError::Unavailable)
        });
        outcome.and_then(|accepted| self.still_counts(credential, accepted))
    }

    fn token(&self, credential: &Credential, jwt: &Jwt, token: &str, now_s: i64) -> Result<Accepted, TokenError> {
        let keys = self.state.keys.of(&credential.name, now_s);
        let stamp = (self.generation, keys.version);
        let digest = self.state.keyed.token(token);
        if let Some(known) = self.state.tokens.recall(&digest, credential.id, stamp, now_s) {
            return self.remembered(credential, &known);
        }
        match jwt.verify(token, keys.set.as_deref(), now_s) {
            Ok(verified) => {
                let leeway_s = i64::try_from(jwt.leeway_s).unwrap_or(0);
                let seen_s = self.state.tokens.known_since(&digest).map_or(now_s, |since_s| since_s.min(now_s));
                let marks = Marks::of_token(&verified.handles, seen_s);
                let until_s = verified.expires_s.saturating_add(leeway_s);
                self.state.revocations.note_end(credential, until_s, now_s);
                let known = Arc::new(Remembered {
                    credential: credential.id,
                    stamp,
                    until_s,
                    accepted: Accepted { facts: verified.facts, marks },
                    cleared: AtomicU64::new(0),
                });
                self.state.tokens.remember(digest, known.clone());
                self.remembered(credential, &known)
            }
            Err(error) => {
                if error == TokenError::UnknownKid {
                    self.state.keys.want(&credential.name, claimed_kid(token).as_deref(), now_s);
                }
                Err(error)
            }
        }
    }
}

impl View<'_> {
    /// What was accepted, unless it was taken away since, or nobody can say.
    fn still_counts(&self, credential: &Credential, accepted: Accepted) -> Result<Accepted, TokenError> {
        let revocations = &self.state.revocations;
        if revocations.may_lack_some() {
            Err(TokenError::Unavailable)
        } else if revocations.cover(credential, &accepted.facts, &accepted.marks) {
            Err(TokenError::Revoked)
        } else {
            Ok(accepted)
        }
    }

    /// The same for a token, which is looked for in the list once for each time that the list grew.
    fn remembered(&self, credential: &Credential, known: &Remembered) -> Result<Accepted, TokenError> {
        let revocations = &self.state.revocations;
        let entries = revocations.known();
        if known.cleared.load(Ordering::Relaxed) == entries && !revocations.may_lack_some() {
            return Ok(known.accepted.clone());
        }
        let accepted = self.still_counts(credential, known.accepted.clone())?;
        known.cleared.store(entries, Ordering::Relaxed);
        Ok(accepted)
    }
}
