//! Promises about how a session is born: nothing but a log-in that the gate saw from its beginning makes it VNeID's.
//!
//! The portal here keeps its session id at a log-in, shows failure nearly as it shows success, and takes any id that a
//! browser brings: what cannot be told apart from its answers must not be taken for granted.

use crate::harness::{
    Ask, Authority, Browser, CALLBACK, Curl, Gate, HOST, Origin, Policy, Received, Reply, UNBOUND, VNEID, World, portal,
};
use std::path::Path;

const BEGIN: &str = "/dang-nhap/vneid";

fn adopting(request: &Received) -> Reply {
    match request.path() {
        BEGIN => Reply::redirect("https://sso.dancuquocgia.gov.vn/authorize?state=s"),
        _ => portal(request),
    }
}

#[test]
fn a_call_back_that_failed_raises_no_session_that_was_there_before() {
    for place in ["/?dang-nhap=that-bai", "/#loi", "/?", "/nop-ho-so/1?loi=1"] {
        let world = World::start();
        for query in
            ["code=junk&state=s", "code=&state=s", "code=x&error=access_denied&state=s", "code=x&state=s&error="]
        {
            let mut citizen = Browser::new(&world.gate).with_session("legacy");
            assert_eq!(citizen.get(&format!("{BEGIN}?sid=fresh&state=s")).status, 302);
            assert_eq!(citizen.session, None, "the new session is withheld, the old one is put down");
            world.origin.answer(move |_| Reply::redirect(place));
            citizen.get(&format!("{CALLBACK}?{query}"));
            assert_eq!(citizen.session, None, "what failed is given to nobody");
            world.origin.answer(portal);
            for session in ["legacy", "fresh"] {
                assert_eq!(world.vouched(&format!("PHPSESSID={session}")), UNBOUND, "{place} {query} {session}");
            }
        }
    }
}

#[test]
fn an_error_of_the_provider_is_no_success_whatever_the_portal_answers() {
    let world = World::start();
    for query in ["code=good&state=s&error=access_denied", "code=&state=s", "code=%20&state=s"] {
        let mut citizen = Browser::new(&world.gate);
        citizen.get(&format!("{BEGIN}?sid=fresh&state=s"));
        world.origin.take();
        world.origin.answer(|_| Reply::redirect("/"));
        citizen.get(&format!("{CALLBACK}?{query}"));
        assert_eq!(world.origin.only().target(), format!("{CALLBACK}?{query}"), "the portal shows its message");
        world.origin.answer(portal);
        assert_eq!(world.vouched("PHPSESSID=fresh"), UNBOUND, "{query}");
    }
}

#[test]
fn an_id_that_was_planted_before_the_log_in_is_never_bound() {
    let world = World::start();
    world.origin.answer(adopting);
    let mut victim = Browser::new(&world.gate).with_session("planted");
    assert_eq!(victim.get(BEGIN).status, 302);
    // A browser that cannot put it down, since it was set for the parent domain.
    victim.session = Some("planted".into());
    victim.get(&format!("{CALLBACK}?code=good&state=s"));
    let requests = world.origin.take();
    let shown: Vec<_> = requests.iter().skip(1).filter_map(|request| request.cookie("PHPSESSID")).collect();
    assert!(shown.is_empty(), "the portal was shown {shown:?}");
    assert_eq!(world.vouched("PHPSESSID=planted"), UNBOUND);
}

#[test]
fn the_second_try_is_asked_for_once() {
    let world = World::start();
    world.origin.answer(adopting);
    let visitor = |cookie: &str| world.gate.ask(&Ask::get(BEGIN).navigating().cookie(cookie));
    let first = visitor("PHPSESSID=any");
    assert_eq!((first.status, first.value("location")), (303, Some(BEGIN)));
    assert!(first.values("set-cookie").iter().any(|cookie| cookie.starts_with("PHPSESSID=;")), "{:?}", first.head);
    let guard = first.values("set-cookie").into_iter().find(|cookie| cookie.starts_with("vneid-gate-restart="));
    let guard = guard.unwrap().split(';').next().unwrap().to_owned();
    let second = visitor(&format!("PHPSESSID=any; {guard}"));
    assert_eq!(second.status, 302, "the browser still shows it, and it does not travel");
    assert_eq!(visitor("PHPSESSID=any; vneid-gate-restart=AAAA").status, 303, "a made-up one is nothing");
    let elsewhere =
        world.gate.ask(&Ask::get("/dang-nhap/quoc-gia").navigating().cookie(&format!("PHPSESSID=any; {guard}")));
    assert_ne!(elsewhere.status, 500);
    let known = visitor(&world.vneid);
    assert!(
        !known.values("set-cookie").iter().any(|c| c.starts_with("PHPSESSID=;")),
        "a known session is not put down"
    );
    assert_eq!(world.vouched(&world.vneid), VNEID);
}

