//! Is a password log-in decided before the portal sees the password?
//!
//! The name typed says whose attempt it is, and only a body that can be read in one way is read at all. Sessions that a
//! password has opened are known as such, also when the policy changes under them.

use crate::harness::{Ask, Browser, Client, Gate, HOST, Origin, PASSWORD_PAGE, Policy, Town, portal};

const OFFICIAL: &str = "can-bo%40daknong.gov.vn";
const THEIR_NETWORK: &str = "10.20.3.4";

#[test]
fn a_citizens_password_never_reaches_the_portal() {
    let town = Town::start();
    for name in [
        "079203001234",
        "245123456",
        "0912345678",
        "%2B84912345678",
        "+079203001234+",
        "%20079203001234%09",
        "%EF%BC%90%EF%BC%97%EF%BC%99%EF%BC%92%EF%BC%90%EF%BC%93%EF%BC%90%EF%BC%90%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94",
        "nguyen.van.a",
        "nguyen%40example.vn",
        "can-bo%40daknong.gov.vn.example",
        "a%40b%40daknong.gov.vn",
        "can-bo%40daknong.gov.vn%0A079203001234",
        "",
    ] {
        let answer = Browser::new(&town.gate).type_password(name, "dung");
        assert_eq!(answer.status, 403, "{name}");
        assert!(answer.text().contains("VNeID"), "the page says what to do next");
        town.origin.expect_untouched();
        for port in ["main", "proxied"] {
            let text = format!("{{\"username\":\"{}\",\"password\":\"dung\"}}", plain(name));
            let ask = Ask::json("/api/dang-nhap", &text).with("X-Forwarded-For", THEIR_NETWORK);
            let answer = town.gate.ask_at(port, &ask);
            assert_eq!(answer.status, 403, "{name} {text}");
            assert_eq!(answer.value("content-type"), Some("application/problem+json"));
            town.origin.expect_untouched();
        }
    }
    town.expect_untouched();
}

fn plain(name: &str) -> String {
    name.replace("%40", "@").replace("%2B", "+").replace("%0A", "\\n").replace("%09", "\\t").replace("%20", " ")
}

