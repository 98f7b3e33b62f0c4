//! Is a session that nobody saw being born worth what the portal says of it, no more and no longer?
//!
//! The portal here knows its sessions: who is signed in, and how. It is asked once, believed for a short time, and never
//! replaced by a guess: while it is silent or talks nonsense, what needs it is closed and public pages go on.

use crate::harness::{
    Ask, Authority, Browser, Curl, Gate, HOST, Issuer, Latch, Origin, Policy, Received, Reply, THEIR_NETWORK, World,
    eventually, now, portal,
};
use serde_json::{Value, json};
use std::thread;

const ASKED: &str = "/tra-cuu-ho-so/toi";
const PROBE: &str = "[credential.session.probe]
path      = \"/tra-cuu-ho-so/toi\"
timeout   = \"700ms\"
cache     = \"60s\"
signed_in = \"/signed_in\"
subject   = \"/user/id\"
account   = \"/user/account\"
login     = \"/user/login\"
level     = \"/user/level\"
";
const CITIZEN: &str = "079203001234";

fn policy(origin: &Origin) -> Policy {
    Policy::portal(origin).change("idle = \"30m\"\n", &format!("idle = \"30m\"\n{PROBE}"))
}

/// What the portal knows of a session: its id says it.
fn known(request: &Received) -> Value {
    match request.cookie("PHPSESSID").unwrap_or_default().split('-').next() {
        Some("vneid") => {
            json!({ "signed_in": true, "user": { "id": CITIZEN, "account": "citizen", "login": "vneid", "level": 2 } })
        }
        Some("password") => {
            json!({ "signed_in": true, "user": { "id": CITIZEN, "account": "citizen", "login": "password" } })
        }
        Some("someone") => json!({ "signed_in": true, "user": { "id": CITIZEN } }),
        _ => json!({ "signed_in": false }),
    }
}

fn answers(request: &Received) -> Reply {
    if request.path() == ASKED { Reply::json(200, &known(request)) } else { portal(request) }
}

fn started(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> (Origin, Gate) {
    let origin = Origin::answering(script);
    let gate = Gate::start(&policy(&origin));
    (origin, gate)
}

fn filing(session: &str) -> Ask {
    Ask::get("/nop-ho-so/1").cookie(&format!("PHPSESSID={session}"))
}

fn public(session: &str) -> Ask {
    Ask::get("/tra-cuu-ho-so").cookie(&format!("PHPSESSID={session}"))
}

fn questions(origin: &Origin) -> Vec<Received> {
    origin.requests().into_iter().filter(|request| request.path() == ASKED).collect()
}

#[track_caller]
fn counts(gate: &Gate, result: &str, count: f64) {
    let labels = [("credential", "portal-session"), ("result", result)];
    gate.until_metric("vneid_gate_probes_total", &labels, |asked| asked == count);
}

#[test]
fn sessions_from_before_the_gate_are_what_the_portal_says_and_asked_about_once() {
    let (origin, gate) = started(answers);
    for _ in 0..5 {
        assert_eq!(gate.ask(&filing("vneid-1")).status, 200);
    }
    let all = origin.take();
    assert_eq!(all.iter().filter(|request| request.path() == ASKED).count(), 1);
    let filed = all.iter().find(|request| request.path() == "/nop-ho-so/1").unwrap();
    assert_eq!((filed.vouched().as_str(), filed.value("x-gate-subject")), ("citizen/vneid/2", Some(CITIZEN)));
    let refused = gate.ask(&filing("password-1"));
    assert_eq!((refused.status, refused.reason().as_str()), (403, "password-session"));
    let unknown = gate.ask(&filing("someone-1"));
    assert_eq!((unknown.status, unknown.reason().as_str()), (401, "not-permitted"), "what it does not tell is unknown");
    let visitor = gate.ask(&filing("visitor-1"));
    assert_eq!((visitor.status, visitor.reason().as_str()), (401, "session-unbound"));
    assert_eq!(gate.ask(&public("visitor-1")).status, 200);
    assert_eq!(questions(&origin).len(), 3);
    counts(&gate, "signed_in", 3.0);
    counts(&gate, "nobody", 1.0);
}

#[test]
fn the_question_carries_the_session_and_nothing_else_of_the_client() {
    let (origin, gate) = started(answers);
    let ask = filing("vneid-1; other=1").with("User-Agent", "a browser").with("X-Forwarded-For", "10.0.0.1");
    assert_eq!(gate.ask(&ask.with("Accept-Language", "vi").with("X-Custom", "1")).status, 200);
    let question = questions(&origin).remove(0);
    assert_eq!((question.method(), question.value("host")), ("GET", Some(HOST)));
    assert_eq!(question.values("cookie"), ["PHPSESSID=vneid-1"]);
    for name in ["x-custom", "accept-language", "x-forwarded-for", "x-gate-account", "x-request-id"] {
        assert_eq!(question.value(name), None, "{name}");
    }
    assert!(!question.head.raw.windows(9).any(|bytes| bytes == b"a browser"));
}

/// Answers that cannot be read, and whether it takes the whole time-out to see it.
fn nonsense() -> Vec<(&'static str, Reply)> {
    let good = json!({ "signed_in": true, "user": { "account": "citizen", "login": "vneid", "level": 2 } });
    let huge = json!({ "signed_in": true, "x": "x".repeat(100_000) });
    vec![
        ("a page", Reply::ok("<html>đăng nhập</html>").with("Content-Type", "text/html")),
        ("JSON called a page", Reply::status(200).with("Content-Type", "text/html").body(good.to_string())),
        ("a redirect", Reply::redirect("/dang-nhap")),
        ("an error", Reply::json(500, &good)),
        ("forbidden", Reply::json(403, &good)),
        ("huge", Reply::json(200, &huge)),
        (
            "cut off",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"sig"),
        ),
        ("no HTTP", Reply::raw("signed in, believe me\r\n\r\n")),
        ("a wrong type", Reply::json(200, &json!({ "signed_in": "true" }))),
        ("nothing of it", Reply::json(200, &json!({}))),
        (
            "twice",
            Reply::status(200).with("Content-Type", "application/json").body("{\"signed_in\":true,\"signed_in\":true}"),
        ),
        ("an end", Reply::hang_up()),
        ("silence", Reply::silence()),
    ]
}

