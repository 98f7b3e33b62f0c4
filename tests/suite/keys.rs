//! Promises about keys: trouble with an issuer's keys closes what needs them, and nothing else.
//!
//! The key set is fetched from outside, so it may be late, broken, odd or gone. Tokens are refused as unavailable until
//! it is there, public pages go on, and no token makes the gate ask without bound.

use crate::harness::{Ask, Gate, Issuer, Key, Origin, Policy, Reply, encode, eventually, portal};
use serde_json::{Value, json};
use std::time::Instant;

#[test]
fn a_key_that_is_too_weak_or_odd_is_left_out_and_the_others_load() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let weak = Key::rsa("weak");
    let mut short = weak.public();
    short["n"] = json!("AQAB");
    let mut for_secrets = weak.called("enc").public();
    for_secrets["use"] = json!("enc");
    issuer.publish(vec![
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "okp", "x": "AAAA" }),
        json!({ "kty": "oct", "kid": "oct", "k": "c3ludGhldGlj" }),
        json!({ "kty": "RSA", "kid": "broken" }),
        json!("no object"),
        short,
        for_secrets,
        issuer.key.public(),
    ]);
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    let file = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token)).status;
    assert_eq!(file(&issuer.key.mint(&issuer.vneid())), 200);
    origin.take();
    for kid in ["weak", "enc", "okp", "oct", "broken"] {
        assert_eq!(file(&weak.called(kid).mint(&issuer.vneid())), 401, "{kid}");
    }
    origin.expect_untouched();
}

#[test]
fn without_keys_the_gate_runs_and_says_what_it_waits_for() {
    let origin = Origin::answering(portal);
    let issuer = Issuer::start();
    let address = issuer.url().trim_start_matches("http://").trim_end_matches("/certs").to_owned();
    let (key, claims) = (issuer.key.clone(), issuer.vneid());
    let policy = Policy::portal_with_tokens(&origin, &issuer);
    drop(issuer);
    let gate = Gate::start_unready(&policy);
    let token = key.mint(&claims);
    let ready = eventually("the word on what is missing", || {
        Some(gate.admin("/readyz")).filter(|answer| answer.text().contains("sso-token"))
    });
    assert_eq!(ready.status, 503);
    let answer = gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token));
    assert_eq!((answer.status, answer.reason().as_str()), (503, "identity-unavailable"));
    origin.expect_untouched();
    assert_eq!(gate.ask(&Ask::get("/tra-cuu-ho-so").bearer(&token)).status, 200, "public pages stay open");
    assert!(origin.only().values("authorization").is_empty(), "what could not be judged does not travel");
    assert_eq!(gate.ask(&Ask::get("/assets/a.js")).status, 200);
    origin.take();

    let issuer = Issuer::at(&address);
    issuer.publish(vec![key.public()]);
    eventually("the gate to find the keys", || (gate.admin("/readyz").status == 200).then_some(()));
    assert_eq!(gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token)).status, 200);
}

#[test]
fn a_key_set_that_cannot_be_read_is_no_key_set() {
    let thief = Origin::answering(|_| Reply::json(200, &json!({ "keys": [] })));
    let elsewhere = format!("http://{}/certs", thief.address());
    for (what, reply) in [
        ("an error", Reply::status(500)),
        ("a page", Reply::ok("<html>log in first</html>")),
        ("a redirect", Reply::redirect(&elsewhere)),
        ("an empty set", Reply::json(200, &json!({ "keys": [] }))),
        ("too much", Reply::ok(vec![b' '; 8 << 20])),
        ("nothing", Reply::hang_up()),
    ] {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let token = issuer.key.mint(&issuer.vneid());
        issuer.misbehave(reply);
        let gate = Gate::start_unready(&Policy::portal_with_tokens(&origin, &issuer));
        eventually("the first fetch", || (issuer.fetches() > 0).then_some(()));
        let answer = gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token));
        assert!(matches!(answer.status, 401 | 503), "{what}: {}", answer.status);
        origin.expect_untouched();
    }
    thief.expect_untouched();
}

#[test]
fn a_key_that_its_issuer_has_withdrawn_signs_nothing_any_more() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    let file = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token)).status;
    let old = issuer.key.mint(&issuer.vneid());
    assert_eq!(file(&old), 200);
    let next = Key::rsa("key-2");
    issuer.publish(vec![next.public()]);
    let new = next.mint(&issuer.vneid());
    eventually("the new key to be fetched", || (file(&new) == 200).then_some(()));
    origin.take();
    assert_eq!(file(&old), 401, "a remembered token does not outlive its key");
    origin.expect_untouched();
}

#[test]
fn keys_once_fetched_hold_while_the_issuer_is_in_trouble() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    let file = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token)).status;
    assert_eq!(file(&issuer.key.mint(&issuer.vneid())), 200);
    let before = issuer.fetches();
    issuer.misbehave(Reply::status(500));
    assert_eq!(file(&Key::rsa("another").mint(&issuer.vneid())), 401);
    eventually("a fetch that fails", || (issuer.fetches() > before).then_some(()));
    let failed = [("credential", "sso-token"), ("result", "failed")];
    gate.until_metric("vneid_gate_jwks_refreshes_total", &failed, |count| count >= 1.0);
    assert_eq!(file(&issuer.key.mint(&issuer.legacy())), 403, "the keys are still known");
    assert_eq!(file(&issuer.key.mint(&issuer.vneid())), 200);
}

