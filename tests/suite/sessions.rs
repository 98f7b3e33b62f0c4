//! Promises about opaque sessions: the gate knows how each was opened.
//!
//! The portal behind it answers a password session and a VNeID session alike; only what the gate saw on the way tells
//! them apart. What it did not see for certain is unbound.

use crate::harness::{
    Ask, Browser, CALLBACK, Gate, Origin, PASSWORD_PAGE, Policy, Reply, UNBOUND, VNEID, World, portal,
};

#[test]
fn a_citizen_who_came_with_vneid_may_file() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    assert_eq!(citizen.get("/nop-ho-so").status, 303, "who is not logged in is sent to the log-in");
    world.expect_untouched();
    citizen.log_in_with_vneid("a");
    world.origin.take();
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
    let request = world.origin.only();
    assert_eq!(request.vouched(), VNEID);
    assert_eq!(request.cookie("PHPSESSID").as_deref(), Some("a"), "the portal still gets its own session");
}

#[test]
fn a_session_that_only_the_portal_knows_is_put_down_on_the_way_to_the_log_in() {
    let world = World::start();
    let mut visitor = Browser::new(&world.gate).with_session("from-before-the-gate");
    assert_eq!(visitor.get("/nop-ho-so").status, 303);
    assert_eq!(visitor.session, None, "or the portal might send the visitor straight back");
    world.expect_untouched();
}

#[test]
fn a_session_renamed_at_its_log_in_is_bound_under_the_new_name_only() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get("/dang-nhap/vneid?sid=before&state=s");
    citizen.get(&format!("{CALLBACK}?code=good&state=s&sid=after"));
    assert_eq!(citizen.session.as_deref(), Some("after"));
    assert_eq!(world.vouched("PHPSESSID=after"), VNEID);
    assert_eq!(world.vouched("PHPSESSID=before"), UNBOUND, "a fixed session is worth nothing");
}

#[test]
fn a_new_value_outside_of_a_log_in_is_not_followed() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.log_in_with_vneid("one");
    citizen.get("/nop-ho-so/1?sid=two");
    assert_eq!(world.vouched("PHPSESSID=two"), UNBOUND, "the portal may have let somebody else in by itself");
    assert_eq!(world.vouched("PHPSESSID=one"), VNEID);
    let replaced = || world.gate.metric("vneid_gate_sessions_replaced_total", &[("credential", "portal-session")]);
    assert_eq!(replaced(), 1.0);
    assert_eq!(world.gate.status()["sessions_replaced"]["portal-session"], 1);
    Browser::new(&world.gate).with_session("never-seen").get("/tra-cuu-ho-so?sid=three");
    assert_eq!(replaced(), 1.0, "a stranger's new value says nothing");
}

#[test]
fn a_portal_whose_habit_it_is_to_change_the_value_is_followed() {
    let world = World::with(|policy| policy.change("idle = \"30m\"", "idle = \"30m\"\nfollow = \"always\""));
    let mut citizen = Browser::new(&world.gate);
    citizen.log_in_with_vneid("one");
    citizen.get("/nop-ho-so/1?sid=two");
    assert_eq!(world.vouched("PHPSESSID=two"), VNEID);
    let mut stranger = Browser::new(&world.gate).with_session("never-seen");
    stranger.get("/tra-cuu-ho-so?sid=three");
    assert_eq!(world.vouched("PHPSESSID=three"), UNBOUND);
}

#[test]
fn a_log_out_ends_the_session() {
    let world = World::start();
    assert_eq!(world.vouched(&world.vneid), VNEID);
    assert_eq!(world.gate.ask(&Ask::get("/dang-xuat").cookie(&world.vneid)).status, 302);
    assert_eq!(world.vouched(&world.vneid), UNBOUND);
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 401);
}

#[test]
fn a_session_that_the_portal_takes_back_is_ended() {
    let world = World::start();
    world.origin.answer(|_| Reply::ok("bye").with("Set-Cookie", "PHPSESSID=deleted; Max-Age=0; path=/"));
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 200);
    world.origin.answer(portal);
    assert_eq!(world.vouched(&world.vneid), UNBOUND);
}