#[test]
fn an_answer_that_cannot_be_read_proves_nothing_and_is_said_once() {
    for (what, reply) in nonsense() {
        let (origin, gate) =
            started(move |request| if request.path() == ASKED { reply.clone() } else { portal(request) });
        let refused = gate.ask(&filing("vneid-1"));
        assert_eq!((refused.status, refused.reason().as_str()), (503, "identity-unavailable"), "{what}");
        assert_eq!(gate.ask(&public("vneid-1")).status, 200, "{what}: public pages go on");
        let seen: Vec<_> = origin.take().into_iter().filter(|request| request.path() != ASKED).collect();
        assert_eq!(seen.len(), 1, "{what}");
        assert_eq!(seen[0].cookie("PHPSESSID"), None, "{what}: the session does not travel");
        gate.ask(&filing("vneid-2"));
        let told = eventually("the word on it", || {
            let log = gate.stderr();
            let count = log.matches("credential `portal-session`: no answer").count();
            (count > 0).then_some((count, log))
        });
        assert_eq!(told.0, 1, "{what}: {}", told.1);
        assert!(!told.1.contains("vneid-1"), "{what}: no session in the log");
        let labels = [("credential", "portal-session"), ("result", "failed")];
        gate.until_metric("vneid_gate_probes_total", &labels, |count| count >= 2.0);
    }
}

#[test]
fn a_portal_that_says_nothing_is_left_alone() {
    let origin = Origin::answering(|request| if request.path() == ASKED { Reply::hang_up() } else { portal(request) });
    let gate = Gate::start(&policy(&origin));
    for n in 0..12 {
        assert_eq!(gate.ask(&filing(&format!("vneid-{n}"))).status, 503);
    }
    let asked = questions(&origin).len();
    assert!(asked <= 6, "five are enough: {asked}");
    let labels = [("credential", "portal-session"), ("result", "unasked")];
    gate.until_metric("vneid_gate_probes_total", &labels, |count| count >= 1.0);
    assert!(gate.status()["probes"][0]["silence"]["why"].is_string());
    origin.answer(answers);
    eventually("the portal to be asked again", || (gate.ask(&filing("vneid-late")).status == 200).then_some(()));
    assert!(gate.status()["probes"][0]["silence"].is_null());
}

