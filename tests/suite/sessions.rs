//! Does the gate know how an opaque session was born?
//!
//! The portal behind it answers a password session and a VNeID session alike; only what the gate saw on the way tells
//! them apart. What it did not see for certain is unbound.

use crate::harness::{Ask, Browser, CALLBACK, Gate, Origin, PASSWORD_PAGE, Policy, Reply, Town, portal};

/// What the gate vouches for on a public page: account, login, level.
#[track_caller]
fn vouched(town: &Town, cookie: &str) -> String {
    town.origin.take();
    assert_eq!(town.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(cookie)).status, 200);
    town.origin.only().vouched()
}

const UNBOUND: &str = "unknown/unknown/0";
const VNEID: &str = "citizen/vneid/2";

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
fn a_callback_without_a_beginning_binds_nothing() {
    let town = Town::start();
    let mut forger = Browser::new(&town.gate).with_session("f");
    assert_eq!(forger.get(&format!("{CALLBACK}?code=good-1&state=s")).status, 302);
    assert_eq!(vouched(&town, "PHPSESSID=f"), UNBOUND);
    assert_eq!(forger.get("/nop-ho-so").status, 303);
    town.expect_untouched();
}

#[test]
fn a_callback_of_another_state_binds_nothing() {
    let town = Town::start();
    let mut forger = Browser::new(&town.gate);
    forger.get("/dang-nhap/vneid?sid=f&state=mine");
    for query in ["code=good-1&state=another", "code=good-1&state=", "code=good-1&state=MINE"] {
        assert_eq!(forger.get(&format!("{CALLBACK}?{query}")).status, 302);
        assert_eq!(vouched(&town, "PHPSESSID=f"), UNBOUND, "{query}");
    }
}

#[test]
fn a_callback_that_lacks_a_parameter_is_no_callback() {
    let town = Town::start();
    let mut forger = Browser::new(&town.gate);
    forger.get("/dang-nhap/vneid?sid=f&state=mine");
    for query in ["code=good-1", "state=mine&code2=good-1"] {
        forger.get(&format!("{CALLBACK}?{query}"));
        assert_eq!(vouched(&town, "PHPSESSID=f"), UNBOUND, "{query}");
    }
}

#[test]
fn a_callback_is_good_for_the_session_that_began_and_only_once() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.log_in_with_vneid("a");
    let callback = format!("{CALLBACK}?code=good-a&state=state-of-a");
    let mut thief = Browser::new(&town.gate).with_session("t");
    thief.get(&callback);
    assert_eq!(vouched(&town, "PHPSESSID=t"), UNBOUND, "another session replays it");
    citizen.get("/dang-xuat");
    assert_eq!(vouched(&town, "PHPSESSID=a"), UNBOUND, "logged out");
    Browser::new(&town.gate).with_session("a").get(&callback);
    assert_eq!(vouched(&town, "PHPSESSID=a"), UNBOUND, "the same session replays it");
}

#[test]
fn a_log_in_that_fails_or_shows_no_sign_of_success_binds_nothing() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.get("/dang-nhap/vneid?sid=a&state=s");
    assert_eq!(citizen.get(&format!("{CALLBACK}?code=bad&state=s")).value("location"), Some("/dang-nhap/loi"));
    assert_eq!(vouched(&town, "PHPSESSID=a"), UNBOUND);
    let answers: [(&str, Reply); 5] = [
        ("another status", Reply::ok("welcome").with("Location", "/")),
        ("another place", Reply::redirect("/tra-cuu-ho-so")),
        ("another host", Reply::redirect("https://evil.example/")),
        ("another host, short", Reply::redirect("//evil.example/")),
        ("an error", Reply::status(500)),
    ];
    for (what, reply) in answers {
        town.origin.answer(portal);
        citizen.get("/dang-nhap/vneid?sid=a&state=s");
        town.origin.answer(move |_| reply.clone());
        citizen.get(&format!("{CALLBACK}?code=good&state=s"));
        town.origin.answer(portal);
        assert_eq!(vouched(&town, "PHPSESSID=a"), UNBOUND, "{what}");
    }
}

#[test]
fn a_beginning_is_a_redirect_to_the_declared_host_only() {
    let town = Town::start();
    for location in [
        "https://sso.dancuquocgia.gov.vn.evil.example/a?state=s",
        "https://evil.example/?x=sso.dancuquocgia.gov.vn&state=s",
        "https://sso.dancuquocgia.gov.vn@evil.example/?state=s",
        "/sso.dancuquocgia.gov.vn?state=s",
        "//sso.dancuquocgia.gov.vn.evil.example/?state=s",
    ] {
        let mut forger = Browser::new(&town.gate).with_session("f");
        town.origin.answer(move |_| Reply::redirect(location));
        forger.get("/dang-nhap/vneid");
        town.origin.answer(portal);
        forger.get(&format!("{CALLBACK}?code=good&state=s"));
        assert_eq!(vouched(&town, "PHPSESSID=f"), UNBOUND, "{location}");
    }
}

#[test]
fn a_session_renamed_at_its_log_in_is_bound_under_the_new_name_only() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.get("/dang-nhap/vneid?sid=before&state=s");
    citizen.get(&format!("{CALLBACK}?code=good&state=s&sid=after"));
    assert_eq!(citizen.session.as_deref(), Some("after"));
    assert_eq!(vouched(&town, "PHPSESSID=after"), VNEID);
    assert_eq!(vouched(&town, "PHPSESSID=before"), UNBOUND, "a fixed session is worth nothing");
}