#[test]
fn an_idle_session_is_forgotten() {
    let world = World::with(|policy| policy.change("idle = \"30m\"", "idle = \"1s\""));
    let filing = Ask::get("/nop-ho-so").cookie(&world.vneid);
    crate::harness::eventually("the idle session to be forgotten", || {
        std::thread::sleep(std::time::Duration::from_millis(1200));
        (world.gate.ask(&filing).status == 401).then_some(())
    });
}

#[test]
fn a_session_from_before_the_gate_is_unbound_and_public_pages_stay_open_to_it() {
    let world = World::start();
    let mut old = Browser::new(&world.gate).with_session("from-before-the-gate");
    assert_eq!(old.get("/tra-cuu-ho-so").status, 200);
    assert_eq!(world.origin.only().vouched(), UNBOUND);
    assert_eq!(old.get("/nop-ho-so").status, 303);
    world.expect_untouched();
}

#[test]
fn the_national_portal_says_who_came_and_the_word_never_reaches_the_client() {
    let world = World::start();
    let mut company = Browser::new(&world.gate);
    company.get("/dang-nhap/quoc-gia?sid=org&state=s");
    let answer = company.get("/dang-nhap/quoc-gia/callback?code=good-organization&state=s");
    assert_eq!(answer.status, 302);
    for name in ["x-portal-account", "x-portal-login", "x-portal-level"] {
        assert!(answer.head.aliases(name).is_empty(), "{name} reached the client");
    }
    assert_eq!(world.vouched("PHPSESSID=org"), "organization/national-portal/2");
    assert_eq!(company.get("/nop-ho-so").status, 200);
}

#[test]
fn a_citizen_of_the_national_portal_is_no_organization() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get("/dang-nhap/quoc-gia?sid=c&state=s");
    citizen.get("/dang-nhap/quoc-gia/callback?code=good-citizen&state=s");
    assert_eq!(world.vouched("PHPSESSID=c"), "citizen/national-portal/2");
    world.origin.take();
    assert_eq!(citizen.get("/nop-ho-so").status, 303);
    world.expect_untouched();
}

#[test]
fn a_trusted_answer_header_is_taken_from_every_request_and_every_answer() {
    let world = World::start();
    world.origin.answer(|_| {
        let spelled = Reply::ok("page").with("X-Portal-Account", "official").with("x-portal-login", "vneid");
        spelled.with("X-PORTAL-LEVEL", "3")
    });
    let ask = Ask::get("/assets/a.js").with("X-Portal-Account", "organization").with("x_portal_login", "vneid");
    let answer = world.gate.ask(&ask.with("X.Portal.Level", "3"));
    let request = world.origin.only();
    for name in ["x-portal-account", "x-portal-login", "x-portal-level"] {
        assert!(request.head.aliases(name).is_empty(), "{name} reached the portal");
        assert!(answer.head.aliases(name).is_empty(), "{name} reached the client");
    }
}

#[test]
fn a_ledger_in_memory_is_gone_with_a_restart_and_lets_nobody_in() {
    let origin = Origin::answering(portal);
    let policy = Policy::portal(&origin);
    let mut gate = Gate::start(&policy);
    Browser::new(&gate).log_in_with_vneid("a");
    gate.restart("TERM");
    origin.take();
    assert_eq!(gate.ask(&Ask::get("/nop-ho-so").cookie("PHPSESSID=a")).status, 401);
    origin.expect_untouched();
}

#[test]
fn a_log_in_that_the_gate_saw_is_counted() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    let vneid = [("flow", "vneid"), ("result", "bound")];
    let before = world.gate.metric("vneid_gate_logins_total", &vneid);
    let sessions = world.gate.metric("vneid_gate_ledger_sessions", &[]);
    citizen.log_in_with_vneid("counted");
    world.gate.until_metric("vneid_gate_logins_total", &vneid, |count| count == before + 1.0);
    world.gate.until_metric("vneid_gate_ledger_sessions", &[], |count| count == sessions + 1.0);
    citizen.get("/dang-xuat");
    world.gate.until_metric("vneid_gate_ledger_sessions", &[], |count| count == sessions);
    assert_eq!(citizen.type_password("079203001234", "dung").status, 403);
    assert!(world.origin.requests().iter().all(|r| r.path() != PASSWORD_PAGE || r.method() == "GET"));
}
