//! What every answer keeps, whatever happened: both forms, both languages, no way in for foreign markup.

use super::*;
use http::HeaderName;
use http::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};

const KINDS: [Kind; 17] = [
    Kind::Refused(Page::UseVneid),
    Kind::Refused(Page::RaiseLevel),
    Kind::Refused(Page::LogIn),
    Kind::Refused(Page::UseNationalPortal),
    Kind::Refused(Page::NotPermitted),
    Kind::LogInFirst,
    Kind::AmbiguousRequest,
    Kind::MethodNotAllowed,
    Kind::TooLarge,
    Kind::HeaderTooLarge,
    Kind::UnknownHost,
    Kind::NotSupported,
    Kind::UpstreamUnavailable,
    Kind::RequestTimeout,
    Kind::UpstreamTimeout,
    Kind::IdentityUnavailable,
    Kind::Internal,
];
const LANGUAGES: [Language; 2] = [Language::Vi, Language::En];
const AUDIENCES: [Audience; 2] = [Audience::Person, Audience::Program];

fn answer(kind: Kind) -> Answer<'static> {
    Answer { login_url: Some("/dang-nhap"), ..Answer::new(kind, "some-reason", "K7QM-3XPD") }
}

fn problem(answer: &Answer<'_>) -> serde_json::Value {
    serde_json::from_slice(&answer.problem(Language::En)).unwrap()
}

fn header(answer: &Answer<'_>, audience: Audience, name: &HeaderName) -> Option<String> {
    let headers = answer.headers(audience, Language::Vi);
    let found: Vec<_> = headers.iter().filter(|(candidate, _)| *candidate == name).collect();
    assert!(found.len() < 2, "{name} is there twice");
    Some(found.first()?.1.to_str().unwrap().to_owned())
}

/// Every tag is closed in order, every attribute is quoted and named once an element, every `&` begins an entity.
fn assert_well_formed(html: &str) {
    let body = html.strip_prefix("<!doctype html>\n").unwrap();
    let (before, rest) = body.split_once("<style>").unwrap();
    let (style, after) = rest.split_once("</style>").unwrap();
    assert!(!style.contains('<'));
    let mut open: Vec<String> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for (index, piece) in format!("{before}{after}").split('<').enumerate() {
        let (tag, text) = if index == 0 { ("", piece) } else { piece.split_once('>').unwrap() };
        assert!(!text.contains('>'), "{text}");
        for entity in piece.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)), "{entity}");
        }
        if index == 0 {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in another order");
            continue;
        }
        let name = tag.split(' ').next().unwrap();
        let quoted: Vec<&str> = tag.split('"').collect();
        assert_eq!(quoted.len() % 2, 1, "{tag}");
        for pair in quoted[..quoted.len() - 1].chunks(2) {
            let attribute = pair[0].trim();
            assert!(attribute.ends_with('=') && !attribute.starts_with("on") && attribute != "style=", "{tag}");
            if attribute == "id=" || attribute.ends_with(" id=") {
                assert!(!ids.contains(&pair[1].to_owned()), "id {} is there twice", pair[1]);
                ids.push(pair[1].to_owned());
            }
        }
        if !["meta", "br"].contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} left open");
}

#[test]
fn every_kind_has_a_page_in_both_languages_that_is_small_and_well_formed() {
    for kind in KINDS {
        for language in LANGUAGES {
            let html = Answer { why: Some("Vì sao"), submission: true, ..answer(kind) }.html(language);
            assert_well_formed(&html);
            assert!(html.len() < 12 * 1024, "{kind:?} takes {} bytes", html.len());
            assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())));
            for lang in ["vi", "en"] {
                assert_eq!(html.matches(&format!("<section id=\"{lang}\" lang=\"{lang}\">")).count(), 1);
            }
            let first = html.find(&format!("<section id=\"{}\"", language.tag())).unwrap();
            let second = html.find(&format!("<section id=\"{}\"", language.other().tag())).unwrap();
            assert!(first < second, "the reader's language comes first");
            assert_eq!(html.matches("<h1>").count(), 1);
            assert_eq!(html.matches("<main>").count(), 1);
            assert!(html.contains("K7QM-3XPD") && html.contains("some-reason"), "{kind:?}");
        }
    }
}

#[test]
fn a_page_loads_and_runs_nothing() {
    for kind in KINDS {
        let html = answer(kind).html(Language::Vi);
        for word in ["<script", "<img", "<iframe", "<form", "<link", "<svg", "src=", "url(", "@import", "http-equiv"] {
            assert!(!html.contains(word), "{kind:?} has {word}");
        }
    }
}

