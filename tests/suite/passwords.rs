//! Promises about password log-ins: they are decided before the portal sees the password.
//!
//! The name typed says whose attempt it is, and only a body that can be read in one way is read at all. Sessions that a
//! password has opened are known as such, also when the policy changes under them.

use crate::harness::{Ask, Browser, Client, HOST, OFFICIAL, PASSWORD_PAGE, THEIR_NETWORK, World};

#[test]
fn a_citizens_password_never_reaches_the_portal() {
    let world = World::start();
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
        "",
    ] {
        let answer = Browser::new(&world.gate).type_password(name, "dung");
        assert_eq!(answer.status, 403, "{name}");
        assert!(answer.text().contains("VNeID"), "the page says what to do next");
        world.origin.expect_untouched();
        for port in ["main", "proxied"] {
            let text = format!("{{\"username\":\"{}\",\"password\":\"dung\"}}", plain(name));
            let ask = Ask::json("/api/dang-nhap", &text).with("X-Forwarded-For", THEIR_NETWORK);
            let answer = world.gate.ask_at(port, &ask);
            assert_eq!(answer.status, 403, "{name} {text}");
            assert_eq!(answer.value("content-type"), Some("application/problem+json"));
            world.origin.expect_untouched();
        }
    }
    world.expect_untouched();
}

fn plain(name: &str) -> String {
    name.replace("%40", "@").replace("%2B", "+").replace("%0A", "\\n").replace("%09", "\\t").replace("%20", " ")
}

