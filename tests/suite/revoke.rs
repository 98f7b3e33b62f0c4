//! Promises about revoking: who is revoked is out at once, and in again after a new log-in.
//!
//! By the admin address and by `vneid-gate revoke`, for sessions and for tokens.
//! Whoever cannot show the token of `[admin]` revokes nobody, and nothing of a person is ever
//! said back.

mod sessions;

use crate::harness::{
    Ask, Browser, Exit, Gate, Issuer, Origin, Policy, Response, VNEID, change, eventually, now, portal,
};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const TOKEN: &str = "a-synthetic-token-of-forty-characters-00";
const PERSON: &str = "079203001234";

struct World {
    origin: Origin,
    issuer: Issuer,
    gate: Gate,
}

impl World {
    fn start() -> World {
        World::with(with_token)
    }

    fn with(change: impl FnOnce(Policy) -> Policy) -> World {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let gate = Gate::start(&change(Policy::portal_with_tokens(&origin, &issuer)));
        World { origin, issuer, gate }
    }

    fn token(&self, id: &str) -> String {
        let mut claims = self.issuer.vneid();
        change(&mut claims, json!({ "jti": id, "iat": now() }));
        self.issuer.key.mint(&claims)
    }

    /// A browser that has come in with VNeID.
    fn citizen(&self, session: &str) -> Browser<'_> {
        let mut browser = Browser::new(&self.gate);
        browser.log_in_with_vneid(session);
        self.gate.settle();
        self.origin.take();
        browser
    }

    fn ask(&self, body: &Value) -> Response {
        let ask = Ask::json("/revocations", &body.to_string()).bearer(TOKEN);
        self.gate.ask_at("admin", &ask)
    }

    #[track_caller]
    fn revoke(&self, body: &Value) -> Value {
        let answer = self.ask(body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.json()
    }

    #[track_caller]
    fn is_out(&self, ask: Ask) {
        self.origin.take();
        let answer = self.gate.ask(&ask);
        assert_eq!((answer.status, answer.reason().as_str()), (401, "credential-revoked"));
        self.origin.expect_untouched();
    }

    #[track_caller]
    fn is_in(&self, ask: &Ask) {
        assert_eq!(self.gate.ask(ask).status, 200);
        self.origin.take();
    }

    /// `vneid-gate revoke` on the directory of this gate.
    fn command(&self, options: &[&str], input: &str) -> Exit {
        command(self.gate.directory().to_str().unwrap(), options, input)
    }
}

/// The policy with a token for operators.
fn with_token(policy: Policy) -> Policy {
    policy.change("@PORT:admin@\"", "@PORT:admin@\"\ntoken_file = \"admin-token\"").file("admin-token", TOKEN)
}

fn command(directory: &str, options: &[&str], input: &str) -> Exit {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    command.arg("revoke").arg(directory).args(options);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended without a look at its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Exit { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn filing(token: &str) -> Ask {
    Ask::get("/nop-ho-so/1").bearer(token)
}

/// Waits for the next second: what is born in the second of a revocation is revoked too.
fn next_second() {
    let second = now();
    eventually("the next second", || (now() > second).then_some(()));
}

#[test]
fn a_token_of_a_clock_that_is_ahead_stays_away_when_the_policy_changes() {
    let world = World::start();
    let mut claims = world.issuer.vneid();
    change(&mut claims, json!({ "jti": "fast", "iat": now() + 20 }));
    let token = world.issuer.key.mint(&claims);
    world.is_in(&filing(&token));
    world.revoke(&json!({ "credential": "sso-token" }));
    world.is_out(filing(&token));
    world.gate.reload(&world.gate.policy().file("note.toml", "# nothing new\n"), "ok");
    world.is_out(filing(&token));
}

#[test]
fn tokens_that_outlive_the_list_are_told_of_once_for_each_credential() {
    let world =
        World::with(|policy| policy.change("store = \"memory\"", "store = \"memory\"\nkeep_revocations = \"13h\""));
    let told =
        || world.gate.stderr().matches("tokens of `sso-token` live longer than `[state] keep_revocations`").count();
    let ask = |id: &str, exp: i64| {
        let mut claims = world.issuer.vneid();
        change(&mut claims, json!({ "jti": id, "iat": now(), "exp": now() + exp }));
        world.is_in(&filing(&world.issuer.key.mint(&claims)));
    };
    ask("short", 12 * 3_600);
    assert_eq!(told(), 0);
    ask("long", 48 * 3_600);
    ask("longer", 72 * 3_600);
    eventually("the warning", || (told() > 0).then_some(()));
    assert_eq!(told(), 1);
}

#[test]
fn a_session_is_taken_away_at_once_and_its_owner_comes_in_again_by_a_new_log_in() {
    let world = World::start();
    let mut citizen = world.citizen("first");
    let answer = citizen.get("/nop-ho-so/1");
    assert_eq!(answer.status, 200);
    let name = eventually("the name of the session in the log", || {
        let lines = world.gate.audit();
        lines.iter().find_map(|line| line["principals"][0]["session"].as_str().map(str::to_owned))
    });

    let told = world.revoke(&json!({ "session": name }));
    assert_eq!(told["revoked"], json!({ "session": name }));
    world.is_out(Ask::get("/nop-ho-so/1").cookie("PHPSESSID=first"));
    // Public pages stay open, without the cookie.
    assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie("PHPSESSID=first")).status, 200);
    assert_eq!(world.origin.only().cookie("PHPSESSID"), None);

    let mut again = world.citizen("second");
    assert_eq!(again.get("/nop-ho-so/1").status, 200);
    assert_eq!(world.origin.only().vouched(), VNEID);
}

