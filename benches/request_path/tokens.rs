//! The tokens that travel in the comparison.
//!
//! Synthetic ones in the shape and size of a Keycloak of a provincial portal: RS256 with a 2048-bit
//! key, about 975 bytes, one distinct identity each.
//! Signs, and writes what verifiers need; verifies nothing.

use crate::Outcome;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

pub(crate) const ISSUER: &str = "https://sso.portal.test/auth/realms/digo";
pub(crate) const AUDIENCE: &str = "account";
pub(crate) const PARTY: &str = "web-padsvc";
const KEY_ID: &str = "k3Jr0bq9vX1nUeYwTz5oPaLs7dHfGc2mQiB4RtVx8Ng";
/// Longer than any comparison.
const LIFETIME_SECONDS: i64 = 86_400;

/// How the session behind a token was born.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Born {
    Vneid,
    Password,
}

/// The key of the log-in server.
pub(crate) struct Issuer {
    key: KeyPair,
}

impl Issuer {
    pub(crate) fn new() -> Outcome<Issuer> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| "cannot make an RSA key")?;
        Ok(Issuer { key })
    }

    /// The key set that the gate reads.
    pub(crate) fn key_set(&self) -> Outcome<String> {
        // RFC 8017 A.1.1 with a 2048-bit modulus and the exponent 65537: both stand at fixed places
        let der = self.key.public_key().as_ref();
        let (modulus, exponent) = der.get(9..265).zip(der.get(267..270)).ok_or("an RSA key of another size")?;
        let encode = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({ "kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256", "n": encode(modulus), "e": encode(exponent) });
        Ok(json!({ "keys": [key] }).to_string())
    }

    /// The public key as HAProxy reads it.
    pub(crate) fn public_pem(&self) -> Outcome<String> {
        let der: PublicKeyX509Der = self.key.public_key().as_der().map_err(|_| "cannot write the public key")?;
        let text = BASE64_STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for (at, character) in text.chars().enumerate() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        Ok(pem)
    }

    /// `count` distinct tokens, signed on all cores.
    pub(crate) fn tokens(&self, born: Born, count: usize) -> Outcome<Vec<String>> {
        let now = jiff::Timestamp::now().as_second();
        let numbers: Vec<usize> = (0..count).collect();
        let workers = std::thread::available_parallelism()?.get();
        let parts = std::thread::scope(|scope| {
            let signing: Vec<_> = numbers
                .chunks(count.div_ceil(workers).max(1))
                .map(|part| scope.spawn(move || part.iter().map(|&number| self.token(born, number, now)).collect()))
                .collect();
            signing.into_iter().map(|part| part.join().map_err(|_| "signing stopped".into())).collect()
        });
        let parts: Outcome<Vec<Outcome<Vec<String>>>> = parts;
        parts?.into_iter().collect::<Outcome<Vec<_>>>().map(|parts| parts.concat())
    }

    fn token(&self, born: Born, number: usize, now: i64) -> Outcome<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        // 12 digits that no province issues: codes above 096 are not given out
        let citizen = format!("999{number:09}");
        let mut claims = json!({
            "exp": now + LIFETIME_SECONDS, "iat": now, "jti": format!("6f1c2a44-93b7-4e0d-8a55-{number:012x}"),
            "iss": ISSUER, "aud": AUDIENCE, "sub": format!("f:0b7d5f3e-21c8-4a96:{citizen}"), "typ": "Bearer",
            "azp": PARTY, "session_state": format!("c81d0e72-5ab4-4f39-b6e0-{number:012x}"), "acr": "1",
            "preferred_username": citizen, "experience": "0",
        });
        if let (Born::Vneid, Some(claims)) = (born, claims.as_object_mut()) {
            claims.insert("identity_provider".into(), json!("vneid"));
            claims.insert("vneid_level".into(), json!(2));
        }
        let encode = |part: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "cannot sign a token")?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}
