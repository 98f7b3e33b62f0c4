//! Promises about silent authorization servers: nobody waits for one.
//!
//! The first who ask wait for their time-out, all at once. Then the server is left alone and its tokens are unavailable
//! without a wait, until one question in a while brings an answer. Answers of no use are answers.

use crate::harness::{Ask, Gate, Origin, Policy, Reply, eventually, now, portal};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(2);
/// Questions on their way at once.
const TURNS: usize = 32;
const PEOPLE: usize = 200;

fn gate(origin: &Origin, server: &str) -> Gate {
    let policy = Policy::portal(origin).file("introspection.toml", include_str!("policies/introspection.toml"));
    let policy = policy.set("SERVER", server).set("MORE", "\ntimeout = \"2s\"");
    Gate::start(&policy.file("client.secret", "a synthetic secret"))
}

fn active() -> Value {
    json!({ "active": true, "token_type": "Bearer", "client_id": "web-padsvc", "exp": now() + 600,
        "sub": "079203001234", "identity_provider": "vneid", "vneid_level": 2 })
}

fn ask(gate: &Gate, token: &str) -> u16 {
    let answer = gate.ask(&Ask::get("/nop-ho-so/1").bearer(token));
    if answer.status != 200 {
        assert_eq!((answer.status, answer.reason().as_str()), (503, "identity-unavailable"));
    }
    answer.status
}

/// Everybody comes at once, each with a token of their own; the longest that anybody waited.
fn all_at_once(gate: &Gate, token: &str) -> Duration {
    thread::scope(|scope| {
        let one = |n: usize| {
            let began = Instant::now();
            assert_eq!(ask(gate, &format!("{token}-{n}")), 503);
            began.elapsed()
        };
        let asking: Vec<_> = (0..PEOPLE).map(|n| scope.spawn(move || one(n))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).max().unwrap()
    })
}

fn silence(gate: &Gate) -> Value {
    gate.status()["introspections"][0]["silence"].clone()
}

fn unasked(gate: &Gate) -> f64 {
    gate.metric("vneid_gate_introspections_total", &[("credential", "api-token"), ("result", "unasked")])
}

const TOLD: &str = "no answer to several questions in a row";

#[test]
fn a_silent_server_makes_nobody_wait_longer_than_its_time_out_and_later_nobody_at_all() {
    let (origin, server) = (Origin::answering(portal), Origin::answering(|_| Reply::silence()));
    let gate = gate(&origin, &server.address());
    assert_eq!(silence(&gate), Value::Null);

    // One after the other, TURNS at once, they would need seven time-outs.
    let longest = all_at_once(&gate, "first");
    assert!(longest < TIMEOUT * 3, "{longest:?}");
    // A turn or two may become free before it is left alone.
    let asked = server.take().len();
    assert!((TURNS..TURNS + 5).contains(&asked), "{asked}");
    assert!(gate.status()["introspections"][0]["silence"]["why"].as_str().unwrap().contains("not finished within 2s"));

    let before = unasked(&gate);
    let began = Instant::now();
    let mut client = gate.connect();
    for n in 0..PEOPLE {
        assert_eq!(client.ask(&Ask::get("/nop-ho-so/1").bearer(&format!("second-{n}"))).status, 503);
    }
    // One question may have gone out for each pause that this machine needed.
    let allowed = usize::try_from(began.elapsed().as_secs() / 3).unwrap() + 1;
    assert!(server.requests().len() <= allowed, "{} questions in {:?}", server.requests().len(), began.elapsed());
    assert!(unasked(&gate) - before >= (PEOPLE - allowed) as f64);
    origin.expect_untouched();
    assert_eq!(gate.ask(&Ask::get("/tra-cuu-ho-so").bearer("third")).status, 200, "public pages go on");
}

#[test]
fn a_server_that_speaks_again_is_found_by_one_question_and_both_are_told_once() {
    let (origin, server) = (Origin::answering(portal), Origin::answering(|_| Reply::hang_up()));
    let gate = gate(&origin, &server.address());
    let mut people = 0..;
    let mut somebody = || ask(&gate, &format!("token-{}", people.next().unwrap()));
    eventually("the server to be left alone", || {
        somebody();
        (!silence(&gate).is_null()).then_some(())
    });
    assert_eq!(server.take().len(), 5);
    eventually("the next question", || {
        somebody();
        (server.requests().len() == 1).then_some(())
    });
    assert_eq!(gate.stderr().matches(TOLD).count(), 1, "not again for a question in the pause");

    server.answer(|_| Reply::json(200, &active()));
    eventually("an answer", || (somebody() == 200).then_some(()));
    assert_eq!(silence(&gate), Value::Null);
    assert_eq!(somebody(), 200, "and everybody after it");
    assert_eq!(gate.stderr().matches("its server answers again").count(), 1);
}

#[test]
fn a_server_that_is_not_there_is_named_with_the_reason() {
    let origin = Origin::answering(portal);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let gate = gate(&origin, &nobody);
    all_at_once(&gate, "token");
    assert_eq!(
        silence(&gate)["why"].as_str().unwrap().split(" connection").next().unwrap(),
        format!("{nobody} refused the")
    );
    assert_eq!(gate.stderr().matches(TOLD).count(), 1);
    assert_eq!(gate.admin("/readyz").status, 200, "another server's trouble takes no gate out of service");
}

#[test]
fn answers_of_no_use_do_not_keep_other_tokens_from_being_asked_about() {
    let (origin, server) = (Origin::answering(portal), Origin::answering(|_| Reply::status(500)));
    let gate = gate(&origin, &server.address());
    for n in 0..20 {
        assert_eq!(ask(&gate, &format!("odd-{n}")), 503);
    }
    assert_eq!(server.take().len(), 20);
    server.answer(|_| Reply::json(200, &active()));
    assert_eq!(ask(&gate, "good"), 200);
}
