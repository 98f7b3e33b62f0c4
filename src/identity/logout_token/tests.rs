//! Promises of the judge of logout tokens: what ends whose log-in, what is refused and by which word.

use super::*;
use crate::identity::fixtures::{self, ED25519, ISSUER, NOW_S, P256, RSA, key_set, with};
use jsonwebtoken::Algorithm;
use serde_json::json;

const RS256: Algorithm = Algorithm::RS256;

fn logout() -> Logout {
    Logout { path: "/logout".into(), audience: vec!["web-padsvc".into(), "other".into()], reach: Reach::LogIn }
}

/// Claims of a logout token as Keycloak writes it.
fn good() -> Value {
    json!({
        "iss": ISSUER, "aud": "web-padsvc", "iat": NOW_S - 5, "exp": NOW_S + 115, "jti": "logout-1", "typ": "Logout",
        "sid": "log-in-1", "sub": "someone", "events": { EVENT: {} },
    })
}

fn keys() -> KeySet {
    key_set(&[&RSA.jwk], &[RS256])
}

fn judge_by(logout: &Logout, token: &str) -> Result<LogoutToken, LogoutError> {
    logout.verify(&fixtures::credential(&[RS256]), token, Some(&keys()), NOW_S)
}

/// The verdict on a good logout token with some claims replaced; null removes one.
fn judge(claims: Value) -> Result<LogoutToken, LogoutError> {
    judge_by(&logout(), &RSA.token(&with(&good(), claims), RS256))
}

fn judge_header(header: Value) -> Result<LogoutToken, LogoutError> {
    let usual = json!({ "alg": "RS256", "typ": "logout+jwt", "kid": RSA.kid() });
    judge_by(&logout(), &RSA.token_of(&with(&usual, header).to_string(), &good().to_string(), RS256))
}

/// Asserts which token it is and whose log-in it ends.
#[track_caller]
fn expect(judged: Result<LogoutToken, LogoutError>, id: &str, ends: &Ends) {
    let token = judged.unwrap();
    assert_eq!(&*token.id, id);
    // Neither is ever shown, so they are not printed here either.
    assert!(token.ends == *ends);
}

#[test]
fn it_ends_the_log_in_that_it_names_and_else_every_log_in_of_the_person() {
    let (log_in, person) = (Ends::LogIn("log-in-1".into()), Ends::Subject("someone".into(), NOW_S - 5));
    expect(judge(json!({})), "logout-1", &log_in);
    expect(judge(json!({ "sub": null })), "logout-1", &log_in);
    expect(judge(json!({ "sid": null })), "logout-1", &person);
    let whole = Logout { reach: Reach::Person, ..logout() };
    let judge_whole = |claims| judge_by(&whole, &RSA.token(&with(&good(), claims), RS256));
    expect(judge_whole(json!({})), "logout-1", &person);
    expect(judge_whole(json!({ "sub": null })), "logout-1", &log_in);
}

#[test]
fn it_is_good_until_it_expires_or_has_grown_old() {
    let until_s = |claims| judge(claims).unwrap().until_s;
    assert_eq!(until_s(json!({})), NOW_S + 115 + 30);
    assert_eq!(until_s(json!({ "exp": null })), NOW_S - 5 + 300 + 30);
}

#[test]
fn each_claim_that_is_wrong_has_its_word() {
    let slash = format!("{ISSUER}/");
    for (claims, word) in [
        (json!({ "iss": null }), "issuer"),
        (json!({ "iss": slash }), "issuer"),
        (json!({ "iss": [ISSUER] }), "issuer"),
        (json!({ "aud": null }), "audience"),
        (json!({ "aud": "account" }), "audience"),
        (json!({ "aud": ["web-padsvc", 1] }), "audience"),
        (json!({ "iat": null }), "not_issued"),
        (json!({ "iat": "1719766795" }), "malformed"),
        (json!({ "iat": NOW_S + 31 }), "not_yet_valid"),
        (json!({ "nbf": NOW_S + 31 }), "not_yet_valid"),
        (json!({ "exp": NOW_S - 30 }), "expired"),
        (json!({ "exp": true }), "malformed"),
        (json!({ "jti": null }), "no_id"),
        (json!({ "jti": "" }), "no_id"),
        (json!({ "jti": 7 }), "no_id"),
        (json!({ "jti": "x".repeat(513) }), "no_id"),
        (json!({ "events": null }), "event"),
        (json!({ "events": {} }), "event"),
        (json!({ "events": [EVENT] }), "event"),
        (json!({ "events": EVENT }), "event"),
        (json!({ "events": { EVENT: true } }), "event"),
        (json!({ "events": { "http://schemas.openid.net/event/other": {} } }), "event"),
        (json!({ "nonce": "n" }), "nonce"),
        (json!({ "nonce": "" }), "nonce"),
        (json!({ "sid": null, "sub": null }), "nobody"),
        (json!({ "sid": "" }), "nobody"),
        (json!({ "sid": 1 }), "nobody"),
        (json!({ "sid": null, "sub": ["someone"] }), "nobody"),
        (json!({ "typ": "Bearer" }), "malformed"),
        (json!({ "typ": "logout" }), "malformed"),
        (json!({ "typ": 1 }), "malformed"),
    ] {
        assert_eq!(judge(claims.clone()).unwrap_err().as_str(), word, "{claims}");
    }
    for claims in [json!({ "typ": null }), json!({ "aud": ["x", "other"] }), json!({ "exp": NOW_S - 29 })] {
        assert!(judge(claims.clone()).is_ok(), "{claims}");
    }
}

