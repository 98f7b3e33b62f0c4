//! Promises about call-backs: no log-in can be forged.
//!
//! A session is bound only by a log-in that the portal began for it and that shows its sign of success; everything else
//! that looks like one leaves the session unbound.

use crate::harness::{Ask, Browser, CALLBACK, Reply, UNBOUND, VNEID, World, portal};

#[test]
fn a_callback_without_a_beginning_binds_nothing() {
    let world = World::start();
    let mut forger = Browser::new(&world.gate).with_session("f");
    assert_eq!(forger.get(&format!("{CALLBACK}?code=good-1&state=s")).status, 302);
    assert_eq!(world.vouched("PHPSESSID=f"), UNBOUND);
    assert_eq!(forger.get("/nop-ho-so").status, 303);
    world.expect_untouched();
}

#[test]
fn a_callback_of_another_state_binds_nothing() {
    let world = World::start();
    let mut forger = Browser::new(&world.gate);
    forger.get("/dang-nhap/vneid?sid=f&state=mine");
    for query in ["code=good-1&state=another", "code=good-1&state=", "code=good-1&state=MINE"] {
        assert_eq!(forger.get(&format!("{CALLBACK}?{query}")).status, 302);
        assert_eq!(world.vouched("PHPSESSID=f"), UNBOUND, "{query}");
    }
}

#[test]
fn a_callback_that_lacks_a_parameter_is_no_callback() {
    let world = World::start();
    let mut forger = Browser::new(&world.gate);
    forger.get("/dang-nhap/vneid?sid=f&state=mine");
    for query in ["code=good-1", "state=mine&code2=good-1"] {
        forger.get(&format!("{CALLBACK}?{query}"));
        assert_eq!(world.vouched("PHPSESSID=f"), UNBOUND, "{query}");
    }
}

#[test]
fn a_callback_that_two_servers_could_read_in_two_ways_is_refused() {
    let world = World::start();
    let mut forger = Browser::new(&world.gate);
    forger.get("/dang-nhap/vneid?sid=f&state=mine");
    world.origin.take();
    for query in
        ["code=good&state=mine&state=other", "code=good&state=other&st%61te=mine", "code=a&code=good&state=mine"]
    {
        assert_eq!(forger.get(&format!("{CALLBACK}?{query}")).status, 400, "{query}");
        world.origin.expect_untouched();
    }
    assert_eq!(forger.get(&format!("{CALLBACK}?code=good&state=m%69ne")).status, 302);
    assert_eq!(world.vouched("PHPSESSID=f"), VNEID, "another spelling of the same log-in is that log-in");
}

#[test]
fn only_a_log_out_whose_answer_never_comes_leaves_no_old_session() {
    let [ended, kept] = [UNBOUND, VNEID];
    for (target, then) in [("/dang-xuat", ended), (&format!("{CALLBACK}?code=good&state=s"), kept), (CALLBACK, kept)] {
        let world = World::start();
        let mut citizen = Browser::new(&world.gate).with_session("born-by-vneid");
        citizen.get("/dang-nhap/vneid?state=s");
        assert_eq!(world.vouched(&world.vneid), VNEID, "a log-in begun ends nothing");
        world.origin.answer(|_| Reply::hang_up());
        assert_eq!(citizen.get(target).status, 502, "{target}");
        world.origin.answer(portal);
        assert_eq!(world.vouched(&world.vneid), then, "{target}: a call-back travels with another session");
    }
}

#[test]
fn a_callback_is_good_for_the_session_that_began_and_only_once() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.log_in_with_vneid("a");
    let callback = format!("{CALLBACK}?code=good-a&state=state-of-a");
    let mut thief = Browser::new(&world.gate).with_session("t");
    thief.get(&callback);
    assert_eq!(world.vouched("PHPSESSID=t"), UNBOUND, "another session replays it");
    citizen.get("/dang-xuat");
    assert_eq!(world.vouched("PHPSESSID=a"), UNBOUND, "logged out");
    Browser::new(&world.gate).with_session("a").get(&callback);
    assert_eq!(world.vouched("PHPSESSID=a"), UNBOUND, "the same session replays it");
}

#[test]
fn a_log_in_that_fails_or_shows_no_sign_of_success_binds_nothing() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get("/dang-nhap/vneid?sid=a&state=s");
    assert_eq!(citizen.get(&format!("{CALLBACK}?code=bad&state=s")).value("location"), Some("/dang-nhap/loi"));
    assert_eq!(world.vouched("PHPSESSID=a"), UNBOUND);
    let answers: [(&str, Reply); 5] = [
        ("another status", Reply::ok("welcome").with("Location", "/")),
        ("another place", Reply::redirect("/tra-cuu-ho-so")),
        ("another host", Reply::redirect("https://evil.example/")),
        ("another host, short", Reply::redirect("//evil.example/")),
        ("an error", Reply::status(500)),
    ];
    for (what, reply) in answers {
        world.origin.answer(portal);
        citizen.get("/dang-nhap/vneid?sid=a&state=s");
        world.origin.answer(move |_| reply.clone());
        citizen.get(&format!("{CALLBACK}?code=good&state=s"));
        world.origin.answer(portal);
        assert_eq!(world.vouched("PHPSESSID=a"), UNBOUND, "{what}");
    }
}

#[test]
fn a_beginning_is_a_redirect_to_the_declared_host_only() {
    let world = World::start();
    for location in [
        "https://sso.dancuquocgia.gov.vn.evil.example/a?state=s",
        "https://evil.example/?x=sso.dancuquocgia.gov.vn&state=s",
        "https://sso.dancuquocgia.gov.vn@evil.example/?state=s",
        "/sso.dancuquocgia.gov.vn?state=s",
        "//sso.dancuquocgia.gov.vn.evil.example/?state=s",
    ] {
        let mut forger = Browser::new(&world.gate).with_session("f");
        world.origin.answer(move |_| Reply::redirect(location));
        forger.get("/dang-nhap/vneid");
        world.origin.answer(portal);
        forger.get(&format!("{CALLBACK}?code=good&state=s"));
        assert_eq!(world.vouched("PHPSESSID=f"), UNBOUND, "{location}");
    }
}

#[test]
fn a_trusted_answer_header_outside_its_log_in_binds_nothing() {
    let world = World::start();
    let reply = || Reply::redirect("/").with("X-Portal-Account", "organization").with("X-Portal-Login", "vneid");
    world.origin.answer(move |_| reply());
    for target in ["/tra-cuu-ho-so", "/dang-nhap/quoc-gia/callback?code=1", "/dang-nhap/quoc-gia/callback"] {
        world.gate.ask(&Ask::get(target).cookie("PHPSESSID=x"));
    }
    world.origin.answer(portal);
    assert_eq!(world.vouched("PHPSESSID=x"), UNBOUND);
}
