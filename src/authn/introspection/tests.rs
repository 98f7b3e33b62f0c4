//! Tests of when an authorization server is asked, and when it is not.

use super::*;
use crate::identity::credential::Kind;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

const NOW_S: i64 = 1_719_766_800;

/// Counts what it is asked, and answers when it may.
struct Server {
    answer: Mutex<Option<Value>>,
    asked: AtomicUsize,
    may_answer: Semaphore,
}

impl Server {
    fn with(answer: Option<Value>) -> Self {
        Server { answer: Mutex::new(answer), asked: AtomicUsize::new(0), may_answer: Semaphore::new(1_000) }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Server {
    async fn ask(&self) -> Option<Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _turn = self.may_answer.acquire().await;
        let answer = self.answer.lock().unwrap().clone()?;
        Answer::read(answer.to_string().as_bytes()).ok()
    }
}

/// One credential by introspection.
struct Asking {
    credential: Credential,
    introspection: Introspection,
}

impl Asking {
    fn about(&self, token: u8) -> Question<'_> {
        let about = About { generation: 1, credential: CredentialId(0), token: [token; 16] };
        Question { credential: &self.credential, introspection: &self.introspection, about, token: "opaque" }
    }
}

fn asking() -> Asking {
    let introspection = Introspection {
        issuer: None,
        audience: vec![],
        parties: vec![],
        untyped: false,
        leeway_s: 0,
        subject: "/sub".into(),
        principals: vec![],
        cache_s: 30,
        timeout: Duration::from_secs(2),
    };
    let credential = Credential {
        id: CredentialId(0),
        name: "api".into(),
        sources: vec![],
        sites: vec![],
        kind: Kind::Introspection(Arc::new(introspection.clone())),
        flows: vec![],
        logouts: vec![],
        logout_door: None,
    };
    Asking { credential, introspection }
}

fn active(more: i64) -> Option<Value> {
    Some(json!({ "active": true, "token_type": "Bearer", "sub": "someone", "exp": NOW_S + more }))
}

#[tokio::test]
async fn a_good_answer_is_believed_for_its_time_and_never_beyond_exp() {
    for (good_for, until) in [(600, 30), (10, 10)] {
        let (answers, server, asking) = (Answers::new(10), Server::with(active(good_for)), asking());
        let question = asking.about(1);
        assert_eq!(answers.recall(&question.about, NOW_S), None);
        assert!(learn(&answers, &question, server.ask(), NOW_S).await.is_ok());
        assert!(answers.recall(&question.about, NOW_S + until - 1).unwrap().is_ok());
        assert_eq!(answers.recall(&question.about, NOW_S + until), None, "not beyond {until}s");
        let of_another_policy = About { generation: 2, ..question.about };
        assert_eq!(answers.recall(&of_another_policy, NOW_S), None);
        let of_another_credential = About { credential: CredentialId(1), ..question.about };
        assert_eq!(answers.recall(&of_another_credential, NOW_S), None);
    }
}

#[tokio::test]
async fn a_token_that_is_not_in_force_is_not_asked_about_for_a_moment() {
    let (answers, server, asking) = (Answers::new(10), Server::with(Some(json!({ "active": false }))), asking());
    let question = asking.about(1);
    assert_eq!(learn(&answers, &question, server.ask(), NOW_S).await, Err(Failure::Inactive));
    assert_eq!(answers.recall(&question.about, NOW_S + 4), Some(Err(Failure::Inactive)));
    assert_eq!(answers.recall(&question.about, NOW_S + 5), None);
    *server.answer.lock().unwrap() = active(60);
    assert!(learn(&answers, &question, server.ask(), NOW_S + 5).await.is_ok(), "what is over is asked again");
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn without_an_answer_nothing_is_known_and_it_is_asked_again_soon() {
    let (answers, server, asking) = (Answers::new(10), Server::with(None), asking());
    let question = asking.about(1);
    assert_eq!(learn(&answers, &question, server.ask(), NOW_S).await, Err(Failure::Unavailable));
    assert_eq!(answers.recall(&question.about, NOW_S), Some(Err(Failure::Unavailable)));
    assert_eq!(answers.recall(&question.about, NOW_S + 1), None);
}

#[tokio::test]
async fn a_hundred_requests_with_one_token_ask_once() {
    let (answers, server, asking) = (Answers::new(1_000), Server::with(active(60)), asking());
    let question = asking.about(1);
    let held = server.may_answer.acquire_many(1_000).await.unwrap();
    let asking: Vec<_> = (0..100).map(|_| learn(&answers, &question, server.ask(), NOW_S)).collect();
    let all = async {
        let mut good = 0;
        for outcome in join(asking).await {
            good += usize::from(outcome.is_ok());
        }
        good
    };
    let (good, ()) = tokio::join!(all, async {
        tokio::task::yield_now().await;
        drop(held);
    });
    assert_eq!((good, server.asked()), (100, 1));
}

#[tokio::test]
async fn whoever_asks_for_others_may_go_away() {
    let (answers, server, asking) = (Answers::new(10), Server::with(active(60)), asking());
    let question = asking.about(1);
    let held = server.may_answer.acquire_many(1_000).await.unwrap();
    {
        let first = learn(&answers, &question, server.ask(), NOW_S);
        assert!(tokio::time::timeout(Duration::from_millis(20), first).await.is_err());
    }
    drop(held);
    assert!(learn(&answers, &question, server.ask(), NOW_S).await.is_ok(), "the next one asks");
}

/// Runs them side by side.
async fn join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, out) in waiting.iter_mut().filter(|(_, out)| out.is_none()) {
            if let std::task::Poll::Ready(done) = future.as_mut().poll(cx) {
                *out = Some(done);
            }
        }
        if waiting.iter().all(|(_, out)| out.is_some()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, out)| out).collect()
}