#[test]
fn a_form_that_begins_a_log_in_on_a_used_session_gets_a_page() {
    let world = World::start();
    world.origin.answer(|_| Reply::redirect("https://sso.dancuquocgia.gov.vn/authorize?state=s"));
    let answer = world.gate.ask(&Ask::form(BEGIN, "go=1").navigating().cookie("PHPSESSID=any"));
    assert_eq!((answer.status, answer.value("location")), (403, None));
    assert_eq!(world.gate.audit_of(&answer.support_code())["reason"], "login-restarted");
}

#[test]
fn log_ins_in_two_tabs_both_count_and_neither_stands_in_for_the_other() {
    let world = World::start();
    for order in [["one", "two"], ["two", "one"]] {
        let mut citizen = Browser::new(&world.gate);
        for tab in order {
            citizen.get(&format!("{BEGIN}?sid={tab}&state=of-{tab}"));
        }
        let crossed = citizen.get(&format!("{CALLBACK}?code=good&state=of-nobody"));
        assert_eq!((crossed.status, citizen.session.as_deref()), (302, None));
        citizen.get(&format!("{CALLBACK}?code=good&state=of-one"));
        assert_eq!(citizen.session.as_deref(), Some("one"));
        assert_eq!(world.vouched("PHPSESSID=one"), VNEID);
        world.gate.ask(&Ask::get("/dang-xuat").cookie("PHPSESSID=one"));
    }
}

#[test]
fn too_many_log_ins_under_way_make_room_for_the_newest() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    for tab in 0..12 {
        citizen.get(&format!("{BEGIN}?sid=tab-{tab}&state=of-{tab}"));
        assert!(citizen.own.len() <= 8, "{}", citizen.own.len());
    }
    citizen.get(&format!("{CALLBACK}?code=good&state=of-11"));
    assert_eq!(world.vouched("PHPSESSID=tab-11"), VNEID);
}

#[test]
fn a_cookie_that_was_made_up_cut_or_moved_proves_nothing_and_is_counted() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get(&format!("{BEGIN}?sid=fresh&state=s"));
    let (name, value) = citizen.own.first_key_value().map(|(n, v)| (n.clone(), v.clone())).unwrap();
    let callback = format!("{CALLBACK}?code=good&state=s");
    let mut other = Browser::new(&world.gate);
    other.get(&format!("{BEGIN}?sid=other&state=t"));
    let moved = other.own.into_values().next().unwrap();
    let forged = [value[..value.len() - 1].to_owned(), "AAAA".into(), "*".into(), value.to_lowercase(), moved];
    for value in &forged {
        assert_eq!(world.gate.ask(&Ask::get(&callback).cookie(&format!("{name}={value}"))).status, 302);
    }
    for session in ["fresh", "other"] {
        assert_eq!(world.vouched(&format!("PHPSESSID={session}")), UNBOUND);
    }
    let counted = |result| world.gate.metric("vneid_gate_logins_total", &[("flow", "vneid"), ("result", result)]);
    assert_eq!(counted("forged"), forged.len() as f64);
    citizen.get(&callback);
    assert_eq!(world.vouched("PHPSESSID=fresh"), VNEID, "and nothing was lost");
    world.gate.ask(&Ask::get("/dang-xuat").cookie("PHPSESSID=fresh"));
    assert_eq!(world.gate.ask(&Ask::get(&callback).cookie(&format!("{name}={value}"))).status, 302);
    assert_eq!((world.vouched("PHPSESSID=fresh"), counted("replayed")), (UNBOUND.to_owned(), 1.0));
}

