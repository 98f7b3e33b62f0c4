//! The compact form: what is no token is refused before anything of it is read.

use super::*;
use crate::identity::fixtures::{ISSUER, base64url};

fn good() -> String {
    RSA.token(&good_claims(), RS256)
}

#[test]
fn a_good_token_tells_who_for_how_long_and_since_when() {
    let verified = judge(&good()).unwrap();
    assert_eq!(verified.facts, Facts { subject: Some("someone".into()), ..Facts::UNKNOWN });
    assert_eq!((verified.expires_s, verified.token_ids.issued_s), (NOW_S + 300, Some(NOW_S - 10)));
}

#[test]
fn anything_but_three_parts_is_malformed() {
    let token = good();
    let (message, _) = token.rsplit_once('.').unwrap();
    for text in
        ["", ".", "..", "...", "a", "a.b", message, &format!("{token}."), &format!(".{token}"), &format!("{token}.x")]
    {
        assert_eq!(judge(text), Err(Failure::Malformed), "{text}");
    }
}

#[test]
fn an_encrypted_token_of_five_parts_is_malformed() {
    let header = json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647, "p2s": "AAAA"});
    let token = format!("{}.AAAA.AAAA.AAAA.AAAA", base64url(header.to_string()));
    assert_eq!(judge(&token), Err(Failure::Malformed));
    assert!(!looks_like_jwt(&token));
}

#[test]
fn thousands_of_dots_are_malformed() {
    for dots in [4, 16_000, 20_000, 1_000_000] {
        assert_eq!(judge(&".".repeat(dots)), Err(Failure::Malformed));
        assert!(!looks_like_jwt(&".".repeat(dots)));
        assert_eq!(claimed_issuer(&".".repeat(dots)), None);
    }
}

#[test]
fn a_token_over_16_kib_is_malformed() {
    let padded = |bytes: usize| RSA.token(&with(&good_claims(), json!({"pad": "x".repeat(bytes)})), RS256);
    let (largest, over) = (padded(11_250), padded(11_700));
    assert!(largest.len() > 15 * 1024 && largest.len() <= 16 * 1024, "{}", largest.len());
    assert!(over.len() > 16 * 1024, "{}", over.len());
    assert!(judge(&largest).is_ok() && looks_like_jwt(&largest) && claimed_issuer(&largest).is_some());
    assert_eq!(judge(&over), Err(Failure::Malformed));
    assert!(!looks_like_jwt(&over) && claimed_issuer(&over).is_none());
}

#[test]
fn every_part_is_base64url_without_padding() {
    let token = good();
    let parts: Vec<&str> = token.split('.').collect();
    for place in 0..3 {
        for spoil in ["=", "==", " ", "\n", "+", "/", "%3d", "\0", "đ", "A"] {
            let mut spoiled: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            spoiled[place].push_str(spoil);
            if spoil == "A" && spoiled[place].len() % 4 != 1 {
                continue;
            }
            assert_eq!(judge(&spoiled.join(".")), Err(Failure::Malformed), "part {place} with {spoil:?}");
        }
    }
    for text in [format!(" {token}"), format!("{token} "), format!("Bearer {token}"), format!("\"{token}\"")] {
        assert_eq!(judge(&text), Err(Failure::Malformed), "{text}");
    }
}

#[test]
fn leftover_bits_in_the_last_character_are_malformed() {
    let token = good();
    // 256 octets leave four unused bits in the last character of their base64url
    let last = token.chars().last().unwrap();
    assert!("AQgw".contains(last));
    let other = char::from_u32(last as u32 + 1).unwrap();
    assert_eq!(judge(&format!("{}{other}", &token[..token.len() - 1])), Err(Failure::Malformed));
}

#[test]
fn no_token_that_differs_in_one_character_is_valid() {
    let token = good();
    assert!(judge(&token).is_ok());
    for place in 0..token.len() {
        let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..place], &token[place + 1..]);
        assert!(judge(&changed).is_err(), "changed at {place}");
        assert!(judge(&token[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn header_and_claims_must_be_json_objects() {
    for text in ["", "null", "[]", "\"RS256\"", "1", "{", "{} {}", "[{\"alg\":\"RS256\"}]", "\u{feff}{}"] {
        let token = RSA.token_of(text, &good_claims().to_string(), RS256);
        assert_eq!(judge(&token), Err(Failure::Malformed), "header {text:?}");
        assert_eq!(judge_claims_text(text), Err(Failure::Malformed), "claims {text:?}");
    }
}

#[test]
fn without_keys_the_form_is_judged_all_the_same_and_the_rest_is_unavailable() {
    let credential = fixtures::credential(&[RS256]);
    let judge = |token: &str| credential.verify(token, None, NOW_S);
    assert_eq!(judge(&good()), Err(Failure::Unavailable));
    assert_eq!(judge("not.a.token"), Err(Failure::Malformed));
    let (message, _) = good().rsplit_once('.').map(|(message, rest)| (message.to_owned(), rest.to_owned())).unwrap();
    assert_eq!(judge(&format!("{message}.AAAA=")), Err(Failure::Malformed));
    let none = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url("{}"));
    assert_eq!(judge(&none), Err(Failure::Algorithm));
    let expired = RSA.token(&with(&good_claims(), json!({"exp": 1})), RS256);
    assert_eq!(judge(&expired), Err(Failure::Unavailable));
}

#[test]
fn the_claimed_issuer_is_read_without_any_check_and_decides_nothing() {
    assert_eq!(claimed_issuer(&good()).as_deref(), Some(ISSUER));
    let forged = format!("{}.{}.", base64url("?"), base64url(r#"{"iss":"https://a.test","x":[1]}"#));
    assert_eq!(claimed_issuer(&forged).as_deref(), Some("https://a.test"));
    for claims in ["", "{}", r#"{"iss":1}"#, r#"{"iss":null}"#, r#"{"iss":["a"]}"#, r#"{"iss":"a","iss":"b"}"#, "{"] {
        assert_eq!(claimed_issuer(&format!("e30.{}.AA", base64url(claims))), None, "{claims}");
    }
    assert_eq!(claimed_issuer("a.b=.c"), None);
    assert_eq!(claimed_issuer("opaque"), None);
}

#[test]
fn only_three_parts_of_base64url_look_like_a_token() {
    for text in [good().as_str(), "a.b.c", "A-Z.a_z.0-9"] {
        assert!(looks_like_jwt(text), "{text}");
    }
    for text in
        ["", "abc", "a.b", "a.b.c.d", "a.b.", ".b.c", "a..c", "a.b.c=", "a.b c.d", "a.b.c\n", "a.b.đ", "a/b.c.d"]
    {
        assert!(!looks_like_jwt(text), "{text:?}");
    }
}
