//! Tokens that are shown to whoever issued them, and what was answered, remembered for a short time
//! under a keyed digest.
//!
//! A good answer is believed for
//! the time that the policy allows and never beyond `exp`; a bad one, or none, for a moment, so that nobody can make
//! the gate ask without bound with one token.

use super::asked::{Asked, Known};
use super::{Authenticator, Head, Judged, LookUp};
use crate::identity::check::Failure;
use crate::identity::introspection::{Answer, Introspection};
use crate::identity::{Authenticated, Credential, CredentialId, Identifiers};
use crate::telemetry::series::INTROSPECTIONS;
use crate::transport::Unasked;
use crate::transport::introspect::Introspector;
use std::future::Future;
use std::time::Instant;

/// How long a token that is not in force is not asked about again, at most.
const BAD_S: i64 = 5;
/// The same for one about which nothing could be learned.
const UNANSWERED_S: i64 = 1;

/// Which token, and of what credential.
pub(super) struct Question<'r> {
    pub credential: &'r Credential,
    introspection: &'r Introspection,
    about: About,
    token: &'r str,
}

/// What an answer belongs to: answers are judged by one credential of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct About {
    generation: u64,
    credential: CredentialId,
    /// Keyed digest of the token.
    token: [u8; 16],
}

pub(super) type Answers = Asked<About, Judged>;

/// Asks, or waits for the answer to the same question of another request.
async fn learn(
    answers: &Answers,
    question: &Question<'_>,
    asking: impl Future<Output = Option<Answer>>,
    now_s: i64,
) -> Judged {
    let (introspection, about) = (question.introspection, &question.about);
    let answer = answers.learn(about, (now_s, introspection.timeout), judged(introspection, asking, now_s)).await;
    answer.unwrap_or(Err(Failure::Unavailable))
}

async fn judged(
    introspection: &Introspection,
    asking: impl Future<Output = Option<Answer>>,
    now_s: i64,
) -> Known<Judged> {
    let asked = Instant::now();
    let answer = asking.await;
    let answered_s = now_s.saturating_add(i64::try_from(asked.elapsed().as_secs()).unwrap_or(0));
    let verified = answer.ok_or(Failure::Unavailable).and_then(|answer| introspection.judge(&answer, answered_s));
    let (judged, for_s, end_s) = match verified {
        Ok(good) => {
            let end_s = good.expires_s.saturating_add(introspection.leeway_s);
            let identifiers = Identifiers::of_token(&good.token_ids, answered_s);
            (Ok(Authenticated { facts: good.facts, identifiers, born: None }), introspection.cache_s, end_s)
        }
        Err(Failure::Unavailable) => (Err(Failure::Unavailable), UNANSWERED_S, i64::MAX),
        Err(bad) => (Err(bad), introspection.cache_s.min(BAD_S), i64::MAX),
    };
    Known { value: judged, until_s: answered_s.saturating_add(for_s).min(end_s) }
}

impl Authenticator {
    /// What the authorization server said of a token a short while ago.
    pub(super) fn introspection<'r>(
        &self,
        head: Head<'r>,
        credential: &'r Credential,
        (introspection, token): (&'r Introspection, &'r str),
    ) -> LookUp<'r> {
        let (generation, digest) = (head.in_force.generation, self.state.keyed.token(token));
        let about = About { generation, credential: credential.id, token: digest };
        match self.answers.recall(&about, head.now_s) {
            Some(judged) => LookUp::Found(judged.and_then(|accepted| self.still_counts(credential, accepted))),
            None => LookUp::Ask(super::Question::Introspection(Question { credential, introspection, about, token })),
        }
    }

    pub(super) async fn ask_about_token(&self, head: Head<'_>, question: &Question<'_>) -> Judged {
        let introspector = head.in_force.introspectors().iter().find(|i| i.credential() == question.credential.id);
        let asking = async { self.introspect(introspector?, question.token).await };
        let judged = learn(&self.answers, question, asking, head.now_s).await;
        judged.and_then(|accepted| self.still_counts(question.credential, accepted))
    }

    /// Asks, and counts.
    async fn introspect(&self, introspector: &Introspector, token: &str) -> Option<Answer> {
        let began = Instant::now();
        // A question over the network is a large future; whoever waits for it holds a small one.
        let answer = Box::pin(introspector.ask(token)).await;
        let (metrics, name) = (&self.telemetry.metrics, introspector.name());
        let [active, inactive, failed, unasked] = INTROSPECTIONS;
        let result = match &answer {
            Ok(answer) if answer.is_active() => active,
            Ok(_) => inactive,
            Err(Unasked::LeftAlone | Unasked::NoTurn { .. }) => unasked,
            Err(_) => failed,
        };
        metrics.introspections.with_label_values(&[name, result]).inc();
        if result != unasked {
            metrics.introspection_seconds.with_label_values(&[name]).observe(began.elapsed().as_secs_f64());
        }
        answer.inspect_err(|error| introspector.tell(error)).ok()
    }
}

#[cfg(test)]
mod tests;
