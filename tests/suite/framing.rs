//! Does one request stay one request?
//!
//! Whatever two servers could cut at different places is refused; what stands behind a refused request on the same
//! connection is never run; no field changes the verdict of another request.

use crate::harness::{Ask, HOST, Received, Reply, Town, portal};

/// Fields and bodies that are refused on an open page, so that nothing but the framing can be the reason.
const REFUSED: &[(&str, &str)] = &[
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
    ("Content-Length: 5\r\nContent-Length: 6", "hello!"),
    ("Content-Length: 5\r\nContent-Length: 5", "hello"),
    ("Content-Length: 5, 5", "hello"),
    ("Content-Length: 5,6", "hello"),
    ("Content-Length:", ""),
    ("Content-Length: +5", "hello"),
    ("Content-Length: -1", ""),
    ("Content-Length: 0x5", "hello"),
    ("Content-Length: 5_0", "hello"),
    ("Content-Length: 5 5", "hello"),
    ("Content-Length: five", "hello"),
    ("Content-Length: 18446744073709551621", "hello"),
    ("Content-Length : 5", "hello"),
    ("Transfer-Encoding : chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
    ("Transfer-Encoding: identity", ""),
    ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked;x=1", "0\r\n\r\n"),
    ("Transfer-Encoding: \u{b}chunked", "0\r\n\r\n"),
    ("Transfer-Encoding:", ""),
    ("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
    ("X-A: 1\r\n Content-Length: 5", "hello"),
    ("X-A: 1\r\n\tb", ""),
    ("no colon", ""),
    (": x", ""),
    ("X A: 1", ""),
    ("X-A\u{0}: 1", ""),
    ("X-A: 1\u{0}2", ""),
    ("X-A: 1\r2", ""),
];

#[test]
fn what_could_be_cut_in_two_places_is_refused() {
    let town = Town::start();
    for (fields, body) in REFUSED {
        let request = format!("POST /tra-cuu-ho-so HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n{body}");
        let mut client = town.gate.connect();
        client.send(request.as_bytes());
        client.send(b"GET /assets/inner HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n");
        let answer = client.maybe_answer().unwrap_or_else(|| panic!("no answer to {fields:?}"));
        assert_eq!(answer.status, 400, "{fields:?}");
        assert_eq!(client.until_close(), "", "{fields:?}: one answer, then the end");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn a_request_names_exactly_one_host() {
    let town = Town::start();
    let refused: [&str; 13] = [
        "",
        "Host:\r\n",
        "Host: a b\r\n",
        "Host: dichvucong.daknong.gov.vn/x\r\n",
        "Host: user@dichvucong.daknong.gov.vn\r\n",
        "Host: dichvucong.daknong.gov.vn, evil.example\r\n",
        "Host: dichvucong.daknong.gov.vn?x\r\n",
        "Host: dichvucong.daknong.gov.vn#x\r\n",
        "Host: dichvucong.daknong.gov.vn\\x\r\n",
        "Host: dichvucong.daknong.gov.vn:x\r\n",
        "Host: dichvucong.daknong.gov.vn\r\nHost: evil.example\r\n",
        "Host: dichvucong.daknong.gov.vn\r\nHost: dichvucong.daknong.gov.vn\r\n",
        "Host: evil.example\r\nhost: dichvucong.daknong.gov.vn\r\n",
    ];
    for host in refused {
        let answer = town.gate.raw(format!("GET /assets/a.js HTTP/1.1\r\n{host}\r\n").as_bytes()).expect("an answer");
        assert_eq!(answer.status, 400, "{host:?}");
        town.origin.expect_untouched();
    }
    for (target, host) in [
        ("http://evil.example/assets/a.js", HOST),
        ("http://dichvucong.daknong.gov.vn/assets/a.js", "evil.example"),
        ("http://user@dichvucong.daknong.gov.vn/assets/a.js", HOST),
    ] {
        assert_eq!(town.gate.ask(&Ask::get(target).with("Host", host)).status, 400, "{target} {host}");
        town.origin.expect_untouched();
    }
    for unknown in
        ["evil.example", "127.0.0.1", "daknong.gov.vn", "x.dichvucong.daknong.gov.vn", "xdichvucong.daknong.gov.vn"]
    {
        let answer = town.gate.ask(&Ask::get("/assets/a.js").with("Host", unknown));
        assert_eq!(answer.status, 421, "{unknown}");
        assert!(answer.is_the_gates());
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn a_host_is_the_same_in_any_case_and_with_its_port() {
    let town = Town::start();
    for host in ["DICHVUCONG.DakNong.gov.vn", "dichvucong.daknong.gov.vn:80", "dichvucong.daknong.gov.vn:8443"] {
        assert_eq!(town.gate.ask(&Ask::get("/nop-ho-so").with("Host", host)).status, 401, "{host}");
        town.origin.expect_untouched();
        let ask = Ask::get("/nop-ho-so").with("Host", host).cookie(&town.vneid);
        assert_eq!(town.gate.ask(&ask).status, 200, "{host}");
        town.origin.take();
    }
    let dotted = town.gate.ask(&Ask::get("/nop-ho-so").with("Host", "dichvucong.daknong.gov.vn."));
    assert!(matches!(dotted.status, 400 | 401 | 421), "{}", dotted.status);
    town.expect_untouched();
}

#[test]
fn what_is_no_http_1_request_is_refused() {
    let town = Town::start();
    for request in [
        "GET /assets/a.js\r\n\r\n",
        "GET /assets/a.js HTTP/2.0\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
        "GET /assets/a.js HTTP/1.9\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
        "GET  /assets/a.js HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
        " GET /assets/a.js HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
        "G ET /assets/a.js HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
        "G@ET(/assets/a.js HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
        "POST /tra-cuu-ho-so HTTP/1.0\r\nHost: dichvucong.daknong.gov.vn\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = town.gate.connect();
        client.send(request.as_bytes());
        client.end();
        assert!(client.maybe_answer().is_none_or(|answer| matches!(answer.status, 400 | 505)), "{request:?}");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn connect_and_trace_are_no_methods_of_a_portal() {
    let town = Town::start();
    for ask in [
        Ask::new("CONNECT", &format!("{HOST}:443")).cookie(&town.vneid),
        Ask::new("CONNECT", "/nop-ho-so").cookie(&town.vneid),
        Ask::new("TRACE", "/tra-cuu-ho-so").cookie(&town.vneid),
        Ask::new("TRACE", "/assets/a.js"),
        Ask::new("TRACK", "/nop-ho-so").cookie(&town.vneid),
    ] {
        let answer = town.gate.ask(&ask);
        assert!(matches!(answer.status, 400 | 405), "{} {}: {}", ask.method, ask.target, answer.status);
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

/// A whole request that would be forwarded if anything read it as one.
fn inner(town: &Town) -> Vec<u8> {
    Ask::get("/nop-ho-so/inner").cookie(&town.vneid).bytes()
}

#[test]
fn the_body_of_a_refused_request_is_never_a_request() {
    let town = Town::start();
    let body = inner(&town);
    let mut chunked = format!("{:x}\r\n", body.len()).into_bytes();
    chunked.extend_from_slice(&body);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let cases = [
        ("a body", Ask::post("/nop-ho-so", body.clone())),
        ("expect", Ask::post("/nop-ho-so", body.clone()).with("Expect", "100-continue")),
        ("another expectation", Ask::post("/nop-ho-so", body.clone()).with("Expect", "cake")),
        ("chunks", Ask::post("/nop-ho-so", chunked.clone()).with("Transfer-Encoding", "chunked")),
        ("a body of GET", Ask::get("/nop-ho-so").body(body.clone())),
        ("a refused target", Ask::post("/assets/../x", body.clone())),
        ("an unknown host", Ask::post("/assets/x", body.clone()).with("Host", "evil.example")),
        ("a wrong method", Ask::new("DELETE", "/nop-ho-so").cookie(&town.vneid).body(body.clone())),
        ("a password", Ask::form("/dich-vu-cong/cong-dan/dang-nhap", "username=0912345678").body(body.clone())),
        (
            "an upgrade",
            Ask::post("/nop-ho-so", body.clone()).with("Connection", "Upgrade").with("Upgrade", "websocket"),
        ),
        ("keep-alive", Ask::post("/nop-ho-so", body.clone()).with("Connection", "keep-alive")),
        ("a short length", Ask::post("/nop-ho-so", body.clone()).with("Content-Length", "0")),
        ("a lie", Ask::get("/nop-ho-so").with("Content-Length", "0").body(body.clone())),
    ];
    for (what, ask) in cases {
        let mut client = town.gate.connect();
        client.send(&ask.bytes());
        let answer = client.answer();
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        client.end();
        let more = client.until_close();
        let ran = town.origin.take();
        if matches!(what, "a short length" | "a lie") {
            // Here the inner request stands behind the refused one, not in it: run it or drop it, but nothing else.
            assert!(ran.iter().all(|r| r.path() == "/nop-ho-so/inner"), "{what}");
            continue;
        }
        assert!(ran.is_empty(), "{what}: {:?}", ran.first().map(|r| r.head.start.clone()));
        assert!(!more.contains("HTTP/1.1 200"), "{what}: {more}");
    }
    town.expect_untouched();
}

/// Chunked bodies that another server might end elsewhere. What follows is the inner request.
const BAD_CHUNKS: &[&str] = &[
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "5_\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 5\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;a=\"\nx\"\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: 1\nGET /x HTTP/1.1\r\n\r\n",
];

#[test]
fn a_body_in_bad_chunks_is_the_last_thing_on_its_connection() {
    let town = Town::start();
    for (n, chunks) in BAD_CHUNKS.iter().enumerate() {
        let ask = Ask::post(&format!("/nop-ho-so/{n}"), *chunks).with("Transfer-Encoding", "chunked");
        let mut client = town.gate.connect();
        client.send(&ask.cookie(&town.vneid).bytes());
        client.send(&inner(&town));
        client.end();
        client.until_close();
    }
    town.gate.settle();
    assert_eq!(town.gate.ask(&Ask::get("/assets/fence")).status, 200);
    let arrived = town.origin.take();
    for (n, chunks) in BAD_CHUNKS.iter().enumerate() {
        let path = format!("/nop-ho-so/{n}");
        assert!(arrived.iter().filter(|r| r.path() == path).count() <= 1, "{chunks:?} came twice");
    }
    assert!(arrived.iter().all(|r| r.path() != "/nop-ho-so/inner"), "what follows bad chunks was run");
}

#[test]
fn every_request_of_a_connection_is_judged_alone() {
    let town = Town::start();
    let mut client = town.gate.connect();
    assert_eq!(client.ask(&Ask::get("/nop-ho-so/1").cookie(&town.vneid)).status, 200);
    assert_eq!(town.origin.only().vouched(), "citizen/vneid/2");
    if let Some(open) = {
        client.send(&Ask::get("/assets/a.js").bytes());
        client.maybe_answer()
    } {
        assert_eq!(open.status, 200);
        assert_eq!(town.origin.only().vouched(), "anonymous/none/0");
    }
    client.send(&Ask::get("/nop-ho-so/1").bytes());
    assert!(client.maybe_answer().is_none_or(|answer| answer.status == 401));
    town.expect_untouched();
}

#[test]
fn pipelined_requests_are_judged_alone_or_dropped() {
    let town = Town::start();
    let mut client = town.gate.connect();
    let bytes = [Ask::get("/assets/a.js").bytes(), Ask::get("/nop-ho-so/2").bytes(), inner(&town)].concat();
    client.send(&bytes);
    client.end();
    client.until_close();
    let paths: Vec<String> = town.origin.take().iter().map(|r| r.path().to_owned()).collect();
    assert!(paths.iter().all(|path| path == "/assets/a.js" || path == "/nop-ho-so/inner"), "{paths:?}");
}

const UPGRADES: &[&str] = &["websocket", "WebSocket", "h2c", "foo", "TLS/1.0, HTTP/1.1", "websocket, h2c"];

#[test]
fn an_upgrade_changes_no_verdict() {
    let town = Town::start();
    let form = "username=079203001234&password=dung";
    let cases: [(u16, Ask); 7] = [
        (401, Ask::get("/nop-ho-so")),
        (401, Ask::get("/nop-ho-so").cookie("PHPSESSID=never-seen")),
        (400, Ask::get("/assets/%2e%2e/nop-ho-so").cookie(&town.vneid)),
        (400, Ask::get("/nop-ho-so").cookie("PHPSESSID=born-by-vneid; PHPSESSID=x")),
        (405, Ask::new("DELETE", "/nop-ho-so").cookie(&town.vneid)),
        (421, Ask::get("/nop-ho-so").with("Host", "evil.example").cookie(&town.vneid)),
        (403, Ask::form("/dich-vu-cong/cong-dan/dang-nhap", form)),
    ];
    for upgrade in UPGRADES {
        for (status, ask) in &cases {
            let ask = ask.clone().with("Connection", "Upgrade").with("Upgrade", upgrade);
            let answer = town.gate.ask(&ask.with("Sec-WebSocket-Key", "c3ludGhldGljIHZhbHVlIQ=="));
            assert_eq!(answer.status, *status, "{upgrade}");
            town.origin.expect_untouched();
        }
    }
    town.expect_untouched();
}

#[test]
fn no_tunnel_is_opened_but_a_websocket() {
    let town = Town::start();
    for upgrade in ["h2c", "foo", "HTTP/2.0"] {
        let ask = Ask::get("/nop-ho-so").cookie(&town.vneid).with("Upgrade", upgrade);
        let ask = ask.with("Connection", "Upgrade, HTTP2-Settings").with("HTTP2-Settings", "AAMAAABkAAQAAP__");
        town.gate.ask(&ask);
        for request in town.origin.take() {
            assert!(request.values("upgrade").is_empty(), "{upgrade} reached the portal");
            assert!(request.values("http2-settings").is_empty());
        }
    }
}

#[test]
fn bytes_behind_an_upgrade_that_the_portal_refuses_are_no_tunnel() {
    let town = Town::start();
    town.origin.answer(|request: &Received| if request.path() == "/" { Reply::ok("no") } else { portal(request) });
    for upgrade in ["websocket", "foo"] {
        let mut client = town.gate.connect();
        client.send(&Ask::get("/").with("Connection", "Upgrade").with("Upgrade", upgrade).bytes());
        client.send(&Ask::get("/nop-ho-so/smuggled").cookie(&town.vneid).bytes());
        assert!(client.maybe_answer().is_none_or(|answer| matches!(answer.status, 200 | 400)), "{upgrade}");
        client.end();
        client.until_close();
        town.gate.settle();
        let arrived = town.origin.take();
        assert!(
            arrived.iter().all(|r| r.path() == "/"),
            "{upgrade}: {:?}",
            arrived.last().map(|r| r.head.start.clone())
        );
    }
    town.expect_untouched();
}

#[test]
fn thousands_of_ranges_are_bounded_work() {
    let town = Town::start();
    let ranges: Vec<String> = (0..5000).map(|n| format!("{n}-{n}")).collect();
    let answer = town.gate.ask(&Ask::get("/assets/a.js").with("Range", &format!("bytes={}", ranges.join(","))));
    assert!(answer.status < 500, "{}", answer.status);
    town.origin.take();
    town.expect_untouched();
}

#[test]
fn refused_framing_is_counted_by_its_cause() {
    let town = Town::start();
    let labels = [("cause", "framing")];
    let before = town.gate.metric("vneid_gate_refused_requests_total", &labels);
    let request = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5, 5\r\n\r\nhello");
    assert_eq!(town.gate.raw(request.as_bytes()).map(|r| r.status), Some(400));
    town.gate.until_metric("vneid_gate_refused_requests_total", &labels, |count| count > before);
}