#[test]
fn a_hundred_requests_of_one_session_ask_once_on_either_version_of_http() {
    let authority = Authority::new();
    let latch = Latch::default();
    let held = latch.clone();
    let origin = Origin::answering(move |request| {
        let reply = answers(request);
        if request.path() == ASKED { reply.held_by(&held) } else { reply }
    });
    let gate = Gate::start(&policy(&origin).change("timeout   = \"700ms\"", "timeout = \"20s\"").with_tls(&authority));
    let tls = gate.address("tls");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|n| {
                let (gate, tls, authority) = (&gate, &tls, &authority);
                scope.spawn(move || {
                    if n % 10 != 0 {
                        return gate.ask(&filing("vneid-1")).status;
                    }
                    let curl = Curl::to(HOST, tls).trusting(&authority.file());
                    curl.with(&["--http2", "--cookie", "PHPSESSID=vneid-1"]).https("/nop-ho-so/1").status
                })
            })
            .collect();
        eventually("the question to arrive", || (!questions(&origin).is_empty()).then_some(()));
        thread::sleep(std::time::Duration::from_millis(300));
        latch.open();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 100]);
    assert_eq!(questions(&origin).len(), 1);
}

#[test]
fn strangers_make_the_gate_ask_no_more_at_once_than_the_policy_says() {
    let latch = Latch::default();
    let held = latch.clone();
    let origin = Origin::answering(move |request| {
        let reply = answers(request);
        if request.path() == ASKED { reply.held_by(&held) } else { reply }
    });
    let policy = policy(&origin).change("cache     = \"60s\"", "cache = \"60s\"\nconcurrency = 3");
    let gate = Gate::start(&policy.change("timeout   = \"700ms\"", "timeout = \"5s\""));
    thread::scope(|scope| {
        for n in 0..40 {
            let gate = &gate;
            scope.spawn(move || gate.ask(&filing(&format!("made-up-{n}"))));
        }
        eventually("the first questions", || (questions(&origin).len() == 3).then_some(()));
        thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(questions(&origin).len(), 3);
        latch.open();
    });
    assert_eq!(questions(&origin).len(), 40);
    assert!(!gate.stderr().contains("reusable stream"), "no connection is lost between threads");
}

#[test]
fn the_portal_may_be_asked_over_http_2() {
    let authority = Authority::new();
    let inner = World::with(|policy| policy.with_tls(&authority));
    inner.origin.answer(answers);
    let servers = format!(
        "servers  = [\"{}\"]\nhttp2 = true\ntls = {{ server_name = \"{HOST}\", ca_file = \"{}\" }}",
        inner.gate.address("tls"),
        authority.file().to_str().unwrap()
    );
    let gate = Gate::start(&policy(&inner.origin).change("servers  = [\"@ORIGIN@\"]", &servers));
    for n in 0..3 {
        let answer = gate.ask(&public(&format!("password-{n}")));
        assert_eq!((answer.status, answer.reason().as_str()), (403, "password-session"));
    }
    assert_eq!(questions(&inner.origin).len(), 3);
    for (what, reply) in
        nonsense().into_iter().filter(|(what, _)| !["silence", "cut off", "no HTTP", "an end"].contains(what))
    {
        inner.origin.answer(move |request| if request.path() == ASKED { reply.clone() } else { portal(request) });
        assert_eq!(gate.ask(&filing(&format!("vneid-{}", what.len()))).status, 503, "{what}");
    }
}

#[test]
fn an_answer_is_believed_for_its_time_only() {
    let origin = Origin::answering(answers);
    let gate = Gate::start(&policy(&origin).change("cache     = \"60s\"", "cache = \"1s\""));
    assert_eq!(gate.ask(&filing("vneid-1")).status, 200);
    origin.answer(|request| match request.path() {
        ASKED => Reply::json(401, &json!({})),
        _ => portal(request),
    });
    let refused = eventually("the log-out to be noticed", || {
        let answer = gate.ask(&filing("vneid-1"));
        (answer.status != 200).then_some(answer)
    });
    assert_eq!((refused.status, refused.reason().as_str()), (401, "session-unbound"));
}

#[test]
fn headers_of_the_answer_tell_as_well() {
    let origin = Origin::answering(|request| match (request.path(), request.cookie("PHPSESSID").as_deref()) {
        (ASKED, Some("vneid")) => {
            Reply::ok("<html>").with("X-Login", "vneid").with("X-Account", "citizen").with("X-User", CITIZEN)
        }
        (ASKED, _) => Reply::ok("<html>"),
        _ => portal(request),
    });
    let text = "[credential.session.probe]\npath = \"/tra-cuu-ho-so/toi?a=1\"\nsubject = { header = \"X-User\" }\n\
                account = { header = \"X-Account\" }\nlogin = { header = \"X-Login\" }\n";
    let policy = Policy::portal(&origin).change("idle = \"30m\"\n", &format!("idle = \"30m\"\n{text}"));
    let gate = Gate::start(&policy);
    assert_eq!(gate.ask(&public("vneid")).status, 200);
    let all = origin.take();
    assert_eq!(all[0].target(), "/tra-cuu-ho-so/toi?a=1");
    assert_eq!(all[1].vouched(), "citizen/vneid/0");
    assert_eq!(gate.ask(&public("nobody")).status, 200);
    assert_eq!(origin.take()[1].vouched(), "unknown/unknown/0");
}

