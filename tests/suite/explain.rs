//! Promises about `explain`: it tells what the gate does, without repeating what it was shown.
//!
//! The very bytes that a running gate gets are explained from the same directory.
//! What only the running gate can know, the sessions, is not asked about here.

use crate::harness::{Ask, Gate, HOST, Issuer, Key, Origin, PASSWORD_PAGE, Policy, change, now, portal};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};

struct World {
    _origin: Origin,
    issuer: Issuer,
    gate: Gate,
}

impl World {
    fn start() -> World {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
        World { _origin: origin, issuer, gate }
    }

    fn run(&self, bytes: &[u8], more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
        command.arg("explain").arg(self.gate.directory()).args(["--request", "-", "--client", "127.0.0.1"]).args(more);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The explanation as JSON.
    #[track_caller]
    fn explain(&self, ask: &Ask) -> Value {
        let output = self.run(&ask.bytes(), &["--fetch", "--format", "json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let explained: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let decided = explained["refused"].is_null();
        assert_eq!(output.status.code(), Some(if decided { 0 } else { 1 }), "{text}");
        explained
    }

    fn token(&self, more: Value) -> String {
        let mut claims = self.issuer.vneid();
        change(&mut claims, more);
        self.issuer.key.mint(&claims)
    }
}

/// What a caller would get: status, reason and where to; `None` when the request is forwarded.
fn foretold(explained: &Value) -> Option<(u64, String, Option<String>)> {
    let (answers, reason) = match &explained["refused"] {
        Value::Null => {
            let outcome = &explained["decisions"][0];
            let late = outcome["refused"].as_str();
            (&outcome["answers"], late.or(outcome["decision"]["reason"].as_str()))
        }
        refused => (&refused["answers"], refused["reason"].as_str()),
    };
    // Where the request does not say who reads, the gate takes it for a program's.
    let answer = answers.as_array().unwrap().last()?;
    let location = answer["location"].as_str().map(str::to_owned);
    Some((answer["status"].as_u64().unwrap(), reason.unwrap().to_owned(), location))
}

#[test]
fn what_is_explained_is_what_the_gate_does() {
    let world = World::start();
    let (good, low) = (world.token(json!({})), world.token(json!({ "vneid_level": 1 })));
    let old = world.token(json!({ "iat": now() - 7200, "exp": now() - 3600 }));
    let forged = Key::rsa("key-1").mint(&world.issuer.vneid());
    let elsewhere = world.token(json!({ "iss": "https://sso.example/auth/realms/digo" }));
    let password = world.token(json!({ "identity_provider": null }));
    let attempt = "username=079203001234&password=dung";
    let asks = [
        Ask::get("/"),
        Ask::get("/nop-ho-so/1"),
        Ask::get("/nop-ho-so/1").navigating(),
        Ask::get("/nop-ho-so/1").bearer(&good),
        Ask::get("/nop-ho-so/1").bearer(&low),
        Ask::get("/nop-ho-so/1").bearer(&low).navigating(),
        Ask::get("/nop-ho-so/1").bearer(&old),
        Ask::get("/nop-ho-so/1").bearer(&forged),
        Ask::get("/nop-ho-so/1").bearer(&elsewhere),
        Ask::get("/nop-ho-so/1").bearer(&password),
        Ask::get("/nop-ho-so/1").cookie(&format!("access_token={good}")),
        Ask::get("/nop-ho-so/1").bearer(&good).cookie(&format!("access_token={password}")),
        Ask::get("/").bearer(&forged),
        Ask::get("/").with("Authorization", "Basic YTpi"),
        Ask::get("/nop-ho-so/1").cookie("PHPSESSID=nobodyknows"),
        Ask::get("/nop-ho-so/1").cookie("PHPSESSID=nobodyknows").navigating(),
        Ask::get("/nop-ho-so/1").cookie("PHPSESSID=a; PHPSESSID=b"),
        Ask::get("/nop-ho-so/1").with("Authorization", "Bearer a").with("Authorization", "Bearer b"),
        Ask::get("/a/../nop-ho-so/1"),
        Ask::get("/nop-ho-so%2f1"),
        Ask::get("//nop-ho-so"),
        Ask::get("/tra-cuu-ho-so;PHPSESSID=a"),
        Ask::get("/").with("Host", "portal.example"),
        Ask::get("/").with("Host", HOST).with("Host", HOST),
        Ask::get("http://portal.example/").with("Host", HOST),
        Ask::new("DELETE", "/nop-ho-so/1"),
        Ask::new("PUT", PASSWORD_PAGE).body("username=a"),
        Ask::get(&format!("{PASSWORD_PAGE}?username=079203001234")),
        Ask::form(PASSWORD_PAGE, attempt),
        Ask::form(PASSWORD_PAGE, attempt).navigating(),
        Ask::form(PASSWORD_PAGE, "username=a&username=b"),
        Ask::form(PASSWORD_PAGE, "password=dung"),
        Ask::post(PASSWORD_PAGE, attempt).with("Content-Type", "text/plain"),
        Ask::json("/api/dang-nhap", "{\"username\":\"079203001234\"}"),
        Ask::json("/api/dang-nhap", "{\"username\":1}"),
        Ask::get("/dang-nhap/vneid/callback?code=a&code=b&state=c"),
        Ask::get("/").with("Connection", "Authorization"),
        Ask::post("/nop-ho-so", vec![b'a'; 70_000]).bearer(&good),
        Ask::get("/").with("X-Long", &"a".repeat(40_000)),
    ];
    for ask in asks {
        let answer = world.gate.ask(&ask);
        let foretold = foretold(&world.explain(&ask));
        let what = format!("{} {}", ask.method, ask.target);
        match foretold {
            None => assert!(!answer.is_the_gates(), "{what}: {} was not foretold", answer.status),
            Some((status, reason, location)) => {
                assert_eq!(u64::from(answer.status), status, "{what}: {reason}");
                assert_eq!(answer.value("location").map(str::to_owned), location, "{what}: {reason}");
                if answer.value("content-type") == Some("application/problem+json") {
                    assert_eq!(answer.reason(), reason, "{what}");
                }
            }
        }
    }
}

#[test]
fn nothing_of_a_token_a_cookie_or_a_person_is_printed_back() {
    let world = World::start();
    let token = world.token(json!({}));
    let asks = [
        Ask::get("/nop-ho-so/1?token_id=bi-mat").bearer(&token),
        Ask::get("/nop-ho-so/1").cookie(&format!("PHPSESSID=bi-mat; access_token={token}; khac=bi-mat")),
        Ask::form(PASSWORD_PAGE, "username=079203001234&password=bi-mat"),
        Ask::get("/").with("Authorization", "Basic bi-mat"),
        Ask::get("/").with("X-Khac", "bi-mat"),
    ];
    for ask in asks {
        for format in ["text", "json"] {
            let output = world.run(&ask.bytes(), &["--fetch", "--format", format]);
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(said.contains(&ask.method), "{said}");
            let parts: Vec<&str> = token.split('.').collect();
            for secret in [&parts[..], &["bi-mat", "079203001234", "digo"]].concat() {
                assert!(!said.contains(secret), "{secret} is in:\n{said}");
            }
        }
    }
}

#[test]
fn keys_at_a_url_are_fetched_only_when_that_is_asked_for() {
    let world = World::start();
    let ask = Ask::get("/nop-ho-so/1").bearer(&world.token(json!({})));
    let fetches = world.issuer.fetches();
    let output = world.run(&ask.bytes(), &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("evidence  unavailable"), "{said}");
    assert!(said.contains("its keys are at a URL; --fetch gets them"), "{said}");
    assert_eq!(world.issuer.fetches(), fetches);

    let said = String::from_utf8(world.run(&ask.bytes(), &["--fetch"]).stdout).unwrap();
    assert!(said.contains("evidence  valid: genuine, current and meant for this portal"), "{said}");
    assert!(said.contains("person    citizen by vneid, level 2"), "{said}");
    assert_eq!(world.issuer.fetches(), fetches + 1);
}

#[test]
fn a_key_server_that_fails_is_told_and_the_token_stays_unproved() {
    let world = World::start();
    let ask = Ask::get("/nop-ho-so/1").bearer(&world.token(json!({})));
    world.issuer.misbehave(crate::harness::Reply::status(500));
    let said = String::from_utf8(world.run(&ask.bytes(), &["--fetch"]).stdout).unwrap();
    assert!(said.contains("its keys could not be fetched: answered with status 500"), "{said}");
    assert!(said.contains("decision    login by the default"), "{said}");
}

#[test]
fn the_lot_of_a_known_person_is_the_gates_own() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let rule = |percent: u32| {
        format!(
            "[[rule]]\nname = \"trial\"\nroutes = \"filing\"\nwhen = {{ login = \"vneid\" }}\nthen = \"reject\"\n\
             percent = {percent}\n"
        )
    };
    let policy = Policy::portal_with_tokens(&origin, &issuer).file("0-trial.toml", &rule(50));
    let world = World { gate: Gate::start(&policy), _origin: origin, issuer };
    let mut decided = Vec::new();
    for person in ["079203001234", "079203001235", "079203001236", "079203001237", "079203001238", "079203001239"] {
        let ask = Ask::get("/nop-ho-so/1").bearer(&world.token(json!({ "preferred_username": person })));
        let explained = world.explain(&ask);
        let lot = explained["request"]["lot"].as_u64().expect("a lot");
        let rejected = world.gate.ask(&ask).status == 403;
        assert_eq!(rejected, lot < 50, "{explained}");
        assert_eq!(rejected, foretold(&explained).is_some(), "{explained}");
        decided.push(lot);
    }
    decided.dedup();
    assert!(decided.len() > 1, "different people have different lots: {decided:?}");
}

#[test]
fn a_token_or_a_number_in_a_path_is_not_printed_back() {
    let world = World::start();
    let secret = "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6";
    let head = format!("GET /reset/{secret}/001090000001 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for format in ["text", "json"] {
        let said = String::from_utf8(world.run(head.as_bytes(), &["--format", format]).stdout).unwrap();
        assert!(said.contains("/reset/[opaque]/[number]"), "{said}");
        assert!(!said.contains(secret) && !said.contains("001090000001"), "{said}");
    }
}

#[test]
fn a_complete_request_is_explained_while_its_writer_keeps_the_pipe_open() {
    let world = World::start();
    let (reader, mut writer) = std::io::pipe().unwrap();
    write!(writer, "GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    command.arg("explain").arg(world.gate.directory()).args(["--request", "-"]).stdin(reader);
    let output = command.output().unwrap();
    drop(writer);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
