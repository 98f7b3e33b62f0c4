//! Promises about targets: every one is read in one way only, and sent on as it came.
//!
//! What two servers could read in two ways is refused with 400 for everybody; what is forwarded is byte for byte what
//! came. Bypasses of other gates stand here as cases.

use crate::harness::{Ask, HOST, World};

/// Targets that are refused whoever asks.
const AMBIGUOUS: &[&str] = &[
    // dot segments
    "/tra-cuu-ho-so/../nop-ho-so",
    "/assets/..",
    "/assets/.",
    "/..",
    "/./nop-ho-so",
    "/../../etc/passwd",
    "/assets/../",
    // encoded dots, slashes, backslashes, semicolons, percents in both spellings
    "/assets/%2e%2e/nop-ho-so",
    "/assets/%2E%2E/nop-ho-so",
    "/assets/.%2e/nop-ho-so",
    "/assets/%2e./nop-ho-so",
    "/assets%2e%2e/nop-ho-so",
    "/assets/a%2ejs",
    "/assets/..%2fnop-ho-so",
    "/assets/..%2Fnop-ho-so",
    "/assets%2f%2e%2e%2fnop-ho-so",
    "/assets/a%2fb",
    "/assets/..%5cnop-ho-so",
    "/assets/..%5Cnop-ho-so",
    "/assets/a%3bb",
    "/assets/a%3B",
    "/%256eop-ho-so",
    "/assets/%252e%252e/nop-ho-so",
    "/assets/100%25",
    // empty segments
    "//nop-ho-so",
    "//evil.example/nop-ho-so",
    "/assets//a.js",
    "/nop-ho-so//",
    "//",
    // parameters of a segment
    "/assets/..;/nop-ho-so",
    "/nop-ho-so;jsessionid=1",
    "/assets/a;b=c/d",
    "/;/nop-ho-so",
    // broken percent-encoding
    "/nop-ho-so%zz",
    "/nop-ho-so%",
    "/nop-ho-so%4",
    "/assets/%u002e",
    // control bytes, encoded
    "/nop-ho-so%00",
    "/nop-ho-so%00.css",
    "/nop-ho-so/%0d%0aSet-Cookie:%20pwned=1",
    "/assets/%0a",
    "/assets/%09",
    "/assets/%1f",
    "/assets/%7f",
    "/assets/%C2%85",
    // what is no UTF-8, and look-alikes that fold to a separator or a letter
    "/assets/%c0%ae%c0%ae/nop-ho-so",
    "/assets/%c0%af",
    "/assets/%ff",
    "/assets/%ed%a0%80",
    "/assets/%e1%ba",
    "/%EF%BD%8Eop-ho-so",
    "/assets/%EF%BC%8E%EF%BC%8E/nop-ho-so",
    "/assets/%ef%bc%8fnop-ho-so",
    "/assets/a%ef%bc%9bb",
    // bytes that do not belong into a target
    "/nop-ho-so#/assets/a.js",
    "/assets/a.js#",
    "/nop-ho-so?x=1#y",
    "/assets/x /nop-ho-so",
    "/assets\\..\\nop-ho-so",
    "\\nop-ho-so",
    "/nop-ho-so\u{1}",
    "/nop-ho-so\t",
    "/assets/hồ-sơ",
    "/assets/a?q=hồ-sơ",
    "nop-ho-so",
    "*",
];

#[test]
fn what_two_servers_could_read_in_two_ways_is_refused() {
    let world = World::start();
    for target in AMBIGUOUS {
        for ask in [Ask::get(target), Ask::get(target).cookie(&world.vneid)] {
            let response = world.gate.raw(&ask.bytes()).unwrap_or_else(|| panic!("no answer to {target:?}"));
            assert_eq!(response.status, 400, "{target:?}");
            world.origin.expect_untouched();
        }
    }
    world.expect_untouched();
}

