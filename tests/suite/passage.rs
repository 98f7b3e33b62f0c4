//! Promises about passage: what the portal answers arrives as it was.
//!
//! A request that was let through is the portal's own affair: status, fields and body come back untouched, in any
//! framing, and a broken answer never looks whole.

use crate::harness::{Ask, Reply, World};

#[test]
fn what_the_portal_answers_arrives_as_it_was() {
    let world = World::start();
    world.origin.answer(|_| {
        let reply = crate::harness::Reply::status(201).with("Content-Type", "text/plain").with("ETag", "\"a\"");
        reply.with("Set-Cookie", "a=1").with("Set-Cookie", "b=2").with("X-Powered-By", "PHP").body("made")
    });
    let answer = world.gate.ask(&Ask::post("/tra-cuu-ho-so", "x"));
    assert_eq!((answer.status, answer.text().as_str()), (201, "made"));
    assert_eq!(answer.values("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.value("etag"), Some("\"a\""));
    assert!(!answer.is_the_gates(), "the support code marks the gate's own answers only");
}

#[test]
fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let world = World::start();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
    world.origin.answer(move |_| Reply::raw(head));
    let mut client = world.gate.connect();
    client.send(&Ask::get("/tra-cuu-ho-so").bytes());
    let answer = client.maybe_answer();
    assert!(answer.is_none_or(|answer| !answer.complete || answer.status == 502));
}

#[test]
fn an_answer_of_any_framing_arrives_whole() {
    let world = World::start();
    let body = "h\u{1ed3} s\u{1a1}".repeat(20_000);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x};a=b\r\n{body}\r\n0\r\n\r\n", body.len());
    let closing = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
    let early = format!(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let replies = [Reply::ok(body.clone()), Reply::raw(chunked), Reply::raw(closing), Reply::raw(early)];
    for (n, reply) in replies.into_iter().enumerate() {
        world.origin.answer(move |_| reply.clone());
        let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so"));
        assert_eq!(answer.status, 200, "reply {n}");
        assert!(answer.complete && answer.text() == body, "reply {n}");
    }
}

#[test]
fn every_status_of_the_portal_is_its_own() {
    let world = World::start();
    for status in [200, 204, 206, 301, 304, 401, 403, 404, 405, 413, 418, 429, 500, 502, 503] {
        let reply = Reply::status(status).with("X-Own", "1").with("WWW-Authenticate", "Basic realm=\"x\"");
        let reply = if matches!(status, 204 | 304) { reply } else { reply.body("the portal's own page") };
        world.origin.answer(move |_| reply.clone());
        let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so").navigating());
        assert_eq!(answer.status, status);
        assert_eq!(answer.value("x-own"), Some("1"), "{status}");
        assert!(!answer.is_the_gates(), "{status}");
        assert!(matches!(status, 204 | 304) || answer.text() == "the portal's own page", "{status}");
    }
}

#[test]
fn an_answer_with_an_immense_head_is_an_error_of_the_portal() {
    let world = World::start();
    let reply = Reply::ok("x").with("X-Pad", &"x".repeat(3 << 20));
    world.origin.answer(move |_| reply.clone());
    let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so"));
    assert!(matches!(answer.status, 200 | 502), "{}", answer.status);
    world.origin.answer(|_| Reply::ok("well again"));
    assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so")).text(), "well again");
}

#[test]
fn answers_to_different_people_are_never_mixed() {
    let world = World::start();
    world.origin.answer(|request| Reply::ok(request.target().to_owned()));
    std::thread::scope(|scope| {
        for person in 0..4 {
            let gate = &world.gate;
            scope.spawn(move || {
                let mut client = gate.connect();
                for n in 0..50 {
                    let target = format!("/tra-cuu-ho-so/{person}?n={n}");
                    assert_eq!(client.ask(&Ask::get(&target)).text(), target);
                }
            });
        }
    });
}