#[test]
fn an_attempt_is_one_in_every_spelling_of_its_address() {
    let town = Town::start();
    for target in [
        "/dich-vu-cong/cong-dan/dang-nhap?return-url=/nop-ho-so",
        "/dich-vu-cong/cong-dan/%64ang-nhap",
        "/dich-vu-cong/cong%2Ddan/dang-nhap?",
        "http://dichvucong.daknong.gov.vn/dich-vu-cong/cong-dan/dang-nhap",
    ] {
        let ask = Ask::form(target, "username=079203001234&password=dung");
        assert_eq!(town.gate.ask(&ask).status, 403, "{target}");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

/// Bodies of a form that two servers could read in two ways, or that hide the name from one of them.
const TWISTED_FORMS: &[&str] = &[
    "username=can-bo%40daknong.gov.vn&username=079203001234",
    "username=079203001234&username=can-bo%40daknong.gov.vn",
    "username=can-bo%40daknong.gov.vn&user%6eame=079203001234",
    "username=can-bo%40daknong.gov.vn&username[]=079203001234",
    "username=can-bo%40daknong.gov.vn&username%5B%5D=079203001234",
    "username=can-bo%40daknong.gov.vn&username[0]=079203001234",
    "username=can-bo%40daknong.gov.vn&username[=079203001234",
    "username=can-bo%40daknong.gov.vn&+username=079203001234",
    "username=can-bo%40daknong.gov.vn&%20username=079203001234",
    "username=can-bo%40daknong.gov.vn&username%00=079203001234",
    "username=can-bo%40daknong.gov.vn&username%00x=079203001234",
    "username=can-bo%40daknong.gov.vn&USERNAME=079203001234",
    "username=can-bo%40daknong.gov.vn%ff",
    "username=can-bo%zz%40daknong.gov.vn",
    "username=can-bo%40daknong.gov.vn%00079203001234",
    "username[]=can-bo%40daknong.gov.vn",
    "password=dung",
    "",
];

const TWISTED_JSON: &[&str] = &[
    r#"{"username":"can-bo@daknong.gov.vn","username":"079203001234"}"#,
    r#"{"username":"079203001234","username":"can-bo@daknong.gov.vn"}"#,
    r#"{"username":"can-bo@daknong.gov.vn","\u0075sername":"079203001234"}"#,
    r#"{"username":["can-bo@daknong.gov.vn"]}"#,
    r#"{"username":79203001234}"#,
    r#"{"username":null}"#,
    r#"{"username":"can-bo@daknong.gov.vn"}{"username":"079203001234"}"#,
    r#"{"username":"can-bo@daknong.gov.vn",}"#,
    r#"{"username":"can-bo@daknong.gov.vn"#,
    r#"[{"username":"can-bo@daknong.gov.vn"}]"#,
    r#"{"user":{"username":"can-bo@daknong.gov.vn"}}"#,
    "username=can-bo%40daknong.gov.vn",
    "{}",
    "",
];

#[test]
fn a_body_that_can_be_read_in_two_ways_is_not_forwarded() {
    let town = Town::start();
    let from_their_network = |ask: Ask| town.gate.ask_at("proxied", &ask.with("X-Forwarded-For", THEIR_NETWORK));
    for form in TWISTED_FORMS {
        let status = from_their_network(Ask::form(PASSWORD_PAGE, form)).status;
        assert!(matches!(status, 400 | 403), "{form}: {status}");
        town.origin.expect_untouched();
    }
    for query in ["username=079203001234", "a=b&user%6eame=x", "username%5B%5D=x", "+username=x"] {
        let ask = Ask::form(&format!("{PASSWORD_PAGE}?{query}"), &format!("username={OFFICIAL}&password=dung"));
        let status = from_their_network(ask).status;
        assert!(matches!(status, 400 | 403), "{query}: {status}");
        town.origin.expect_untouched();
    }
    for text in TWISTED_JSON {
        let status = from_their_network(Ask::json("/api/dang-nhap", text)).status;
        assert!(matches!(status, 400 | 403), "{text}: {status}");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn a_body_in_a_form_that_the_gate_does_not_read_is_not_forwarded() {
    let town = Town::start();
    let form = format!("username={OFFICIAL}&password=dung");
    let typed = |kind: &str| Ask::post(PASSWORD_PAGE, form.as_str()).with("Content-Type", kind);
    let form_type = "application/x-www-form-urlencoded";
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n079203001234\r\n--x--\r\n";
    let cases = [
        ("no type", Ask::post(PASSWORD_PAGE, form.as_str())),
        ("another type", typed("text/plain")),
        ("json at a form", typed("application/json")),
        ("a type and more", typed("application/x-www-form-urlencoded, multipart/form-data; boundary=x")),
        ("a look-alike", typed("application/x-www-form-urlencodedx")),
        ("another charset", typed("application/x-www-form-urlencoded; charset=utf-16")),
        ("utf-7", typed("application/x-www-form-urlencoded; charset=utf-7")),
        ("two types", typed(form_type).with("Content-Type", "multipart/form-data; boundary=x")),
        ("an encoding", typed(form_type).with("Content-Encoding", "gzip")),
        ("two encodings", typed(form_type).with("Content-Encoding", "identity, gzip")),
        ("multipart", Ask::post(PASSWORD_PAGE, multipart).with("Content-Type", "multipart/form-data; boundary=x")),
        ("form at json", Ask::form("/api/dang-nhap", &form)),
        ("no body", Ask::new("POST", PASSWORD_PAGE)),
    ];
    for (what, ask) in cases {
        let status = town.gate.ask_at("proxied", &ask.with("X-Forwarded-For", THEIR_NETWORK)).status;
        assert!(matches!(status, 400 | 403 | 415), "{what}: {status}");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn a_body_that_is_too_large_to_be_a_log_in_is_not_forwarded() {
    let town = Town::start();
    let form = format!("pad={}&username={OFFICIAL}&password=dung", "x".repeat(2 * 1024 * 1024));
    let declared = Ask::form(PASSWORD_PAGE, &form).with("X-Forwarded-For", THEIR_NETWORK);
    assert_eq!(town.gate.ask_at("proxied", &declared).status, 413);
    town.origin.expect_untouched();
    let mut client = Client::connect(&town.gate.address("proxied"));
    let head = format!(
        "POST {PASSWORD_PAGE} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: {THEIR_NETWORK}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.send(head.as_bytes());
    client.send(format!("{:x}\r\n{form}\r\n0\r\n\r\n", form.len()).as_bytes());
    assert!(client.maybe_answer().is_none_or(|answer| answer.status == 413));
    town.expect_untouched();
}

#[test]
fn an_officials_attempt_from_their_network_reaches_the_portal_as_it_was_typed() {
    let town = Town::start();
    let body = format!("csrf=a%2Bb&username={OFFICIAL}&password=dung&x=%e1%bb%93+");
    let ask = Ask::form(&format!("{PASSWORD_PAGE}?return-url=%2F"), &body).with("X-Forwarded-For", THEIR_NETWORK);
    assert_eq!(town.gate.ask_at("proxied", &ask).status, 302);
    let request = town.origin.only();
    assert_eq!(String::from_utf8_lossy(&request.body), body);
    assert_eq!(request.target(), format!("{PASSWORD_PAGE}?return-url=%2F"));
    assert_eq!(request.value("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.vouched(), "official/password/0");

    let mut client = Client::connect(&town.gate.address("proxied"));
    let half = body.len() / 2;
    let (head, tail) = body.split_at(half);
    client.send(
        format!(
            "POST {PASSWORD_PAGE} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: {THEIR_NETWORK}\r\n\
             Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n\
             {half:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
            tail.len()
        )
        .as_bytes(),
    );
    assert_eq!(client.answer().status, 302);
    assert_eq!(String::from_utf8_lossy(&town.origin.only().body), body);
}

#[test]
fn an_official_works_from_their_network_only() {
    let town = Town::start();
    let mut official = Browser::behind_proxy(&town.gate, THEIR_NETWORK).with_session("o");
    assert_eq!(official.type_password(OFFICIAL, "dung").status, 302);
    town.origin.take();
    assert_eq!(official.get("/nop-ho-so/1").status, 200);
    assert_eq!(town.origin.only().vouched(), "official/password/0");
    let mut elsewhere = Browser::behind_proxy(&town.gate, "203.0.113.5").with_session("o");
    assert_eq!(elsewhere.get("/nop-ho-so/1").status, 303);
    let mut spoofed = Browser::new(&town.gate).with_session("o");
    let claim = Ask::get("/nop-ho-so/1").navigating().with("X-Forwarded-For", THEIR_NETWORK);
    assert_eq!(spoofed.ask(claim).status, 303, "an address that nobody trusted said");
    town.expect_untouched();
}

#[test]
fn an_officials_attempt_from_elsewhere_gets_a_page_and_no_redirect() {
    let town = Town::start();
    for mut browser in [Browser::new(&town.gate), Browser::behind_proxy(&town.gate, "203.0.113.5")] {
        let answer = browser.type_password(OFFICIAL, "dung");
        assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
        assert_eq!(answer.value("location"), None, "what was typed is not lost by a silent redirect");
        town.origin.expect_untouched();
    }
    town.expect_untouched();
}

#[test]
fn a_password_log_in_replaces_what_the_session_was_before() {
    let town = Town::start();
    for (body, expected) in [("dung", "official/password/0"), ("sai", "unknown/unknown/0")] {
        let mut person = Browser::behind_proxy(&town.gate, THEIR_NETWORK);
        person.log_in_with_vneid(body);
        person.type_password(OFFICIAL, body);
        town.origin.take();
        person.get("/tra-cuu-ho-so");
        assert_eq!(town.origin.only().vouched(), expected, "password {body}");
    }
}

#[test]
fn a_log_in_by_json_succeeds_by_its_answer_not_by_its_status() {
    let town = Town::start();
    for (password, expected) in [("dung", "official/password/0"), ("sai", "unknown/unknown/0")] {
        let text = format!("{{\"username\":\"can-bo@daknong.gov.vn\",\"password\":\"{password}\"}}");
        let mut person = Browser::behind_proxy(&town.gate, THEIR_NETWORK).with_session(password);
        let answer = person.ask(Ask::json("/api/dang-nhap", &text));
        assert_eq!(answer.status, 200);
        assert!(answer.json()["code"].is_string(), "the portal's answer arrives whole");
        assert_eq!(String::from_utf8_lossy(&town.origin.only().body), text);
        person.get("/tra-cuu-ho-so");
        assert_eq!(town.origin.only().vouched(), expected, "password {password}");
    }
}

/// The policy as it was before the cut-over.
fn before_the_cut_over(origin: &Origin) -> Policy {
    Policy::portal(origin).change_all("2024-07-01T00:00:00+07:00", "2999-07-01T00:00:00+07:00")
}

#[test]
fn a_session_that_a_password_opened_before_the_cut_over_ends_with_it() {
    let origin = Origin::answering(portal);
    let gate = Gate::start(&before_the_cut_over(&origin));
    let mut citizen = Browser::new(&gate).with_session("legacy");
    assert_eq!(citizen.type_password("079203001234", "dung").status, 302, "the eve of the cut-over still passes");
    origin.take();
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
    assert_eq!(origin.only().vouched(), "citizen/password/0");

    gate.reload(&Policy::portal(&origin), "ok");
    assert_eq!(citizen.get("/assets/a.js").status, 200);
    assert_eq!(origin.only().vouched(), "citizen/password/0");
    for target in ["/nop-ho-so/1", "/tra-cuu-ho-so", "/"] {
        let mut browser = Browser::new(&gate).with_session("legacy");
        let page = browser.get(target);
        assert_eq!(page.status, 403, "{target}");
        assert!(page.text().contains("VNeID"));
        assert_eq!(browser.session, None, "the page clears the cookie: {:?}", page.head.fields);
        origin.expect_untouched();
        assert_eq!(browser.get("/").status, 200, "and then the start page is there again");
        origin.take();
    }
    let ask = Ask::json("/nop-ho-so/1", "{}").cookie("PHPSESSID=legacy");
    let answer = gate.ask(&ask);
    assert_eq!(answer.status, 403);
    assert_eq!(gate.audit_of(&answer.support_code())["decision"]["rule"], "citizen-uses-vneid");
    origin.expect_untouched();
}

#[test]
fn a_wrong_password_before_the_cut_over_binds_nothing() {
    let origin = Origin::answering(portal);
    let gate = Gate::start(&before_the_cut_over(&origin));
    let mut citizen = Browser::new(&gate).with_session("legacy");
    assert_eq!(citizen.type_password("079203001234", "sai").status, 200);
    assert_eq!(citizen.get("/nop-ho-so/1").status, 303);
}
