//! Promises about the audit log: the person on call finds out what happened, and nobody learns more than that.
//!
//! One line a request, written from the same value as the metrics, with the code that the refused person reads out.
//! Tokens, cookies, passwords and identity numbers are in no output of the process.

use crate::harness::{
    Ask, Browser, Gate, Issuer, Key, Latch, Origin, PASSWORD_PAGE, Policy, Reply, World, eventually, portal,
};
use serde_json::Value;

#[test]
fn a_refusal_can_be_found_by_its_support_code() {
    let world = World::start();
    let answer = world.gate.ask(&Ask::get("/nop-ho-so/1?ma=1").cookie("PHPSESSID=unseen"));
    let line = world.gate.audit_of(&answer.support_code());
    for (member, expected) in [
        ("/site", "portal"),
        ("/route", "filing"),
        ("/method", "GET"),
        ("/host", "dichvucong.daknong.gov.vn"),
        ("/path", "/nop-ho-so/1"),
        ("/decision/action", "login"),
        ("/decision/rule", "default"),
        ("/decision/reason", "session-unbound"),
        ("/source", "gate"),
        ("/principals/0/credential", "portal-session"),
        ("/principals/0/evidence", "unbound"),
        ("/principals/0/account", "unknown"),
        ("/principals/0/login", "unknown"),
    ] {
        assert_eq!(line.pointer(member).and_then(Value::as_str), Some(expected), "{member} in {line}");
    }
    assert_eq!(line["status"], 401, "{line}");
    assert!(line["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")), "{line}");
    let time = line["time"].as_str().expect("a time");
    assert!(time.contains("+07:00"), "a time with the offset of the policy's zone: {time}");
    assert_eq!(answer.reason(), "session-unbound");
}

#[test]
fn every_request_leaves_one_line() {
    let world = World::start();
    let before = world.gate.audit_mark();
    let asks = [
        Ask::get("/assets/a.js"),
        Ask::get("/nop-ho-so"),
        Ask::get("/nop-ho-so").cookie(&world.vneid),
        Ask::get("/assets/../x"),
        Ask::get("/assets/a.js").with("Host", "evil.example"),
        Ask::new("DELETE", "/nop-ho-so"),
        Ask::form(PASSWORD_PAGE, "username=079203001234&password=dung"),
        Ask::get("/assets/a.js").cookie("PHPSESSID=a; PHPSESSID=b"),
        Ask::get("/assets/a.js").with("X-Pad", &"x".repeat(40_000)),
    ];
    for ask in &asks {
        world.gate.ask(ask);
    }
    let after = world.gate.audit_mark();
    let lines = world.gate.audit()[before..after - 1].to_vec();
    let mut statuses: Vec<u64> = lines.iter().filter_map(|line| line["status"].as_u64()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 400, 400, 401, 403, 405, 421, 431]);
}

#[test]
fn a_client_that_goes_away_leaves_its_line_too() {
    let world = World::start();
    let latch = Latch::default();
    let held = latch.clone();
    world.origin.answer(move |_| Reply::ok("late").held_by(&held));
    let before = world.gate.audit_mark();
    let mut client = world.gate.connect();
    client.send(&Ask::get("/tra-cuu-ho-so/gone").bytes());
    world.origin.wait_for(1);
    drop(client);
    latch.open();
    let line = eventually("the line of a request without a reader", || {
        world.gate.audit().split_off(before).into_iter().find(|line| line["path"] == "/tra-cuu-ho-so/gone")
    });
    assert_eq!(line["decision"]["action"], "forward", "{line}");
}

