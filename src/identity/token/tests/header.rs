//! The header: algorithm, kind, and everything that would change how the token is read.

use super::*;
use crate::identity::fixtures::{base64url, jwks};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A token with this header whose signature is made by `sign`.
fn forged(header: Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", base64url(header.to_string()), base64url(good_claims().to_string()));
    let signature = base64url(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Public key material as an attacker may feed it to HMAC.
fn as_secrets() -> Vec<Vec<u8>> {
    let der = RSA.public_der();
    let lines: Vec<String> =
        STANDARD.encode(&der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    let n = RSA.jwk["n"].as_str().unwrap();
    let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(n).unwrap();
    vec![
        der,
        pem.trim_end().into(),
        pem.into(),
        RSA.jwk.to_string().into(),
        jwks(&[&RSA.jwk]),
        n.into(),
        modulus,
        vec![],
    ]
}

#[test]
fn alg_none_is_refused_in_every_spelling_with_and_without_a_signature() {
    for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
        for signature in [vec![], vec![0; 256], RSA.sign(b"x", RS256)] {
            let token = forged(with(&good_header(), json!({ "alg": alg })), |_| signature.clone());
            assert_eq!(judge(&token), Err(Failure::Algorithm), "{alg:?}");
        }
        assert_eq!(judge_header(json!({ "alg": alg })), Err(Failure::Algorithm), "{alg:?}");
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    for (alg, hmac_alg) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        for secret in as_secrets() {
            let key = hmac::Key::new(hmac_alg, &secret);
            let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
            let header = |alg: &str| with(&good_header(), json!({ "alg": alg }));
            assert_eq!(judge(&forged(header(alg), sign)), Err(Failure::Algorithm), "{alg}");
            assert_eq!(judge(&forged(header(&format!(" {alg}")), sign)), Err(Failure::Algorithm), "{alg}");
            assert_eq!(judge(&forged(header("RS256"), sign)), Err(Failure::Signature), "{alg}");
        }
    }
}

#[test]
fn even_a_credential_that_lists_hmac_does_not_accept_it() {
    let credential = fixtures::credential(&[Algorithm::HS256, RS256]);
    let keys = key_set(&[&RSA.jwk], &[Algorithm::HS256, RS256]);
    for secret in as_secrets() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let header = with(&good_header(), json!({"alg": "HS256"}));
        let token = forged(header, |message| hmac::sign(&key, message).as_ref().to_vec());
        assert_eq!(credential.verify(&token, Some(&keys), NOW_S), Err(Failure::Algorithm));
    }
}

#[test]
fn an_algorithm_that_the_credential_does_not_list_is_refused() {
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", " RS256", "RS257", "SHA256withRSA"] {
        assert_eq!(judge_header(json!({ "alg": alg })), Err(Failure::Algorithm), "{alg:?}");
    }
}

#[test]
fn an_algorithm_that_only_the_key_allows_is_refused() {
    let wider = key_set(&[&RSA.jwk], &[RS256, Algorithm::PS256]);
    let token = RSA.token(&good_claims(), Algorithm::PS256);
    assert_eq!(fixtures::credential(&[RS256]).verify(&token, Some(&wider), NOW_S), Err(Failure::Algorithm));
    assert!(fixtures::credential(&[Algorithm::PS256]).verify(&token, Some(&wider), NOW_S).is_ok());
}

#[test]
fn a_header_without_a_textual_alg_is_malformed() {
    assert_eq!(judge_header(json!({"alg": null})), Err(Failure::Malformed));
    for alg in [json!(256), json!(["RS256"]), json!({"alg": "RS256"}), json!(true)] {
        assert_eq!(judge_header(json!({ "alg": alg })), Err(Failure::Malformed), "{alg}");
    }
}