#[test]
fn a_session_renamed_later_is_followed() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.log_in_with_vneid("one");
    citizen.get("/nop-ho-so/1?sid=two");
    assert_eq!(vouched(&town, "PHPSESSID=two"), VNEID);
    let mut stranger = Browser::new(&town.gate).with_session("never-seen");
    stranger.get("/tra-cuu-ho-so?sid=three");
    assert_eq!(vouched(&town, "PHPSESSID=three"), UNBOUND);
}

#[test]
fn a_log_out_ends_the_session() {
    let town = Town::start();
    assert_eq!(vouched(&town, &town.vneid), VNEID);
    assert_eq!(town.gate.ask(&Ask::get("/dang-xuat").cookie(&town.vneid)).status, 302);
    assert_eq!(vouched(&town, &town.vneid), UNBOUND);
    assert_eq!(town.gate.ask(&Ask::get("/nop-ho-so").cookie(&town.vneid)).status, 401);
}

#[test]
fn a_session_that_the_portal_takes_back_is_ended() {
    let town = Town::start();
    town.origin.answer(|_| Reply::ok("bye").with("Set-Cookie", "PHPSESSID=deleted; Max-Age=0; path=/"));
    assert_eq!(town.gate.ask(&Ask::get("/nop-ho-so").cookie(&town.vneid)).status, 200);
    town.origin.answer(portal);
    assert_eq!(vouched(&town, &town.vneid), UNBOUND);
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
    assert_eq!(vouched(&town, "PHPSESSID=org"), "organization/national-portal/2");
    assert_eq!(company.get("/nop-ho-so").status, 200);
}

#[test]
fn a_citizen_of_the_national_portal_is_no_organization() {
    let town = Town::start();
    let mut citizen = Browser::new(&town.gate);
    citizen.get("/dang-nhap/quoc-gia?sid=c&state=s");
    citizen.get("/dang-nhap/quoc-gia/callback?code=good-citizen&state=s");
    assert_eq!(vouched(&town, "PHPSESSID=c"), "citizen/national-portal/2");
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
fn a_trusted_answer_header_outside_its_log_in_binds_nothing() {
    let town = Town::start();
    let reply = || Reply::redirect("/").with("X-Portal-Account", "organization").with("X-Portal-Login", "vneid");
    town.origin.answer(move |_| reply());
    for target in ["/tra-cuu-ho-so", "/dang-nhap/quoc-gia/callback?code=1", "/dang-nhap/quoc-gia/callback"] {
        town.gate.ask(&Ask::get(target).cookie("PHPSESSID=x"));
    }
    town.origin.answer(portal);
    assert_eq!(vouched(&town, "PHPSESSID=x"), UNBOUND);
}

#[test]
fn two_cookies_of_one_name_are_refused() {
    let town = Town::start();
    let cases: [&[&str]; 7] = [
        &["PHPSESSID=born-by-vneid; PHPSESSID=other"],
        &["PHPSESSID=other; PHPSESSID=born-by-vneid"],
        &["PHPSESSID=born-by-vneid", "PHPSESSID=other"],
        &["PHPSESSID=other", "a=b; PHPSESSID=born-by-vneid"],
        &["PHPSESSID=born-by-vneid; PHPSESSID=born-by-vneid"],
        &["PHPSESSID=born-by-vneid;PHPSESSID=other"],
        &["PHPSESSID=other; PHPSESSID=born-by-vneid; PHPSESSID=other"],
    ];
    for fields in cases {
        let ask = fields.iter().fold(Ask::get("/nop-ho-so"), |ask, field| ask.cookie(field));
        assert_eq!(town.gate.ask(&ask).status, 400, "{fields:?}");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn a_cookie_that_only_the_portal_would_read_as_the_session_is_no_way_in() {
    let town = Town::start();
    let cases: [&str; 8] = [
        "PHPSESSID=born-by-vneid; \u{a0}PHPSESSID=other",
        "PHPSESSID=born-by-vneid; \u{2000}PHPSESSID=other",
        "PHPSESSID=born-by-vneid; PHPSESSID =other",
        "PHPSESSID=born-by-vneid; PHPSESSID[]=other",
        "PHPSESSID=born-by-vneid, PHPSESSID=other",
        "PHPSESSID=born-by-vneid; %50HPSESSID=other",
        "$Version=1; PHPSESSID=\"born-by-vneid; a=b\"; PHPSESSID=other",
        "PHPSESSID=\"born-by-vneid\"",
    ];
    for cookie in cases {
        let response = town.gate.ask(&Ask::get("/nop-ho-so").cookie(cookie));
        if response.status == 200 {
            let sent = town.origin.only().values("cookie").join("; ");
            assert!(!sent.contains("other"), "{cookie} -> {sent}");
        } else {
            assert!(matches!(response.status, 400 | 401), "{cookie}: {}", response.status);
            town.origin.expect_untouched();
        }
    }
}

#[test]
fn thousands_of_cookies_are_bounded() {
    let town = Town::start();
    let many: Vec<String> = (0..5000).map(|n| format!("c{n}=1")).collect();
    let response = town.gate.ask(&Ask::get("/nop-ho-so").cookie(&many.join("; ")).with("X", "y"));
    assert!(matches!(response.status, 400 | 401 | 431), "{}", response.status);
    town.expect_untouched();
}

#[test]
fn the_ledger_is_gone_with_a_restart_and_lets_nobody_in() {
    let origin = Origin::answering(portal);
    let policy = Policy::portal(&origin);
    let gate = Gate::start(&policy);
    Browser::new(&gate).log_in_with_vneid("a");
    drop(gate);
    let gate = Gate::start(&policy);
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