#[test]
fn a_log_in_at_a_provider_that_a_reload_has_replaced_does_not_count() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get(&format!("{BEGIN}?sid=fresh&state=s"));
    world.gate.reload(&world.gate.policy().change("sso.dancuquocgia.gov.vn", "sso.example"), "ok");
    citizen.get(&format!("{CALLBACK}?code=good&state=s"));
    assert_eq!(world.vouched("PHPSESSID=fresh"), UNBOUND);
    assert_eq!(world.gate.metric("vneid_gate_logins_total", &[("flow", "vneid"), ("result", "changed")]), 1.0);
}

#[test]
fn a_call_back_that_proves_nothing_changes_nothing() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    for target in [
        CALLBACK,
        "/dang-nhap/vneid/callback/",
        "/DANG-NHAP/vneid/callback",
        "/dang-nhap/vneid/callback?code=x&state=y",
        "/dang-nhap/vneid/callback?error=access_denied",
        "/dang-nhap/vneid/callback?code=&state=",
        "/dang-nhap/quoc-gia/callback",
        "/dang-nhap/quoc-gia/callback?code=1",
    ] {
        for method in ["GET", "HEAD", "POST"] {
            world.gate.ask(&Ask::new(method, target).cookie(&world.vneid));
        }
        let curl = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file());
        curl.with(&["--http2", "--cookie", &world.vneid]).https(target);
        assert_eq!(world.vouched(&world.vneid), VNEID, "{target}");
    }
}

#[test]
fn a_portal_that_mints_its_session_with_the_call_back_is_understood() {
    let world = World::start();
    world.origin.answer(adopting);
    let mut citizen = Browser::new(&world.gate);
    citizen.get(BEGIN);
    world.origin.answer(portal);
    citizen.get(&format!("{CALLBACK}?code=good&state=s&sid=minted"));
    assert_eq!((citizen.session.as_deref(), world.vouched("PHPSESSID=minted")), (Some("minted"), VNEID.to_owned()));
}

#[test]
fn a_log_in_that_leads_from_one_provider_to_the_next_is_one() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get(&format!("{BEGIN}?sid=fresh&state=s"));
    world.origin.answer(|_| Reply::redirect("https://xacthuc.dichvucong.gov.vn/authorize?state=t"));
    citizen.get(&format!("{CALLBACK}?code=on&state=s"));
    assert_eq!(citizen.session, None);
    world.origin.answer(portal);
    world.origin.take();
    citizen.get("/dang-nhap/quoc-gia/callback?code=good-organization&state=t");
    assert_eq!(
        world.origin.only().cookie("PHPSESSID").as_deref(),
        Some("fresh"),
        "the portal finds what it kept there"
    );
    assert_eq!(world.vouched("PHPSESSID=fresh"), "organization/national-portal/2");
}

#[test]
fn without_a_clean_start_only_a_changed_session_counts() {
    let world = World::with(|policy| policy.change("idle = \"30m\"", "idle = \"30m\"\nclean_start = false"));
    let mut citizen = Browser::new(&world.gate).with_session("kept");
    assert_eq!(citizen.get(&format!("{BEGIN}?state=s")).status, 302);
    citizen.get(&format!("{CALLBACK}?code=good&state=s"));
    assert_eq!(world.vouched("PHPSESSID=kept"), UNBOUND);
    citizen.get(&format!("{BEGIN}?state=t"));
    citizen.get(&format!("{CALLBACK}?code=good&state=t&sid=changed"));
    assert_eq!(world.vouched("PHPSESSID=changed"), VNEID);
    let mut other = Browser::new(&world.gate).with_session("mine");
    other.get(&format!("{BEGIN}?state=u"));
    other.get(&format!("{CALLBACK}?code=good&state=u&sid=changed"));
    assert_eq!(world.vouched("PHPSESSID=changed"), UNBOUND, "a value that is known already is nobody's new one");
}

