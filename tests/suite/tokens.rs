//! Promises about tokens: each is worth what its issuer signed, and nothing else.
//!
//! The issuer here signs whatever a test writes. A good token lets its owner in under the gate's own headers; every
//! bad one proves nothing, and trouble with the keys closes what needs them.

use crate::harness::{
    Ask, Gate, Issuer, Key, Origin, Policy, Reply, Response, change, encode, eventually, now, portal,
};
use serde_json::{Value, json};

struct World {
    origin: Origin,
    issuer: Issuer,
    gate: Gate,
}

impl World {
    fn start() -> World {
        World::with(|policy| policy)
    }

    fn with(change: impl FnOnce(Policy) -> Policy) -> World {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let gate = Gate::start(&change(Policy::portal_with_tokens(&origin, &issuer)));
        World { origin, issuer, gate }
    }

    #[track_caller]
    fn file(&self, token: &str) -> Response {
        self.gate.ask(&Ask::get("/nop-ho-so/1").bearer(token))
    }

    /// Proves that a token opens nothing, for this reason and with this outcome of its check.
    #[track_caller]
    fn refuses(&self, what: &str, token: &str, reason: &str, result: &str) {
        let labels = [("credential", "sso-token"), ("result", result)];
        let before = self.gate.metric("vneid_gate_credential_checks_total", &labels);
        let answer = self.file(token);
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.reason(), reason, "{what}");
        self.origin.expect_untouched();
        self.gate.until_metric("vneid_gate_credential_checks_total", &labels, |count| count == before + 1.0);
    }
}

fn with(mut claims: Value, more: Value) -> Value {
    change(&mut claims, more);
    claims
}

#[test]
fn a_good_token_lets_its_owner_in_under_the_gates_own_headers() {
    let world = World::start();
    let token = world.issuer.key.mint(&world.issuer.vneid());
    for ask in [
        Ask::get("/nop-ho-so/1").bearer(&token),
        Ask::get("/nop-ho-so/1").with("authorization", &format!("bearer {token}")),
        Ask::get("/nop-ho-so/1").cookie(&format!("a=b; access_token={token}")),
    ] {
        assert_eq!(world.gate.ask(&ask.with("X-Gate-Subject", "forged")).status, 200);
        let request = world.origin.only();
        assert_eq!(request.vouched(), "citizen/vneid/2");
        assert_eq!(request.values("x-gate-subject"), ["079203001234"]);
        let travelled = request.value("authorization").map(str::to_owned).or(request.cookie("access_token"));
        assert!(travelled.is_some_and(|value| value.ends_with(&token)), "the portal gets its token");
    }
}

#[test]
fn keys_of_both_families_are_good() {
    let world = World::start();
    let ec = Key::ec("ec-1");
    world.issuer.publish(vec![world.issuer.key.public(), ec.public()]);
    assert_eq!(world.file(&world.issuer.key.mint(&world.issuer.vneid())).status, 200);
    let token = ec.mint(&world.issuer.vneid());
    eventually("the new key to be fetched", || (world.file(&token).status == 200).then_some(()));
}

#[test]
fn a_token_is_classified_by_its_claims() {
    let world = World::start();
    for (claims, status, vouched) in [
        (json!({ "identity_provider": "vneid", "vneid_level": 1 }), 200, "citizen/vneid/1"),
        (json!({ "identity_provider": "vneid" }), 200, "citizen/vneid/0"),
        (json!({ "identity_provider": "vneid", "vneid_level": 9 }), 200, "citizen/vneid/0"),
        (json!({ "identity_provider": "VNeID", "vneid_level": 2 }), 200, "unknown/unknown/0"),
        (json!({ "identity_provider": ["vneid"], "vneid_level": 2 }), 200, "unknown/unknown/0"),
        (json!({ "identity_provider": "vneid-x", "vneid_level": 2 }), 200, "unknown/unknown/0"),
        (json!({ "azp": "public-pages" }), 200, "service/client-credentials/0"),
        (json!({}), 403, ""),
    ] {
        let token = world.issuer.key.mint(&with(world.issuer.legacy(), claims.clone()));
        assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so").bearer(&token)).status, status, "{claims}");
        if status == 200 {
            assert_eq!(world.origin.only().vouched(), vouched, "{claims}");
            assert_ne!(world.file(&token).status, 200, "{claims}");
        }
        world.origin.expect_untouched();
    }
}

