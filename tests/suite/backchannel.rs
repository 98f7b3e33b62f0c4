//! Promises about log-outs at the identity provider: they end the tokens here, and nothing else does.
//!
//! The issuer posts what a test writes (OpenID Connect Back-Channel Logout 1.0).
//! Anybody may post: whatever is not a whole and genuine logout token changes nothing, is told why,
//! and never reaches the portal.

use crate::harness::{Ask, Gate, HOST, Issuer, Key, Origin, Policy, Reply, Response, change, eventually, now, portal};
use serde_json::{Value, json};

const DOOR: &str = "/.vneid-gate/logout";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

struct World {
    origin: Origin,
    issuer: Issuer,
    gate: Gate,
}

/// The portal with tokens, whose issuer posts log-outs.
fn policy(origin: &Origin, issuer: &Issuer, more: &str) -> Policy {
    let door = format!("leeway     = \"30s\"\nlogout     = {{ path = \"{DOOR}\", audience = [\"web-padsvc\"]{more} }}");
    Policy::portal_with_tokens(origin, issuer).change("leeway     = \"30s\"", &door)
}

impl World {
    fn start() -> World {
        World::with("", |policy| policy)
    }

    fn with(more: &str, change: impl FnOnce(Policy) -> Policy) -> World {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let gate = Gate::start(&change(policy(&origin, &issuer, more)));
        World { origin, issuer, gate }
    }

    /// An access token of a log-in.
    fn token(&self, log_in: &str, more: Value) -> String {
        let mut claims = self.issuer.vneid();
        change(&mut claims, json!({ "sid": log_in, "jti": format!("token of {log_in}") }));
        change(&mut claims, more);
        self.issuer.key.mint(&claims)
    }

    #[track_caller]
    fn file(&self, token: &str) -> Response {
        self.gate.ask(&Ask::get("/nop-ho-so/1").bearer(token))
    }

    #[track_caller]
    fn is_in(&self, token: &str) {
        assert_eq!(self.file(token).status, 200);
        self.origin.take();
    }

    #[track_caller]
    fn is_out(&self, token: &str) {
        let answer = self.file(token);
        assert_eq!((answer.status, answer.reason().as_str()), (401, "credential-revoked"));
        self.origin.expect_untouched();
    }

    /// Claims of a logout token, changed; `null` takes one away.
    fn claims(&self, more: Value) -> Value {
        let mut claims = json!({
            "iss": self.issuer.name, "aud": "web-padsvc", "iat": now(), "exp": now() + 120, "jti": "logout-1",
            "typ": "Logout", "sid": "log-in-1", "sub": "f:3b1c:079203001234", "events": { EVENT: {} },
        });
        change(&mut claims, more);
        claims
    }

    fn mint(&self, more: Value) -> String {
        self.issuer.key.mint(&self.claims(more))
    }

    #[track_caller]
    fn post(&self, token: &str) -> Response {
        self.gate.ask(&posting(token))
    }

    /// A post that must change nothing, with what it is told.
    #[track_caller]
    fn refuses(&self, what: &str, ask: &Ask, (status, result, says): (u16, &str, &str)) {
        let labels = [("credential", "sso-token"), ("result", result)];
        let before = self.gate.metric("vneid_gate_backchannel_logouts_total", &labels);
        let answer = self.gate.ask(ask);
        let told: Value = if ask.method == "HEAD" { json!({}) } else { answer.json() };
        assert_eq!(answer.status, status, "{what}: {told}");
        if ask.method != "HEAD" {
            let error = if status == 503 { "temporarily_unavailable" } else { "invalid_request" };
            assert_eq!(told["error"], error, "{what}");
            let description = told["error_description"].as_str().unwrap();
            assert!(description.contains(says), "{what}: {description}");
        }
        assert_eq!(answer.value("cache-control"), Some("no-store"), "{what}");
        self.gate.until_metric("vneid_gate_backchannel_logouts_total", &labels, |count| count == before + 1.0);
        assert_eq!(self.gate.metric("vneid_gate_revocations", &[]), 0.0, "{what}");
        self.origin.expect_untouched();
    }
}

fn posting(token: &str) -> Ask {
    Ask::form(DOOR, &format!("logout_token={token}"))
}

