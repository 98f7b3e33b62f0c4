//! Questions to one server: so many at once and no more, each within its time, none while the server says nothing.
//!
//! Waiting for a turn counts. Trouble is logged once in a while, however many questions meet it.

mod breaker;

pub(super) use breaker::Silence;

use super::in_one_line;
use breaker::{Breaker, Unanswered};
use std::error::Error;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

const TELL_EVERY: Duration = Duration::from_secs(10);

/// Why a question found no answer. `E` is what happened to one that was asked.
#[derive(Debug, thiserror::Error)]
pub enum Unasked<E: Error + 'static> {
    #[error("other questions were on their way for {waited:?}")]
    NoTurn { waited: Duration },
    #[error("its server says nothing and is left alone for a while")]
    LeftAlone,
    #[error("not finished within {timeout:?}")]
    TimedOut { timeout: Duration },
    #[error(transparent)]
    Failed(#[from] E),
}

/// What an answer says of its server.
pub(super) trait Answered {
    /// Whether there was none at all.
    fn is_silence(&self) -> bool;
    /// Whether there was none in time.
    fn is_time_out(&self) -> bool {
        false
    }
}

/// How one server is asked.
#[derive(Debug)]
pub(super) struct Questions {
    /// Of which credential.
    credential: String,
    /// What is asked about: `token`, `session`.
    about: &'static str,
    timeout: Duration,
    breaker: Breaker,
    told: Mutex<Option<Instant>>,
}

impl Questions {
    pub(super) fn new(credential: &str, about: &'static str, timeout: Duration) -> Self {
        Questions {
            credential: credential.to_owned(),
            about,
            timeout,
            breaker: Breaker::default(),
            told: Mutex::default(),
        }
    }

    /// What is wrong, while the server is left alone.
    pub(super) fn silence(&self) -> Option<Silence> {
        self.breaker.report()
    }

    /// Asks when it is this question's turn.
    pub(super) async fn put<T, E>(
        &self,
        turns: &Semaphore,
        asking: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Unasked<E>>
    where
        E: Error + Answered + 'static,
    {
        let (timeout, began) = (self.timeout, Instant::now());
        let deadline = tokio::time::Instant::from_std(began) + timeout;
        let (_turn, asked) = match turns.try_acquire() {
            Ok(turn) => (turn, began),
            Err(_) if self.breaker.pauses() => return Err(Unasked::LeftAlone),
            Err(_) => match tokio::time::timeout_at(deadline, turns.acquire()).await {
                Ok(Ok(turn)) => (turn, Instant::now()),
                _ => return Err(Unasked::NoTurn { waited: timeout }),
            },
        };
        if !self.breaker.lets_out(Instant::now(), timeout) {
            return Err(Unasked::LeftAlone);
        }
        let answer = tokio::time::timeout_at(deadline, asking).await;
        let answer = answer.map_or(Err(Unasked::TimedOut { timeout }), |answer| answer.map_err(Unasked::Failed));
        match &answer {
            Err(Unasked::Failed(error)) if error.is_time_out() => self.silent(asked, timeout, error),
            Err(Unasked::Failed(error)) if error.is_silence() => self.silent(asked, Duration::ZERO, error),
            Err(error @ Unasked::TimedOut { .. }) => self.silent(asked, timeout, error),
            _ => self.answered(),
        }
        answer
    }

    fn silent(&self, asked: Instant, patience: Duration, error: &dyn Error) {
        let why = in_one_line(error);
        let question = Unanswered { asked, ended: Instant::now(), patience, why: &why };
        if let Some(pause) = self.breaker.silent(question) {
            log::error!(
                "credential `{}`: no answer to several questions in a row; until there is one, its server is asked once in \
                 {}s and its {}s are unavailable: {why}",
                self.credential,
                pause.as_secs(),
                self.about
            );
        }
    }

    fn answered(&self) {
        if let Some(since) = self.breaker.answered() {
            log::warn!("credential `{}`: its server answers again; it had not since {since:.0}", self.credential);
        }
    }

    /// Logs that a question found no answer of use, once in a while.
    pub(super) fn tell(&self, error: &dyn Error) {
        if self.breaker.pauses() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() > TELL_EVERY) {
            let why = in_one_line(error);
            log::error!(
                "credential `{}`: no answer about a {}: {why}; more of these are not told for a while",
                self.credential,
                self.about
            );
            *told = Some(Instant::now());
        }
    }
}
