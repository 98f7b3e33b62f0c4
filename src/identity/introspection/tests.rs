//! Answers as servers give them, and what may not pass for one.

use super::*;
use crate::identity::claims::{Is, LevelFrom};
use crate::identity::fixtures::{ISSUER, NOW_S, with};
use crate::identity::words::{Account, Level, Login};
use serde_json::json;

fn introspection() -> Introspection {
    Introspection {
        issuer: Some(ISSUER.into()),
        audience: vec!["account".into()],
        parties: vec!["web-padsvc".into()],
        untyped: false,
        leeway_s: 30,
        subject: "/username".into(),
        principals: vec![],
        cache_s: 30,
        timeout: Duration::from_secs(2),
    }
}

fn active() -> Value {
    json!({
        "active": true, "token_type": "Bearer", "iss": ISSUER, "aud": ["account", "x"], "client_id": "web-padsvc",
        "username": "001090000001", "sub": "f:1:001090000001", "iat": NOW_S - 10, "exp": NOW_S + 60,
    })
}

fn judge_with(introspection: &Introspection, more: Value) -> Result<Verified, Failure> {
    let answer = Answer::read(with(&active(), more).to_string().as_bytes()).unwrap();
    introspection.judge(&answer, NOW_S)
}

fn judge(more: Value) -> Result<Verified, Failure> {
    judge_with(&introspection(), more)
}

#[test]
fn only_a_boolean_says_whether_a_token_is_active() {
    for body in [
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"Active":true}"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true}{"active":true}"#,
        r#"[{"active":true}]"#,
        "true",
        "",
        "<html>",
    ] {
        assert!(Answer::read(body.as_bytes()).is_err(), "{body}");
    }
    let inactive = Answer::read(br#"{"active":false,"sub":"x"}"#).unwrap();
    assert_eq!(introspection().judge(&inactive, NOW_S), Err(Failure::Inactive));
}

#[test]
fn an_active_token_proves_what_the_mappings_say_of_its_members() {
    let citizen = Is { account: Account::Citizen, login: Login::Vneid, level: LevelFrom::Claim("/level".into()) };
    let rule = ClaimRule {
        equals: vec![("/identity_provider".into(), json!("vneid"))],
        matches: vec![],
        present: vec![],
        absent: vec![],
        is: citizen,
    };
    let mapped = Introspection { principals: vec![rule], ..introspection() };
    let proved = judge_with(&mapped, json!({ "identity_provider": "vneid", "level": 2 })).unwrap();
    assert_eq!((proved.facts.account, proved.facts.login), (Account::Citizen, Login::Vneid));
    assert_eq!(Some(proved.facts.level), Level::new(2));
    assert_eq!(proved.facts.subject.unwrap().name(), "001090000001");
    assert_eq!(proved.expires_s, NOW_S + 60);
    assert_eq!(judge(json!({})).unwrap().facts.account, Account::Unknown);
}

#[test]
fn what_the_answer_names_must_be_ours() {
    for (more, why) in [
        (json!({ "iss": null }), Failure::Issuer),
        (json!({ "iss": "https://sso.test/auth/realms/other" }), Failure::Issuer),
        (json!({ "aud": null }), Failure::Audience),
        (json!({ "aud": "other" }), Failure::Audience),
        (json!({ "aud": ["account", 1] }), Failure::Audience),
        (json!({ "client_id": null }), Failure::Party),
        (json!({ "client_id": "another" }), Failure::Party),
        (json!({ "azp": "another" }), Failure::Party),
        (json!({ "username": null }), Failure::Malformed),
        (json!({ "username": "" }), Failure::Malformed),
        (json!({ "exp": NOW_S - 31 }), Failure::Expired),
        (json!({ "exp": (NOW_S + 60).to_string() }), Failure::Malformed),
        (json!({ "nbf": NOW_S + 31 }), Failure::NotYetValid),
    ] {
        assert_eq!(judge(more.clone()), Err(why), "{more}");
    }
    assert!(judge(json!({ "client_id": null, "azp": "web-padsvc" })).is_ok());
    let bare = Introspection { issuer: None, audience: vec![], parties: vec![], ..introspection() };
    let least = json!({ "iss": null, "aud": null, "client_id": null, "exp": null, "iat": null });
    assert_eq!(judge_with(&bare, least).unwrap().expires_s, i64::MAX);
}

#[test]
fn a_token_that_is_no_bearer_token_opens_nothing() {
    for more in [
        json!({ "token_type": null }),
        json!({ "token_type": "DPoP" }),
        json!({ "token_type": "Refresh" }),
        json!({ "token_type": null, "typ": "Refresh" }),
        json!({ "typ": "ID" }),
        json!({ "token_type": 1 }),
    ] {
        assert_eq!(judge(more.clone()), Err(Failure::Malformed), "{more}");
    }
    assert!(judge(json!({ "token_type": "bearer" })).is_ok());
    assert!(judge(json!({ "token_type": null, "typ": "Bearer" })).is_ok());
    let lax = Introspection { untyped: true, ..introspection() };
    assert!(judge_with(&lax, json!({ "token_type": null })).is_ok());
    assert_eq!(judge_with(&lax, json!({ "token_type": null, "typ": "Refresh" })), Err(Failure::Malformed));
    assert_eq!(judge_with(&lax, json!({ "token_type": "DPoP" })), Err(Failure::Malformed));
}