#[test]
fn a_log_out_at_the_provider_ends_the_tokens_of_that_log_in_and_no_others() {
    let world = World::start();
    let (mine, renewed) = (world.token("log-in-1", json!({})), world.token("log-in-1", json!({ "jti": "renewed" })));
    let elsewhere = world.token("log-in-2", json!({}));
    let older = world.token("-", json!({ "sid": null, "session_state": "log-in-1" }));
    for token in [&mine, &renewed, &elsewhere, &older] {
        world.is_in(token);
    }

    let answer = world.post(&world.mint(json!({})));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.value("cache-control"), Some("no-store"));
    world.origin.expect_untouched();

    for token in [&mine, &renewed, &older] {
        world.is_out(token);
    }
    world.is_out(&world.token("log-in-1", json!({ "iat": now() + 20, "jti": "whatever its date" })));
    world.is_in(&elsewhere);
    world.is_in(&world.token("log-in-3", json!({})));
    let line = world.gate.audit_of(&answer.support_code());
    assert_eq!((&line["reason"], &line["detail"]), (&json!("backchannel-logout"), &json!("log_in")));
    assert_eq!((&line["source"], &line["status"]), (&json!("gate"), &json!(200)));
    assert_eq!((&line["principals"], &line["decision"]), (&json!([]), &Value::Null));
    let why = std::process::Command::new(env!("CARGO_BIN_EXE_vneid-gate"))
        .args(["why", &answer.support_code(), "--log"])
        .arg(world.gate.data().join("audit.jsonl"))
        .output()
        .unwrap();
    let why = String::from_utf8(why.stdout).unwrap();
    for words in ["nobody: an identity provider posted it", "by no rule: backchannel-logout", "log_in"] {
        assert!(why.contains(words), "{words}: {why}");
    }
    let written = world.gate.everything_written();
    for secret in ["log-in-1", "logout-1", "eyJ"] {
        assert!(!written.contains(secret), "{secret} was written somewhere");
    }
}

#[test]
fn a_log_out_that_names_the_person_only_ends_every_log_in_until_then() {
    let world = World::start();
    let (mine, other) =
        (world.token("log-in-1", json!({})), world.token("log-in-9", json!({ "sub": "somebody else" })));
    world.is_in(&mine);
    assert_eq!(world.post(&world.mint(json!({ "sid": null, "iat": now() - 2 }))).status, 200);
    world.is_out(&mine);
    world.is_in(&other);
    world.is_in(&world.token("log-in-2", json!({ "iat": now() })));
    let labels = [("credential", "sso-token"), ("result", "person")];
    world.gate.until_metric("vneid_gate_backchannel_logouts_total", &labels, |count| count == 1.0);
}

#[test]
fn a_policy_may_let_a_log_out_reach_every_log_in_of_the_person() {
    let world = World::with(", ends = \"person\"", |policy| policy);
    let unnamed = world.token("-", json!({ "sid": null }));
    world.is_in(&unnamed);
    assert_eq!(world.post(&world.mint(json!({ "iat": now() - 2 }))).status, 200);
    world.is_out(&unnamed);
    world.is_in(&world.token("log-in-2", json!({ "iat": now() })));
}

#[test]
fn a_logout_token_works_once() {
    let world = World::start();
    let token = world.mint(json!({}));
    assert_eq!(world.post(&token).status, 200);
    let kept = world.gate.metric("vneid_gate_revocations", &[]);
    let again = world.post(&token);
    assert_eq!(again.status, 400);
    assert_eq!(again.json()["error_description"], "this logout token was used before");
    // Its `jti` is what was used, whatever else it says now.
    assert_eq!(world.post(&world.mint(json!({ "sid": "log-in-2" }))).status, 400);
    world.is_in(&world.token("log-in-2", json!({})));
    assert_eq!(world.gate.metric("vneid_gate_revocations", &[]), kept);
    assert_eq!(world.gate.status()["revocations"], kept);
}

#[test]
fn what_is_no_whole_and_genuine_logout_token_ends_nothing() {
    let world = World::start();
    let mine = world.token("log-in-1", json!({}));
    world.is_in(&mine);
    for (more, result, says) in [
        (json!({ "iss": "https://sso.example/auth/realms/digo" }), "issuer", "iss is another"),
        (json!({ "aud": "account" }), "audience", "aud names none"),
        (json!({ "iat": null }), "not_issued", "iat is missing"),
        (json!({ "iat": now() + 90 }), "not_yet_valid", "not yet valid"),
        (json!({ "exp": now() - 60 }), "expired", "expired"),
        (json!({ "exp": null, "iat": now() - 400 }), "expired", "expired"),
        (json!({ "jti": null }), "no_id", "jti is missing"),
        (json!({ "events": null }), "event", "events does not hold"),
        (json!({ "events": { EVENT: "" } }), "event", "events does not hold"),
        (json!({ "nonce": "x" }), "nonce", "nonce must not"),
        (json!({ "sid": null, "sub": null }), "nobody", "neither sid nor sub"),
        (json!({ "typ": "ID" }), "malformed", "not a logout token"),
    ] {
        world.refuses(&more.to_string(), &posting(&world.mint(more.clone())), (400, result, says));
    }
    let stranger = Key::rsa(&world.issuer.key.id).mint(&world.claims(json!({})));
    world.refuses("another's signature", &posting(&stranger), (400, "signature", "the signature does not hold"));
    world.refuses("an access token", &posting(&mine), (400, "malformed", "not a logout token"));
    world.refuses("no token", &posting("x.y.z"), (400, "malformed", "not a logout token"));
    world.refuses("nothing", &posting(""), (400, "malformed", "not a logout token"));
    world.is_in(&mine);
}