#[test]
fn no_output_holds_a_token_a_cookie_a_password_or_an_identity_number() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start_talkative(&Policy::portal_with_tokens(&origin, &issuer));
    let (good, legacy) = (issuer.key.mint(&issuer.vneid()), issuer.key.mint(&issuer.legacy()));
    let forged = Key::rsa("key-1").mint(&issuer.vneid());
    let number = "079203001234";
    let mut citizen = Browser::new(&gate);
    citizen.log_in_with_vneid("secret-session-of-a-citizen");
    citizen.get(&format!("/nop-ho-so/{number}?cccd={number}&token=secret-query-value"));
    citizen.get(&format!("/undeclared/{number}"));
    let mut pages = vec![citizen.type_password(number, "secret-password")];
    for token in [&good, &legacy, &forged] {
        pages.push(gate.ask(&Ask::get("/nop-ho-so/1").bearer(token).navigating()));
        pages.push(gate.ask(&Ask::get("/nop-ho-so/1").cookie(&format!("access_token={token}"))));
        pages.push(gate.ask(&Ask::get(&format!("/nop-ho-so?access_token={token}")).navigating()));
        pages.push(gate.ask(&Ask::get("/assets/../x").bearer(token)));
    }
    pages.push(gate.ask(&Ask::get("/nop-ho-so").with("Authorization", "Basic c2VjcmV0LWJhc2ljOnNlY3JldA==")));
    pages.push(gate.ask(&Ask::get("/nop-ho-so").cookie("PHPSESSID=second; PHPSESSID=third")));
    pages.push(gate.ask(&Ask::json("/api/dang-nhap", r#"{"username":"079203001234","password":"secret-password"}"#)));
    let mut official = Browser::behind_proxy(&gate, "10.20.3.4").with_session("secret-session-of-an-official");
    official.type_password("can-bo%40daknong.gov.vn", "secret-password");
    gate.raw(b"GET /nop-ho-so HTTP/1.1\r\nHost: x\r\nCookie: PHPSESSID=broken\r\n: x\r\n\r\n");
    gate.raw(b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-broken\r\nContent-Length: x\r\n\r\n");
    assert!(gate.audit_mark() > 20, "the audit trail is written");

    let mut written = gate.everything_written();
    for page in pages {
        written.push_str(&page.text());
        written.push_str(&format!("{:?}", page.head.fields));
    }
    let signature = |token: &str| token.rsplit('.').next().unwrap_or_default()[..40].to_owned();
    let claims = |token: &str| token.split('.').nth(1).unwrap_or_default()[20..60].to_owned();
    let mut secrets: Vec<String> = [&good, &legacy, &forged].iter().flat_map(|t| [signature(t), claims(t)]).collect();
    secrets.extend(["secret-", "c2VjcmV0", number, "can-bo", "good-secret"].map(str::to_owned));
    for secret in secrets {
        let at =
            written.find(&secret).map(|at| written[at.saturating_sub(160)..].chars().take(320).collect::<String>());
        assert_eq!(at, None, "`{secret}` was written");
    }
}

#[test]
fn text_of_a_request_cannot_forge_a_line() {
    let world = World::start();
    let before = world.gate.audit_mark();
    let odd = "a\u{1b}[31m\\\",\"status\":200,\"x\":\"";
    for ask in [
        Ask::get("/undeclared/%22%2C%22status%22%3A200").with("User-Agent", odd),
        Ask::get("/undeclared/\"").with("Referer", odd),
        Ask::new("M\"ETHOD", "/undeclared"),
        Ask::get("/undeclared").with("Host", "a\"b"),
        Ask::get("/undeclared").with("X-Request-Id", odd).with("X-Forwarded-For", odd),
    ] {
        world.gate.ask(&ask);
    }
    world.gate.audit_mark();
    for line in world.gate.audit().split_off(before) {
        assert_ne!(line["status"], 200, "{line}");
        assert!(line.get("x").is_none(), "{line}");
    }
    let logged = world.gate.stderr();
    assert!(!logged.contains('\u{1b}'), "no escape sequence reaches a terminal");
}

#[test]
fn a_person_is_a_pseudonym_that_stays_the_same() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    let subject_of = |claims: Value| {
        let answer = gate.ask(&Ask::get("/undeclared").bearer(&issuer.key.mint(&claims)));
        let line = gate.audit_of(&answer.support_code());
        line.pointer("/principals/0/subject").cloned().unwrap_or_else(|| panic!("a subject in {line}"))
    };
    let first = subject_of(issuer.legacy());
    assert_eq!(first, subject_of(issuer.legacy()), "the same person is the same pseudonym");
    let other = issuer.claims(serde_json::json!({ "preferred_username": "079203009999" }));
    assert_ne!(first, subject_of(other), "another person is another one");
    assert!(!first.to_string().contains("0792030"), "{first}");
}

#[test]
fn a_session_is_a_pseudonym_that_stays_when_the_portal_changes_the_cookie() {
    let world = World::with(|policy| policy.change("idle = \"30m\"", "idle = \"30m\"\nfollow = \"always\""));
    let session_under = |cookie: &str| {
        let mark = format!("/tra-cuu-ho-so/{}", cookie.trim_start_matches("PHPSESSID="));
        world.gate.ask(&Ask::get(&mark).cookie(cookie));
        let line = eventually("its line", || world.gate.audit().into_iter().find(|line| line["path"] == mark.as_str()));
        line.pointer("/principals/0/session").and_then(Value::as_str).map(str::to_owned)
    };
    let (mut first, mut second) = (Browser::new(&world.gate), Browser::new(&world.gate));
    first.log_in_with_vneid("one");
    second.log_in_with_vneid("two");
    let name = session_under("PHPSESSID=one").expect("a bound session has a name");
    assert!(name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    first.get("/tra-cuu-ho-so?sid=three");
    assert_eq!(session_under("PHPSESSID=three").as_ref(), Some(&name), "the same session under a new value");
    assert_ne!(session_under("PHPSESSID=two").as_ref(), Some(&name), "another session is another one");
    assert_eq!(session_under("PHPSESSID=unseen"), None, "a session that nobody saw being born has no name");
}
