//! Promises about cookies: everybody reads one in one way.
//!
//! A session in a cookie is only as good as the agreement on which cookie it is: what some portal
//! might read as a second session, or as another one, is refused.

use crate::harness::{Ask, Authority, Browser, Curl, Gate, HOST, Issuer, Origin, Policy, World, portal};

#[test]
fn two_cookies_of_one_name_are_refused() {
    let world = World::start();
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
        assert_eq!(world.gate.ask(&ask).status, 400, "{fields:?}");
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn a_cookie_that_only_the_portal_would_read_as_the_session_is_no_way_in() {
    let world = World::start();
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
        let response = world.gate.ask(&Ask::get("/nop-ho-so").cookie(cookie));
        if response.status == 200 {
            let sent = world.origin.only().values("cookie").join("; ");
            assert!(!sent.contains("other"), "{cookie} -> {sent}");
        } else {
            assert!(matches!(response.status, 400 | 401), "{cookie}: {}", response.status);
            world.origin.expect_untouched();
        }
    }
}

#[test]
fn thousands_of_cookies_are_bounded() {
    let world = World::start();
    let many: Vec<String> = (0..5000).map(|n| format!("c{n}=1")).collect();
    let response = world.gate.ask(&Ask::get("/nop-ho-so").cookie(&many.join("; ")).with("X", "y"));
    assert!(matches!(response.status, 400 | 401 | 431), "{}", response.status);
    world.expect_untouched();
}

/// Names that PHP reads as `access_token`.
const FOLDED: &[&str] =
    &["access.token", "access token", "access[token", "ACCESS_TOKEN", "access%5Ftoken", " access_token"];

#[test]
fn a_name_that_a_portal_would_fold_into_a_credential_is_refused() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    let token = issuer.key.mint(&issuer.legacy());
    for name in FOLDED {
        let answer = gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(&format!("a=b; {name}={token}")));
        if answer.status == 200 {
            let sent = origin.only().values("cookie").join("; ");
            assert!(!sent.contains(&token), "`{name}` travelled unseen");
        } else {
            assert!(matches!(answer.status, 400 | 403), "`{name}`: {}", answer.status);
        }
        origin.expect_untouched();
    }
}

#[test]
fn another_spelling_of_a_refused_session_is_refused_too() {
    let origin = Origin::answering(portal);
    let before = Policy::portal(&origin).change_all("2024-07-01T00:00:00+07:00", "2999-07-01T00:00:00+07:00");
    let gate = Gate::start(&before);
    Browser::new(&gate).with_session("legacy-1").type_password("079203001234", "dung");
    gate.reload(&Policy::portal(&origin), "ok");
    origin.take();
    for value in ["legacy-1", "legacy%2D1", "leg%61cy-1", "%6Cegacy-1"] {
        let answer = gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(&format!("PHPSESSID={value}")));
        assert!(matches!(answer.status, 400 | 403), "{value}: {}", answer.status);
        origin.expect_untouched();
    }
    let foreign = Ask::get("/tra-cuu-ho-so").cookie("PHPSESSID=s%3Anever-seen.abc%2F");
    assert_eq!(gate.ask(&foreign).status, 200, "an encoded value that is nobody's is a visitor's");
}

#[test]
fn several_cookie_fields_without_a_second_session_are_one() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    let ask = Ask::get("/nop-ho-so").cookie("a=1").cookie(&world.vneid).cookie("b=2");
    assert_eq!(world.gate.ask(&ask).status, 200);
    let request = world.origin.only();
    assert_eq!(request.vouched(), "citizen/vneid/2");
    assert_eq!(request.values("cookie").join("; "), "a=1; PHPSESSID=born-by-vneid; b=2");
    let field = format!("Cookie: {}", world.vneid);
    let crumbs = ["--http2", "--header", "Cookie: a=1", "--header", &field, "--header", "Cookie: b=2"];
    let seen = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file()).with(&crumbs).https("/nop-ho-so");
    assert_eq!(seen.status, 200, "{}", seen.text);
    let request = world.origin.only();
    assert_eq!(request.values("cookie"), ["a=1; PHPSESSID=born-by-vneid; b=2"], "HTTP/2 splits what HTTP/1 joins");
    let twice = [&crumbs[..], &["--header", "Cookie: PHPSESSID=x"]].concat();
    let seen = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file()).with(&twice).https("/nop-ho-so");
    assert_eq!(seen.status, 400);
    world.expect_untouched();
}