#[test]
fn a_logout_token_opens_nothing() {
    let world = World::start();
    let mut claims = world.issuer.vneid();
    change(&mut claims, json!({ "aud": ["account", "web-padsvc"], "jti": "both", "sid": "log-in-1" }));
    world.is_in(&world.issuer.key.mint(&claims));
    change(&mut claims, json!({ "events": { EVENT: {} }, "typ": null }));
    let both = world.issuer.key.mint(&claims);
    let answer = world.file(&both);
    assert_eq!((answer.status, answer.reason().as_str()), (401, "credential-invalid"));
    world.origin.expect_untouched();
    assert_eq!(world.post(&both).status, 200, "it is a logout token all the same");
}

#[test]
fn only_a_plain_form_with_one_token_in_its_body_is_read() {
    let world = World::start();
    let token = world.mint(json!({}));
    let pair = format!("logout_token={token}");
    let form = "application/x-www-form-urlencoded";
    for (what, ask, says) in [
        ("json", Ask::json(DOOR, &json!({ "logout_token": token }).to_string()), "x-www-form-urlencoded"),
        ("no type", Ask::post(DOOR, pair.as_str()), "x-www-form-urlencoded"),
        (
            "another charset",
            Ask::post(DOOR, pair.as_str()).with("Content-Type", &format!("{form}; charset=utf-16")),
            "UTF-8",
        ),
        ("compressed", Ask::form(DOOR, &pair).with("Content-Encoding", "gzip"), "compressed"),
        ("twice", Ask::form(DOOR, &format!("{pair}&{pair}")), "once"),
        ("in two spellings", Ask::form(DOOR, &format!("{pair}&Logout_Token=x")), "once"),
        ("in the query too", Ask::form(&format!("{DOOR}?{pair}"), &pair), "once"),
        ("another field", Ask::form(DOOR, &format!("token={token}")), "missing"),
        ("an empty body", Ask::form(DOOR, ""), "missing"),
        ("a broken escape", Ask::form(DOOR, "logout_token=%zz"), "in one way"),
        ("too long", Ask::form(DOOR, &format!("{pair}&pad={}", "x".repeat(16 << 10))), "longer"),
    ] {
        world.refuses(what, &ask, (400, "not_read", says));
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        world.refuses(method, &Ask::new(method, DOOR), (405, "not_read", "posted"));
        assert_eq!(world.gate.ask(&Ask::new(method, DOOR)).value("allow"), Some("POST"));
    }
    assert_eq!(world.gate.ask(&Ask::form(DOOR, &format!("{pair}&state=x"))).status, 200, "other fields do not matter");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::with("", |policy| policy.change("[gate]\n", "[gate]\ntimeouts.stall = \"1s\"\n"));
    let whole = posting(&world.mint(json!({}))).bytes();
    let mut client = world.gate.connect();
    client.send(&whole[..whole.len() - 9]);
    let answer = client.answer();
    assert_eq!((answer.status, &answer.json()["error_description"]), (400, &json!("the body did not arrive in time")));
    assert_eq!(client.until_close(), "", "what comes later is no request");
    assert_eq!(world.gate.metric("vneid_gate_revocations", &[]), 0.0);
}

#[test]
fn the_door_is_the_gates_whatever_the_rules_say_and_its_neighbours_are_not() {
    let only_observes = |policy: Policy| policy.change("[gate]\n", "[gate]\nmode = \"observe\"\n");
    let world = World::with("", only_observes);
    let answer =
        world.gate.ask(&posting(&world.mint(json!({}))).cookie("PHPSESSID=x").with("Authorization", "Basic eA=="));
    assert_eq!(answer.status, 200);
    world.origin.expect_untouched();
    for target in ["/.vneid-gate/logout/", "/.vneid-gate/logout/x", "/.VNEID-gate/logout"] {
        assert_eq!(world.gate.ask(&Ask::form(target, "logout_token=x")).status, 200, "observed, so the portal answers");
        assert_eq!(world.origin.only().target(), target);
    }
    assert_eq!(world.gate.ask(&Ask::form("/.vneid-gate//logout", "logout_token=x")).status, 400);
    world.origin.expect_untouched();
}

