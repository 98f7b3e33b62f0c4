//! Does the gate know how an opaque session was born?
//!
//! The portal behind it answers a password session and a VNeID session alike; only what the gate saw on the way tells
//! them apart. What it did not see for certain is unbound.

use crate::harness::{
    Ask, Browser, CALLBACK, Gate, Origin, PASSWORD_PAGE, Policy, Reply, Town, UNBOUND, VNEID, portal,
};

#[test]
fn a_citizen_who_came_with_vneid_may_file() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    assert_eq!(citizen.get("/nop-ho-so").status, 303, "who is not logged in is sent to the log-in");
    town.expect_untouched();
    citizen.log_in_with_vneid("a");
    town.origin.take();
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
    let request = town.origin.only();
    assert_eq!(request.vouched(), VNEID);
    assert_eq!(request.cookie("PHPSESSID").as_deref(), Some("a"), "the portal still gets its own session");
}

#[test]
fn a_session_that_only_the_portal_knows_is_put_down_on_the_way_to_the_log_in() {
    let town = Town::start();
    let mut visitor = Browser::new(&town.gate).with_session("from-before-the-gate");
    assert_eq!(visitor.get("/nop-ho-so").status, 303);
    assert_eq!(visitor.session, None, "or the portal might send the visitor straight back");
    town.expect_untouched();
}

#[test]
fn a_session_renamed_at_its_log_in_is_bound_under_the_new_name_only() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.get("/dang-nhap/vneid?sid=before&state=s");
    citizen.get(&format!("{CALLBACK}?code=good&state=s&sid=after"));
    assert_eq!(citizen.session.as_deref(), Some("after"));
    assert_eq!(town.vouched("PHPSESSID=after"), VNEID);
    assert_eq!(town.vouched("PHPSESSID=before"), UNBOUND, "a fixed session is worth nothing");
}

#[test]
fn a_session_renamed_later_is_followed() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.log_in_with_vneid("one");
    citizen.get("/nop-ho-so/1?sid=two");
    assert_eq!(town.vouched("PHPSESSID=two"), VNEID);
    let mut stranger = Browser::new(&town.gate).with_session("never-seen");
    stranger.get("/tra-cuu-ho-so?sid=three");
    assert_eq!(town.vouched("PHPSESSID=three"), UNBOUND);
}

#[test]
fn a_log_out_ends_the_session() {
    let town = Town::start();
    assert_eq!(town.vouched(&town.vneid), VNEID);
    assert_eq!(town.gate.ask(&Ask::get("/dang-xuat").cookie(&town.vneid)).status, 302);
    assert_eq!(town.vouched(&town.vneid), UNBOUND);
    assert_eq!(town.gate.ask(&Ask::get("/nop-ho-so").cookie(&town.vneid)).status, 401);
}

#[test]
fn a_session_that_the_portal_takes_back_is_ended() {
    let town = Town::start();
    town.origin.answer(|_| Reply::ok("bye").with("Set-Cookie", "PHPSESSID=deleted; Max-Age=0; path=/"));
    assert_eq!(town.gate.ask(&Ask::get("/nop-ho-so").cookie(&town.vneid)).status, 200);
    town.origin.answer(portal);
    assert_eq!(town.vouched(&town.vneid), UNBOUND);
}

#[test]
fn an_idle_session_is_forgotten() {
    let town = Town::with(|policy| policy.change("idle = \"30m\"", "idle = \"1s\""));
    let filing = Ask::get("/nop-ho-so").cookie(&town.vneid);
    crate::harness::eventually("the idle session to be forgotten", || {
        std::thread::sleep(std::time::Duration::from_millis(1200));
        (town.gate.ask(&filing).status == 401).then_some(())
    });
}

#[test]
fn a_session_from_before_the_gate_is_unbound_and_public_pages_stay_open_to_it() {
    let town = Town::start();
    let mut old = Browser::new(&town.gate).with_session("from-before-the-gate");
    assert_eq!(old.get("/tra-cuu-ho-so").status, 200);
    assert_eq!(town.origin.only().vouched(), UNBOUND);
    assert_eq!(old.get("/nop-ho-so").status, 303);
    town.expect_untouched();
}

#[test]
fn the_national_portal_says_who_came_and_the_word_never_reaches_the_client() {
    let town = Town::start();
    let mut company = Browser::new(&town.gate);
    company.get("/dang-nhap/quoc-gia?sid=org&state=s");
    let answer = company.get("/dang-nhap/quoc-gia/callback?code=good-organization&state=s");
    assert_eq!(answer.status, 302);
    for name in ["x-portal-account", "x-portal-login", "x-portal-level"] {
        assert!(answer.head.aliases(name).is_empty(), "{name} reached the client");
    }
    assert_eq!(town.vouched("PHPSESSID=org"), "organization/national-portal/2");
    assert_eq!(company.get("/nop-ho-so").status, 200);
}

#[test]
fn a_citizen_of_the_national_portal_is_no_organization() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.get("/dang-nhap/quoc-gia?sid=c&state=s");
    citizen.get("/dang-nhap/quoc-gia/callback?code=good-citizen&state=s");
    assert_eq!(town.vouched("PHPSESSID=c"), "citizen/national-portal/2");
    town.origin.take();
    assert_eq!(citizen.get("/nop-ho-so").status, 303);
    town.expect_untouched();
}

#[test]
fn a_trusted_answer_header_is_taken_from_every_request_and_every_answer() {
    let town = Town::start();
    town.origin.answer(|_| {
        let spelled = Reply::ok("page").with("X-Portal-Account", "official").with("x-portal-login", "vneid");
        spelled.with("X-PORTAL-LEVEL", "3")
    });
    let ask = Ask::get("/assets/a.js").with("X-Portal-Account", "organization").with("x_portal_login", "vneid");
    let answer = town.gate.ask(&ask.with("X.Portal.Level", "3"));
    let request = town.origin.only();
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
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    let vneid = [("flow", "vneid"), ("result", "bound")];
    let before = town.gate.metric("vneid_gate_logins_total", &vneid);
    let sessions = town.gate.metric("vneid_gate_ledger_sessions", &[]);
    citizen.log_in_with_vneid("counted");
    town.gate.until_metric("vneid_gate_logins_total", &vneid, |count| count == before + 1.0);
    town.gate.until_metric("vneid_gate_ledger_sessions", &[], |count| count == sessions + 1.0);
    citizen.get("/dang-xuat");
    town.gate.until_metric("vneid_gate_ledger_sessions", &[], |count| count == sessions);
    assert_eq!(citizen.type_password("079203001234", "dung").status, 403);
    assert!(town.origin.requests().iter().all(|r| r.path() != PASSWORD_PAGE || r.method() == "GET"));
}