#[test]
fn a_person_is_out_with_the_sessions_of_which_the_portal_said_the_name() {
    let origin = Origin::answering(answers);
    const TOKEN: &str = "a-synthetic-token-of-forty-characters-00";
    let with_token = policy(&origin).change("[admin]\n", "[admin]\ntoken_file = \"admin.token\"\n");
    let gate = Gate::start(&with_token.file("admin.token", TOKEN));
    assert_eq!(gate.ask(&filing("vneid-1")).status, 200);
    let revoke = Ask::json("/revocations", &json!({ "subject": CITIZEN }).to_string()).bearer(TOKEN);
    assert_eq!(gate.ask_at("admin", &revoke).status, 200);
    let refused = gate.ask(&filing("vneid-1"));
    assert_eq!((refused.status, refused.reason().as_str()), (401, "credential-revoked"));
    assert_eq!(gate.ask(&filing("vneid-2")).status, 401, "whatever session it is");
}

/// A browser that comes back from VNeID, and what the portal then says.
fn logs_in(gate: &Gate, id: &str) -> u16 {
    let mut browser = Browser::new(gate);
    browser.log_in_with_vneid(id);
    gate.settle();
    browser.get("/nop-ho-so/1").status
}

#[test]
fn a_log_in_counts_once_the_portal_says_that_somebody_is_signed_in() {
    let (origin, gate) = started(answers);
    assert_eq!(logs_in(&gate, "vneid-1"), 200);
    assert_eq!(questions(&origin).len(), 1, "a session that is known is not asked about again");
    let filed = origin.requests().into_iter().find(|request| request.path() == "/nop-ho-so/1").unwrap();
    assert_eq!(filed.value("x-gate-subject"), Some(CITIZEN), "by the portal's word");
    let labels = |result| [("site", "portal"), ("flow", "vneid"), ("result", result)];
    gate.until_metric("vneid_gate_logins_total", &labels("bound"), |count| count == 1.0);
    for id in ["visitor-1", "visitor-2"] {
        assert_ne!(logs_in(&gate, id), 200, "success without anybody being signed in");
    }
    gate.until_metric("vneid_gate_logins_total", &labels("unconfirmed"), |count| count == 2.0);
}

#[test]
fn the_portal_knows_better_how_somebody_logged_in() {
    let (_origin, gate) = started(answers);
    assert_eq!(logs_in(&gate, "password-1"), 403, "born of a password by the portal's word");
    assert_eq!(logs_in(&gate, "someone-1"), 200, "what it does not tell is what the log-in said");
}

#[test]
fn a_log_in_is_not_bound_while_the_portal_does_not_answer() {
    for (what, reply) in nonsense() {
        let (_origin, gate) =
            started(move |request| if request.path() == ASKED { reply.clone() } else { portal(request) });
        assert_ne!(logs_in(&gate, "vneid-1"), 200, "{what}");
    }
}

#[test]
fn strangers_do_not_keep_a_log_in_waiting() {
    let latch = Latch::default();
    let held = latch.clone();
    let origin = Origin::answering(move |request| {
        let made_up = request.cookie("PHPSESSID").is_some_and(|id| id.starts_with("made-up"));
        let reply = answers(request);
        if request.path() == ASKED && made_up { reply.held_by(&held) } else { reply }
    });
    let policy = policy(&origin).change("cache     = \"60s\"", "cache = \"60s\"\nconcurrency = 2");
    let gate = Gate::start(&policy.change("timeout   = \"700ms\"", "timeout = \"5s\""));
    thread::scope(|scope| {
        for n in 0..20 {
            let gate = &gate;
            scope.spawn(move || gate.ask(&filing(&format!("made-up-{n}"))));
        }
        eventually("their questions", || (questions(&origin).len() == 2).then_some(()));
        assert_eq!(logs_in(&gate, "vneid-1"), 200);
        latch.open();
    });
}

