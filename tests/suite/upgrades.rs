//! Promises about upgrades: one opens nothing but what was decided.
//!
//! Any `Upgrade` field makes a request special to servers; to the verdict it must mean nothing. Only a WebSocket that
//! the policy lets through becomes a tunnel.

use crate::harness::{Ask, Authority, Curl, HOST, Received, Reply, World, portal};

const UPGRADES: &[&str] = &["websocket", "WebSocket", "h2c", "foo", "TLS/1.0, HTTP/1.1", "websocket, h2c"];

#[test]
fn an_upgrade_changes_no_verdict() {
    let world = World::start();
    let form = "username=079203001234&password=dung";
    let cases: [(u16, Ask); 7] = [
        (401, Ask::get("/nop-ho-so")),
        (401, Ask::get("/nop-ho-so").cookie("PHPSESSID=never-seen")),
        (400, Ask::get("/assets/%2e%2e/nop-ho-so").cookie(&world.vneid)),
        (400, Ask::get("/nop-ho-so").cookie("PHPSESSID=born-by-vneid; PHPSESSID=x")),
        (405, Ask::new("DELETE", "/nop-ho-so").cookie(&world.vneid)),
        (421, Ask::get("/nop-ho-so").with("Host", "evil.example").cookie(&world.vneid)),
        (403, Ask::form("/dich-vu-cong/cong-dan/dang-nhap", form)),
    ];
    for upgrade in UPGRADES {
        for (status, ask) in &cases {
            let ask = ask.clone().with("Connection", "Upgrade").with("Upgrade", upgrade);
            let answer = world.gate.ask(&ask.with("Sec-WebSocket-Key", "c3ludGhldGljIHZhbHVlIQ=="));
            assert_eq!(answer.status, *status, "{upgrade}");
            world.origin.expect_untouched();
        }
    }
    world.expect_untouched();
}

#[test]
fn no_tunnel_is_opened_but_a_websocket() {
    let world = World::start();
    for upgrade in ["h2c", "foo", "HTTP/2.0"] {
        let ask = Ask::get("/nop-ho-so").cookie(&world.vneid).with("Upgrade", upgrade);
        let ask = ask.with("Connection", "Upgrade, HTTP2-Settings").with("HTTP2-Settings", "AAMAAABkAAQAAP__");
        world.gate.ask(&ask);
        for request in world.origin.take() {
            assert!(request.values("upgrade").is_empty(), "{upgrade} reached the portal");
            assert!(request.values("http2-settings").is_empty());
        }
    }
}

#[test]
fn bytes_behind_an_upgrade_that_the_portal_refuses_are_no_tunnel() {
    let world = World::start();
    world.origin.answer(|request: &Received| if request.path() == "/" { Reply::ok("no") } else { portal(request) });
    for upgrade in ["websocket", "foo"] {
        let mut client = world.gate.connect();
        client.send(&Ask::get("/").with("Connection", "Upgrade").with("Upgrade", upgrade).bytes());
        // Without a credential: judged as a request of its own it is refused, so it may only arrive unjudged.
        client.send(&Ask::get("/nop-ho-so/smuggled").bytes());
        assert!(client.maybe_answer().is_none_or(|answer| matches!(answer.status, 200 | 400)), "{upgrade}");
        client.end();
        client.until_close();
        world.gate.settle();
    }
    // Its client gone, an upgrade may reach the portal late; but nothing else may.
    assert_eq!(world.gate.ask(&Ask::get("/assets/last")).status, 200);
    for request in world.origin.requests() {
        assert!(matches!(request.path(), "/" | "/assets/last"), "{}", request.head.start);
    }
}

#[test]
fn a_websocket_is_decided_at_its_upgrade_and_then_left_alone() {
    let world = World::start();
    world.origin.answer(|_| Reply::echo());
    let upgrade = |cookie: &str| {
        let ask = Ask::get("/nop-ho-so/ws").with("Connection", "Upgrade").with("Upgrade", "websocket");
        let ask = ask.with("Sec-WebSocket-Key", "c3ludGhldGljIHZhbHVlIQ==").with("Sec-WebSocket-Version", "13");
        if cookie.is_empty() { ask } else { ask.cookie(cookie) }
    };
    assert_eq!(world.gate.ask(&upgrade("")).status, 401);
    assert_eq!(world.gate.ask(&upgrade("PHPSESSID=unseen")).status, 401);
    world.origin.expect_untouched();
    let mut client = world.gate.connect();
    client.send(&upgrade(&world.vneid).bytes());
    assert_eq!(client.answer().status, 101);
    assert_eq!(world.origin.only().vouched(), "citizen/vneid/2");
    for text in ["xin chào", "GET /nop-ho-so HTTP/1.1\r\n\r\n"] {
        client.send(text.as_bytes());
        assert_eq!(client.bytes(text.len()), text.as_bytes());
    }
    client.end();
    assert_eq!(client.until_close(), "");
    assert!(world.origin.take().is_empty(), "a tunnel holds no requests");
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_no_tunnel() {
    let world = World::start();
    world.origin.answer(|_| Reply::echo());
    for ask in [
        Ask::get("/assets/a.js"),
        Ask::get("/assets/a.js").with("Connection", "Upgrade").with("Upgrade", "foo"),
        Ask::post("/tra-cuu-ho-so", "body"),
    ] {
        let mut client = world.gate.connect();
        client.send(&ask.bytes());
        let answer = client.maybe_answer();
        assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 502)), "{}", ask.target);
        client.send(&Ask::get("/nop-ho-so/smuggled").bytes());
        client.end();
        client.until_close();
        assert!(world.origin.take().iter().all(|request| request.path() != "/nop-ho-so/smuggled"));
    }
}

#[test]
fn over_http_2_nothing_becomes_a_tunnel() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    world.origin.answer(|_| Reply::echo());
    let curl = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file());
    let seen = curl.with(&["--http2", "--cookie", &world.vneid]).https("/nop-ho-so/ws");
    assert_eq!((seen.status, seen.version.as_str()), (502, "2"), "{}", seen.text);
}
