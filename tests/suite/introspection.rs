//! Promises about introspection: a token opens what its server says it does, no more and no longer.
//!
//! The server here answers whatever a test writes. Its word is asked for once a token, believed for a short time, and
//! never replaced by a guess: while it is silent, what needs it is closed and public pages go on.

use crate::harness::{
    Ask, Gate, Issuer, Latch, Origin, Policy, Received, Reply, Response, change, eventually, now, portal,
};
use serde_json::{Value, json};
use std::thread;

const TOKEN: &str = "opaque-0123456789";

struct World {
    origin: Origin,
    server: Origin,
    gate: Gate,
}

fn policy(origin: &Origin, server: &Origin, more: &str) -> Policy {
    let text = include_str!("policies/introspection.toml");
    let policy = Policy::portal(origin).file("introspection.toml", text).set("SERVER", &server.address());
    policy.set("MORE", &format!("\n{more}")).file("client.secret", "a synthetic secret: +/%\n")
}

fn active(more: Value) -> Value {
    let mut answer = json!({
        "active": true, "token_type": "Bearer", "client_id": "web-padsvc", "exp": now() + 600,
        "sub": "079203001234", "identity_provider": "vneid", "vneid_level": 2,
    });
    change(&mut answer, more);
    answer
}

impl World {
    fn answering(answer: Value) -> World {
        World::scripted("", move |_| Reply::json(200, &answer))
    }

    fn scripted(more: &str, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> World {
        let (origin, server) = (Origin::answering(portal), Origin::answering(script));
        let gate = Gate::start(&policy(&origin, &server, more));
        World { origin, server, gate }
    }

    #[track_caller]
    fn file(&self, token: &str) -> Response {
        self.gate.ask(&Ask::get("/nop-ho-so/1").bearer(token))
    }

    #[track_caller]
    fn counts(&self, result: &str) {
        let labels = [("credential", "api-token"), ("result", result)];
        self.gate.until_metric("vneid_gate_credential_checks_total", &labels, |count| count >= 1.0);
    }
}

#[test]
fn an_active_token_lets_its_owner_in_and_is_asked_about_once() {
    let world = World::answering(active(json!({})));
    for _ in 0..3 {
        assert_eq!(world.file(TOKEN).status, 200);
        let request = world.origin.only();
        assert_eq!(request.vouched(), "citizen/vneid/2");
        assert_eq!(request.values("x-gate-subject"), ["079203001234"]);
    }
    let asked = world.server.only();
    assert_eq!((asked.method(), asked.target()), ("POST", "/introspect"));
    assert_eq!(asked.value("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.value("accept"), Some("application/json"));
    assert_eq!(asked.body, format!("token={TOKEN}&token_type_hint=access_token").as_bytes());
    // gate:a%20synthetic%20secret%3A%20%2B%2F%25
    let basic = "Basic Z2F0ZTphJTIwc3ludGhldGljJTIwc2VjcmV0JTNBJTIwJTJCJTJGJTI1";
    assert_eq!(asked.value("authorization"), Some(basic));
    let active = [("credential", "api-token"), ("result", "active")];
    assert_eq!(world.gate.metric("vneid_gate_introspections_total", &active), 1.0);
    let seconds = "vneid_gate_introspection_duration_seconds_count";
    assert_eq!(world.gate.metric(seconds, &[("credential", "api-token")]), 1.0);
}

#[test]
fn an_answer_that_does_not_hold_proves_nothing() {
    for (answer, reason, result) in [
        (json!({ "active": false }), "credential-invalid", "inactive"),
        (active(json!({ "exp": now() - 60 })), "credential-expired", "expired"),
        (active(json!({ "nbf": now() + 600 })), "credential-invalid", "not_yet_valid"),
        (active(json!({ "client_id": "another" })), "credential-invalid", "party"),
        (active(json!({ "sub": null })), "credential-invalid", "malformed"),
        (active(json!({ "token_type": null, "typ": "Refresh" })), "credential-invalid", "malformed"),
        (active(json!({ "active": "true" })), "identity-unavailable", "unavailable"),
        (active(json!({ "active": 1 })), "identity-unavailable", "unavailable"),
        (json!({}), "identity-unavailable", "unavailable"),
    ] {
        let world = World::answering(answer.clone());
        assert_eq!(world.file(TOKEN).reason(), reason, "{answer}");
        world.counts(result);
        world.origin.expect_untouched();
    }
}

#[test]
fn a_server_that_does_not_answer_leaves_the_token_undecided() {
    let thief = Origin::answering(|_| Reply::json(200, &active(json!({}))));
    let elsewhere = format!("http://{}/introspect", thief.address());
    for (what, reply) in [
        ("an error", Reply::status(500)),
        ("a refusal", Reply::json(401, &active(json!({})))),
        ("a page", Reply::ok("<html>log in first</html>")),
        ("a redirect", Reply::redirect(&elsewhere)),
        ("too much", Reply::ok(vec![b' '; 1 << 20])),
        ("twice a member", Reply::ok(r#"{"active":false,"active":true,"token_type":"Bearer","sub":"a"}"#)),
        ("an end", Reply::hang_up()),
        ("silence", Reply::silence()),
    ] {
        let world = World::scripted("timeout = \"300ms\"", move |_| reply.clone());
        let answer = world.file(TOKEN);
        assert_eq!((answer.status, answer.reason().as_str()), (503, "identity-unavailable"), "{what}");
        world.counts("unavailable");
        world.origin.expect_untouched();
        assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so").bearer(TOKEN)).status, 200, "{what}");
        assert!(world.origin.only().values("authorization").is_empty(), "{what}: it does not travel");
    }
    thief.expect_untouched();
}

#[test]
fn a_server_that_comes_back_is_believed_again() {
    let world = World::scripted("", |_| Reply::status(500));
    assert_eq!(world.file(TOKEN).status, 503);
    world.server.answer(|_| Reply::json(200, &active(json!({}))));
    eventually("the server to be asked again", || (world.file(TOKEN).status == 200).then_some(()));
}

#[test]
fn an_answer_is_forgotten_after_its_time() {
    let world = World::scripted("cache = \"1s\"", |_| Reply::json(200, &active(json!({}))));
    assert_eq!(world.file(TOKEN).status, 200);
    world.server.answer(|_| Reply::json(200, &json!({ "active": false })));
    eventually("the token to be refused", || (world.file(TOKEN).status == 401).then_some(()));
    world.counts("inactive");
}

#[test]
fn requests_with_one_token_at_once_ask_once() {
    let latch = Latch::default();
    let held = latch.clone();
    let world = World::scripted("timeout = \"10s\"", move |_| Reply::json(200, &active(json!({}))).held_by(&held));
    thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| world.file(TOKEN).status)).collect();
        let in_flight = "vneid_gate_requests_in_flight";
        world.gate.until_metric(in_flight, &[], |count| count >= 8.0);
        latch.open();
        for asked in asking {
            assert_eq!(asked.join().unwrap(), 200);
        }
    });
    assert_eq!(world.server.requests().len(), 1);
}

#[test]
fn no_more_questions_are_on_their_way_than_may_be() {
    let latch = Latch::default();
    let held = latch.clone();
    let more = "timeout = \"10s\"\nconcurrency = 2";
    let world = World::scripted(more, move |_| Reply::json(200, &active(json!({}))).held_by(&held));
    thread::scope(|scope| {
        let world = &world;
        let asking: Vec<_> = (0..6).map(|n| scope.spawn(move || world.file(&format!("token-{n}")).status)).collect();
        world.gate.until_metric("vneid_gate_requests_in_flight", &[], |count| count >= 6.0);
        eventually("two questions", || (world.server.requests().len() == 2).then_some(()));
        latch.open();
        for asked in asking {
            assert_eq!(asked.join().unwrap(), 200);
        }
    });
    assert_eq!(world.server.requests().len(), 6);
}

#[test]
fn what_cannot_be_a_token_is_not_asked_about() {
    let world = World::answering(active(json!({})));
    for token in ["", "a b", "a\"b", "tiếng-việt", "a;b", &"x".repeat(17_000)] {
        assert_eq!(world.file(token).reason(), "credential-invalid", "{token}");
    }
    let basic = world.gate.ask(&Ask::get("/nop-ho-so/1").with("Authorization", "Basic YTpi"));
    assert_eq!(basic.reason(), "credential-invalid");
    world.server.expect_untouched();
    world.origin.expect_untouched();
}

#[test]
fn a_jwt_is_judged_by_the_credential_whose_issuer_it_names_and_anything_else_by_its_server() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let server = Origin::answering(|_| Reply::json(200, &active(json!({ "iss": "https://sso.other.test" }))));
    let introspection = policy(&origin, &server, "issuer = \"https://sso.other.test\"");
    let tokens = include_str!("policies/tokens.toml");
    let gate = Gate::start(&introspection.file("tokens.toml", tokens).set("JWKS", &issuer.url()));
    let file = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token)).status;

    assert_eq!(file(&issuer.key.mint(&issuer.vneid())), 200);
    server.expect_untouched();
    assert_eq!(file(TOKEN), 200, "no JWT");
    assert_eq!(server.only().body, format!("token={TOKEN}&token_type_hint=access_token").as_bytes());
    let theirs = issuer.key.mint(&issuer.claims(json!({ "iss": "https://sso.other.test" })));
    assert_eq!(file(&theirs), 200, "a JWT of the other issuer");
    server.only();
    let nobodys = issuer.key.mint(&issuer.claims(json!({ "iss": "https://sso.nobody.test" })));
    assert_eq!(file(&nobodys), 401, "a JWT of nobody's");
    server.expect_untouched();
}