#[test]
fn a_log_in_in_the_body_is_confirmed_too() {
    let (origin, gate) = started(answers);
    for id in ["password-1", "visitor-1"] {
        let mut browser = Browser::behind_proxy(&gate, THEIR_NETWORK).with_session(id);
        let log_in = Ask::json("/api/dang-nhap", "{\"username\":\"can-bo@daknong.gov.vn\",\"password\":\"dung\"}");
        assert_eq!(browser.ask(log_in).status, 200);
        gate.settle();
    }
    let labels = |result| [("site", "portal"), ("flow", "password-json"), ("result", result)];
    gate.until_metric("vneid_gate_logins_total", &labels("unconfirmed"), |count| count == 1.0);
    gate.until_metric("vneid_gate_logins_total", &labels("bound"), |count| count == 1.0);
    assert_eq!(questions(&origin).len(), 4, "each is asked about before and after");
}

#[test]
fn what_the_portal_said_of_a_session_ends_when_somebody_logs_in_or_out_on_it() {
    let (origin, gate) = started(answers);
    assert_eq!(gate.ask(&filing("vneid-1")).status, 200);
    assert_eq!(gate.ask(&Ask::get("/dang-xuat").cookie("PHPSESSID=vneid-1")).status, 302);
    gate.settle();
    origin.answer(|request| match request.path() {
        ASKED => Reply::json(200, &json!({ "signed_in": false })),
        _ => portal(request),
    });
    assert_eq!(gate.ask(&filing("vneid-1")).status, 401);
}

#[test]
fn a_log_out_that_the_provider_posts_ends_the_sessions_whose_subject_it_names() {
    let (origin, issuer) = (Origin::answering(answers), Issuer::start());
    let tokens = include_str!("policies/tokens.toml").replace(
        "leeway     = \"30s\"",
        "leeway = \"30s\"\nlogout = { path = \"/.vneid-gate/logout\", audience = [\"web-padsvc\"], ends = \"person\" }",
    );
    let policy = policy(&origin).file("tokens.toml", &tokens).set("JWKS", &issuer.url());
    let theirs = "path      = \"/tra-cuu-ho-so/toi\"";
    let provider = "issuer = \"https://ssodvc.daknong.gov.vn/auth/realms/digo\"";
    let gate = Gate::start(&policy.change(theirs, &format!("{theirs}\n{provider}")));
    assert_eq!(logs_in(&gate, "vneid-1"), 200);
    let session = filing("vneid-1");
    assert_eq!(gate.ask(&session).status, 200);
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let claims = json!({
        "iss": "https://ssodvc.daknong.gov.vn/auth/realms/digo", "aud": "web-padsvc", "iat": now(), "exp": now() + 60,
        "jti": "1", "sub": CITIZEN, "sid": "of-another-kind", "events": { event: {} },
    });
    let posted = Ask::form("/.vneid-gate/logout", &format!("logout_token={}", issuer.key.mint(&claims)));
    assert_eq!(gate.ask(&posted).status, 200);
    let refused = gate.ask(&session);
    assert_eq!((refused.status, refused.reason().as_str()), (401, "credential-revoked"));
}

#[test]
fn how_a_session_was_born_is_told() {
    let (_origin, gate) = started(answers);
    assert_eq!(gate.ask(&filing("vneid-old")).status, 200);
    assert_eq!(logs_in(&gate, "vneid-new"), 200);
    let told = |born: &str| {
        let lines = gate.audit();
        lines.iter().map(|line| line["principals"][0].clone()).find(|principal| principal["born"] == born)
    };
    let probed = eventually("the line of the first", || told("probed"));
    assert_eq!((&probed["flow"], &probed["born_at"]), (&Value::Null, &Value::Null));
    let seen = eventually("the line of the second", || told("clean"));
    assert_eq!((&seen["flow"], &seen["confirmed"]), (&json!("vneid"), &json!(true)));
    assert!((now() - seen["born_at"].as_i64().unwrap()).abs() < 60, "{seen}");
    assert_eq!(
        gate.status()["sessions_born"]["portal-session"],
        json!({ "clean": 1, "rotated": 0, "kept": 0, "probed": 1 })
    );
    let log = gate.data().join("audit.jsonl");
    let code = |born: &str| {
        let lines = gate.audit();
        let line = lines.iter().find(|line| line["principals"][0]["born"] == born).unwrap();
        line["support_code"].as_str().unwrap().to_owned()
    };
    for (born, words) in [
        ("probed", "nobody saw the session being born: the portal says who that is"),
        ("clean", "on a session made for it, and the portal confirmed it"),
    ] {
        let why = std::process::Command::new(env!("CARGO_BIN_EXE_vneid-gate"))
            .arg("why")
            .arg(code(born))
            .arg("--log")
            .arg(&log)
            .output();
        let why = String::from_utf8(why.unwrap().stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(why.contains(words), "{born}: {why}");
    }
}
