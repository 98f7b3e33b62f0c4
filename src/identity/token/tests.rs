//! Promises of the token check: what proves someone, what is refused, and by which word.

mod claims;
mod form;
mod header;
mod keycloak;
mod signature;

use super::*;
use crate::identity::fixtures::{self, NOW_S, RSA, key_set, with};
use serde_json::json;

const RS256: Algorithm = Algorithm::RS256;

/// Header and claims of a token that is good.
fn good_header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": RSA.kid()})
}

fn good_claims() -> Value {
    fixtures::claims()
}

/// The verdict of an RS256 credential whose key set holds the key of [`RSA`].
fn judge(token: &str) -> Result<Verified, Failure> {
    judge_at(token, NOW_S)
}

/// The key set of the RS256 credential.
fn keys() -> KeySet {
    key_set(&[&RSA.jwk], &[RS256])
}

fn judge_at(token: &str, now_s: i64) -> Result<Verified, Failure> {
    fixtures::credential(&[RS256]).verify(token, Some(&keys()), now_s)
}

/// The verdict on a good token whose header has some members replaced (null removes one), properly signed.
fn judge_header(members: Value) -> Result<Verified, Failure> {
    let header = with(&good_header(), members).to_string();
    judge(&RSA.token_of(&header, &good_claims().to_string(), RS256))
}

/// The verdict on a good token whose claims have some members replaced (null removes one), properly signed.
fn judge_claims(members: Value) -> Result<Verified, Failure> {
    judge(&RSA.token(&with(&good_claims(), members), RS256))
}

/// The verdict on claims given as text, properly signed.
fn judge_claims_text(claims: &str) -> Result<Verified, Failure> {
    judge(&RSA.token_of(&good_header().to_string(), claims, RS256))
}