#[test]
fn every_kind_has_a_problem_document() {
    for kind in KINDS {
        let answer = answer(kind);
        let problem = problem(&answer);
        assert_eq!(problem["type"], "urn:vneid-gate:problem:some-reason");
        assert_eq!(problem["status"], answer.status(Audience::Program).as_u16());
        assert_eq!(problem["reason"], "some-reason");
        assert_eq!(problem["support_code"], "K7QM-3XPD");
        for member in ["title", "detail"] {
            let sentence = problem[member].as_str().unwrap();
            assert!(!sentence.is_empty() && !sentence.contains('<'), "{kind:?}: {member}");
            let in_vietnamese = String::from_utf8(answer.problem(Language::Vi)).unwrap();
            assert!(!in_vietnamese.contains(sentence), "{kind:?}: {member} is the same in Vietnamese");
        }
        for language in LANGUAGES {
            let own = text::text(kind, language);
            let written: serde_json::Value = serde_json::from_slice(&answer.problem(language)).unwrap();
            assert_eq!((&written["title"], &written["detail"]), (&own.heading.into(), &own.summary.into()));
        }
        assert!(problem.get("why").is_none());
    }
}

#[test]
fn the_status_says_what_happened() {
    let status = |kind, audience| answer(kind).status(audience).as_u16();
    for audience in AUDIENCES {
        for page in Page::ALL {
            assert_eq!(status(Kind::Refused(*page), audience), 403);
        }
    }
    assert_eq!(status(Kind::LogInFirst, Audience::Program), 401);
    assert_eq!(status(Kind::LogInFirst, Audience::Person), 403);
    let technical: Vec<u16> = KINDS[6..].iter().map(|kind| status(*kind, Audience::Person)).collect();
    assert_eq!(technical, [400, 405, 413, 431, 421, 415, 502, 408, 504, 503, 500]);
}

#[test]
fn a_program_that_must_log_in_gets_a_challenge_and_a_person_does_not() {
    assert_eq!(header(&answer(Kind::LogInFirst), Audience::Program, &WWW_AUTHENTICATE).as_deref(), Some("Bearer"));
    assert_eq!(header(&answer(Kind::LogInFirst), Audience::Person, &WWW_AUTHENTICATE), None);
    assert_eq!(header(&answer(Kind::Refused(Page::UseVneid)), Audience::Program, &WWW_AUTHENTICATE), None);
}

