//! Promises about headers: which fields reach the portal, and whose word they are.
//!
//! What the gate vouches for is set by the gate alone; what tells frameworks, meshes and terminators things is taken
//! away in every spelling, on public pages too.

use crate::harness::{Ask, Response, World};
use std::net::SocketAddr;

/// Fields that no client may send to the portal, and a value that would do harm.
const TAKEN_AWAY: &[(&str, &str)] = &[
    ("X-Gate-Account", "forged"),
    ("X-Gate-Login", "forged"),
    ("X-Gate-Level", "forged"),
    ("X-Gate-Subject", "forged"),
    ("X-Gate-Anything", "forged"),
    ("X-Support-Code", "forged"),
    ("X-Request-Id", "forged"),
    ("X-Forwarded-For", "203.0.113.66"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "evil"),
    ("X-Forwarded-Port", "66600:evil"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Uri", "/evil"),
    ("X-Forwarded-Method", "DELETE"),
    ("X-Forwarded-Server", "evil.example"),
    ("X-Forwarded-Ssl", "evil"),
    ("X-Forwarded-Scheme", "evil"),
    ("X-Forwarded-User", "evil"),
    ("X-Forwarded-Groups", "evil"),
    ("X-Forwarded-Client-Cert", "evil"),
    ("Forwarded", "for=203.0.113.66;host=evil.example;proto=evil"),
    ("X-Original-URL", "/evil"),
    ("X-Original-Uri", "/evil"),
    ("X-Original-Host", "evil.example"),
    ("X-Rewrite-URL", "/evil"),
    ("X-Real-IP", "203.0.113.66"),
    ("X-Client-IP", "203.0.113.66"),
    ("True-Client-IP", "203.0.113.66"),
    ("X-Cluster-Client-IP", "203.0.113.66"),
    ("CF-Connecting-IP", "203.0.113.66"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-HTTP-Method", "DELETE"),
    ("X-Method-Override", "DELETE"),
    ("X-Middleware-Subrequest", "middleware:middleware"),
    ("X-Envoy-Original-Path", "/evil"),
    ("X-Envoy-Internal", "evil"),
    ("X-Remote-User", "evil"),
    ("Remote-User", "evil"),
    ("X-SSL-Client-Verify", "evil"),
    ("X-Client-Cert", "evil"),
    ("Proxy", "http://evil.example"),
];

/// The same field as it is spelled by someone who hopes that only the back end folds it.
fn spellings(name: &str) -> Vec<String> {
    let under = name.replace('-', "_");
    let dots = name.replace('-', ".");
    let mixed = name.replacen('-', "_", 1);
    let mut all =
        vec![name.to_owned(), name.to_lowercase(), name.to_uppercase(), under.to_lowercase(), under, dots, mixed];
    all.dedup();
    all
}

#[test]
fn no_spelling_of_a_forged_field_reaches_the_portal() {
    let world = World::start();
    for (name, value) in TAKEN_AWAY {
        for spelling in spellings(name) {
            for ask in [Ask::get("/assets/a.js"), Ask::get("/nop-ho-so/1").cookie(&world.vneid)] {
                assert_eq!(world.gate.ask(&ask.with(&spelling, value)).status, 200, "{spelling}");
                let request = world.origin.only();
                let raw = request.head.fields.iter().find(|(_, v)| v.contains(value));
                assert_eq!(raw, None, "{spelling} reached the portal");
                assert!(request.head.aliases(name).len() <= 1, "{spelling}: {:?}", request.head.fields);
                assert!(request.head.aliases(name).iter().all(|n| !n.contains(['_', '.'])), "{spelling}");
            }
        }
    }
}

#[test]
fn hop_by_hop_fields_end_at_the_gate() {
    let world = World::start();
    for (name, value) in [
        ("Proxy-Connection", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "Basic c3ludGhldGlj"),
        ("Trailer", "X-Gate-Account"),
    ] {
        assert_eq!(world.gate.ask(&Ask::get("/assets/a.js").with(name, value)).status, 200, "{name}");
        assert!(world.origin.only().head.aliases(name).is_empty(), "{name} reached the portal");
    }
    let nominated = Ask::get("/assets/a.js").with("Connection", "close, X-Hop").with("X-Hop", "1");
    match world.gate.ask(&nominated).status {
        400 => world.origin.expect_untouched(),
        status => {
            assert_eq!(status, 200);
            assert!(world.origin.only().values("x-hop").is_empty());
        }
    }
}

#[test]
fn the_gate_says_on_every_forwarded_request_who_came() {
    let world = World::start();
    for (ask, expected) in [
        (Ask::get("/assets/a.js"), "anonymous/none/0"),
        (Ask::get("/"), "anonymous/none/0"),
        (Ask::get("/tra-cuu-ho-so").cookie("PHPSESSID=unseen"), "unknown/unknown/0"),
        (Ask::get("/tra-cuu-ho-so").cookie(&world.vneid), "citizen/vneid/2"),
        (Ask::post("/nop-ho-so/1", "x").cookie(&world.vneid), "citizen/vneid/2"),
    ] {
        let forged = ask.with("X-Gate-Account", "official").with("x_gate_login", "password").with("X.Gate.Level", "3");
        assert_eq!(world.gate.ask(&forged.with("X-Gate-Subject", "forged")).status, 200);
        let request = world.origin.only();
        assert_eq!(request.vouched(), expected);
        assert!(request.value("x-gate-subject").is_none_or(|subject| subject.is_empty()), "a session has no subject");
        assert_eq!(request.values("x-request-id").len(), 1);
    }
}

/// The address that the audit line of an answer names.
#[track_caller]
fn client(world: &World, answer: &Response) -> String {
    let line = world.gate.audit_of(&answer.support_code());
    let address: SocketAddr = line["client"].as_str().and_then(|a| a.parse().ok()).expect("address and port");
    address.ip().to_string()
}

#[test]
fn the_client_address_is_the_sockets_unless_a_trusted_proxy_names_another() {
    let world = World::start();
    let ask = Ask::get("/assets/a.js").with("X-Forwarded-For", "203.0.113.66").with("X-Forwarded-Proto", "javascript");
    assert_eq!(world.gate.ask(&ask.clone().with("Forwarded", "for=203.0.113.66")).status, 200);
    let request = world.origin.only();
    assert_eq!(request.values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(request.values("x-forwarded-proto"), ["http"]);
    assert_eq!(request.values("x-forwarded-host"), ["dichvucong.daknong.gov.vn"]);
    for field in request.values("forwarded") {
        assert!(field.contains("127.0.0.1") && !field.contains("203.0.113.66"), "{field}");
    }
    let answer = world.gate.ask_at("proxied", &Ask::get("/nop-ho-so").with("X-Forwarded-For", "203.0.113.66"));
    assert_eq!(client(&world, &answer), "203.0.113.66");
    let answer = world.gate.ask(&Ask::get("/nop-ho-so").with("X-Forwarded-For", "203.0.113.66"));
    assert_eq!(client(&world, &answer), "127.0.0.1");
    world.expect_untouched();
}

#[test]
fn a_chain_of_addresses_is_believed_as_far_as_its_proxies_are_trusted() {
    let world = World::start();
    for (chain, expected) in [
        ("203.0.113.66, 198.51.100.7", "198.51.100.7"),
        ("10.20.0.1, 198.51.100.7, 127.0.0.9", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.7"),
        ("127.0.0.8, 127.0.0.9", "127.0.0.8"),
        ("2001:db8::7", "2001:db8::7"),
    ] {
        let answer = world.gate.ask_at("proxied", &Ask::get("/nop-ho-so").with("X-Forwarded-For", chain));
        assert_eq!(client(&world, &answer), expected, "{chain}");
    }
    for nonsense in ["10.20.0.1, unknown", "not an address", "10.20.0.1,", "\"10.20.0.1\"", "10.20.0.1:80:90"] {
        let answer = world.gate.ask_at("proxied", &Ask::get("/nop-ho-so").with("X-Forwarded-For", nonsense));
        assert!(matches!(answer.status, 400 | 401), "{nonsense}");
        assert_ne!(client(&world, &answer), "10.20.0.1", "{nonsense}");
    }
    world.expect_untouched();
}

#[test]
fn a_connection_field_takes_nothing_away_that_the_gate_has_judged_or_set() {
    let world = World::start();
    for nominated in [
        "cookie",
        "Cookie",
        "x-gate-account",
        "X-Gate-Login, X-Gate-Level",
        "x-request-id",
        "x-forwarded-for",
        "X_Gate_Account",
        "host",
        "content-length",
        "content-type",
    ] {
        let ask = Ask::post("/nop-ho-so/1", "body").with("Content-Type", "text/plain").cookie(&world.vneid);
        let answer = world.gate.ask(&ask.with("Connection", &format!("close, {nominated}")));
        if answer.status == 400 {
            world.origin.expect_untouched();
            continue;
        }
        assert_eq!(answer.status, 200, "{nominated}");
        let request = world.origin.only();
        assert_eq!(request.vouched(), "citizen/vneid/2", "{nominated}");
        assert_eq!(request.cookie("PHPSESSID").as_deref(), Some("born-by-vneid"), "{nominated}");
        for name in ["host", "x-request-id", "x-forwarded-for", "content-type"] {
            assert_eq!(request.values(name).len(), 1, "{nominated} took away {name}");
        }
        assert_eq!(request.body, b"body");
    }
}

#[test]
fn no_field_of_the_client_opens_a_closed_page() {
    let world = World::start();
    for (name, value) in [
        ("X-Forwarded-Uri", "/assets/a.js"),
        ("X-Original-URL", "/assets/a.js"),
        ("X-Rewrite-URL", "/assets/a.js"),
        ("X-Envoy-Original-Path", "/assets/a.js"),
        ("X-Forwarded-Prefix", "/assets"),
        ("X-Forwarded-Host", "127.0.0.1"),
        ("User-Agent", "GoogleHC/1.0"),
        ("User-Agent", "kube-probe/1.30"),
        ("X-Middleware-Subrequest", "src/middleware:src/middleware:src/middleware"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-Gate-Account", "citizen"),
        ("Authorization", "Basic YWRtaW46YWRtaW4="),
        ("Authorization", "Bearer null"),
        ("Authorization", ""),
        ("Range", "bytes=0-1"),
        ("Origin", "https://dichvucong.daknong.gov.vn"),
        ("Referer", "https://dichvucong.daknong.gov.vn/assets/a.js"),
        ("Sec-Fetch-Dest", "script"),
        ("Purpose", "prefetch"),
        ("X-Odd", "\u{ff}"),
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = world.gate.ask(&Ask::new(method, "/nop-ho-so/1").with(name, value));
            assert!(matches!(answer.status, 401 | 403 | 400), "{method} {name}: {value} gave {}", answer.status);
            world.origin.expect_untouched();
        }
    }
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "get"] {
        let answer = world.gate.ask(&Ask::new(method, "/nop-ho-so/1"));
        assert!(matches!(answer.status, 400 | 405), "{method} gave {}", answer.status);
        let answer = world.gate.ask(&Ask::new(method, "/undeclared"));
        assert!(matches!(answer.status, 400 | 401 | 405), "{method} gave {}", answer.status);
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn two_authorization_fields_are_refused_on_every_page() {
    let world = World::start();
    for target in ["/assets/a.js", "/nop-ho-so/1"] {
        let ask = Ask::get(target).cookie(&world.vneid).with("Authorization", "Bearer a");
        assert_eq!(world.gate.ask(&ask.with("authorization", "Bearer b")).status, 400, "{target}");
    }
    world.expect_untouched();
}

#[test]
fn an_authorization_that_nothing_explains_does_not_travel() {
    let world = World::start();
    let ask = Ask::get("/tra-cuu-ho-so").with("Authorization", "Basic YWRtaW46YWRtaW4=");
    assert_eq!(world.gate.ask(&ask.clone()).status, 200);
    let request = world.origin.only();
    assert!(request.values("authorization").is_empty());
    assert_eq!(request.vouched(), "anonymous/none/0");
    assert_eq!(world.gate.ask(&ask.cookie(&world.vneid)).status, 200);
    let request = world.origin.only();
    assert!(request.values("authorization").is_empty());
    assert_eq!(request.cookie("PHPSESSID").as_deref(), Some("born-by-vneid"), "the other credential travels");
}

#[test]
fn a_site_says_which_fields_its_portal_is_told_by_others() {
    let keys =
        "hosts = [\"dichvucong.daknong.gov.vn\"]\nprivate_headers = [\"X-Kiosk\"]\nallow_headers = [\"X-Email\"]";
    let world = World::with(|policy| policy.change("hosts     = [\"dichvucong.daknong.gov.vn\"]", keys));
    let names =
        ["X-Kiosk", "x_kiosk", "X-Email", "SM_USER", "WL-Proxy-Client-Cert", "Remote-Groups", "Https", "Script-Name"];
    let ask = names.iter().fold(Ask::get("/tra-cuu-ho-so"), |ask, name| ask.with(name, "evil"));
    world.gate.ask(&ask);
    let request = world.origin.only();
    for name in names {
        assert_eq!(request.value(name).is_some(), name == "X-Email", "{name}");
    }
}