#[test]
fn a_null_is_a_claim_that_is_there() {
    let text = |claims: &str| good().to_string().replacen('{', &format!("{{{claims},"), 1);
    let judge_text = |text: &str| {
        judge_by(&logout(), &RSA.token_of(&json!({ "alg": "RS256", "kid": RSA.kid() }).to_string(), text, RS256))
    };
    assert_eq!(judge_text(&text(r#""nonce":null"#)), Err(LogoutError::Nonce));
    assert_eq!(judge_text(&text(r#""jti":"again""#)), Err(LogoutError::Malformed), "a name given twice");
    assert_eq!(judge_text("[]"), Err(LogoutError::Malformed));
    assert_eq!(judge_text("7"), Err(LogoutError::Malformed));
}

#[test]
fn without_an_end_it_is_good_for_five_minutes() {
    let at = |issued_s: i64| judge(json!({ "exp": null, "iat": issued_s })).map(drop);
    assert_eq!(at(NOW_S - 329), Ok(()));
    assert_eq!(at(NOW_S - 330), Err(LogoutError::Expired));
}

#[test]
fn the_header_is_as_strict_as_that_of_every_token() {
    for header in [
        json!({}),
        json!({ "typ": "application/logout+jwt" }),
        json!({ "typ": "JWT" }),
        json!({ "typ": "LOGOUT+JWT" }),
        json!({ "typ": null }),
    ] {
        assert!(judge_header(header.clone()).is_ok(), "{header}");
    }
    for (header, word) in [
        (json!({ "typ": "at+jwt" }), "malformed"),
        (json!({ "typ": "secevent+jwt" }), "malformed"),
        (json!({ "typ": 1 }), "malformed"),
        (json!({ "crit": ["b64"] }), "malformed"),
        (json!({ "alg": "none" }), "algorithm"),
        (json!({ "alg": "HS256" }), "algorithm"),
        (json!({ "alg": "ES256" }), "algorithm"),
        (json!({ "alg": null }), "malformed"),
        (json!({ "kid": "stranger" }), "unknown_kid"),
    ] {
        assert_eq!(judge_header(header.clone()).unwrap_err().as_str(), word, "{header}");
    }
}

#[test]
fn only_a_key_of_the_issuer_signs_it() {
    let judge = |token: &str| judge_by(&logout(), token).unwrap_err();
    let token = RSA.token(&good(), RS256);
    let (signed, _) = token.rsplit_once('.').unwrap();
    let other = fixtures::Signer::rsa(RSA.kid());
    assert_eq!(judge(&other.token(&good(), RS256)), LogoutError::Signature);
    assert_eq!(judge(&format!("{signed}.")), LogoutError::Signature);
    assert_eq!(judge(&P256.token(&good(), Algorithm::ES256)), LogoutError::Algorithm);
    assert_eq!(judge(&ED25519.token(&good(), Algorithm::EdDSA)), LogoutError::Algorithm);
    assert_eq!(judge(signed), LogoutError::Malformed);
    assert_eq!(judge(""), LogoutError::Malformed);
    let without_keys = logout().verify(&fixtures::credential(&[RS256]), &token, None, NOW_S);
    assert_eq!(without_keys, Err(LogoutError::Unavailable));
}

#[test]
fn a_token_that_opens_something_ends_nothing_and_the_other_way_round() {
    let credential = fixtures::credential(&[RS256]);
    // As much like each other as an issuer could make them.
    let access = with(&fixtures::claims(), json!({ "aud": ["account", "web-padsvc"], "jti": "a", "sid": "log-in-1" }));
    assert!(credential.verify(&RSA.token(&access, RS256), Some(&keys()), NOW_S).is_ok());
    assert_eq!(judge_by(&logout(), &RSA.token(&access, RS256)), Err(LogoutError::Malformed));
    let untyped = with(&access, json!({ "typ": null }));
    assert_eq!(judge_by(&logout(), &RSA.token(&untyped, RS256)), Err(LogoutError::Event));

    let like_access = with(&access, json!({ "typ": null, "events": { EVENT: {} } }));
    assert!(judge_by(&logout(), &RSA.token(&like_access, RS256)).is_ok());
    let opened = credential.verify(&RSA.token(&like_access, RS256), Some(&keys()), NOW_S);
    assert_eq!(opened, Err(Failure::Malformed));
    for events in [json!({}), json!([]), json!("x"), json!({ "http://schemas.openid.net/event/other": {} })] {
        let token = RSA.token(&with(&access, json!({ "events": events })), RS256);
        assert_eq!(credential.verify(&token, Some(&keys()), NOW_S), Err(Failure::Malformed), "{events}");
    }
}

#[test]
fn the_logout_token_of_keycloak_is_one() {
    let shape = include_str!("../token/tests/keycloak/logout.json");
    let shape: Value = serde_json::from_str(shape).unwrap();
    let claims = with(&shape["claims"], json!({ "aud": "web-padsvc" }));
    let token = RSA.token_of(&shape["header"].to_string(), &claims.to_string(), RS256);
    let log_in = Ends::LogIn(shape["claims"]["sid"].as_str().unwrap().into());
    expect(judge_by(&logout(), &token), shape["claims"]["jti"].as_str().unwrap(), &log_in);
    // As older ones write it.
    let older = with(&claims, json!({ "exp": null }));
    let token = RSA.token_of(&with(&shape["header"], json!({ "typ": "JWT" })).to_string(), &older.to_string(), RS256);
    assert!(judge_by(&logout(), &token).is_ok());
}

#[test]
fn nothing_of_a_logout_token_is_shown() {
    let shown = format!("{:?}", judge(json!({})).unwrap());
    assert!(!shown.contains("log-in-1") && !shown.contains("logout-1"), "{shown}");
}