#[test]
fn a_person_is_out_with_every_token_at_once_and_in_again_with_a_new_one() {
    let world = World::start();
    let (mine, other) = (world.token("one"), world.token("two"));
    for token in [&mine, &other] {
        world.is_in(&filing(token));
    }
    let told = world.command(&["--subject", PERSON], "");
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    assert!(told.stdout.starts_with("revoked: everything of the person "), "{}", told.stdout);
    assert!(
        told.stdout.contains(", if issued before ") && told.stdout.contains("\nremembered until "),
        "{}",
        told.stdout
    );
    assert!(!told.stdout.contains(PERSON), "{}", told.stdout);
    for token in [&mine, &other] {
        world.is_out(filing(token));
    }
    next_second();
    world.is_in(&filing(&world.token("three")));
    assert!(!world.gate.everything_written().contains(PERSON));
    assert!(world.gate.stderr().contains("revoked through the admin address: one person, issued before "));
}

#[test]
fn the_name_may_come_from_standard_input_and_the_pseudonym_from_the_log() {
    let world = World::start();
    let mine = world.token("one");
    world.is_in(&filing(&mine));
    let told =
        world.command(&["--subject", "-", "--format", "json", "--issued-before", "2020-01-01"], &format!("{PERSON}\n"));
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["issued_before"], "2019-12-31T17:00:00Z", "a date without an offset is in the zone of the gate");
    world.is_in(&filing(&mine));

    let pseudonym = told["revoked"]["pseudonym"].as_str().unwrap().to_owned();
    eventually("the pseudonym in the log", || {
        world.gate.audit().iter().any(|line| line["principals"][0]["subject"] == pseudonym.as_str()).then_some(())
    });
    assert_eq!(world.command(&["--pseudonym", &pseudonym], "").code, Some(0));
    world.is_out(filing(&mine));
    assert_eq!(world.gate.metric("vneid_gate_revocations", &[]), 1.0, "the later moment prolongs the earlier one");
}

#[test]
fn a_person_is_out_with_every_session_at_once_and_in_again_with_a_new_one() {
    let names_the_person = "is      = { account = \"citizen\", login = \"vneid\", level = 2 }";
    let world = World::with(|policy| {
        let policy = policy
            .change(names_the_person, &format!("{names_the_person}\nheaders = {{ subject = \"X-Portal-Subject\" }}"));
        with_token(policy)
    });
    world.origin.answer(|request| portal(request).with("X-Portal-Subject", PERSON));
    let (_first, _second) = (world.citizen("first"), world.citizen("second"));
    let session = |id: &str| Ask::get("/nop-ho-so/1").cookie(&format!("PHPSESSID={id}"));
    world.is_in(&session("first"));
    assert_eq!(world.command(&["--subject", "-"], PERSON).code, Some(0));
    for id in ["first", "second"] {
        world.is_out(session(id));
    }
    next_second();
    let _third = world.citizen("third");
    world.is_in(&session("third"));
    assert!(!world.gate.everything_written().contains(PERSON));
}

#[test]
fn one_token_one_credential_or_everything_is_taken_away() {
    let world = World::start();
    let (mine, other) = (world.token("one"), world.token("two"));
    assert_eq!(world.command(&["--token-id", "one", "--credential", "sso-token"], "").code, Some(0));
    world.is_out(filing(&mine));
    world.is_in(&filing(&other));

    let _citizen = world.citizen("first");
    let session = Ask::get("/nop-ho-so/1").cookie("PHPSESSID=first");
    let told = world.command(&["--credential", "sso-token"], "");
    assert!(
        told.stdout.starts_with("revoked: everything of credential `sso-token`, if issued before "),
        "{}",
        told.stdout
    );
    world.is_out(filing(&other));
    world.is_in(&session);

    let told = world.command(&["--everything"], "");
    assert!(told.stdout.starts_with("revoked: everything, if issued before "), "{}", told.stdout);
    world.is_out(session);
    next_second();
    world.is_in(&filing(&world.token("three")));
    assert_eq!(world.citizen("second").get("/nop-ho-so/1").status, 200);
}