/// aiohttp 3.14 ends a cookie at a blank, PHP before 7.4.11 decodes names, PHP cuts them at NUL; HTTP/2 sends crumbs.
#[test]
fn what_any_server_would_read_as_the_session_is_one() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    for alike in [
        "a=1 PHPSESSID=legacy",
        "a=1\tPHPSESSID=legacy",
        "%20PHPSESSID=legacy",
        "+PHPSESSID=legacy",
        "PHPSESSID%00x=legacy",
        "phpsessid=legacy",
        "PHPSESSID[]=legacy",
    ] {
        let cookie = format!("{alike}; {}", world.vneid);
        for cookie in [cookie.as_str(), alike] {
            assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(cookie)).status, 400, "{cookie}");
        }
        let curl = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file());
        let fields = ["--http2", "-H", &format!("cookie: {alike}"), "-H", &format!("cookie: {}", world.vneid)];
        assert_eq!(curl.with(&fields).https("/tra-cuu-ho-so").status, 400, "{alike}");
        world.origin.expect_untouched();
    }
}

#[test]
fn whoever_is_to_blame_for_an_ambiguous_request_is_taken_out_of_the_browser() {
    let world = World::start();
    let cookie = format!("phpsessid=x; lang=vi; {}", world.vneid);
    let answer = world.gate.ask(&Ask::get("/dich-vu-cong/tra-cuu").navigating().cookie(&cookie));
    let expired = answer.values("set-cookie");
    for wanted in [
        "phpsessid=; Path=/; Max-Age=0",
        "phpsessid=; Path=/dich-vu-cong; Max-Age=0",
        "Domain=dichvucong.daknong.gov.vn",
        "Domain=daknong.gov.vn",
    ] {
        assert!(expired.iter().any(|field| field.contains(wanted)), "{wanted}: {expired:?}");
    }
    assert!(!expired.iter().any(|field| field.starts_with("lang=")), "{expired:?}");
    assert!(expired.len() <= 48);
}

/// PHP 8.2 and aiohttp 3.14 read the plain value from each.
#[test]
fn a_known_value_in_another_spelling_is_no_stranger() {
    let world = World::start();
    for value in ["born-by-vneid%00", "\"\\142orn-by-vneid\"", "born-by-vneid\\", "%62orn-by-vneid", "BORN-by-vneid"] {
        let answer = world.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(&format!("PHPSESSID={value}")));
        assert_eq!(answer.status, 400, "{value}");
        world.origin.expect_untouched();
    }
}

/// PHP without `session.use_only_cookies` opens the session that the query names; tokens may stand there by RFC 6750 §2.3.
#[test]
fn a_credential_in_the_query_is_judged_by_nobody_and_refused() {
    let world = World::start();
    for query in ["PHPSESSID=legacy", "a=b&PHPSESSID[]=x", "%50HPSESSID=x", "phpsessid=x", "a;PHPSESSID=x"] {
        for cookie in ["lang=vi", &world.vneid] {
            let ask = Ask::get(&format!("/tra-cuu-ho-so?{query}")).cookie(cookie);
            let answer = world.gate.ask(&ask);
            assert_eq!(answer.status, 400, "{query}");
            assert_eq!(world.gate.audit_of(&answer.support_code())["detail"], "credential-in-query");
            world.origin.expect_untouched();
        }
    }
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
    assert_eq!(gate.ask(&Ask::get("/tra-cuu-ho-so?access_token=x")).status, 400);
    assert_eq!(gate.ask(&Ask::get("/tra-cuu-ho-so?q=access_token")).status, 200);
}