#[test]
fn a_key_that_the_provider_took_up_a_moment_ago_is_waited_for() {
    let world = World::start();
    let next = Key::rsa("next");
    let mine = world.token("log-in-1", json!({}));
    world.is_in(&mine);
    world.issuer.publish(vec![world.issuer.key.public(), next.public()]);
    // A look at the keys may have been a moment ago, and the next one is then a moment away.
    let mut tries = 0;
    eventually("the log-out by the new key", || {
        tries += 1;
        let answer = world.post(&next.mint(&world.claims(json!({ "jti": format!("try {tries}") }))));
        assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
        (answer.status == 200).then_some(())
    });
    world.is_out(&mine);
}

#[test]
fn without_keys_the_provider_is_told_to_come_again() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    issuer.misbehave(Reply::status(500));
    let gate = Gate::start_unready(&policy(&origin, &issuer, ""));
    let world = World { origin, issuer, gate };
    world.refuses("no keys", &posting(&world.mint(json!({}))), (503, "unavailable", "keys"));
}

#[test]
fn of_two_issuers_at_one_door_each_ends_its_own() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let second = Issuer::start();
    let another = format!(
        "[[credential]]\nname = \"another\"\nfrom = [{{ header = \"x-another\" }}]\n[credential.jwt]\n\
         issuer = \"https://another.example\"\naudience = \"account\"\nalgorithms = \"RS256\"\njwks_url = \"{}\"\n\
         logout = {{ path = \"{DOOR}\", audience = \"web-padsvc\" }}\n",
        second.url()
    );
    let gate = Gate::start(&policy(&origin, &issuer, "").file("another.toml", &another));
    let world = World { origin, issuer, gate };
    let mine = world.token("log-in-1", json!({}));
    world.is_in(&mine);

    let theirs = world.claims(json!({ "iss": "https://another.example" }));
    let forged = second.key.mint(&world.claims(json!({})));
    assert_eq!(world.post(&forged).status, 400, "signed by a key that the named issuer does not have");
    world.is_in(&mine);
    assert_eq!(world.post(&second.key.mint(&theirs)).status, 200);
    world.is_in(&mine);
    assert_eq!(world.post(&world.mint(json!({}))).status, 200, "a used `jti` of one issuer is free for the other");
    world.is_out(&mine);
    for name in ["sso-token", "another"] {
        let result = [("credential", name), ("result", "log_in")];
        world.gate.until_metric("vneid_gate_backchannel_logouts_total", &result, |count| count == 1.0);
    }
}

#[test]
fn explain_says_that_the_gate_answers_itself() {
    let world = World::start();
    let explain = |path: &str, more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
        let url = format!("https://{HOST}{path}");
        command.arg("explain").arg(world.gate.directory()).args(["--url", &url, "--method", "POST"]).args(more);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = explain(DOOR, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains(
            "answered    by the gate itself, without any decision: log-outs for `sso-token` are posted here\n"
        ),
        "{text}"
    );
    assert!(!text.contains("decision  "), "{text}");
    let (_, json) = explain(DOOR, &["--format", "json"]);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&told["log_outs_for"], &told["decisions"]), (&json!(["sso-token"]), &json!([])));
    let (_, json) = explain("/nop-ho-so", &["--format", "json"]);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&told["log_outs_for"], told["decisions"].as_array().unwrap().len()), (&json!([]), 1));
}

#[test]
fn a_log_out_and_its_token_are_remembered_after_a_crash() {
    let on_disk = |policy: Policy| policy.change("store = \"memory\"", "store = \"embedded\"\npath = \"@DATA@/state\"");
    let mut world = World::with("", on_disk);
    let mine = world.token("log-in-1", json!({}));
    world.is_in(&mine);
    let logout = world.mint(json!({}));
    assert_eq!(world.post(&logout).status, 200);
    world.gate.restart("KILL");
    world.is_out(&mine);
    assert_eq!(world.post(&logout).json()["error_description"], "this logout token was used before");
}

#[test]
fn a_log_out_that_cannot_be_written_down_is_told_so_and_may_come_again() {
    let on_disk = |policy: Policy| policy.change("store = \"memory\"", "store = \"embedded\"\npath = \"@DATA@/state\"");
    let world = World::with("", on_disk);
    let mine = world.token("log-in-1", json!({}));
    world.is_in(&mine);
    let logout = world.mint(json!({}));
    world.gate.limit_file_size(0);
    let answer = world.post(&logout);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("temporarily_unavailable")));
    world.is_out(&mine);
    world.gate.limit_file_size(u64::MAX);
    eventually("the disk to be back", || (world.post(&logout).status == 200).then_some(()));
    let labels = [("credential", "sso-token"), ("result", "not_kept")];
    world.gate.until_metric("vneid_gate_backchannel_logouts_total", &labels, |count| count >= 1.0);
}
