//! Promises of the key set: what is used, what is left out, and which keys a token may be tried with.

use super::*;
use crate::identity::fixtures::{ED25519, P256, P384, RSA, Signer, base64url, jwks, key_set};
use serde_json::json;

const ALL: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Parses the odd key beside a good one: the good one must load; the warning about the odd one is returned.
fn warning(odd: Value) -> String {
    let good = P256.jwk_with(json!({"kid": "good"}));
    let (set, warnings) = KeySet::parse(&jwks(&[odd.clone(), good]), ALL).unwrap();
    assert!(set.knows("good") && set.len() == 1, "{odd}");
    assert_eq!(warnings.len(), 1, "{odd}");
    warnings[0].clone()
}

fn rsa_jwk(bits: usize) -> Value {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] >>= n.len() * 8 - bits;
    json!({"kid": "r", "kty": "RSA", "n": base64url(n), "e": "AQAB"})
}

fn tried(set: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> usize {
    set.find(kid, algorithm).count()
}

#[test]
fn config_words_name_asymmetric_algorithms_only() {
    for (word, algorithm) in ALGORITHMS {
        assert_eq!(asymmetric(word), Some(*algorithm));
        assert_eq!(format!("{algorithm:?}"), *word);
    }
    for word in ["HS256", "HS384", "HS512", "none", "None", "", "rs256", " RS256", "RS256 ", "ES512", "ES256K", "dir"] {
        assert_eq!(asymmetric(word), None, "{word:?}");
    }
}

#[test]
fn keys_of_every_supported_type_load_without_a_warning() {
    let keys = [RSA.jwk.clone(), P256.jwk.clone(), P384.jwk.clone(), ED25519.jwk.clone()];
    let (set, warnings) = KeySet::parse(&jwks(&keys), ALL).unwrap();
    assert_eq!((set.len(), set.is_empty(), warnings.len()), (4, false, 0));
    for (kid, algorithm) in [("rsa-1", "RS256"), ("rsa-1", "PS512"), ("p256-1", "ES256"), ("p384-1", "ES384")] {
        assert_eq!(tried(&set, Some(kid), asymmetric(algorithm).unwrap()), 1, "{kid} {algorithm}");
    }
    assert_eq!(tried(&set, Some("ed-1"), Algorithm::EdDSA), 1);
}

#[test]
fn a_key_is_never_tried_with_the_algorithm_of_another_type() {
    let set = key_set(&[RSA.jwk.clone(), P256.jwk.clone(), P384.jwk.clone(), ED25519.jwk.clone()], ALL);
    for (kid, algorithm) in [
        ("rsa-1", Algorithm::ES256),
        ("rsa-1", Algorithm::HS256),
        ("p256-1", Algorithm::ES384),
        ("p256-1", Algorithm::EdDSA),
        ("p384-1", Algorithm::ES256),
        ("p384-1", Algorithm::HS384),
        ("ed-1", Algorithm::ES256),
        ("ed-1", Algorithm::HS512),
    ] {
        assert_eq!(tried(&set, Some(kid), algorithm), 0, "{kid} {algorithm:?}");
    }
}

#[test]
fn no_list_of_allowed_algorithms_makes_a_key_symmetric() {
    let symmetric = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    let oct = json!({"kid": "o", "kty": "oct", "k": base64url([7; 32]), "alg": "HS256"});
    for jwk in [RSA.jwk.clone(), P256.jwk.clone(), ED25519.jwk.clone(), oct] {
        assert!(matches!(KeySet::parse(&jwks(&[jwk]), &symmetric), Err(KeySetError::NoUsableKey(_))));
    }
}

#[test]
fn the_alg_of_a_key_pins_it_to_that_algorithm() {
    let set = key_set(&[RSA.jwk_with(json!({"alg": "PS256"}))], ALL);
    assert_eq!(tried(&set, Some("rsa-1"), Algorithm::PS256), 1);
    assert_eq!(tried(&set, Some("rsa-1"), Algorithm::RS256), 0);
}

#[test]
fn the_credential_narrows_what_its_keys_may_verify() {
    let set = key_set(&[&RSA.jwk], &[Algorithm::RS256]);
    assert_eq!(tried(&set, Some("rsa-1"), Algorithm::RS256), 1);
    assert_eq!(tried(&set, Some("rsa-1"), Algorithm::PS256), 0);
    let Err(KeySetError::NoUsableKey(warnings)) = KeySet::parse(&jwks(&[&RSA.jwk]), &[Algorithm::ES256]) else {
        panic!("an RSA key for ES256 only")
    };
    assert_eq!(warnings, ["key `rsa-1` is left out: the credential allows no algorithm of this key"]);
}

#[test]
fn rsa_keys_under_2048_bits_or_over_8192_are_left_out() {
    assert_eq!(warning(rsa_jwk(1024)), "key `r` is left out: RSA of 1024 bits, it must have 2048 to 8192");
    assert!(warning(rsa_jwk(2047)).contains("2047 bits"));
    assert!(warning(rsa_jwk(8193)).contains("8193 bits"));
    for bits in [2048, 2049, 4096, 8192] {
        assert_eq!(key_set(&[rsa_jwk(bits)], ALL).len(), 1, "{bits}");
    }
}

#[test]
fn zeros_in_front_neither_strengthen_nor_spoil_an_rsa_key() {
    let n = |zeros: usize, ones: usize| base64url([vec![0; zeros], vec![0xff; ones]].concat());
    assert!(warning(json!({"kid": "r", "kty": "RSA", "n": n(128, 128), "e": "AQAB"})).contains("1024 bits"));
    assert_eq!(key_set(&[json!({"kty": "RSA", "n": n(1, 256), "e": "AAEAAQ"})], ALL).len(), 1);
}

#[test]
fn values_that_make_no_rsa_key_are_left_out() {
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    for members in [
        json!({"e": base64url([1])}),
        json!({"e": base64url([2])}),
        json!({"e": base64url([1, 0, 0, 0, 1])}),
        json!({"e": ""}),
        json!({"e": "AA"}),
        json!({"n": base64url(even)}),
    ] {
        assert!(warning(RSA.jwk_with(members.clone())).ends_with("its values make no RSA key"), "{members}");
    }
    assert!(warning(RSA.jwk_with(json!({"n": ""}))).contains("RSA of 0 bits"));
}

#[test]
fn points_that_are_not_on_their_curve_are_left_out() {
    let y = RSA.jwk["n"].as_str().unwrap();
    let (x32, x48) = (base64url([1; 32]), base64url([1; 48]));
    assert!(warning(P256.jwk_with(json!({"x": x32, "y": x32}))).ends_with("its point is not on its curve"));
    assert!(warning(P384.jwk_with(json!({"x": x48, "y": x48}))).ends_with("its point is not on its curve"));
    let zeros = base64url([0; 32]);
    assert!(warning(P256.jwk_with(json!({"x": zeros, "y": zeros}))).ends_with("its point is not on its curve"));
    for members in [json!({"x": x48}), json!({"y": y}), json!({"x": ""}), json!({"crv": "P-384"})] {
        let warning = warning(P256.jwk_with(members.clone()));
        assert!(warning.ends_with("its coordinates do not have the length of its curve"), "{members}");
    }
    assert!(warning(ED25519.jwk_with(json!({"x": base64url([1; 31])}))).ends_with("its `x` is no Ed25519 key"));
}

#[test]
fn keys_that_are_not_for_signatures_are_left_out() {
    assert_eq!(warning(RSA.jwk_with(json!({"use": "enc"}))), "key `rsa-1` is left out: its use is `enc`, not `sig`");
    assert!(warning(RSA.jwk_with(json!({"use": "SIG"}))).contains("its use is `SIG`"));
    assert!(warning(RSA.jwk_with(json!({"use": ["sig"]}))).ends_with("`use` is not a string"));
    for operations in [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"]), json!("verify"), json!({})] {
        let warning = warning(RSA.jwk_with(json!({ "key_ops": operations })));
        assert!(warning.ends_with("its `key_ops` do not include `verify`"), "{operations}");
    }
    let set = key_set(&[RSA.jwk_with(json!({"use": null, "key_ops": ["sign", "verify"]}))], ALL);
    assert_eq!(set.len(), 1);
}

#[test]
fn keys_of_unsupported_types_and_curves_are_left_out() {
    let oct = json!({"kid": "o", "kty": "oct", "k": base64url([7; 32])});
    assert_eq!(warning(oct), "key `o` is left out: the type `oct` is not supported");
    assert!(warning(json!({"kid": "a", "kty": "AKP", "alg": "ML-DSA-44"})).contains("the type `AKP`"));
    assert!(warning(P256.jwk_with(json!({"crv": "P-521"}))).ends_with("the curve `P-521` is not supported"));
    assert!(warning(P256.jwk_with(json!({"crv": "secp256k1"}))).contains("`secp256k1`"));
    assert!(warning(ED25519.jwk_with(json!({"crv": "X25519"}))).contains("`X25519`"));
    assert!(warning(ED25519.jwk_with(json!({"crv": null}))).ends_with("it has no `crv`"));
}

#[test]
fn an_alg_that_contradicts_the_type_leaves_the_key_out() {
    let cases = [(&*RSA, "ES256"), (&*RSA, "HS256"), (&*RSA, "RSA-OAEP"), (&*RSA, "none"), (&*RSA, "rs256")];
    let more = [(&*P256, "ES384"), (&*P256, "RS256"), (&*P384, "ES256"), (&*ED25519, "ES256"), (&*P256, "EdDSA")];
    for (signer, alg) in cases.into_iter().chain(more) {
        let warning = warning(signer.jwk_with(json!({ "alg": alg })));
        assert!(warning.ends_with(&format!("the algorithm `{alg}` does not go with its type")), "{warning}");
    }
    assert!(warning(RSA.jwk_with(json!({"alg": 256}))).ends_with("`alg` is not a string"));
}

#[test]
fn a_key_whose_private_half_is_published_is_left_out() {
    assert!(warning(ED25519.jwk_with(json!({"d": "AAAA"}))).ends_with("it carries its private half `d`"));
}

#[test]
fn broken_entries_never_spoil_the_others() {
    for odd in [json!(null), json!("key"), json!(7), json!([]), json!({}), json!({"kty": null})] {
        assert!(warning(odd).starts_with("key number 1 (no kid) is left out: "));
    }
    assert!(warning(RSA.jwk_with(json!({"kid": 7}))).ends_with("`kid` is not a string"));
    assert!(warning(RSA.jwk_with(json!({"n": null}))).ends_with("it has no `n`"));
    for n in ["a+b/", "AQAB==", "A", "AQAB ", "đ"] {
        assert!(warning(RSA.jwk_with(json!({ "n": n }))).ends_with("its `n` is not base64url"), "{n}");
    }
    assert!(warning(RSA.jwk_with(json!({"e": 65537}))).ends_with("`e` is not a string"));
    assert!(warning(ED25519.jwk_with(json!({"x": null}))).ends_with("it has no `x`"));
}

#[test]
fn a_warning_stays_one_short_line_whatever_the_kid_says() {
    let warning = warning(json!({"kid": format!("a\n\u{1b}[31m`{}", "x".repeat(10_000)), "kty": "oct"}));
    assert!(warning.starts_with(r"key `a\n\u{1b}[31m`xxx"), "{warning}");
    assert!(warning.len() < 200 && !warning.contains('\n'));
}

#[test]
fn a_set_without_a_usable_key_is_an_error_that_tells_why() {
    let error = KeySet::parse(&jwks(&[rsa_jwk(1024), json!({})]), ALL).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key set has no usable key: key `r` is left out: RSA of 1024 bits, it must have 2048 to 8192; \
         key number 2 (no kid) is left out: it has no `kty`"
    );
    let error = KeySet::parse(br#"{"keys":[]}"#, ALL).unwrap_err();
    assert_eq!(error.to_string(), "the key set has no usable key");
}

#[test]
fn what_is_no_key_set_is_an_error() {
    for text in ["", "<html>", "{", "{} {}", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kid":"a","kid":"b"}]}"#] {
        assert!(matches!(KeySet::parse(text.as_bytes(), ALL), Err(KeySetError::Json(_))), "{text}");
    }
    let jwk = RSA.jwk.to_string();
    for text in ["null", "[]", "{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, r#"{"Keys":[]}"#, &jwk] {
        assert!(matches!(KeySet::parse(text.as_bytes(), ALL), Err(KeySetError::Shape)), "{text}");
    }
}

#[test]
fn a_hundred_keys_are_read_and_one_more_is_an_error() {
    let keys = vec![P256.jwk.clone(); 101];
    assert_eq!(KeySet::parse(&jwks(&keys[..100]), ALL).unwrap().0.len(), 100);
    assert!(matches!(KeySet::parse(&jwks(&keys), ALL), Err(KeySetError::TooManyKeys(101))));
}

#[test]
fn two_keys_of_one_kid_are_both_tried_where_they_fit() {
    let second = Signer::ec("rsa-1", Algorithm::ES256);
    let third = Signer::ec("rsa-1", Algorithm::ES256);
    let set = key_set(&[RSA.jwk.clone(), second.jwk.clone(), third.jwk.clone()], ALL);
    assert_eq!(tried(&set, Some("rsa-1"), Algorithm::RS256), 1);
    assert_eq!(tried(&set, Some("rsa-1"), Algorithm::ES256), 2);
}

#[test]
fn without_a_kid_a_key_is_tried_only_when_no_other_fits() {
    let set = key_set(&[RSA.jwk.clone(), P256.jwk.clone()], ALL);
    assert_eq!(tried(&set, None, Algorithm::RS256), 1);
    assert_eq!(tried(&set, None, Algorithm::ES256), 1);
    assert_eq!(tried(&set, None, Algorithm::ES384), 0);
    let set = key_set(&[P256.jwk.clone(), Signer::ec("p256-2", Algorithm::ES256).jwk], ALL);
    assert_eq!(tried(&set, None, Algorithm::ES256), 0);
}

#[test]
fn a_kid_must_be_the_very_name_of_a_key() {
    let set = key_set(&[RSA.jwk.clone(), P256.jwk_with(json!({"kid": null}))], ALL);
    for kid in ["", "RSA-1", "rsa-1 ", "rsa", "../rsa-1", "rsa-1' OR 1=1"] {
        assert_eq!(tried(&set, Some(kid), Algorithm::RS256), 0, "{kid:?}");
        assert_eq!(tried(&set, Some(kid), Algorithm::ES256), 0, "{kid:?}");
        assert!(!set.knows(kid));
    }
}