#[test]
fn whoever_does_not_show_the_token_takes_nobody_away() {
    let world = World::start();
    let body = json!({ "everything": true }).to_string();
    let ask = || Ask::json("/revocations", &body);
    let longer = format!("{TOKEN}0");
    for (what, ask) in [
        ("no token", ask()),
        ("another token", ask().bearer("a-synthetic-token-of-forty-characters-01")),
        ("a part of it", ask().bearer(&TOKEN[1..])),
        ("more than it", ask().bearer(&longer)),
        ("an empty one", ask().bearer("")),
        ("another scheme", ask().with("Authorization", &format!("Basic {TOKEN}"))),
        ("two fields", ask().bearer(TOKEN).bearer(TOKEN)),
    ] {
        let answer = world.gate.ask_at("admin", &ask);
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.value("www-authenticate"), Some("Bearer realm=\"vneid-gate admin\""), "{what}");
        assert_eq!(answer.value("content-type"), Some("application/problem+json"), "{what}");
    }
    assert_eq!(world.gate.status()["revocations"], 0);
    assert!(world.gate.stderr().contains("a wrong token was shown to the admin address"));
    assert!(!world.gate.everything_written().contains("a-synthetic-token"));

    let changed = world.gate.policy().file("admin-token", "another-synthetic-token-of-some-length");
    world.gate.reload(&changed, "failed");
    assert!(world.gate.stderr().contains("[admin] changed, which only a restart can do"));
    let refused = world.command(&["--everything"], "");
    assert_eq!(refused.code, Some(1), "the directory has another token than the gate that runs");
    assert!(refused.stderr.contains("answered 401: show the token of `[admin]`"), "{}", refused.stderr);
}

#[test]
fn a_gate_without_an_admin_token_takes_nobody_away_and_says_what_to_set() {
    let world = World::with(|policy| policy);
    let answer = world.ask(&json!({ "everything": true }));
    assert_eq!(answer.status, 403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("set `token_file` or `token_env` in `[admin]`"));
    let refused = world.command(&["--everything"], "");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.starts_with("error: `[admin]` has no `token_file`"), "{}", refused.stderr);
}

#[test]
fn a_question_that_cannot_be_meant_changes_nothing_and_says_what_to_do() {
    let world = World::start();
    let long = "x".repeat(9_000);
    for (body, says) in [
        (json!({}).to_string(), "nobody is named"),
        (json!({ "sesion": "00000000000000ff" }).to_string(), "unknown key"),
        (json!({ "credential": "sso" }).to_string(), "there are: portal-session, sso-token"),
        (json!({ "everything": true, "issued_before": "2999-01-01T00:00:00Z" }).to_string(), "in the future"),
        (json!({ "subject": long }).to_string(), "longer than 8 KiB"),
        ("{".to_owned(), "a JSON object"),
    ] {
        let answer = world.gate.ask_at("admin", &Ask::json("/revocations", &body).bearer(TOKEN));
        let told = answer.json();
        assert_eq!((answer.status, &told["status"]), (400, &json!(400)), "{told}");
        assert!(told["detail"].as_str().unwrap().contains(says), "{told}");
    }
    let get = world.gate.admin("/revocations");
    assert_eq!((get.status, get.value("allow")), (405, Some("POST")));
    let put = world.gate.ask_at("admin", &Ask::new("PUT", "/metrics"));
    assert_eq!((put.status, put.value("allow")), (405, Some("GET, HEAD")));
    assert_eq!(world.gate.metric("vneid_gate_revocations", &[]), 0.0);
    let refused = world.command(&["--credential", "sso"], "");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("answered 400: no credential of the policy in force has this name"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_directory_that_is_being_edited_keeps_nobody_in() {
    let world = World::start();
    let broken =
        world.gate.policy().append("rules.toml", "\n[[rule]]\nname = \"half-written\"\nthen = \"rejct\"\n[[rule");
    world.gate.reload(&broken, "failed");
    assert_eq!(world.command(&["--everything"], "").code, Some(0));
    assert_eq!(world.gate.status()["revocations"], 1);
}

#[test]
fn where_no_gate_answers_the_command_ends_with_2_and_says_so() {
    let mut world = World::start();
    let directory = world.gate.directory();
    let directory = directory.to_str().unwrap();
    for (options, says) in [
        (&[][..], "required arguments were not provided"),
        (&["--session", "00000000000000ff", "--everything"], "cannot be used with"),
        (&["--token-id", "x"], "--credential <NAME>"),
        (&["--token-id", "x", "--credential", "c", "--issued-before", "2024-07-01"], "cannot be used with"),
        (&["--everything", "--issued-before", "yesterday"], "write it like 2024-07-01"),
        (&["--everything", "--issued-before", "9999-12-31T23:59:59"], "no clock can show this moment"),
        (&["--subject", "-"], "there is no name on standard input"),
    ] {
        let refused = command(directory, options, "");
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{options:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(says), "{options:?}: {}", refused.stderr);
    }
    let nowhere = command("/no/such/directory", &["--everything"], "");
    assert_eq!(nowhere.code, Some(2));
    assert!(
        nowhere.stderr.contains("error[vg0101]") && nowhere.stderr.contains("no gate was asked"),
        "{}",
        nowhere.stderr
    );

    world.gate.signal("TERM");
    world.gate.exit();
    let silent = command(directory, &["--everything"], "");
    assert_eq!(silent.code, Some(2));
    assert!(silent.stderr.starts_with("error: no gate answered at 127.0.0.1:"), "{}", silent.stderr);
}
