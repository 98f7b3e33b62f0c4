//! Promises about revoked sessions, and about their owners' browsers.
//!
//! Its cookie travels nowhere, whatever is asked with it; and the browser that still holds it can
//! log in again, wherever the person comes from.

use super::{World, next_second, with_token};
use crate::harness::{Ask, Browser, CALLBACK, Received, Reply};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};

/// A portal as PHP writes it: whoever brings no session gets one, and a log-in ends in the session in which it began.
fn portal_with_sessions() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let given = AtomicU32::new(0);
    move |request| {
        let (known, state) =
            (request.cookie("PHPSESSID"), request.target().split_once("state=").map(|(_, state)| state));
        let session = known.clone().unwrap_or_else(|| format!("given-{}", given.fetch_add(1, Ordering::Relaxed)));
        let reply = match request.path() {
            "/dang-nhap/vneid" => {
                Reply::redirect(&format!("https://sso.dancuquocgia.gov.vn/oauth2/authorize?state=of-{session}"))
            }
            CALLBACK if state == Some(&format!("of-{session}")) => Reply::redirect("/"),
            CALLBACK => Reply::redirect("/dang-nhap/loi"),
            _ => Reply::ok("from the origin"),
        };
        match known {
            Some(_) => reply,
            None => reply.with("Set-Cookie", &format!("PHPSESSID={session}; path=/; HttpOnly")),
        }
    }
}

/// Follows the portal's redirect to the identity provider and back.
#[track_caller]
fn log_in(browser: &mut Browser<'_>) {
    let begun = browser.get("/dang-nhap/vneid");
    assert_eq!(begun.status, 302);
    let state = begun.value("location").unwrap().split_once("state=").unwrap().1.to_owned();
    let end = browser.get(&format!("{CALLBACK}?code=good&state={state}"));
    assert_eq!((end.status, end.value("location")), (302, Some("/")), "the portal has lost the log-in");
}

#[test]
fn the_browser_of_whom_was_taken_away_logs_in_again_from_a_public_page() {
    let world = World::start();
    world.origin.answer(portal_with_sessions());
    let mut citizen = Browser::new(&world.gate);
    log_in(&mut citizen);
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
    world.revoke(&json!({ "everything": true }));
    next_second();
    assert_eq!(citizen.get("/").status, 200);
    log_in(&mut citizen);
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
}

#[test]
fn a_session_that_was_taken_away_does_not_shed_that_by_a_log_out() {
    let world = World::start();
    let _citizen = world.citizen("first");
    world.revoke(&json!({ "everything": true }));
    let shows_it = |target: &str| world.gate.ask(&Ask::get(target).cookie("PHPSESSID=first"));
    assert_eq!(shows_it("/dang-xuat").status, 302);
    assert_eq!(world.origin.only().cookie("PHPSESSID"), None);
    world.origin.take();
    world.origin.answer(|_| Reply::ok("bye").with("Set-Cookie", "PHPSESSID=; Max-Age=0; path=/"));
    for _ in 0..2 {
        assert_eq!(shows_it("/tra-cuu-ho-so").status, 200);
        assert_eq!(
            world.origin.only().cookie("PHPSESSID"),
            None,
            "it travels nowhere, whatever the portal says of strangers"
        );
        world.origin.take();
    }
    world.is_out(Ask::get("/nop-ho-so/1").cookie("PHPSESSID=first"));
}

#[test]
fn a_person_is_out_in_whatever_spelling_the_name_was_typed() {
    let from_there = "when = { account = \"official\", login = \"password\", client = [\"10.20.0.0/16\"] }";
    let world =
        World::with(|policy| with_token(policy.change(from_there, &from_there.replace("10.20.0.0/16", "127.0.0.0/8"))));
    let mut official = Browser::new(&world.gate).with_session("desk");
    assert_eq!(official.type_password("%20Can.Bo%40daknong.gov.vn", "dung").status, 302);
    assert_eq!(official.get("/nop-ho-so/1").status, 200);
    world.origin.take();
    assert_eq!(world.command(&["--subject", "-"], "can.bo@daknong.gov.vn \n").code, Some(0));
    world.is_out(Ask::get("/nop-ho-so/1").cookie("PHPSESSID=desk"));
}

#[test]
fn a_log_in_that_the_portal_saw_without_the_session_does_not_bring_it_back() {
    let from_there = "when = { account = \"official\", login = \"password\", client = [\"10.20.0.0/16\"] }";
    let world =
        World::with(|policy| with_token(policy.change(from_there, &from_there.replace("10.20.0.0/16", "127.0.0.0/8"))));
    let mut official = Browser::new(&world.gate).with_session("desk");
    assert_eq!(official.type_password("can.bo@daknong.gov.vn", "dung").status, 302);
    assert_eq!(official.get("/nop-ho-so/1").status, 200);
    world.revoke(&json!({ "everything": true }));
    next_second();
    world.origin.take();
    assert_eq!(official.type_password("can.bo@daknong.gov.vn", "dung").status, 302);
    assert_eq!(world.origin.only().cookie("PHPSESSID"), None, "the portal logs a stranger in");
    world.origin.take();
    world.is_out(Ask::get("/nop-ho-so/1").cookie("PHPSESSID=desk"));
    assert_eq!(world.gate.ask(&Ask::get("/").cookie("PHPSESSID=desk")).status, 200);
    assert_eq!(
        world.origin.only().cookie("PHPSESSID"),
        None,
        "and to the portal it is still that of whom was taken away"
    );
}