#[test]
fn a_password_token_is_turned_away_with_its_reason() {
    let world = World::start();
    let token = world.issuer.key.mint(&world.issuer.legacy());
    let answer = world.file(&token);
    assert_eq!((answer.status, answer.reason().as_str()), (403, "password-session"));
    let low = world.issuer.key.mint(&with(world.issuer.vneid(), json!({ "vneid_level": 1 })));
    let answer = world.file(&low);
    assert_eq!((answer.status, answer.reason().as_str()), (403, "level-too-low"));
    world.origin.expect_untouched();
}

#[test]
fn claims_that_do_not_hold_prove_nothing() {
    let world = World::start();
    let good = || world.issuer.vneid();
    let mint = |more: Value| world.issuer.key.mint(&with(good(), more));
    world.refuses("expired", &mint(json!({ "exp": now() - 60 })), "credential-expired", "expired");
    for (what, more, result) in [
        ("no exp", json!({ "exp": null }), "malformed"),
        ("exp as text", json!({ "exp": (now() + 600).to_string() }), "malformed"),
        ("exp negative", json!({ "exp": -1 }), "*"),
        ("nbf in the future", json!({ "nbf": now() + 600 }), "not_yet_valid"),
        ("nbf as text", json!({ "nbf": "1" }), "malformed"),
        ("another issuer", json!({ "iss": "https://sso.example/auth/realms/digo" }), "issuer"),
        ("an issuer with a slash", json!({ "iss": format!("{}/", world.issuer.name) }), "issuer"),
        ("no issuer", json!({ "iss": null }), "issuer"),
        ("issuers", json!({ "iss": [world.issuer.name] }), "*"),
        ("another audience", json!({ "aud": "accounts" }), "audience"),
        ("no audience", json!({ "aud": null }), "audience"),
        ("audience as object", json!({ "aud": { "account": true } }), "*"),
        ("another party", json!({ "azp": "test-public" }), "party"),
        ("no party", json!({ "azp": null }), "party"),
        ("no subject", json!({ "preferred_username": null }), "malformed"),
        ("empty subject", json!({ "preferred_username": "" }), "malformed"),
        ("a subject of another type", json!({ "preferred_username": 79203001234_i64 }), "malformed"),
    ] {
        let labels = [("credential", "sso-token"), ("result", result)];
        world.gate.settle();
        let before = world.gate.metrics().maybe("vneid_gate_credential_checks_total", &labels).unwrap_or(0.0);
        let answer = world.file(&mint(more));
        assert_eq!(answer.status, 401, "{what}");
        let reason = answer.reason();
        assert!(matches!(reason.as_str(), "credential-invalid" | "credential-expired"), "{what}: {reason}");
        if result != "*" {
            world.gate.until_metric("vneid_gate_credential_checks_total", &labels, |count| count > before);
        }
        world.origin.expect_untouched();
    }
}