#[test]
fn raw_bytes_in_a_target_are_refused() {
    let world = World::start();
    let targets: [&[u8]; 7] =
        [b"/assets/\x00", b"/assets/\x7f", b"/assets/\xff", b"/assets/\xe1\xbb\x93", b"/assets/a\rb", b"", b"/a b c"];
    for target in targets {
        let host = format!(" HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let request = [b"GET ", target, host.as_bytes()].concat();
        let response = world.gate.raw(&request);
        assert!(response.is_none_or(|r| r.status == 400), "{target:?}");
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

/// Targets that are another spelling of a closed page, or look like an open one, and are no way in.
const CLOSED: &[&str] = &[
    "/nop-ho-so",
    "/nop-ho-so/",
    "/nop-ho-so?/assets/a.js",
    "/nop-ho-so?a=b",
    "/nop-ho-so?x=1&x=2",
    "/nop-ho-so?next=/assets/",
    "/%6eop-ho-so",
    "/%4Eop-ho-so",
    "/nop%2Dho-so",
    "/NOP-HO-SO",
    "/Assets/a.js",
    "/assets",
    "/assets../nop-ho-so",
    "/assetsx",
    "/tra-cuu-ho-so-noi-bo",
    "/tra-cuu-ho-so.json",
    "/dang-nhap",
    "/favicon.ico/",
    "/index.php/assets/a.js",
];

#[test]
fn another_spelling_is_no_way_in() {
    let world = World::start();
    for target in CLOSED {
        for ask in [Ask::get(target), Ask::get(target).cookie("PHPSESSID=never-seen-being-born")] {
            let response = world.gate.ask(&ask);
            assert_eq!(response.status, 401, "{target}");
            assert!(response.is_the_gates(), "{target}");
            world.origin.expect_untouched();
        }
    }
    world.expect_untouched();
}

/// Targets that are forwarded as they stand.
const INNOCENT: &[&str] = &[
    "/nop-ho-so?a=b",
    "/nop-ho-so/h%E1%BB%93-s%C6%A1",
    "/nop-ho-so/h%e1%bb%93-s%c6%a1",
    "/nop-ho-so/%C4%90%E1%BA%AFk-N%C3%B4ng",
    "/nop-ho-so/Thu%CC%89-tu%CC%A3c",
    "/nop-ho-so/a%20b",
    "/nop-ho-so/a+b",
    "/nop-ho-so/gi%E1%BA%A5y-t%E1%BB%9D..%C4%91%C3%A3-k%C3%BD",
    "/nop-ho-so/a..b",
    "/nop-ho-so/...",
    "/nop-ho-so/..a",
    "/nop-ho-so/.hidden",
    "/nop-ho-so/a.",
    "/nop-ho-so/",
    "/nop-ho-so/~an/(1)/a,b/c=d/e!f/$g&h'i*j:k@l",
    "/nop-ho-so/a%21%28%29%2a%2C%3A%40%26%3D%2b",
    "/%6eop-ho-so/1",
    "/nop-ho-so?",
    "/nop-ho-so??",
    "/nop-ho-so?a=/b/../c",
    "/nop-ho-so?return-url=%2Fnop-ho-so%2F1%3Fx%3D1",
    "/nop-ho-so?return-url=https://dichvucong.daknong.gov.vn/a//b",
    "/nop-ho-so?a=%2e%2e%2f&b=%00&c=%0d%0a&d=%25&e=%5c",
    "/nop-ho-so?q=%C4%90%E1%BA%AFk+N%C3%B4ng&q=%ff",
    "/nop-ho-so?code=YWJj+ZGVm/Z2hp==&state=a%2Bb%2Fc%3D",
    "/nop-ho-so?a;b;c=1",
    "/nop-ho-so?a=1&&b=&=c&",
    "/nop-ho-so?%zz=%",
    "/dang-nhap/vneid?return-url=/nop-ho-so/1",
];

#[test]
fn what_is_forwarded_is_byte_for_byte_what_came() {
    let world = World::start();
    let long = format!("/nop-ho-so?q={}", "h%E1%BB%93".repeat(800));
    for target in INNOCENT.iter().copied().chain([long.as_str()]) {
        // A log-in does not begin on a session that is known.
        let cookie = if target.starts_with("/dang-nhap/") { "lang=vi" } else { &world.vneid };
        let response = world.gate.ask(&Ask::get(target).cookie(cookie));
        assert!(!response.is_the_gates(), "{target}: {}", response.text());
        assert_eq!(world.origin.only().target(), target);
    }
}

/// Characters that the grammar of a target does not hold, but browsers send in queries.
const SLOPPY: &[&str] = &[
    "/nop-ho-so?a[]=1&b[c]=2",
    "/nop-ho-so?a={\"b\":1}",
    "/nop-ho-so?a=<b>",
    "/nop-ho-so?a=b|c",
    "/nop-ho-so?a=^`",
    "/nop-ho-so?a=\\b",
    "/nop-ho-so/a|b",
    "/nop-ho-so/a\"b",
    "/nop-ho-so/{a}",
    "/nop-ho-so/[a]",
];

#[test]
fn a_sloppy_target_is_refused_or_sent_on_untouched() {
    let world = World::start();
    for target in SLOPPY {
        let response = world.gate.ask(&Ask::get(target).cookie(&world.vneid));
        match response.status {
            200 => assert_eq!(world.origin.only().target(), *target),
            status => {
                assert_eq!(status, 400, "{target}");
                world.origin.expect_untouched();
            }
        }
    }
}

#[test]
fn an_absolute_target_is_judged_by_its_path_and_sent_on_in_origin_form() {
    let world = World::start();
    let target = format!("http://{HOST}/nop-ho-so/1?a=b");
    assert_eq!(world.gate.ask(&Ask::get(&target)).status, 401);
    world.origin.expect_untouched();
    assert_eq!(world.gate.ask(&Ask::get(&target).cookie(&world.vneid)).status, 200);
    assert_eq!(world.origin.only().target(), "/nop-ho-so/1?a=b");
    for ambiguous in ["/assets/../nop-ho-so", "//nop-ho-so", "/assets/%2e%2e/nop-ho-so"] {
        let ask = Ask::get(&format!("http://{HOST}{ambiguous}")).cookie(&world.vneid);
        assert_eq!(world.gate.ask(&ask).status, 400, "{ambiguous}");
        world.origin.expect_untouched();
    }
}

#[test]
fn a_relaxation_changes_what_matches_and_nothing_else() {
    let relaxed = "path_parameters = \"allow\"\nempty_segments = \"merge\"\ncase_insensitive = true\n\n[[route]]";
    let world = World::with(|policy| policy.change("[[route]]", relaxed));
    for open in ["/assets//a.js", "//assets/a.js", "/ASSETS/a.js", "/assets/a.js;v=1", "/Assets;x=1//b"] {
        assert_eq!(world.gate.ask(&Ask::get(open)).status, 200, "{open}");
        assert_eq!(world.origin.only().target(), open);
    }
    for closed in ["//nop-ho-so", "/NOP-HO-SO", "/nop-ho-so;jsessionid=1", "/Nop-Ho-So;a=b//1"] {
        assert_eq!(world.gate.ask(&Ask::get(closed)).status, 401, "{closed}");
        world.origin.expect_untouched();
        assert_eq!(world.gate.ask(&Ask::get(closed).cookie(&world.vneid)).status, 200, "{closed}");
        assert_eq!(world.origin.only().target(), closed);
    }
    for ambiguous in [
        "/assets/..;/nop-ho-so",
        "/assets/.;a/b",
        "/assets/..;x=1",
        "/assets//../nop-ho-so",
        "/assets/%2e%2e;/nop-ho-so",
        "/assets/a%3bb",
        "/assets/a%2fb",
    ] {
        assert_eq!(world.gate.ask(&Ask::get(ambiguous).cookie(&world.vneid)).status, 400, "{ambiguous}");
        world.origin.expect_untouched();
    }
}

#[test]
fn a_refused_target_is_counted_by_its_cause() {
    let world = World::start();
    let labels = [("cause", "ambiguous_target")];
    let before = world.gate.metric("vneid_gate_refused_requests_total", &labels);
    assert_eq!(world.gate.ask(&Ask::get("/assets/../nop-ho-so")).status, 400);
    world.gate.until_metric("vneid_gate_refused_requests_total", &labels, |count| count == before + 1.0);
}
