//! Promises about answers: everyone who is turned away gets one that helps them.
//!
//! A person reads a page, a program reads a problem document; both carry the same support code. What is wrong with the
//! portal or the request is said in the same two forms.

use crate::harness::{Ask, Browser, HOST, Latch, Reply, Response, World};
use std::thread;

/// Fields of a request, and whether a person reads the answer.
const READERS: &[(bool, &[(&str, &str)])] = &[
    (true, &[("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]),
    (true, &[("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"), ("Accept", "*/*")]),
    (true, &[("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]),
    (false, &[("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"), ("Accept", "text/html")]),
    (false, &[("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")]),
    (false, &[("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "object")]),
    (false, &[("X-Requested-With", "XMLHttpRequest"), ("Accept", "text/html")]),
    (false, &[("Accept", "application/json")]),
    (false, &[("Accept", "*/*")]),
    (false, &[("Accept", "text/html;q=0")]),
    (false, &[]),
];

fn asked(ask: Ask, fields: &[(&str, &str)]) -> Ask {
    fields.iter().fold(ask, |ask, (name, value)| ask.with(name, value))
}

#[track_caller]
fn expect_page(page: &Response) {
    let code = page.support_code();
    assert_eq!(page.value("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.value("cache-control"), Some("no-store"));
    let policy = page.value("content-security-policy").expect("a content security policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text();
    assert!(text.contains(&code), "the page shows the code of its header");
    assert!(!text.to_lowercase().contains("<script") && !text.contains("javascript:"));
    assert!(text.contains("<html lang="), "a page says its language");
}

#[track_caller]
fn expect_problem(answer: &Response) {
    let code = answer.support_code();
    assert_eq!(answer.value("content-type"), Some("application/problem+json"));
    assert_eq!(answer.value("cache-control"), Some("no-store"));
    let problem = answer.json();
    assert_eq!(problem["support_code"], code.as_str());
    assert_eq!(problem["status"], answer.status);
    assert!(problem["reason"].is_string() && problem["title"].is_string() && problem["type"].is_string());
}

#[test]
fn who_must_log_in_is_redirected_when_navigating_and_told_otherwise() {
    let world = World::start();
    for (person, fields) in READERS {
        let answer = world.gate.ask(&asked(Ask::get("/nop-ho-so/1"), fields));
        if *person {
            assert_eq!(answer.status, 303, "{fields:?}");
            assert_eq!(answer.value("location"), Some("/dich-vu-cong/cong-dan/dang-nhap"));
            assert_eq!(answer.value("cache-control"), Some("no-store"));
            answer.support_code();
        } else {
            assert_eq!(answer.status, 401, "{fields:?}");
            assert!(answer.value("www-authenticate").is_some(), "401 names a scheme");
            assert_eq!(answer.value("location"), None);
            expect_problem(&answer);
        }
        let form = Ask::form("/nop-ho-so/1", "ho-ten=Nguy%E1%BB%85n");
        let answer = world.gate.ask(&asked(form, fields));
        assert_eq!(answer.value("location"), None, "a form is never silently lost: {fields:?}");
        if *person {
            expect_page(&answer)
        } else {
            expect_problem(&answer)
        }
        assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
    }
    world.expect_untouched();
}

#[test]
fn who_is_rejected_reads_a_page_or_a_problem() {
    let world = World::start();
    for (person, fields) in READERS {
        let form = Ask::form("/dich-vu-cong/cong-dan/dang-nhap", "username=079203001234&password=dung");
        let answer = world.gate.ask(&asked(form, fields));
        assert_eq!(answer.status, 403, "{fields:?}");
        if *person {
            expect_page(&answer);
            assert!(answer.text().contains("https://vneid.gov.vn"));
            assert!(answer.text().contains("href=\"/dich-vu-cong/cong-dan/dang-nhap\""));
        } else {
            expect_problem(&answer);
            assert_eq!(answer.reason(), "password-attempt");
        }
    }
    world.expect_untouched();
}

#[test]
fn a_page_is_vietnamese_unless_english_is_preferred() {
    let world = World::start();
    for (languages, expected) in [
        (None, "vi"),
        (Some("vi-VN,vi;q=0.9,en;q=0.8"), "vi"),
        (Some("en-US,en;q=0.9"), "en"),
        (Some("fr,en;q=0.5"), "en"),
        (Some("fr"), "vi"),
        (Some("nonsense;;;"), "vi"),
    ] {
        let ask = Ask::new("DELETE", "/nop-ho-so/1");
        let form = Ask::form("/nop-ho-so/1", "a=b").with("Accept", "text/html");
        for ask in [form, ask] {
            let ask = languages.iter().fold(ask, |ask, value| ask.with("Accept-Language", value));
            let answer = world.gate.ask(&ask);
            if answer.value("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
                assert!(answer.text().contains(&format!("<html lang=\"{expected}\">")), "{languages:?}");
            } else {
                assert_eq!(answer.value("content-language"), Some(expected), "{languages:?}");
            }
        }
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let world = World::start();
    let mut client = world.gate.connect();
    let answer = client.ask(&Ask::new("HEAD", "/nop-ho-so/1"));
    assert_eq!(answer.status, 401);
    client.end();
    assert_eq!(client.until_close(), "", "nothing follows the head");
    assert_eq!(world.gate.ask(&Ask::new("HEAD", "/nop-ho-so/1").navigating()).status, 303);
    world.origin.expect_untouched();
    let head = world.gate.ask(&Ask::new("HEAD", "/nop-ho-so/1").cookie(&world.vneid));
    assert_eq!(head.status, 200, "HEAD counts as GET");
    assert_eq!(world.origin.only().method(), "HEAD");
}

#[test]
fn the_cookie_of_a_refused_session_is_cleared_and_no_other() {
    let world = World::start();
    let mut official = Browser::behind_proxy(&world.gate, "10.20.3.4").with_session("o");
    official.type_password("can-bo%40daknong.gov.vn", "dung");
    world.gate.reload(&world.gate.policy().change("then = \"login\"", "then = \"reject\""), "ok");
    world.origin.take();
    let ask = Ask::get("/nop-ho-so/1").navigating().cookie("PHPSESSID=o; theme=dark");
    let answer = world.gate.ask(&ask);
    assert_eq!(answer.status, 403);
    let cookies = answer.values("set-cookie");
    // Once for the host alone, once for it as a domain: a browser keeps the two apart.
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert_eq!(cookies.iter().filter(|c| c.contains("Domain=dichvucong.daknong.gov.vn")).count(), 1, "{cookies:?}");
    for cookie in cookies {
        assert!(cookie.starts_with("PHPSESSID=;"), "{cookie}");
        let expires = cookie.to_lowercase();
        assert!(expires.contains("max-age=0") && expires.contains("expires=thu, 01 jan 1970"), "{expires}");
        assert!(expires.contains("path=/"), "{expires}");
    }
    world.expect_untouched();
}

#[test]
fn a_method_that_the_route_does_not_take_is_told_which_it_takes() {
    let world = World::start();
    for ask in [Ask::new("DELETE", "/nop-ho-so/1"), Ask::new("PUT", "/nop-ho-so/1").cookie(&world.vneid).body("x")] {
        let answer = world.gate.ask(&ask);
        assert_eq!(answer.status, 405);
        let allow = answer.value("allow").expect("Allow").to_owned();
        for method in ["GET", "HEAD", "POST"] {
            assert!(allow.split(", ").any(|allowed| allowed == method), "{allow}");
        }
        expect_problem(&answer);
        assert_eq!(answer.reason(), "method-not-allowed");
    }
    world.expect_untouched();
}

#[test]
fn a_body_above_the_limit_of_its_route_is_refused() {
    let world = World::start();
    let fits = Ask::post("/nop-ho-so/1", vec![b'x'; 60_000]).cookie(&world.vneid);
    assert_eq!(world.gate.ask(&fits).status, 200);
    assert_eq!(world.origin.only().body.len(), 60_000);
    let mut client = world.gate.connect();
    let ask = Ask::new("POST", "/nop-ho-so/1").cookie(&world.vneid).with("Content-Length", "70000");
    let answer = client.ask(&ask);
    assert_eq!(answer.status, 413, "the length alone is enough");
    expect_problem(&answer);
    assert_eq!(answer.reason(), "body-too-large");
    world.expect_untouched();
    let mut client = world.gate.connect();
    client.send(&Ask::post("/nop-ho-so/1", "").with("Transfer-Encoding", "chunked").cookie(&world.vneid).bytes());
    for _ in 0..20 {
        client.send(format!("{:x}\r\n{}\r\n", 8192, "x".repeat(8192)).as_bytes());
    }
    client.send(b"0\r\n\r\n");
    if let Some(answer) = client.maybe_answer() {
        assert_eq!(answer.status, 413);
    }
    let arrived = world.origin.take();
    assert!(arrived.iter().all(|request| !request.complete), "the portal never gets such a body whole");
    world.gate.until_metric("vneid_gate_refused_requests_total", &[("cause", "too_large")], |count| count >= 2.0);
}

#[test]
fn a_head_above_the_limit_is_refused() {
    let world = World::start();
    let answer = world.gate.ask(&Ask::get("/assets/a.js").with("X-Pad", &"x".repeat(40_000)));
    assert_eq!(answer.status, 431);
    expect_problem(&answer);
    assert_eq!(answer.reason(), "head-too-large");
    world.expect_untouched();
}

#[test]
fn a_portal_that_is_down_or_silent_is_said_in_both_forms() {
    let world = World::with(|policy| policy.change("read = \"30s\"", "read = \"1s\""));
    world.origin.answer(|_| Reply::silence());
    let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so"));
    assert_eq!((answer.status, answer.reason().as_str()), (504, "upstream-timeout"));
    expect_problem(&answer);
    let page = world.gate.ask(&Ask::get("/tra-cuu-ho-so").navigating());
    assert_eq!(page.status, 504);
    expect_page(&page);
    for broken in [Reply::hang_up(), Reply::raw("no http at all"), Reply::raw("HTTP/1.1 200 OK\r\nContent-Le")] {
        world.origin.answer(move |_| broken.clone());
        let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so"));
        assert_eq!(answer.status, 502);
        expect_problem(&answer);
    }
    world.origin.take();
    world.origin.answer(|_| Reply::hang_up());
    assert_eq!(world.gate.ask(&Ask::post("/nop-ho-so/1", "ho-so").cookie(&world.vneid)).status, 502);
    assert_eq!(world.origin.take().len(), 1, "a form is never sent twice");
    let World { origin, gate, .. } = world;
    drop(origin);
    let answer = gate.ask(&Ask::get("/tra-cuu-ho-so"));
    assert_eq!((answer.status, answer.reason().as_str()), (502, "upstream-unavailable"));
    let page = gate.ask(&Ask::get("/tra-cuu-ho-so").navigating());
    assert_eq!(page.status, 502);
    expect_page(&page);
    let failures = gate.metric("vneid_gate_upstream_failures_total", &[("upstream", "portal")]);
    assert!(failures >= 6.0, "{failures}");
}

#[test]
fn one_slow_request_holds_up_no_other() {
    let world = World::start();
    let latch = Latch::default();
    let held = latch.clone();
    world.origin.answer(move |request| {
        let reply = Reply::ok("slow");
        if request.path() == "/tra-cuu-ho-so/slow" { reply.held_by(&held) } else { Reply::ok("quick") }
    });
    thread::scope(|scope| {
        let slow = scope.spawn(|| world.gate.ask(&Ask::get("/tra-cuu-ho-so/slow")).text());
        world.origin.wait_for(1);
        for _ in 0..20 {
            assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so")).text(), "quick");
        }
        latch.open();
        assert_eq!(slow.join().unwrap(), "slow");
    });
}

#[test]
fn a_redirect_goes_to_the_log_in_of_the_site_whatever_the_request_says() {
    let world = World::start();
    for (target, fields) in [
        ("/nop-ho-so?next=//evil.example", &[("X-Forwarded-Host", "evil.example")][..]),
        ("/nop-ho-so?return-url=https%3A%2F%2Fevil.example", &[("X-Forwarded-Prefix", "//evil.example")]),
        ("/x@evil.example", &[("X-Forwarded-Proto", "javascript")]),
        ("/nop-ho-so/%22%3E", &[("Forwarded", "host=evil.example;proto=javascript")]),
        ("/evil.example", &[("Referer", "https://evil.example/")]),
    ] {
        let answer = world.gate.ask(&asked(Ask::get(target).navigating(), fields));
        assert_eq!(answer.status, 303, "{target}");
        let location = answer.value("location").expect("a location").to_owned();
        assert!(location.starts_with("/dich-vu-cong/cong-dan/dang-nhap"), "{location}");
        assert!(!answer.text().contains("evil.example"));
    }
    let absolute = Ask::get(&format!("http://{HOST}/nop-ho-so")).navigating();
    assert_eq!(world.gate.ask(&absolute).value("location"), Some("/dich-vu-cong/cong-dan/dang-nhap"));
    world.expect_untouched();
}
