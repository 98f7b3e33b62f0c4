//! The claims of a well-signed token: issuer, audience, party, times, subject, in this order.

use super::*;
use crate::identity::claims::{Is, LevelFrom};
use crate::identity::fixtures::ISSUER;
use crate::identity::words::{Account, Level, Login};

#[test]
fn the_words_are_those_of_the_metric() {
    let words = [
        "malformed",
        "algorithm",
        "unknown_kid",
        "signature",
        "expired",
        "not_yet_valid",
        "issuer",
        "audience",
        "party",
        "inactive",
        "revoked",
        "unbound",
        "unavailable",
    ];
    assert_eq!(Failure::WORDS, words);
    assert_eq!(Failure::NotYetValid.to_string(), "not_yet_valid");
}

#[test]
fn the_issuer_must_be_the_one_exact_string() {
    let slash = format!("{ISSUER}/");
    let upper = ISSUER.to_uppercase();
    for iss in [json!(null), json!(""), json!(slash), json!(upper), json!(1), json!([ISSUER]), json!({"iss": ISSUER})] {
        assert_eq!(judge_claims(json!({ "iss": iss })), Err(Failure::Issuer), "{iss}");
    }
    assert_eq!(judge_claims_text(r#"{"iss":null}"#), Err(Failure::Issuer));
}

#[test]
fn one_of_the_audiences_must_be_ours() {
    for aud in [json!("account"), json!("portal"), json!(["portal"]), json!(["other", "account"])] {
        assert!(judge_claims(json!({ "aud": aud })).is_ok(), "{aud}");
    }
    for aud in [
        json!(null),
        json!(""),
        json!("other"),
        json!("Account"),
        json!("account "),
        json!("account portal"),
        json!(1),
        json!(true),
        json!({"account": "account"}),
        json!([]),
        json!(["other"]),
        json!([["account"]]),
        json!(["account", 1]),
        json!(["account", null]),
    ] {
        assert_eq!(judge_claims(json!({ "aud": aud })), Err(Failure::Audience), "{aud}");
    }
    let null = good_claims().to_string().replace(r#""aud":"account""#, r#""aud":null"#);
    assert_eq!(judge_claims_text(&null), Err(Failure::Audience));
}

#[test]
fn a_credential_without_an_audience_accepts_nothing() {
    let credential = Jwt { audience: vec![], ..fixtures::credential(&[RS256]) };
    for aud in [json!("account"), json!([]), json!("")] {
        let token = RSA.token(&with(&good_claims(), json!({ "aud": aud })), RS256);
        assert_eq!(credential.verify(&token, Some(&keys()), NOW_S), Err(Failure::Audience), "{aud}");
    }
}

#[test]
fn the_party_must_be_listed_where_parties_are_listed() {
    for azp in [json!(null), json!("web-onegate"), json!(""), json!(["web-padsvc"]), json!(1)] {
        assert_eq!(judge_claims(json!({ "azp": azp })), Err(Failure::Party), "{azp}");
    }
    let credential = Jwt { parties: vec![], ..fixtures::credential(&[RS256]) };
    let token = RSA.token(&with(&good_claims(), json!({"azp": null})), RS256);
    assert!(credential.verify(&token, Some(&keys()), NOW_S).is_ok());
}

#[test]
fn a_token_is_good_until_its_expiry_and_the_leeway_have_passed() {
    let token = RSA.token(&with(&good_claims(), json!({"exp": NOW_S})), RS256);
    assert!(judge_at(&token, NOW_S - 1).is_ok());
    assert!(judge_at(&token, NOW_S + 29).is_ok());
    assert_eq!(judge_at(&token, NOW_S + 30), Err(Failure::Expired));
    assert_eq!(judge_at(&token, i64::MAX), Err(Failure::Expired));
    assert_eq!(judge_claims(json!({"exp": 0})), Err(Failure::Expired));
}

#[test]
fn a_token_is_not_good_before_its_time_less_the_leeway() {
    for claim in ["nbf", "iat"] {
        assert!(judge_claims(json!({ claim: NOW_S + 30 })).is_ok(), "{claim}");
        for ahead_s in [31, 299] {
            let verdict = judge_claims(json!({ claim: NOW_S + ahead_s }));
            assert_eq!(verdict, Err(Failure::NotYetValid), "{claim}");
        }
    }
    assert_eq!(judge_claims(json!({"iat": null, "nbf": NOW_S + 3600})), Err(Failure::NotYetValid));
    assert_eq!(judge_claims(json!({"iat": NOW_S + 3600, "nbf": 0})), Err(Failure::NotYetValid));
}

#[test]
fn times_may_have_fractions_and_none_but_the_expiry_is_needed() {
    let verified = judge_claims(json!({"exp": NOW_S as f64 + 0.5, "iat": null})).unwrap();
    assert_eq!((verified.expires_s, verified.token_ids.issued_s), (NOW_S + 1, None));
    let token = RSA.token(&with(&good_claims(), json!({"exp": NOW_S as f64 + 0.5})), RS256);
    assert!(judge_at(&token, NOW_S + 30).is_ok(), "half a second is left");
    assert_eq!(judge_at(&token, NOW_S + 31), Err(Failure::Expired));
    assert!(judge_claims(json!({"exp": 253_402_300_799u64})).is_ok());
    assert!(judge_claims_text(&good_claims().to_string().replace(&(NOW_S + 300).to_string(), "1.8e9")).is_ok());
}

#[test]
fn a_time_that_is_no_sane_number_is_malformed() {
    assert_eq!(judge_claims(json!({"exp": null})), Err(Failure::Malformed), "no expiry");
    for claim in ["exp", "nbf", "iat"] {
        for time in
            ["\"99999999999\"", "\"\"", "null", "true", "[1]", "{}", "-1", "-0.5", "253402300800", "1e300", "1e999"]
        {
            let claims = with(&good_claims(), json!({ claim: null })).to_string();
            let claims = claims.replacen('{', &format!(r#"{{"{claim}":{time},"#), 1);
            assert_eq!(judge_claims_text(&claims), Err(Failure::Malformed), "{claim} {time}");
        }
    }
}

#[test]
fn an_endless_leeway_does_not_overflow() {
    let credential = Jwt { leeway_s: u64::MAX, ..fixtures::credential(&[RS256]) };
    let token = RSA.token(&with(&good_claims(), json!({"exp": 1, "nbf": 253_402_300_799u64})), RS256);
    for now_s in [0, NOW_S, i64::MAX - 1] {
        assert!(credential.verify(&token, Some(&keys()), now_s).is_ok());
    }
}

#[test]
fn a_member_given_twice_in_the_claims_is_malformed() {
    for member in [
        format!(r#""exp":{},"#, NOW_S + 300),
        format!(r#""exp":{},"#, NOW_S + 999_999),
        format!(r#""iss":"{ISSUER}","#),
        r#""preferred_username":"admin","#.into(),
        r#""identity_provider":"other","#.into(),
        r#""\u0069dentity_provider":"other","#.into(),
        r#""nested":[{"a":1,"a":1}],"#.into(),
    ] {
        let claims = good_claims().to_string().replacen('{', &format!("{{{member}"), 1);
        assert_eq!(judge_claims_text(&claims), Err(Failure::Malformed), "{member}");
    }
}

#[test]
fn the_subject_must_be_a_short_text_that_a_header_field_carries_unchanged() {
    for subject in [json!("a"), json!("0123 456"), json!("Nguyễn Văn A"), json!("x".repeat(256))] {
        let verified = judge_claims(json!({ "preferred_username": subject })).unwrap();
        assert_eq!(verified.facts.subject.as_ref().map(|s| s.name()), subject.as_str());
    }
    let long = "x".repeat(257);
    for subject in [
        json!(null),
        json!(""),
        json!(long),
        json!(" "),
        json!(" admin"),
        json!("admin\t"),
        json!("a\r\nX-Gate-Account: official"),
        json!("a\0"),
        json!("a\u{85}b"),
        json!(12),
        json!(["someone"]),
        json!({"name": "someone"}),
        json!(false),
    ] {
        let verdict = judge_claims(json!({ "preferred_username": subject }));
        assert_eq!(verdict, Err(Failure::Malformed), "{subject}");
    }
    let null = good_claims().to_string().replace(r#""preferred_username":"someone""#, r#""preferred_username":null"#);
    assert_eq!(judge_claims_text(&null), Err(Failure::Malformed));
}

#[test]
fn keycloak_tokens_of_another_kind_are_malformed_unless_listed() {
    for kind in ["Refresh", "ID", "Offline", "Logout", "refresh", "id"] {
        assert_eq!(judge_claims(json!({ "typ": kind })), Err(Failure::Malformed), "{kind}");
    }
    for kind in [json!("Bearer"), json!("DPoP"), json!(null)] {
        assert!(judge_claims(json!({ "typ": kind })).is_ok(), "{kind}");
    }
    let mut credential = fixtures::credential(&[RS256]);
    credential.types.push("ID".into());
    let token = RSA.token(&with(&good_claims(), json!({"typ": "ID"})), RS256);
    assert!(credential.verify(&token, Some(&keys()), NOW_S).is_ok());
}

#[test]
fn of_several_faults_the_first_in_order_is_told() {
    let mut faults = json!({
        "iss": "https://evil.test", "aud": "other", "azp": "other", "exp": 1, "preferred_username": "",
    });
    for (claim, error) in [
        ("iss", Failure::Issuer),
        ("aud", Failure::Audience),
        ("azp", Failure::Party),
        ("exp", Failure::Expired),
        ("preferred_username", Failure::Malformed),
    ] {
        assert_eq!(judge_claims(faults.clone()), Err(error));
        faults[claim] = good_claims()[claim].clone();
    }
    assert!(judge_claims(faults).is_ok());
    let both = json!({"exp": NOW_S - 3600, "nbf": NOW_S + 3600});
    assert_eq!(judge_claims(both), Err(Failure::Expired));
}

#[test]
fn a_good_token_proves_what_the_rules_say() {
    let is = Is { account: Account::Citizen, login: Login::Vneid, level: LevelFrom::Claim("/vneid_level".into()) };
    let vneid = ClaimRule {
        equals: vec![("/identity_provider".into(), json!("vneid"))],
        matches: vec![],
        present: vec![],
        absent: vec![],
        is,
    };
    let credential = Jwt { principals: vec![vneid], ..fixtures::credential(&[RS256]) };
    let token = RSA.token(&good_claims(), RS256);
    let facts = credential.verify(&token, Some(&keys()), NOW_S).unwrap().facts;
    assert_eq!((facts.account, facts.login, facts.level.number()), (Account::Citizen, Login::Vneid, 2));
    let token = RSA.token(&with(&good_claims(), json!({"identity_provider": ["vneid"]})), RS256);
    let facts = credential.verify(&token, Some(&keys()), NOW_S).unwrap().facts;
    assert_eq!((facts.account, facts.login, facts.level), (Account::Unknown, Login::Unknown, Level::UNKNOWN));
}