#[test]
fn any_critical_extension_is_malformed() {
    for crit in [json!([]), json!(["exp"]), json!(["b64"]), json!(["urn:example:unknown"]), json!("exp"), json!({})] {
        assert_eq!(judge_header(json!({ "crit": crit })), Err(Failure::Malformed), "{crit}");
    }
    assert_eq!(judge_header(json!({"crit": ["b64"], "b64": true})), Err(Failure::Malformed));
    let null = good_header().to_string().replacen('{', r#"{"crit":null,"#, 1);
    assert_eq!(judge(&RSA.token_of(&null, &good_claims().to_string(), RS256)), Err(Failure::Malformed));
}

#[test]
fn members_that_change_how_the_payload_is_read_are_malformed() {
    for members in [json!({"b64": false}), json!({"b64": true}), json!({"zip": "DEF"}), json!({"enc": "A128GCM"})] {
        assert_eq!(judge_header(members.clone()), Err(Failure::Malformed), "{members}");
    }
}

#[test]
fn a_member_given_twice_in_the_header_is_malformed() {
    for header in [
        r#"{"alg":"RS256","alg":"RS256","kid":"rsa-1"}"#,
        r#"{"alg":"none","alg":"RS256","kid":"rsa-1"}"#,
        r#"{"alg":"RS256","kid":"rsa-1","kid":"rsa-2"}"#,
        r#"{"alg":"RS256","kid":"rsa-1","x":{"a":1,"a":2}}"#,
        r#"{"alg":"RS256","\u0061lg":"none","kid":"rsa-1"}"#,
    ] {
        let token = RSA.token_of(header, &good_claims().to_string(), RS256);
        assert_eq!(judge(&token), Err(Failure::Malformed), "{header}");
    }
}

#[test]
fn the_kind_of_an_api_token_is_known_in_any_case_and_with_the_media_type_prefix() {
    for kind in ["JWT", "jwt", "Jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        assert!(judge_header(json!({ "typ": kind })).is_ok(), "{kind}");
    }
    assert!(judge_header(json!({"typ": null})).is_ok(), "no typ at all");
}

#[test]
fn tokens_of_another_kind_are_malformed() {
    for kind in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "application/logout+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "JOSE",
        "JWE",
        "application/",
        "application/application/JWT",
        "text/JWT",
        " JWT",
        "JWT ",
        "",
    ] {
        assert_eq!(judge_header(json!({ "typ": kind })), Err(Failure::Malformed), "{kind:?}");
    }
    for kind in [json!(1), json!(["JWT"]), json!({})] {
        assert_eq!(judge_header(json!({ "typ": kind })), Err(Failure::Malformed), "{kind}");
    }
    let nested = RSA.token_of(&good_header().to_string(), &RSA.token(&good_claims(), RS256), RS256);
    assert_eq!(judge(&nested), Err(Failure::Malformed));
}

#[test]
fn an_operator_may_name_the_kinds_with_or_without_the_prefix() {
    let credential = Jwt { types: vec!["application/portal+jwt".into()], ..fixtures::credential(&[RS256]) };
    let judge = |kind: &str| {
        let header = with(&good_header(), json!({ "typ": kind })).to_string();
        credential.verify(&RSA.token_of(&header, &good_claims().to_string(), RS256), Some(&keys()), NOW_S)
    };
    assert!(judge("portal+jwt").is_ok());
    assert!(judge("application/portal+jwt").is_ok());
    assert_eq!(judge("JWT"), Err(Failure::Malformed));
}

#[test]
fn where_a_token_says_that_its_key_is_does_not_matter() {
    let thief = fixtures::Signer::rsa(RSA.kid());
    let elsewhere = "http://127.0.0.1:1/keys";
    for hint in [
        json!({ "jku": elsewhere }),
        json!({ "x5u": elsewhere }),
        json!({ "jwk": thief.jwk }),
        json!({ "x5c": ["AAAA"] }),
        json!({ "x5t#S256": "AAAA" }),
    ] {
        assert!(judge_header(hint.clone()).is_ok(), "{hint}");
        let header = with(&good_header(), hint.clone()).to_string();
        let stolen = thief.token_of(&header, &good_claims().to_string(), RS256);
        assert_eq!(judge(&stolen), Err(Failure::Signature), "{hint}");
    }
}