#[test]
fn a_gate_that_only_observes_neither_withholds_nor_asks_again() {
    let world = World::with(|policy| policy.change("[gate]", "[gate]\nmode = \"observe\""));
    let mut citizen = Browser::new(&world.gate).with_session("visitor");
    assert_eq!(citizen.get(&format!("{BEGIN}?state=s")).status, 302);
    citizen.get(&format!("{CALLBACK}?code=good&state=s"));
    assert_eq!(world.vouched("PHPSESSID=visitor"), VNEID);
    let mut other = Browser::new(&world.gate);
    other.get(&format!("{BEGIN}?sid=given&state=s"));
    assert_eq!(other.session.as_deref(), Some("given"));
}

#[test]
fn the_gates_own_cookies_stay_between_it_and_the_browser() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get(&format!("{BEGIN}?sid=secret-session&state=s"));
    let sealed = citizen.own.values().next().unwrap().clone();
    for target in ["/tra-cuu-ho-so", "/assets/a.js", &format!("{CALLBACK}?code=bad&state=s"), "/nop-ho-so"] {
        citizen.get(target);
    }
    for request in world.origin.take() {
        assert!(!request.values("cookie").join(";").contains("vneid-gate"), "{}", request.target());
    }
    let written = world.gate.everything_written();
    assert!(!written.contains(&sealed) && !written.contains("secret-session"));
}

#[test]
fn strangers_who_begin_log_ins_make_nothing_grow_and_keep_nobody_out() {
    let origin = Origin::answering(portal);
    let policy = Policy::portal(&origin).change("store = \"memory\"", "store = \"embedded\"\npath = \"@DATA@/state\"");
    let gate = Gate::start(&policy);
    let file = gate.data().join("state/ledger.redb");
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    let mut victim = Browser::new(&gate);
    victim.get(&format!("{BEGIN}?sid=victim&state=of-the-victim"));
    let before = size(&file);
    std::thread::scope(|scope| {
        for stranger in 0..4 {
            let gate = &gate;
            scope.spawn(move || {
                for nth in 0..150 {
                    let ask = |target: &str| {
                        gate.ask(&Ask::get(target).cookie(&format!("PHPSESSID=stranger-{stranger}-{nth}")))
                    };
                    ask(&format!("{BEGIN}?state={stranger}-{nth}"));
                    ask(&format!("{CALLBACK}?code=x&state={stranger}-{nth}"));
                    ask("/dang-xuat");
                }
            });
        }
    });
    victim.get(&format!("{CALLBACK}?code=good&state=of-the-victim"));
    assert_eq!(victim.get("/nop-ho-so").status, 200);
    assert_eq!(gate.metric("vneid_gate_ledger_sessions", &[]), 1.0);
    assert!(size(&file) <= before + 65_536, "{before} -> {}", size(&file));
}

#[test]
fn a_portal_that_would_let_somebody_in_by_itself_is_not_reminded() {
    let remembers = |policy: Policy| policy.change("idle = \"30m\"", "idle = \"30m\"\nremembers = [\"remember_me\"]");
    let world = World::with(remembers);
    for target in ["/tra-cuu-ho-so", BEGIN, "/nop-ho-so"] {
        for name in ["remember_me", "Remember.Me", "remember%5Fme"] {
            let cookie = format!("{name}=of-another; {}", world.vneid);
            world.gate.ask(&Ask::get(target).cookie(&cookie));
            for request in world.origin.take() {
                assert!(!request.values("cookie").join(";").contains("of-another"), "{target} {name}");
                assert!(request.cookie("PHPSESSID").is_some(), "{target}: the session travels");
            }
        }
    }
    world
        .origin
        .answer(|_| Reply::ok("x").with("Set-Cookie", "remember_me=1; Max-Age=9").with("Set-Cookie", "lang=vi"));
    let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so"));
    assert_eq!(answer.values("set-cookie"), ["lang=vi"]);
    let counted = world.gate.metric("vneid_gate_remember_cookies_total", &[("action", "removed")]);
    assert_eq!(counted, 10.0);

    let observing = World::with(|policy| remembers(policy).change("[gate]", "[gate]\nmode = \"observe\""));
    observing.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie("remember_me=mine"));
    assert_eq!(observing.origin.only().cookie("remember_me").as_deref(), Some("mine"));
    assert_eq!(observing.gate.metric("vneid_gate_remember_cookies_total", &[("action", "observed")]), 1.0);
}
