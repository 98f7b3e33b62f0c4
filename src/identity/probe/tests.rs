//! What a portal's answer proves, and what it does not.

use super::*;
use crate::identity::claims::{Is, LevelFrom};
use http::HeaderValue;

fn pointer(text: &str) -> Option<Member> {
    Some(Member::Pointer(text.to_owned()))
}

fn header(name: &'static str) -> Option<Member> {
    Some(Member::Header(HeaderName::from_static(name)))
}

fn probe() -> Probe {
    Probe {
        path: "/api/me".to_owned(),
        timeout: Duration::from_secs(2),
        cache_s: 60,
        concurrency: 8,
        signed_in: pointer("/signed_in"),
        subject: pointer("/user/id"),
        account: pointer("/user/account"),
        login: pointer("/user/login"),
        level: pointer("/user/level"),
        principals: vec![],
        issuer: None,
    }
}

fn answer(status: u16, fields: &[(&'static str, &str)], body: &str) -> ProbeAnswer {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    ProbeAnswer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.as_bytes().to_vec() }
}

fn json_answer(body: &str) -> ProbeAnswer {
    answer(200, &[("content-type", "application/json; charset=utf-8")], body)
}

fn judge(body: &str) -> Option<Probed> {
    probe().judge(&json_answer(body)).unwrap()
}

#[test]
fn a_portal_tells_who_is_signed_in_and_how() {
    let body = r#"{"signed_in":true,"user":{"id":"079203001234","account":"citizen","login":"vneid","level":2}}"#;
    let facts = judge(body).unwrap().facts();
    assert_eq!((facts.account, facts.login, facts.level.number()), (Account::Citizen, Login::Vneid, 2));
    assert_eq!(facts.subject.unwrap().name(), "079203001234");
}

#[test]
fn what_is_not_told_stays_what_it_was_and_what_is_not_understood_is_unknown() {
    let level = Level::new(2).unwrap();
    let seen = Facts { account: Account::Citizen, login: Login::Vneid, level, subject: Some("typed".into()) };
    let told = |body: &str| judge(body).unwrap().over(seen.clone());
    assert_eq!(told(r#"{"signed_in":true}"#), seen);
    assert_eq!(told(r#"{"signed_in":true,"user":{"id":null,"login":null}}"#), seen);
    assert_eq!(
        told(r#"{"signed_in":true,"user":{"login":"password"}}"#).login,
        Login::Password,
        "the portal knows better"
    );
    for odd in [r#""VNEID""#, r#""""#, "7", "[\"vneid\"]", "{}", "true"] {
        let facts = told(&format!(r#"{{"signed_in":true,"user":{{"login":{odd},"account":{odd},"level":"{{}}"}}}}"#));
        assert_eq!(
            (facts.login, facts.account, facts.level),
            (Login::Unknown, Account::Unknown, Level::UNKNOWN),
            "{odd}"
        );
    }
}

#[test]
fn nobody_is_signed_in_where_the_portal_says_so() {
    assert_eq!(judge(r#"{"signed_in":false,"user":{"id":"079203001234"}}"#), None);
    assert_eq!(probe().judge(&answer(401, &[], "")).unwrap(), None);
    let by_subject = Probe { signed_in: None, ..probe() };
    for body in ["{}", r#"{"user":null}"#, r#"{"user":{"id":""}}"#, r#"{"user":{"id":null}}"#] {
        assert_eq!(by_subject.judge(&json_answer(body)).unwrap(), None, "{body}");
    }
    let told = by_subject.judge(&json_answer(r#"{"user":{"id":4711}}"#)).unwrap().unwrap();
    assert_eq!(told.subject.unwrap().name(), "4711", "portals count their accounts");
}

#[test]
fn an_answer_that_cannot_be_read_is_none() {
    let json = [("content-type", "application/json")];
    for (status, fields, body) in [
        (302, &json[..], r#"{"signed_in":true}"#),
        (500, &json, r#"{"signed_in":true}"#),
        (403, &json, r#"{"signed_in":true}"#),
        (204, &[], ""),
        (200, &[("content-type", "text/html")], "<html>"),
        (200, &[("content-type", "text/html")], r#"{"signed_in":true}"#),
        (200, &[], r#"{"signed_in":true}"#),
        (200, &[("content-type", "application/json"), ("content-encoding", "gzip")], r#"{"signed_in":true}"#),
        (200, &json, ""),
        (200, &json, "{"),
        (200, &json, r#"{"signed_in":true,"signed_in":false}"#),
        (200, &json, r#"{"signed_in":true} {}"#),
        (200, &json, "{}"),
        (200, &json, r#"{"signed_in":"true"}"#),
        (200, &json, r#"{"signed_in":1}"#),
        (200, &json, r#"{"signed_in":null}"#),
        (200, &json, "[]"),
        (200, &json, r#"{"signed_in":true,"user":{"id":{}}}"#),
        (200, &json, r#"{"signed_in":true,"user":{"id":[1]}}"#),
        (200, &json, r#"{"signed_in":true,"user":{"id":1.5}}"#),
        (200, &json, r#"{"signed_in":true,"user":{"id":true}}"#),
        (200, &json, r#"{"signed_in":true,"user":{"id":" a"}}"#),
        (200, &json, r#"{"signed_in":true,"user":{"id":"a\nb"}}"#),
    ] {
        assert!(probe().judge(&answer(status, fields, body)).is_err(), "{status} {fields:?} {body}");
    }
}

#[test]
fn headers_alone_need_no_json() {
    let none = Probe { signed_in: None, subject: None, account: None, login: None, level: None, ..probe() };
    let probe = Probe { subject: header("x-user"), login: header("x-login"), ..none };
    assert!(!probe.reads_json() && probe.tells_login());
    let told =
        probe.judge(&answer(200, &[("x-user", "079203001234"), ("x-login", "vneid")], "<html>")).unwrap().unwrap();
    assert_eq!((told.login, told.account), (Some(Login::Vneid), None));
    assert_eq!(probe.judge(&answer(200, &[], "")).unwrap(), None);
    assert_eq!(probe.judge(&answer(200, &[("x-user", " ")], "")).unwrap(), None);
    assert!(probe.judge(&answer(200, &[("x-user", "a"), ("x-user", "b")], "")).is_err());
    let twice = [("x-user", "a"), ("x-login", "vneid"), ("x-login", "vneid")];
    assert_eq!(probe.judge(&answer(200, &twice, "")).unwrap().unwrap().login, Some(Login::Unknown));
    let said = Probe { signed_in: header("x-in"), ..probe };
    assert_eq!(said.judge(&answer(200, &[("x-in", "false"), ("x-user", "a")], "")).unwrap(), None);
    assert!(said.judge(&answer(200, &[("x-in", "yes")], "")).is_err());
    assert!(said.judge(&answer(200, &[("x-user", "a")], "")).is_err(), "said nothing");
}

#[test]
fn rules_map_what_the_portal_tells_and_a_member_says_it_better() {
    let equals = vec![("/via".to_owned(), serde_json::json!("sso"))];
    let is = Is { account: Account::Citizen, login: Login::Vneid, level: LevelFrom::Claim("/l".to_owned()) };
    let rule = ClaimRule { equals, matches: vec![], present: vec![], absent: vec![], is };
    let probe = Probe { login: None, principals: vec![rule], ..probe() };
    assert!(probe.tells_login());
    let told = |body| probe.judge(&json_answer(body)).unwrap().unwrap();
    let by_rule = told(r#"{"signed_in":true,"via":"sso","l":2}"#);
    assert_eq!(
        (by_rule.account, by_rule.login, by_rule.level),
        (Some(Account::Citizen), Some(Login::Vneid), Level::new(2))
    );
    let better = told(r#"{"signed_in":true,"via":"sso","l":2,"user":{"account":"organization","level":1}}"#);
    assert_eq!((better.account, better.level), (Some(Account::Organization), Level::new(1)));
    assert_eq!(told(r#"{"signed_in":true,"via":"form"}"#), Probed::default());
}