#[test]
fn an_attempt_is_one_in_every_spelling_of_its_address() {
    let world = World::start();
    for target in [
        "/dich-vu-cong/cong-dan/dang-nhap?return-url=/nop-ho-so",
        "/dich-vu-cong/cong-dan/%64ang-nhap",
        "/dich-vu-cong/cong%2Ddan/dang-nhap?",
        "http://dichvucong.daknong.gov.vn/dich-vu-cong/cong-dan/dang-nhap",
    ] {
        let ask = Ask::form(target, "username=079203001234&password=dung");
        assert_eq!(world.gate.ask(&ask).status, 403, "{target}");
        world.origin.expect_untouched();
    }
    world.expect_untouched();
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
    "username=can-bo%40daknong.gov.vn&password=x;username=079203001234",
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
    let world = World::start();
    let from_their_network = |ask: Ask| world.gate.ask_at("proxied", &ask.with("X-Forwarded-For", THEIR_NETWORK));
    for form in TWISTED_FORMS {
        let status = from_their_network(Ask::form(PASSWORD_PAGE, form)).status;
        assert!(matches!(status, 400 | 403), "{form}: {status}");
        world.origin.expect_untouched();
    }
    for query in ["username=079203001234", "a=b&user%6eame=x", "username%5B%5D=x", "+username=x"] {
        let ask = Ask::form(&format!("{PASSWORD_PAGE}?{query}"), &format!("username={OFFICIAL}&password=dung"));
        let status = from_their_network(ask).status;
        assert!(matches!(status, 400 | 403), "{query}: {status}");
        world.origin.expect_untouched();
    }
    for text in TWISTED_JSON {
        let status = from_their_network(Ask::json("/api/dang-nhap", text)).status;
        assert!(matches!(status, 400 | 403), "{text}: {status}");
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn a_body_in_a_form_that_the_gate_does_not_read_is_not_forwarded() {
    let world = World::start();
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
        let status = world.gate.ask_at("proxied", &ask.with("X-Forwarded-For", THEIR_NETWORK)).status;
        assert!(matches!(status, 400 | 403 | 415), "{what}: {status}");
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn a_body_that_is_too_large_to_be_a_log_in_is_not_forwarded() {
    let world = World::start();
    let form = format!("pad={}&username={OFFICIAL}&password=dung", "x".repeat(2 * 1024 * 1024));
    let declared = Ask::form(PASSWORD_PAGE, &form).with("X-Forwarded-For", THEIR_NETWORK);
    assert_eq!(world.gate.ask_at("proxied", &declared).status, 413);
    world.origin.expect_untouched();
    let mut client = Client::connect(&world.gate.address("proxied"));
    let head = format!(
        "POST {PASSWORD_PAGE} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: {THEIR_NETWORK}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.send(head.as_bytes());
    client.send(format!("{:x}\r\n{form}\r\n0\r\n\r\n", form.len()).as_bytes());
    assert!(client.maybe_answer().is_none_or(|answer| answer.status == 413));
    world.expect_untouched();
}

#[test]
fn no_other_method_brings_a_password_past_the_gate() {
    let world = World::start();
    for method in ["PUT", "PATCH", "DELETE", "LOGIN"] {
        let ask = Ask::new(method, PASSWORD_PAGE).body("username=079203001234&password=dung");
        let ask = ask.with("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(world.gate.ask(&ask).status, 405, "{method}");
        world.origin.expect_untouched();
    }
    for target in [&format!("{PASSWORD_PAGE}/"), "/Dich-Vu-Cong/Cong-Dan/Dang-Nhap"] {
        let answer = world.gate.ask(&Ask::form(target, "username=079203001234&password=dung"));
        assert!(matches!(answer.status, 401 | 403), "{target}: {}", answer.status);
        world.origin.expect_untouched();
    }
    assert_eq!(world.gate.ask(&Ask::get(PASSWORD_PAGE)).status, 200, "the page itself is open");
    world.origin.take();
    world.expect_untouched();
}

#[test]
fn a_site_that_does_not_mind_spelling_still_knows_its_log_in() {
    let relaxed = "path_parameters = \"allow\"\nempty_segments = \"merge\"\ncase_insensitive = true\n\n[[route]]";
    let capital = ("path = \"/dich-vu-cong/cong-dan/dang-nhap\"", "path = \"/Dich-Vu-Cong/Cong-Dan/Dang-Nhap\"");
    for world in [
        World::with(|policy| policy.change("[[route]]", relaxed)),
        World::with(|policy| policy.change("[[route]]", relaxed).change(capital.0, capital.1)),
    ] {
        for target in [
            PASSWORD_PAGE,
            "/Dich-Vu-Cong/Cong-Dan/Dang-Nhap",
            "/DICH-VU-CONG/cong-dan/dang-nhap;jsessionid=1",
            "//dich-vu-cong//cong-dan;a=b/dang-nhap",
        ] {
            let ask = Ask::form(target, "username=079203001234&password=dung");
            assert_eq!(world.gate.ask(&ask).status, 403, "{target}");
            world.origin.expect_untouched();
        }
    }
}

/// Werkzeug 3.1 reads a form whatever the method, PHP 8.2 cuts names at NUL and `[`, Rack 2.2 splits at `;`.
#[test]
fn a_name_that_some_server_would_read_is_seen_or_the_portal_gets_nothing() {
    let world = World::start();
    let names = [
        "username",
        "Username",
        "username%00%ff",
        "username[%ff]",
        "username%00%z",
        "%u0075sername",
        "username%20",
        "%EF%BB%BFusername",
        "u%C5%BFername",
        "username[]",
    ];
    for name in names {
        for query in [format!("{name}=079203001234&password=dung"), format!("x=1;{name}=079203001234;password=dung")] {
            for method in ["GET", "HEAD", "OPTIONS", "POST"] {
                let ask = Ask::new(method, &format!("{PASSWORD_PAGE}?{query}"));
                let status = world.gate.ask(&if method == "POST" { ask.body("x=1") } else { ask }).status;
                assert!(matches!(status, 400 | 405 | 415), "{method} {query}: {status}");
                world.origin.expect_untouched();
            }
        }
    }
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"] {
        let form = "username=079203001234&password=dung";
        let ask = Ask::new(method, PASSWORD_PAGE).with("Content-Type", "application/x-www-form-urlencoded").body(form);
        let status = world.gate.ask(&ask).status;
        assert!(matches!(status, 400 | 405), "{method}: {status}");
        world.origin.expect_untouched();
    }
    let folded = "{\"u\u{17f}ername\":\"079203001234\",\"username\":\"can-bo@daknong.gov.vn\",\"password\":\"dung\"}";
    assert_eq!(world.gate.ask(&Ask::json("/api/dang-nhap", folded)).status, 400, "Go folds the case of members");
    assert_eq!(world.gate.ask(&Ask::get(&format!("{PASSWORD_PAGE}?return-url=%2Fnop-ho-so"))).status, 200);
}

#[test]
fn a_log_in_on_a_path_that_has_other_uses_is_told_by_a_value() {
    let login = "[[credential.login]]\nname = \"portlet\"\nrequest = { method = \"POST\", path = \"/tra-cuu-ho-so\", \
                 query = { p_p_id = \"LoginPortlet\" } }\nusername = { form = \"login\" }\n\
                 success = { status = 302, location = \"/\" }\nis = { login = \"password\", account_from = \"username\" }\n\
                 [[credential.logout]]";
    let world = World::with(|policy| policy.change("[[credential.logout]]", login));
    let post = |query: &str| {
        let ask = Ask::form(&format!("/tra-cuu-ho-so{query}"), "login=079203001234&password=dung");
        world.gate.ask(&ask).status
    };
    for query in ["?p_p_id=LoginPortlet", "?a=b&p_p_id=Login%50ortlet"] {
        assert_eq!(post(query), 403, "{query}");
    }
    for query in ["?p_p_id=Search&p_p_id=LoginPortlet", "?P_P_ID=LoginPortlet", "?p.p.id=LoginPortlet"] {
        assert_eq!(post(query), 400, "{query}");
    }
    world.origin.expect_untouched();
    for query in ["", "?p_p_id=SearchPortlet", "?q=LoginPortlet"] {
        assert_eq!(post(query), 200, "{query}");
    }
}