#[test]
fn neither_token_nor_secret_is_ever_told() {
    let (origin, server) = (Origin::answering(portal), Origin::answering(|_| Reply::status(500)));
    let gate = Gate::start_talkative(&policy(&origin, &server, ""));
    assert_eq!(gate.ask(&Ask::get("/nop-ho-so/1").bearer(TOKEN)).status, 503);
    let said = eventually("the word on the trouble", || {
        Some(gate.stderr()).filter(|log| log.contains("no answer about a token"))
    });
    for secret in [TOKEN, "synthetic secret", "Z2F0ZTph"] {
        assert!(!said.contains(secret), "{secret}");
    }
}

#[test]
fn a_policy_that_would_ask_by_chance_is_refused() {
    let (origin, server) = (Origin::answering(portal), Origin::start());
    let twice = include_str!("policies/introspection.toml").replace("api-token", "api-token-2");
    for (policy, said) in [
        (policy(&origin, &server, "").file("twice.toml", &twice), "would judge the same values"),
        (policy(&origin, &server, "cache = \"1h\""), "this is too long"),
        (
            policy(&origin, &server, "").change("secret_file = \"client", "key_file = \"client"),
            "no private key that can sign",
        ),
        (
            policy(&origin, &server, "").change("secret_file = \"client", "key_id = \"client"),
            "a client proves itself in one way",
        ),
    ] {
        let exit = Gate::command("check", &policy, &[]);
        assert_eq!(exit.code, Some(1), "{said}");
        let text = format!("{}{}", exit.stdout, exit.stderr);
        assert!(text.contains(said), "{said}: {text}");
    }
}
