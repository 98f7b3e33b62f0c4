//! The circuit breaker of an authorization server that says nothing.
//!
//! After a few questions in a row without any answer it is left alone for a while, so that no request waits for it in
//! vain. Then one question goes out; whoever comes meanwhile is turned away at once. Any answer ends the pause.

use jiff::Timestamp;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Questions without an answer, one after the other, before it is left alone.
const SILENCES: u32 = 5;
/// How long it is left alone, again and again.
const PAUSE: Duration = Duration::from_secs(3);

/// Watches over the questions to one server.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Condition>);

#[derive(Debug, Default)]
struct Condition {
    silences: u32,
    /// When the first of them was asked.
    first_asked: Option<Instant>,
    pause: Option<Pause>,
}

/// A question that found no answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered<'u> {
    pub asked: Instant,
    pub ended: Instant,
    /// How long all of them must have gone unanswered before they say something about the server:
    /// the time-out, where time ran out, as it does for a question that had to wait for its turn.
    /// None, where the server could not be asked.
    pub patience: Duration,
    pub why: &'u str,
}

#[derive(Debug)]
struct Pause {
    /// When the next question may go out.
    until: Instant,
    began: Timestamp,
    why: String,
}

/// What `/status` says of a server that is left alone.
#[derive(Debug, Serialize)]
pub(crate) struct Silence {
    pub since: Timestamp,
    pub why: String,
}

impl Breaker {
    /// Whether a question may go out at `now`. The one that is let out in a pause has `timeout` to bring an answer, and
    /// should it never tell how it ended, the next one follows.
    pub(crate) fn lets_out(&self, now: Instant, timeout: Duration) -> bool {
        let mut condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut condition.pause {
            None => true,
            Some(pause) if now < pause.until => false,
            Some(pause) => {
                pause.until = now + timeout + PAUSE;
                true
            }
        }
    }

    /// Whether the server is left alone.
    pub(crate) fn pauses(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pause.is_some()
    }

    /// There was an answer, of whatever use. Since when there had been none, if a pause ends by it.
    pub(crate) fn answered(&self) -> Option<Timestamp> {
        let mut condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *condition).pause.map(|pause| pause.began)
    }

    /// There was none. Whether a pause begins by it: for how long the server is left alone each time.
    pub(crate) fn silent(&self, question: Unanswered<'_>) -> Option<Duration> {
        let mut condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        condition.silences = condition.silences.saturating_add(1);
        let first = *condition.first_asked.get_or_insert(question.asked);
        if condition.silences < SILENCES || question.ended.saturating_duration_since(first) < question.patience {
            return None;
        }
        let before = condition.pause.take();
        let begins = before.is_none();
        let began = before.map_or_else(Timestamp::now, |pause| pause.began);
        condition.pause = Some(Pause { until: question.ended + PAUSE, began, why: question.why.to_owned() });
        begins.then_some(PAUSE)
    }

    /// What is wrong, while the server is left alone.
    pub(crate) fn report(&self) -> Option<Silence> {
        let condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        condition.pause.as_ref().map(|pause| Silence { since: pause.began, why: pause.why.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn refused(at: Instant) -> Unanswered<'static> {
        Unanswered { asked: at, ended: at, patience: Duration::ZERO, why: "why" }
    }

    fn silent(times: u32, at: Instant) -> Breaker {
        let breaker = Breaker::default();
        for time in 1..=times {
            assert_eq!(breaker.silent(refused(at)).is_some(), time == SILENCES, "told once");
        }
        breaker
    }

    #[test]
    fn a_server_is_left_alone_after_so_many_silences_in_a_row_and_no_earlier() {
        let now = Instant::now();
        assert!(silent(SILENCES - 1, now).lets_out(now, TIMEOUT));
        let breaker = silent(SILENCES, now);
        assert!(!breaker.lets_out(now, TIMEOUT));
        assert_eq!(breaker.report().unwrap().why, "why");
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let now = Instant::now();
        let breaker = silent(SILENCES - 1, now);
        assert!(breaker.answered().is_none());
        assert!(breaker.silent(refused(now)).is_none());
        assert!(breaker.lets_out(now, TIMEOUT));
    }

    #[test]
    fn questions_that_had_little_time_count_once_all_of_them_had_the_whole() {
        let began = Instant::now();
        let breaker = Breaker::default();
        let little = Duration::from_millis(10);
        let cut = |at: Instant| Unanswered { asked: at, ended: at + little, patience: TIMEOUT, why: "why" };
        for n in 0..SILENCES * 2 {
            assert!(breaker.silent(cut(began + little * n)).is_none(), "a turn that came late says nothing");
        }
        assert!(breaker.lets_out(began, TIMEOUT));
        assert!(breaker.silent(cut(began + TIMEOUT)).is_some(), "nobody was answered all the while");
    }

    #[test]
    fn one_question_goes_out_when_the_pause_is_over_and_its_answer_ends_it() {
        let now = Instant::now();
        let breaker = silent(SILENCES, now);
        let later = now + PAUSE;
        assert!(breaker.lets_out(later, TIMEOUT));
        assert!(!breaker.lets_out(later, TIMEOUT), "the second waits for the first");
        assert!(breaker.silent(refused(later)).is_none(), "told before");
        assert!(!breaker.lets_out(later, TIMEOUT));
        assert!(breaker.lets_out(later + PAUSE, TIMEOUT));
        assert!(breaker.answered().is_some(), "told when it ends");
        assert!(breaker.lets_out(later, TIMEOUT) && breaker.lets_out(later, TIMEOUT));
        assert!(breaker.report().is_none());
    }

    #[test]
    fn a_question_that_never_tells_how_it_ended_is_followed_by_another() {
        let now = Instant::now();
        let breaker = silent(SILENCES, now);
        let later = now + PAUSE;
        assert!(breaker.lets_out(later, TIMEOUT));
        assert!(!breaker.lets_out(later + TIMEOUT, TIMEOUT));
        assert!(breaker.lets_out(later + TIMEOUT + PAUSE, TIMEOUT));
    }
}