#[test]
fn every_answer_carries_the_fixed_headers() {
    for kind in KINDS {
        for audience in AUDIENCES {
            let answer = answer(kind);
            let value = |name: &'static str| header(&answer, audience, &HeaderName::from_static(name)).unwrap();
            assert_eq!(value("cache-control"), "no-store");
            assert_eq!(value("x-content-type-options"), "nosniff");
            assert_eq!(value("referrer-policy"), "no-referrer");
            assert_eq!(value("x-support-code"), "K7QM-3XPD");
            assert!(value("vary").contains("Sec-Fetch-Mode"));
            assert!(value("content-security-policy").starts_with("default-src 'none';"));
            assert!(value("content-security-policy").contains("frame-ancestors 'none'"));
            for callers in [ALLOW, SET_COOKIE, LOCATION] {
                assert_eq!(header(&answer, audience, &callers), None);
            }
        }
    }
    let answer = answer(Kind::Internal);
    assert_eq!(header(&answer, Audience::Person, &CONTENT_TYPE).as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(header(&answer, Audience::Program, &CONTENT_TYPE).as_deref(), Some("application/problem+json"));
    let policy = header(&answer, Audience::Person, &CONTENT_SECURITY_POLICY).unwrap();
    assert!(policy.contains("form-action 'none'") && policy.contains("base-uri 'none'"));
}

#[test]
fn the_steps_of_the_notice_stand_in_its_order() {
    let html = answer(Kind::Refused(Page::UseVneid)).html(Language::Vi);
    let mut from = html.find("<ol>").unwrap();
    for words in [
        "trang chủ",
        "“Đăng nhập”",
        "“Đăng nhập bằng tài khoản định danh điện tử cấp bởi Bộ Công an”",
        "số căn cước công dân và mật khẩu của tài khoản VNeID",
        "mã OTP",
        "quét mã QR bằng ứng dụng VNeID",
        "trở lại hệ thống",
    ] {
        from += html[from..].find(words).unwrap_or_else(|| panic!("{words} is missing or too early"));
    }
    for words in ["01/7/2024", "mức độ 2", "3781/UBND-NC", "27/TB-STTTT", "28/6/2024", "href=\"https://vneid.gov.vn\""]
    {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn words_of_the_portals_buttons_are_marked_as_vietnamese_in_english() {
    let html = answer(Kind::Refused(Page::UseVneid)).html(Language::En);
    let english = &html[html.find("<section id=\"en\"").unwrap()..html.find("<section id=\"vi\"").unwrap()];
    for quoted in english.match_indices('“').map(|(at, _)| &english[..at]) {
        assert!(quoted.ends_with("lang=\"vi\">"), "{}", &quoted[quoted.len().saturating_sub(80)..]);
    }
}

#[test]
fn the_way_to_the_log_in_is_shown_where_a_log_in_helps() {
    for kind in KINDS {
        let answer = answer(kind);
        let helps = matches!(kind, Kind::Refused(_) | Kind::LogInFirst | Kind::NotSupported);
        assert_eq!(answer.html(Language::Vi).contains("href=\"/dang-nhap\""), helps, "{kind:?}");
        assert_eq!(problem(&answer).get("login_url").is_some(), helps, "{kind:?}");
    }
}

#[test]
fn an_unsafe_log_in_address_is_left_out_of_both_forms() {
    for unsafe_url in ["//evil.example/", "/\\evil.example", "javascript:alert(1)", "http://evil.example/", "/a\r\nb"] {
        let answer = Answer { login_url: Some(unsafe_url), ..answer(Kind::Refused(Page::UseVneid)) };
        let html = answer.html(Language::Vi);
        assert!(!html.contains("class=\"button\"") && !html.contains("evil") && !html.contains("javascript"));
        assert!(problem(&answer).get("login_url").is_none());
    }
    let answer =
        Answer { national_portal_url: "javascript:alert(1)", ..answer(Kind::Refused(Page::UseNationalPortal)) };
    assert!(!answer.html(Language::Vi).contains("javascript"));
}

#[test]
fn foreign_text_stays_text() {
    let hostile = "</span><script>alert('1')</script>\"&\0";
    let answer = Answer {
        kind: Kind::Refused(Page::UseVneid),
        reason: hostile,
        support_code: hostile,
        login_url: Some("/dang-nhap?a=\"><script>&b='"),
        national_portal_url: "https://dichvucong.gov.vn/\"><script>",
        why: Some(hostile),
        submission: true,
    };
    for language in LANGUAGES {
        let html = answer.html(language);
        assert_well_formed(&html);
        assert!(!html.contains("<script") && !html.contains('\0'));
        assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;\u{FFFD}"));
        assert!(html.contains("href=\"/dang-nhap?a=&quot;&gt;&lt;script&gt;&amp;b=&#39;\""));
    }
    assert_eq!(problem(&answer)["why"], hostile);
    assert_eq!(problem(&answer)["support_code"], hostile);
}

#[test]
fn a_code_that_would_split_the_header_is_left_out_of_it() {
    let answer = Answer { support_code: "A\r\nSet-Cookie: pwned=1", ..answer(Kind::Internal) };
    for audience in AUDIENCES {
        assert_eq!(header(&answer, audience, &headers::X_SUPPORT_CODE), None);
        assert_eq!(header(&answer, audience, &SET_COOKIE), None);
    }
}

#[test]
fn the_rules_own_sentence_is_shown_to_people_and_programs() {
    let why = "Công dân sử dụng duy nhất tài khoản VNeID (3781/UBND-NC)";
    let answer = Answer { why: Some(why), ..answer(Kind::Refused(Page::UseVneid)) };
    assert!(answer.html(Language::En).contains(&format!("<span lang=\"vi\">{why}</span>")));
    assert_eq!(problem(&answer)["why"], why);
}

#[test]
fn a_form_is_never_lost_without_a_word() {
    let page = |kind, submission| Answer { submission, ..answer(kind) }.html(Language::Vi);
    let forwarded = [Kind::UpstreamUnavailable, Kind::RequestTimeout, Kind::UpstreamTimeout, Kind::Internal];
    for kind in KINDS {
        let html = page(kind, true);
        assert!(html.contains("Quay lại"), "{kind:?}");
        assert!(!html.contains("tải lại trang"), "{kind:?}: to reload would send the form again");
        assert_eq!(html.contains("có thể đã đến hệ thống"), forwarded.contains(&kind), "{kind:?}");
        assert_eq!(html.contains("chưa đến hệ thống"), !forwarded.contains(&kind), "{kind:?}");
    }
    assert!(!page(Kind::Refused(Page::UseVneid), false).contains("chưa đến hệ thống"));
}

#[test]
fn the_log_in_opens_in_a_new_tab_where_this_one_holds_a_form() {
    let page = |kind, submission| Answer { submission, ..answer(kind) }.html(Language::Vi);
    let new_tab = "href=\"/dang-nhap\" target=\"_blank\" rel=\"noopener noreferrer\"";
    assert!(page(Kind::LogInFirst, false).contains(new_tab));
    assert!(page(Kind::Refused(Page::UseVneid), true).contains(new_tab));
    assert!(!page(Kind::Refused(Page::UseVneid), false).contains("target="));
}