#[test]
fn a_thousand_unknown_keys_cause_one_fetch() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    let good = issuer.key.mint(&issuer.vneid());
    let (_, rest) = good.split_once('.').unwrap();
    let (before, began) = (issuer.fetches(), Instant::now());
    let mut client = gate.connect();
    for n in 0..1_000 {
        let header = encode(format!(r#"{{"alg":"RS256","kid":"junk-{n}"}}"#).as_bytes());
        let answer = client.ask(&Ask::get("/nop-ho-so/1").bearer(&format!("{header}.{rest}")));
        assert_eq!(answer.status, 401);
    }
    // One for each ten seconds that this machine needed, the first included.
    let allowed = 1 + usize::try_from(began.elapsed().as_secs() / 10).unwrap();
    let fetches = issuer.fetches() - before;
    assert!(fetches <= allowed, "{fetches} fetches in {:?}", began.elapsed());
    let counted = [("credential", "sso-token"), ("result", "unknown_kid")];
    gate.until_metric("vneid_gate_credential_checks_total", &counted, |count| count >= 1_000.0);
    origin.expect_untouched();
}

#[test]
fn pinned_keys_judge_while_those_of_the_issuer_cannot_be_had() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let pinned = Key::rsa("pinned");
    let policy = Policy::portal_with_tokens(&origin, &issuer)
        .file("keys.json", &json!({ "keys": [pinned.public()] }).to_string())
        .change("jwks_url   = ", "jwks_file = \"keys.json\"\njwks_url = ");
    issuer.misbehave(Reply::status(500));
    let gate = Gate::start(&policy);
    let file = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token)).status;
    assert_eq!(file(&pinned.mint(&issuer.vneid())), 200);
    assert_eq!(file(&issuer.key.mint(&issuer.vneid())), 401);
    issuer.serve();
    eventually("the fetched key", || (file(&issuer.key.mint(&issuer.vneid())) == 200).then_some(()));
    assert_eq!(file(&pinned.mint(&issuer.vneid())), 200, "both count");
    let status: Value = serde_json::from_str(&gate.admin("/status").text()).unwrap();
    let set = &status["key_sets"][0];
    assert_eq!((&set["credential"], &set["keys"], &set["pinned"]), (&json!("sso-token"), &json!(2), &json!(1)));
    assert!(set["fetched_at"].is_string(), "{set}");
}

#[test]
fn a_withdrawn_key_counts_for_its_grace() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let policy = Policy::portal_with_tokens(&origin, &issuer).change("jwks_url ", "keys_grace = \"2s\"\njwks_url ");
    let gate = Gate::start(&policy);
    let file = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token)).status;
    let old = issuer.key.mint(&issuer.vneid());
    assert_eq!(file(&old), 200);
    let next = Key::rsa("key-2");
    issuer.publish(vec![next.public()]);
    let keys = || gate.metric("vneid_gate_jwks_keys", &[("credential", "sso-token")]);
    eventually("both keys to count", || {
        assert_eq!(file(&old), 200);
        file(&next.mint(&issuer.vneid()));
        (keys() == 2.0).then_some(())
    });
    assert_eq!(file(&next.mint(&issuer.vneid())), 200);
    eventually("the end of the grace", || (file(&old) == 401).then_some(()));
}

#[test]
fn keys_are_found_where_the_issuer_says() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let elsewhere = Origin::answering(|_| Reply::status(500));
    let keys = json!({ "keys": [issuer.key.public()] });
    let sso = Origin::start();
    let said = |name: &str, keys: &str| json!({ "issuer": name, "jwks_uri": keys });
    let own = format!("http://{}/certs", sso.address());
    let by_document = |origins: &str| {
        let line = format!("discovery_url = \"http://{}/doc\"\n{origins}", sso.address());
        Policy::portal_with_tokens(&origin, &issuer).change("jwks_url   = \"@JWKS@\"", &line)
    };
    let serve = |document: Value| {
        let keys = keys.clone();
        sso.answer(move |asked| Reply::json(200, if asked.path() == "/doc" { &document } else { &keys }));
    };
    let token = issuer.key.mint(&issuer.vneid());

    serve(said(&issuer.name, &own));
    let gate = Gate::start(&by_document(""));
    assert_eq!(gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token)).status, 200);
    origin.take();

    let there = format!("http://{}/certs", elsewhere.address());
    for (document, why) in [
        (said("https://sso.other.test", &own), "speaks for another issuer"),
        (said(&issuer.name, &there), "on another origin"),
        (json!({ "issuer": issuer.name }), "no `jwks_uri`"),
    ] {
        serve(document);
        let gate = Gate::start_unready(&by_document(""));
        eventually(why, || gate.stderr().contains(why).then_some(()));
        assert_eq!(gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token)).reason(), "identity-unavailable", "{why}");
        origin.expect_untouched();
    }
    elsewhere.expect_untouched();

    let keys_there = keys.clone();
    elsewhere.answer(move |_| Reply::json(200, &keys_there));
    serve(said(&issuer.name, &there));
    let gate = Gate::start(&by_document(&format!("jwks_origins = \"http://{}\"", elsewhere.address())));
    assert_eq!(gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token)).status, 200);
}
