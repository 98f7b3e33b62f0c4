//! One JWK: whether it is a public signature key that is fit for use.
//!
//! Everything about the key is checked here, once, so that a token meets only keys that can verify. Sources: RFC 7517
//! §4 (members), RFC 7518 §6 (RSA, EC), RFC 8037 §2 (Ed25519). Knows neither the set nor the token.

use super::{Key, asymmetric};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use std::borrow::Cow;

/// Why a key is left out; the end of a sentence.
pub(super) type Why = Cow<'static, str>;

/// The public half, its canonical form, and the algorithms of its type.
type Public = (DecodingKey, Vec<u8>, &'static [Algorithm]);

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const RSA_ALGORITHMS: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
const SHOWN_CHARS: usize = 64;

/// The key, pinned to what its type, its `alg` and the credential allow in common.
pub(super) fn read(jwk: &Value, allowed: &[Algorithm]) -> Result<Key, Why> {
    let kid = text(jwk, "kid")?.map(str::to_owned);
    for_signatures(jwk)?;
    let (public, material, of_type) = match text(jwk, "kty")? {
        Some("RSA") => rsa(jwk)?,
        Some("EC") => elliptic_curve(jwk)?,
        Some("OKP") => octet_key_pair(jwk)?,
        Some(other) => return Err(format!("the type `{}` is not supported", shown(other)).into()),
        None => return Err("it has no `kty`".into()),
    };
    let mut algorithms = of_type.to_vec();
    if let Some(word) = text(jwk, "alg")? {
        let pinned = asymmetric(word);
        algorithms.retain(|algorithm| Some(*algorithm) == pinned);
        if algorithms.is_empty() {
            return Err(format!("the algorithm `{}` does not go with its type", shown(word)).into());
        }
    }
    algorithms.retain(|algorithm| allowed.contains(algorithm));
    if algorithms.is_empty() {
        return Err("the credential allows no algorithm of this key".into());
    }
    Ok(Key { kid, algorithms, public, material })
}

/// Text of a key set as it may stand in a log line: short, in one line.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect()
}

/// A member that is text, if it is there at all.
fn text<'v>(jwk: &'v Value, member: &'static str) -> Result<Option<&'v str>, Why> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{member}` is not a string").into()),
    }
}

fn for_signatures(jwk: &Value) -> Result<(), Why> {
    match text(jwk, "use")? {
        None | Some("sig") => (),
        Some(other) => return Err(format!("its use is `{}`, not `sig`", shown(other)).into()),
    }
    let verifies = |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
    if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err("its `key_ops` do not include `verify`".into());
    }
    // whoever can read the set could sign with it
    if jwk.get("d").is_some() {
        return Err("it carries its private half `d`".into());
    }
    Ok(())
}

fn rsa(jwk: &Value) -> Result<Public, Why> {
    let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("RSA of {bits} bits, it must have {} to {}", RSA_BITS.start(), RSA_BITS.end()).into());
    }
    let odd = |octets: &[u8]| octets.last().is_some_and(|last| last % 2 == 1);
    if !odd(&n) || !odd(&e) || e == [1] || e.len() > 4 {
        return Err("its values make no RSA key".into());
    }
    RsaPublicKeyComponents { n: &n, e: &e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| "its values make no RSA key")?;
    Ok((DecodingKey::from_rsa_raw_components(&n, &e), [n, e].concat(), RSA_ALGORITHMS))
}

fn elliptic_curve(jwk: &Value) -> Result<Public, Why> {
    let (curve, octets, algorithms): (&dyn VerificationAlgorithm, _, &[Algorithm]) = match text(jwk, "crv")? {
        Some("P-256") => (&ECDSA_P256_SHA256_FIXED, 32, &[Algorithm::ES256]),
        Some("P-384") => (&ECDSA_P384_SHA384_FIXED, 48, &[Algorithm::ES384]),
        other => return Err(unsupported_curve(other)),
    };
    let (x, y) = (octets_of(jwk, "x")?, octets_of(jwk, "y")?);
    if x.len() != octets || y.len() != octets {
        return Err("its coordinates do not have the length of its curve".into());
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(curve, &point).map_err(|_| "its point is not on its curve")?;
    Ok((DecodingKey::from_ec_der(&point), point, algorithms))
}

fn octet_key_pair(jwk: &Value) -> Result<Public, Why> {
    match text(jwk, "crv")? {
        Some("Ed25519") => (),
        other => return Err(unsupported_curve(other)),
    }
    let x = octets_of(jwk, "x")?;
    ParsedPublicKey::new(&ED25519, &x).map_err(|_| "its `x` is no Ed25519 key")?;
    Ok((DecodingKey::from_ed_der(&x), x, &[Algorithm::EdDSA]))
}

fn unsupported_curve(curve: Option<&str>) -> Why {
    match curve {
        Some(curve) => format!("the curve `{}` is not supported", shown(curve)).into(),
        None => "it has no `crv`".into(),
    }
}

/// A big-endian number. Zeros in front, which some libraries add, do not change it.
fn number(jwk: &Value, member: &'static str) -> Result<Vec<u8>, Why> {
    Ok(octets_of(jwk, member)?.into_iter().skip_while(|octet| *octet == 0).collect())
}

fn octets_of(jwk: &Value, member: &'static str) -> Result<Vec<u8>, Why> {
    let encoded = text(jwk, member)?.ok_or_else(|| format!("it has no `{member}`"))?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| format!("its `{member}` is not base64url").into())
}
