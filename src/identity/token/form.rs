//! The outer form of a JWT, before anything about it is believed.
//!
//! Splits the compact form (RFC 7515 §3.1) within fixed bounds. Nothing here verifies: [`claimed_issuer`] only tells
//! which credential is to judge.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Longer texts are no tokens.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// The three parts of a token: what is signed and its signature as sent, header and claims decoded.
pub(super) struct Parts<'t> {
    pub signed: &'t [u8],
    /// base64url; known to decode.
    pub signature: &'t str,
    pub header: Vec<u8>,
    pub claims: Vec<u8>,
}

impl<'t> Parts<'t> {
    /// `None` unless the text is exactly three parts, each base64url without padding.
    pub(super) fn split(token: &'t str) -> Option<Self> {
        let [header, claims, signature] = three(token)?;
        let (signed, _) = token.rsplit_once('.')?;
        URL_SAFE_NO_PAD.decode(signature).ok()?;
        let (header, claims) = (URL_SAFE_NO_PAD.decode(header).ok()?, URL_SAFE_NO_PAD.decode(claims).ok()?);
        Some(Parts { signed: signed.as_bytes(), signature, header, claims })
    }
}

/// Whether a text has the form of a JWT: three non-empty parts of base64url characters, 16 KiB at most.
pub fn looks_like_jwt(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    three(text).is_some_and(|parts| parts.iter().all(|part| !part.is_empty() && part.bytes().all(base64url)))
}

/// Whether a text can be a bearer token at all (RFC 6750 §2.1): one run of its characters, 16 KiB at most.
pub fn may_be_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (1..=TOKEN_MAX_BYTES).contains(&text.len()) && text.bytes().all(fits)
}

/// What stands behind `Bearer ` in a header (RFC 6750 §2.1: any case, one space).
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// The `iss` that a token claims, unverified: good for choosing the credential that judges it, for nothing else.
pub fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    let [_, claims, _] = three(token)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claimed: Claimed = serde_json::from_slice(&claims).ok()?;
    Some(claimed.iss)
}

/// The `kid` that a token claims, unverified: good for looking for the key, for nothing else.
pub fn claimed_kid(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claimed {
        kid: String,
    }
    let [header, ..] = three(token)?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let claimed: Claimed = serde_json::from_slice(&header).ok()?;
    Some(claimed.kid)
}

fn three(text: &str) -> Option<[&str; 3]> {
    if text.len() > TOKEN_MAX_BYTES {
        return None;
    }
    let mut parts = text.splitn(4, '.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(first), Some(second), Some(third), None) => Some([first, second, third]),
        _ => None,
    }
}
