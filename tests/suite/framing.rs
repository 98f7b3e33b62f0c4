//! Promises about framing: one request stays one request.
//!
//! Whatever two servers could cut at different places is refused; what stands behind a refused request on the same
//! connection is never run; no field changes the verdict of another request.

use crate::harness::{Ask, HOST, Response, World};

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
    let world = World::start();
    for (fields, body) in REFUSED {
        let request = format!("POST /tra-cuu-ho-so HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n{body}");
        let mut client = world.gate.connect();
        client.send(request.as_bytes());
        client.send(b"GET /assets/inner HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n");
        let answer = client.maybe_answer().unwrap_or_else(|| panic!("no answer to {fields:?}"));
        assert_eq!(client.until_close(), "", "{fields:?}: one answer, then the end");
        expect_refusal(&world, &answer, 400, "ambiguous-request", fields);
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

/// A refusal like every other one: a problem document and one audit line, tied by the support code.
#[track_caller]
fn expect_refusal(world: &World, answer: &Response, status: u16, reason: &str, what: &str) {
    assert_eq!(answer.status, status, "{what:?}");
    assert_eq!(answer.value("content-type"), Some("application/problem+json"), "{what:?}");
    assert_eq!(answer.reason(), reason, "{what:?}");
    let code = answer.support_code();
    let line = world.gate.audit_of(&code);
    assert_eq!(line["status"], status, "{what:?}: {line}");
    assert_eq!(line["reason"], reason, "{what:?}: {line}");
    assert_eq!(line["source"], "gate", "{what:?}: {line}");
    assert_eq!(line["detail"].is_string(), status == 400, "{what:?}: {line}");
    let same = world.gate.audit().into_iter().filter(|line| line["support_code"] == code.as_str()).count();
    assert_eq!(same, 1, "{what:?}");
}

#[test]
fn a_request_names_exactly_one_host() {
    let world = World::start();
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
        let answer = world.gate.raw(format!("GET /assets/a.js HTTP/1.1\r\n{host}\r\n").as_bytes()).expect("an answer");
        assert_eq!(answer.status, 400, "{host:?}");
        world.origin.expect_untouched();
    }
    for (target, host) in [
        ("http://evil.example/assets/a.js", HOST),
        ("http://dichvucong.daknong.gov.vn/assets/a.js", "evil.example"),
        ("http://user@dichvucong.daknong.gov.vn/assets/a.js", HOST),
    ] {
        assert_eq!(world.gate.ask(&Ask::get(target).with("Host", host)).status, 400, "{target} {host}");
        world.origin.expect_untouched();
    }
    for unknown in
        ["evil.example", "127.0.0.1", "daknong.gov.vn", "x.dichvucong.daknong.gov.vn", "xdichvucong.daknong.gov.vn"]
    {
        let answer = world.gate.ask(&Ask::get("/assets/a.js").with("Host", unknown));
        assert_eq!(answer.status, 421, "{unknown}");
        assert!(answer.is_the_gates());
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn a_host_is_the_same_in_any_case_and_with_its_port() {
    let world = World::start();
    for host in ["DICHVUCONG.DakNong.gov.vn", "dichvucong.daknong.gov.vn:80", "dichvucong.daknong.gov.vn:8443"] {
        assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").with("Host", host)).status, 401, "{host}");
        world.origin.expect_untouched();
        let ask = Ask::get("/nop-ho-so").with("Host", host).cookie(&world.vneid);
        assert_eq!(world.gate.ask(&ask).status, 200, "{host}");
        world.origin.take();
    }
    let dotted = world.gate.ask(&Ask::get("/nop-ho-so").with("Host", "dichvucong.daknong.gov.vn."));
    assert!(matches!(dotted.status, 400 | 401 | 421), "{}", dotted.status);
    world.expect_untouched();
}

#[test]
fn what_is_no_http_1_request_is_refused() {
    let world = World::start();
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
        // refused before it is whole
        "GET /assets/a.js HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\nno colon\r\n",
    ] {
        let mut client = world.gate.connect();
        client.send(request.as_bytes());
        let answer = client.maybe_answer().unwrap_or_else(|| panic!("no answer to {request:?}"));
        assert_eq!(client.until_close(), "", "{request:?}: one answer, then the end");
        expect_refusal(&world, &answer, 400, "ambiguous-request", request);
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn connect_and_trace_are_no_methods_of_a_portal() {
    let world = World::start();
    for ask in [
        Ask::new("CONNECT", &format!("{HOST}:443")).with("Host", &format!("{HOST}:443")).cookie(&world.vneid),
        Ask::new("CONNECT", "/nop-ho-so").cookie(&world.vneid),
        Ask::new("TRACE", "/tra-cuu-ho-so").cookie(&world.vneid),
        Ask::new("TRACE", "/assets/a.js"),
        Ask::new("TRACK", "/nop-ho-so").cookie(&world.vneid),
    ] {
        let answer = world.gate.ask(&ask);
        assert!(matches!(answer.status, 400 | 405), "{} {}: {}", ask.method, ask.target, answer.status);
        let reason = if answer.status == 405 { "method-not-allowed" } else { "ambiguous-request" };
        expect_refusal(&world, &answer, answer.status, reason, &ask.method);
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn a_head_that_is_refused_unread_is_answered_in_the_readers_form_and_language() {
    let world = World::start();
    let browser = "Accept: text/html\r\nAccept-Language: en\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
    let head = format!("GET /nop-ho-so/1?ma=1 HTTP/1.1\r\nHost: {HOST}\r\n{browser}\r\nno colon\r\n\r\n");
    let answer = world.gate.raw(head.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.value("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.value("connection"), Some("close"));
    let line = world.gate.audit_of(&answer.support_code());
    for (member, expected) in [
        ("site", "none"),
        ("route", "none"),
        ("method", "GET"),
        ("path", "/nop-ho-so/1"),
        ("reason", "ambiguous-request"),
        ("detail", "malformed-head"),
    ] {
        assert_eq!(line[member], expected, "{member} in {line}");
    }
    assert!(line["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")), "{line}");
    assert_eq!(line["principals"], serde_json::json!([]), "{line}");
    world.expect_untouched();
}

#[test]
fn every_detail_of_a_head_that_pingora_refuses_is_written_down() {
    let world = World::start();
    for (fields, detail) in [
        ("Content-Length: 5\r\nContent-Length: 6", "content-length"),
        ("Transfer-Encoding: gzip", "transfer-encoding"),
        ("Host: evil.example", "host-twice"),
        ("Content-Length : 5", "malformed-head"),
    ] {
        let head = format!("POST /tra-cuu-ho-so HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n");
        let answer = world.gate.raw(head.as_bytes()).expect("an answer");
        assert_eq!(world.gate.audit_of(&answer.support_code())["detail"], detail, "{fields:?}");
    }
    world.expect_untouched();
}

#[test]
fn a_head_without_end_is_refused_with_a_support_code() {
    let world = World::start();
    let start = format!("GET /assets/a.js HTTP/1.1\r\nHost: {HOST}\r\nX-Pad: ");
    // One byte over what the gate reads of a head, so that nothing is left unread when it closes.
    let head = format!("{start}{}", "x".repeat(2 * 32 * 1024 + 1 - start.len()));
    let mut client = world.gate.connect();
    client.send(head.as_bytes());
    expect_refusal(&world, &client.answer(), 431, "head-too-large", "a long head");
    assert_eq!(client.until_close(), "");
    world.expect_untouched();
}

/// A whole request that would be forwarded if anything read it as one.
fn inner(world: &World) -> Vec<u8> {
    Ask::get("/nop-ho-so/inner").cookie(&world.vneid).bytes()
}

#[test]
fn the_body_of_a_refused_request_is_never_a_request() {
    let world = World::start();
    let body = inner(&world);
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
        ("a wrong method", Ask::new("DELETE", "/nop-ho-so").cookie(&world.vneid).body(body.clone())),
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
        let mut client = world.gate.connect();
        client.send(&ask.bytes());
        let answer = client.answer();
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        client.end();
        let more = client.until_close();
        let ran = world.origin.take();
        if matches!(what, "a short length" | "a lie") {
            // Here the inner request stands behind the refused one, not in it: run it or drop it, but nothing else.
            assert!(ran.iter().all(|r| r.path() == "/nop-ho-so/inner"), "{what}");
            continue;
        }
        assert!(ran.is_empty(), "{what}: {:?}", ran.first().map(|r| r.head.start.clone()));
        assert!(!more.contains("HTTP/1.1 200"), "{what}: {more}");
    }
    world.expect_untouched();
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
    let world = World::start();
    for (n, chunks) in BAD_CHUNKS.iter().enumerate() {
        let ask = Ask::post(&format!("/nop-ho-so/{n}"), *chunks).with("Transfer-Encoding", "chunked");
        let mut client = world.gate.connect();
        client.send(&ask.cookie(&world.vneid).bytes());
        client.send(&inner(&world));
        client.end();
        client.until_close();
    }
    world.gate.settle();
    assert_eq!(world.gate.ask(&Ask::get("/assets/fence")).status, 200);
    let arrived = world.origin.take();
    for (n, chunks) in BAD_CHUNKS.iter().enumerate() {
        let path = format!("/nop-ho-so/{n}");
        assert!(arrived.iter().filter(|r| r.path() == path).count() <= 1, "{chunks:?} came twice");
    }
    assert!(arrived.iter().all(|r| r.path() != "/nop-ho-so/inner"), "what follows bad chunks was run");
}

#[test]
fn every_request_of_a_connection_is_judged_alone() {
    let world = World::start();
    let mut client = world.gate.connect();
    assert_eq!(client.ask(&Ask::get("/nop-ho-so/1").cookie(&world.vneid)).status, 200);
    assert_eq!(world.origin.only().vouched(), "citizen/vneid/2");
    if let Some(open) = {
        client.send(&Ask::get("/assets/a.js").bytes());
        client.maybe_answer()
    } {
        assert_eq!(open.status, 200);
        assert_eq!(world.origin.only().vouched(), "anonymous/none/0");
    }
    client.send(&Ask::get("/nop-ho-so/1").bytes());
    assert!(client.maybe_answer().is_none_or(|answer| answer.status == 401));
    world.expect_untouched();
}

#[test]
fn pipelined_requests_are_judged_alone_or_dropped() {
    let world = World::start();
    let mut client = world.gate.connect();
    let bytes = [Ask::get("/assets/a.js").bytes(), Ask::get("/nop-ho-so/2").bytes(), inner(&world)].concat();
    client.send(&bytes);
    client.end();
    client.until_close();
    let paths: Vec<String> = world.origin.take().iter().map(|r| r.path().to_owned()).collect();
    assert!(paths.iter().all(|path| path == "/assets/a.js" || path == "/nop-ho-so/inner"), "{paths:?}");
}

#[test]
fn thousands_of_ranges_are_bounded_work() {
    let world = World::start();
    let ranges: Vec<String> = (0..5000).map(|n| format!("{n}-{n}")).collect();
    let answer = world.gate.ask(&Ask::get("/assets/a.js").with("Range", &format!("bytes={}", ranges.join(","))));
    assert!(answer.status < 500, "{}", answer.status);
    world.origin.take();
    world.expect_untouched();
}

#[test]
fn refused_framing_is_counted_by_its_cause() {
    let world = World::start();
    let labels = [("cause", "framing")];
    let before = world.gate.metric("vneid_gate_refused_requests_total", &labels);
    let request = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5, 5\r\n\r\nhello");
    assert_eq!(world.gate.raw(request.as_bytes()).map(|r| r.status), Some(400));
    world.gate.until_metric("vneid_gate_refused_requests_total", &labels, |count| count > before);
}