#[test]
fn a_token_that_this_issuer_did_not_sign_proves_nothing() {
    let world = World::start();
    let claims = world.issuer.vneid().to_string();
    let good = world.issuer.key.mint(&world.issuer.vneid());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let thief = Key::rsa("key-1");
    let header = |text: &str| world.issuer.key.mint_text(text, &claims);
    let other_claims = encode(with(world.issuer.vneid(), json!({ "vneid_level": 3 })).to_string().as_bytes());
    let swapped = format!("{}.{other_claims}.{signature}", message.split('.').next().unwrap());
    world.refuses("another key", &thief.mint(&world.issuer.vneid()), "credential-invalid", "signature");
    world.refuses(
        "an unknown key",
        &thief.called("key-9").mint(&world.issuer.vneid()),
        "credential-invalid",
        "unknown_kid",
    );
    world.refuses("other claims", &swapped, "credential-invalid", "signature");
    world.refuses("hs256", &header(r#"{"alg":"HS256","kid":"key-1"}"#), "credential-invalid", "algorithm");
    world.refuses("rs512", &header(r#"{"alg":"RS512","kid":"key-1"}"#), "credential-invalid", "algorithm");
    for (what, token) in [
        ("none", format!("{}.{}.", encode(br#"{"alg":"none","kid":"key-1"}"#), encode(claims.as_bytes()))),
        ("nOnE", format!("{}.{}.", encode(br#"{"alg":"nOnE","kid":"key-1"}"#), encode(claims.as_bytes()))),
        ("no signature", format!("{message}.")),
        ("a signature of zeros", format!("{message}.{}", encode(&[0; 256]))),
        ("crit", header(r#"{"alg":"RS256","kid":"key-1","crit":["exp2"],"exp2":1}"#)),
        ("b64", header(r#"{"alg":"RS256","kid":"key-1","b64":false,"crit":["b64"]}"#)),
        ("a key of its own", header(&format!(r#"{{"alg":"RS256","kid":"key-9","jwk":{}}}"#, thief.public()))),
        ("a key elsewhere", header(r#"{"alg":"RS256","kid":"key-9","jku":"http://127.0.0.1:1/"}"#)),
        ("ec with an rsa key", header(r#"{"alg":"ES256","kid":"key-1"}"#)),
        ("a logout token", header(r#"{"alg":"RS256","kid":"key-1","typ":"logout+jwt"}"#)),
        ("a dpop proof", header(r#"{"alg":"RS256","kid":"key-1","typ":"dpop+jwt"}"#)),
        ("two algorithms", header(r#"{"alg":"none","alg":"RS256","kid":"key-1"}"#)),
        (
            "twice a claim",
            world.issuer.key.mint_text(
                r#"{"alg":"RS256","kid":"key-1"}"#,
                &claims.replacen('{', r#"{"identity_provider":"password","#, 1),
            ),
        ),
        ("padding", format!("{good}=")),
        ("a blank", format!(" {good}")),
        ("a tab", format!("\t{good}")),
        ("four parts", format!("{good}.x")),
        ("twenty thousand dots", ".".repeat(20_000)),
        ("a jwe", format!("{}.a.b.c.d", encode(br#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647}"#))),
        ("no token", "null".to_owned()),
        ("nothing", String::new()),
    ] {
        let answer = world.file(&token);
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.reason(), "credential-invalid", "{what}");
        world.origin.expect_untouched();
    }
    assert_eq!(world.file(&good).status, 200, "and the good one still is");
}

#[test]
fn a_scheme_other_than_bearer_is_an_invalid_credential() {
    let world = World::start();
    let token = world.issuer.key.mint(&world.issuer.vneid());
    for value in ["Basic YTpi", "Digest username=\"a\"", &format!("Bearer\t{token}"), &format!("Bearer{token}"), &token]
    {
        let answer = world.gate.ask(&Ask::get("/nop-ho-so/1").with("Authorization", value));
        assert_eq!((answer.status, answer.reason().as_str()), (401, "credential-invalid"));
        world.origin.expect_untouched();
        assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so").with("Authorization", value)).status, 200);
        let request = world.origin.only();
        assert!(request.values("authorization").is_empty(), "it does not travel");
        assert_eq!(request.vouched(), "anonymous/none/0");
    }
}

#[test]
fn a_token_in_the_query_is_refused_since_nobody_judges_it() {
    let world = World::start();
    let token = world.issuer.key.mint(&world.issuer.vneid());
    let answer = world.gate.ask(&Ask::get(&format!("/nop-ho-so/1?access_token={token}")));
    assert_eq!((answer.status, answer.reason().as_str()), (400, "ambiguous-request"));
    world.origin.expect_untouched();
}

#[test]
fn of_several_credentials_the_most_severe_decides() {
    let world = World::start();
    let vneid = world.issuer.key.mint(&world.issuer.vneid());
    let legacy = world.issuer.key.mint(&world.issuer.legacy());
    let two =
        |first: &str, second: &str| Ask::get("/nop-ho-so/1").bearer(first).cookie(&format!("access_token={second}"));
    for ask in [two(&vneid, &legacy), two(&legacy, &vneid)] {
        let answer = world.gate.ask(&ask);
        assert_eq!((answer.status, answer.reason().as_str()), (403, "password-session"));
        world.origin.expect_untouched();
    }
    for ask in [
        two(&vneid, "garbage"),
        two("garbage", &vneid),
        Ask::get("/nop-ho-so/1").bearer(&vneid).cookie("PHPSESSID=never-seen"),
    ] {
        assert_eq!(world.gate.ask(&ask).status, 401, "one of the two proves nothing");
        world.origin.expect_untouched();
    }
    for ask in [
        Ask::get("/nop-ho-so/1").bearer(&vneid).bearer(&legacy),
        Ask::get("/nop-ho-so/1").bearer(&legacy).bearer(&vneid),
        Ask::get("/nop-ho-so/1").bearer(&vneid).bearer(&vneid),
        Ask::get("/nop-ho-so/1").cookie(&format!("access_token={vneid}; access_token={legacy}")),
    ] {
        assert_eq!(world.gate.ask(&ask).status, 400);
        world.origin.expect_untouched();
    }
}

#[test]
fn a_cookie_that_is_taken_away_takes_its_set_cookie_along_unless_it_is_worthless() {
    let world = World::start();
    world.origin.answer(|_| {
        let reply = Reply::ok("page").with("Set-Cookie", "access_token=refreshed; Path=/");
        reply.with("Set-Cookie", "theme=dark; Path=/")
    });
    let visit = |token: &str| {
        let cookie = format!("theme=light; access_token={token}; lang=vi");
        let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(&cookie));
        assert_eq!(world.origin.only().values("cookie"), ["theme=light; lang=vi"]);
        answer.values("set-cookie").len()
    };
    // Its key may be found a moment later, and the log-in is good again.
    assert_eq!(visit(&Key::rsa("key-2").mint(&world.issuer.vneid())), 1);
    // With this one its owner could never log in again.
    assert_eq!(visit("garbage"), 2);
    let token = world.issuer.key.mint(&world.issuer.vneid());
    let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(&format!("theme=light; access_token={token}")));
    assert_eq!(answer.values("set-cookie").len(), 2, "a cookie that travels may be set");
}

#[test]
fn a_remembered_token_is_read_anew_when_the_mappings_change() {
    let world = World::start();
    let token = world.issuer.key.mint(&world.issuer.vneid());
    assert_eq!(world.file(&token).status, 200);
    world.origin.take();
    let was = r#"is     = { account = "citizen", login = "vneid", level_from = "/vneid_level" }"#;
    let is = r#"is     = { account = "citizen", login = "vneid", level = 1 }"#;
    world.gate.reload(&world.gate.policy().change(was, is), "ok");
    let answer = world.file(&token);
    assert_eq!((answer.status, answer.reason().as_str()), (403, "level-too-low"));
    world.origin.expect_untouched();
}

#[test]
fn issuers_that_share_a_place_are_told_apart_by_their_names_and_lend_each_other_no_key() {
    let (origin, ours, theirs) = (Origin::answering(portal), Issuer::start(), Issuer::start());
    // The same key id, as provinces in one software have it.
    assert_eq!(ours.key.id, theirs.key.id);
    let name = "https://sso.other.test/auth/realms/digo";
    let second = include_str!("policies/tokens.toml")
        .replace("sso-token", "other-token")
        .replace(&ours.name, name)
        .replace("@JWKS@", &theirs.url());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &ours).file("second.toml", &second));
    let ask = |token: &str| gate.ask(&Ask::get("/nop-ho-so/1").bearer(token));
    let named = |issuer: &str| with(ours.vneid(), json!({ "iss": issuer }));
    for (key, issuer) in [(&ours.key, ours.name.as_str()), (&theirs.key, name)] {
        assert_eq!(ask(&key.mint(&named(issuer))).status, 200, "{issuer}");
        origin.take();
    }
    for (key, issuer) in [(&theirs.key, ours.name.as_str()), (&ours.key, name), (&ours.key, "https://sso.nobody.test")]
    {
        assert_eq!(ask(&key.mint(&named(issuer))).reason(), "credential-invalid", "{issuer}");
        origin.expect_untouched();
    }
}
