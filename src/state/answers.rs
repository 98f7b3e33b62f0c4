//! What authorization servers said of tokens, remembered for a short time under a keyed digest.
//!
//! Many requests with one token ask once: the first asks, the others wait for its answer. A good answer is believed for
//! the time that the policy allows and never beyond `exp`; a bad one, or none, for a moment, so that nobody can make
//! the gate ask without bound with one token.

use crate::identity::introspection::{Answer, Introspection};
use crate::identity::token::TokenError;
use crate::identity::{Accepted, CredentialId, Marks};
use async_trait::async_trait;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a token that is not in force is not asked about again, at most.
const BAD_S: i64 = 5;
/// The same for one about which nothing could be learned.
const UNANSWERED_S: i64 = 1;
/// Whoever waits for the answer to another's question gives up a little after that one must have.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks an authorization server about a token; `transport` can. Nothing comes back where no answer could be had.
#[async_trait]
pub trait Asks: Sync {
    async fn ask(&self, credential: CredentialId, token: &str) -> Option<Answer>;
}

/// A question of one request.
#[derive(Clone)]
pub struct Question {
    pub about: About,
    pub introspection: Arc<Introspection>,
    pub token: Box<str>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({:?})", self.about.credential)
    }
}

/// What an answer belongs to: answers are judged by one credential of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct About {
    pub generation: u64,
    pub credential: CredentialId,
    /// Keyed digest of the token.
    pub token: [u8; 16],
}

/// What is known of a token.
pub type Outcome = Result<Accepted, TokenError>;

#[derive(Debug)]
struct Known {
    outcome: Outcome,
    /// Unix seconds.
    until_s: i64,
}

/// Bounded; the least used are forgotten first and asked about again.
#[derive(Debug)]
pub struct Answers(Cache<About, Arc<Known>>);

impl Answers {
    pub fn new(capacity: usize) -> Self {
        Answers(Cache::new(capacity))
    }

    pub fn recall(&self, about: &About, now_s: i64) -> Option<Outcome> {
        self.0.get(about).filter(|known| now_s < known.until_s).map(|known| known.outcome.clone())
    }

    /// Asks, or waits for the answer to the same question of another request.
    pub async fn learn(&self, question: &Question, asks: &impl Asks, now_s: i64) -> Outcome {
        self.0.remove_if(&question.about, |known| now_s >= known.until_s);
        let learned = self.0.get_or_insert_async(&question.about, ask(question, asks, now_s));
        match tokio::time::timeout(question.introspection.timeout + PATIENCE, learned).await {
            Ok(Ok::<_, std::convert::Infallible>(known)) => known.outcome.clone(),
            Err(_) => Err(TokenError::Unavailable),
        }
    }
}

async fn ask(question: &Question, asks: &impl Asks, now_s: i64) -> Result<Arc<Known>, std::convert::Infallible> {
    let asked = Instant::now();
    let introspection = &question.introspection;
    let answer = asks.ask(question.about.credential, &question.token).await;
    let answered_s = now_s.saturating_add(i64::try_from(asked.elapsed().as_secs()).unwrap_or(0));
    let judged = answer.ok_or(TokenError::Unavailable).and_then(|answer| introspection.judge(&answer, answered_s));
    let (outcome, for_s, end_s) = match judged {
        Ok(good) => {
            let end_s = good.expires_s.saturating_add(introspection.leeway_s);
            let marks = Marks::of_token(&good.handles, answered_s);
            (Ok(Accepted { facts: good.facts, marks }), introspection.cache_s, end_s)
        }
        Err(TokenError::Unavailable) => (Err(TokenError::Unavailable), UNANSWERED_S, i64::MAX),
        Err(bad) => (Err(bad), introspection.cache_s.min(BAD_S), i64::MAX),
    };
    Ok(Arc::new(Known { outcome, until_s: answered_s.saturating_add(for_s).min(end_s) }))
}

#[cfg(test)]
mod tests;
