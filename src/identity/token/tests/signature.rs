//! Keys and signatures: whose key it is, what it may verify, and that it did.

use super::*;
use crate::identity::fixtures::{ED25519, ISSUER, P256, P384, Signer, base64url};
use serde::Serialize;
use std::sync::LazyLock;

static STRANGER: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("rsa-1"));

fn verdict(token: &str, keys: &[impl Serialize], algorithms: &[Algorithm]) -> Result<Verified, Failure> {
    fixtures::credential(algorithms).verify(token, Some(&key_set(keys, algorithms)), NOW_S)
}

/// A good token with its signature replaced.
fn signed_with(signature: &[u8]) -> String {
    let token = RSA.token(&good_claims(), RS256);
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.{}", base64url(signature))
}

#[test]
fn every_algorithm_verifies_the_tokens_of_its_key() {
    use Algorithm::*;
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512] {
        let token = RSA.token(&good_claims(), algorithm);
        assert!(verdict(&token, &[&RSA.jwk], &[algorithm]).is_ok(), "{algorithm:?}");
    }
    for (signer, algorithm) in [(&*P256, ES256), (&*P384, ES384), (&*ED25519, EdDSA)] {
        let token = signer.token(&good_claims(), algorithm);
        assert!(verdict(&token, &[&signer.jwk], &[algorithm]).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn an_algorithm_that_does_not_fit_the_named_key_is_refused() {
    use Algorithm::*;
    let all = [RS256, PS256, ES256, ES384, EdDSA];
    let keys = [RSA.jwk_with(json!({"alg": "RS256"})), P256.jwk.clone(), P384.jwk.clone(), ED25519.jwk.clone()];
    let token = RSA.token(&good_claims(), PS256);
    assert_eq!(verdict(&token, &keys, &all), Err(Failure::Algorithm), "PS256 for a key pinned to RS256");
    for (kid, alg) in [("p256-1", "ES384"), ("p384-1", "ES256"), ("p256-1", "EdDSA"), ("ed-1", "RS256")] {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let token = P256.token_of(&header, &good_claims().to_string(), ES256);
        assert_eq!(verdict(&token, &keys, &all), Err(Failure::Algorithm), "{alg} for {kid}");
    }
}

#[test]
fn a_kid_that_is_not_in_the_set_is_unknown() {
    for kid in ["rsa-2", "", "RSA-1", "../../dev/null", "rsa-1\0", "' OR 1=1 --", "https://evil.test/key"] {
        assert_eq!(judge_header(json!({ "kid": kid })), Err(Failure::UnknownKid), "{kid:?}");
    }
    for kid in [json!(1), json!(["rsa-1"]), json!({})] {
        assert_eq!(judge_header(json!({ "kid": kid })), Err(Failure::Malformed), "{kid}");
    }
}

#[test]
fn a_key_that_was_left_out_of_the_set_proves_nothing() {
    let encrypts = RSA.jwk_with(json!({"use": "enc"}));
    let other = STRANGER.jwk_with(json!({"kid": "other"}));
    let token = RSA.token(&good_claims(), RS256);
    assert_eq!(verdict(&token, &[encrypts, other], &[RS256]), Err(Failure::UnknownKid));
}

#[test]
fn a_token_without_a_kid_is_tried_only_when_one_key_fits() {
    let header = with(&good_header(), json!({"kid": null})).to_string();
    let token = RSA.token_of(&header, &good_claims().to_string(), RS256);
    let (own, p256) = (RSA.jwk.clone(), P256.jwk.clone());
    let other = STRANGER.jwk_with(json!({"kid": "other"}));
    assert!(verdict(&token, &[own.clone(), p256.clone()], &[RS256, Algorithm::ES256]).is_ok());
    assert_eq!(verdict(&token, &[own, other.clone()], &[RS256]), Err(Failure::UnknownKid));
    assert_eq!(verdict(&token, &[other], &[RS256]), Err(Failure::Signature));
    assert_eq!(verdict(&token, &[p256], &[RS256, Algorithm::ES256]), Err(Failure::UnknownKid));
}

#[test]
fn every_key_of_the_named_kid_is_tried() {
    let token = RSA.token(&good_claims(), RS256);
    for keys in [[RSA.jwk.clone(), STRANGER.jwk.clone()], [STRANGER.jwk.clone(), RSA.jwk.clone()]] {
        assert!(verdict(&token, &keys, &[RS256]).is_ok());
    }
}

#[test]
fn the_key_of_one_issuer_proves_nothing_for_another() {
    let other = "https://sso.other.test/auth/realms/digo";
    let mine = RSA.token(&good_claims(), RS256);
    let theirs = STRANGER.token(&with(&good_claims(), json!({"iss": other})), RS256);
    let posing = STRANGER.token(&good_claims(), RS256);
    assert!(judge(&mine).is_ok());
    assert_eq!(judge(&theirs), Err(Failure::Signature), "same kid, their key");
    assert_eq!(judge(&posing), Err(Failure::Signature), "same kid, their key, our issuer");
    let credential = Jwt { issuer: other.into(), ..fixtures::credential(&[RS256]) };
    let their_keys = key_set(&[&STRANGER.jwk], &[RS256]);
    assert!(credential.verify(&theirs, Some(&their_keys), NOW_S).is_ok());
    assert_eq!(credential.verify(&posing, Some(&their_keys), NOW_S), Err(Failure::Issuer));
    let named = Signer::rsa("theirs-7").token(&good_claims(), RS256);
    assert_eq!(judge(&named), Err(Failure::UnknownKid));
}

#[test]
fn provinces_that_share_a_signing_key_are_told_apart_by_their_issuer() {
    let neighbour = with(&good_claims(), json!({"iss": ISSUER.replace("sso", "sso-neighbour")}));
    assert_eq!(judge(&RSA.token(&neighbour, RS256)), Err(Failure::Issuer));
}

#[test]
fn keys_that_the_token_brings_along_are_ignored() {
    for members in [
        json!({"jwk": STRANGER.jwk}),
        json!({"jku": "http://127.0.0.1:9/keys"}),
        json!({"x5u": "http://127.0.0.1:9/cert"}),
        json!({"x5c": ["AAAA"], "x5t": "AAAA"}),
    ] {
        let header = with(&good_header(), members.clone()).to_string();
        let claims = good_claims().to_string();
        assert_eq!(judge(&STRANGER.token_of(&header, &claims, RS256)), Err(Failure::Signature), "{members}");
        let nameless = with(&good_header(), with(&members, json!({"kid": null})));
        let nameless = with(&nameless, json!({"kid": null})).to_string();
        assert_eq!(judge(&STRANGER.token_of(&nameless, &claims, RS256)), Err(Failure::Signature), "{members}");
        assert!(judge(&RSA.token_of(&header, &claims, RS256)).is_ok(), "{members} in a genuine token");
    }
}

#[test]
fn empty_zero_short_and_long_signatures_are_refused() {
    let genuine = RSA.sign(b"other message", RS256);
    let long = [genuine.as_slice(), &[0]].concat();
    for signature in [&[][..], &[0], &[0; 64], &[0; 256], &[0xff; 256], &genuine, &genuine[1..], &long] {
        assert_eq!(judge(&signed_with(signature)), Err(Failure::Signature), "{} bytes", signature.len());
    }
}

#[test]
fn zero_signatures_on_curves_are_refused() {
    use Algorithm::*;
    for (signer, algorithm, bytes) in [(&*P256, ES256, 64), (&*P384, ES384, 96), (&*ED25519, EdDSA, 64)] {
        let token = signer.token(&good_claims(), algorithm);
        let (message, _) = token.rsplit_once('.').unwrap();
        for signature in [vec![], vec![0; bytes], [vec![0; bytes - 1], vec![1]].concat(), vec![0xff; bytes]] {
            let token = format!("{message}.{}", base64url(&signature));
            let verdict = verdict(&token, &[&signer.jwk], &[algorithm]);
            assert_eq!(verdict, Err(Failure::Signature), "{algorithm:?} {signature:?}");
        }
    }
}

#[test]
fn header_and_claims_of_two_genuine_tokens_do_not_mix() {
    let first = RSA.token(&good_claims(), RS256);
    let second = RSA.token(&with(&good_claims(), json!({"preferred_username": "other"})), RS256);
    let first: Vec<&str> = first.split('.').collect();
    let second: Vec<&str> = second.split('.').collect();
    assert_eq!(judge(&[first[0], second[1], first[2]].join(".")), Err(Failure::Signature));
    assert_eq!(judge(&[first[0], first[1], second[2]].join(".")), Err(Failure::Signature));
}

#[test]
fn a_badly_signed_token_is_refused_for_its_signature_whatever_else_is_wrong() {
    for members in [
        json!({"exp": NOW_S - 3600}),
        json!({"iss": "https://evil.test"}),
        json!({"aud": "other"}),
        json!({"nbf": NOW_S + 3600}),
        json!({"exp": null, "iss": null, "aud": null, "preferred_username": null}),
    ] {
        let token = STRANGER.token(&with(&good_claims(), members.clone()), RS256);
        assert_eq!(judge(&token), Err(Failure::Signature), "{members}");
    }
    let token = STRANGER.token_of(&good_header().to_string(), "no json", RS256);
    assert_eq!(judge(&token), Err(Failure::Signature));
}
