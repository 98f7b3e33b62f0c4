//! Client assertions: how the gate proves to an authorization server that it is its client, without a shared secret.
//!
//! By a short-lived assertion that it signs (`private_key_jwt`, RFC 7523 §2.2). Knows no network and no clock; the key
//! is never shown.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::sync::Arc;

const LIFETIME_S: i64 = 60;

/// A private key of the gate's own; its type says the algorithm.
#[derive(Clone)]
pub struct ClientKey {
    pair: Arc<Pair>,
    /// Compared, never shown: two keys are the same when their files are.
    der: Arc<[u8]>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKey({})", self.algorithm())
    }
}

impl PartialEq for ClientKey {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for ClientKey {}

/// What an assertion says.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// The gate's own name at the server.
    pub client: &'a str,
    /// The server.
    pub audience: &'a str,
    /// Never used twice.
    pub unique: &'a str,
    /// Unix seconds.
    pub now_s: i64,
}

impl ClientKey {
    /// A key in DER (PKCS #8, PKCS #1 or SEC 1): RSA of at least 2048 bits, P-256, P-384 or Ed25519.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let rsa = || RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok();
        let curve = |of_pair| EcdsaKeyPair::from_private_key_der(of_pair, der).ok();
        let pair = rsa()
            .filter(|pair| pair.public_modulus_len() >= 256)
            .map(Pair::Rsa)
            .or_else(|| curve(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::P256))
            .or_else(|| curve(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Pair::P384))
            .or_else(|| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Pair::Ed25519))?;
        Some(ClientKey { pair: Arc::new(pair), der: der.into() })
    }

    fn algorithm(&self) -> &'static str {
        match *self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// An assertion by this key, good for a minute. `None` when the system cannot sign.
    pub fn assertion(&self, key_id: Option<&str>, about: &Assertion<'_>) -> Option<String> {
        let Assertion { client: id, audience, unique, now_s } = about;
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        if let (Some(key_id), Some(header)) = (key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), key_id.into());
        }
        let claims = json!({
            "iss": id, "sub": id, "aud": audience, "jti": unique, "iat": now_s, "exp": now_s + LIFETIME_S,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.sign(signed.as_bytes())?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::P256(pair) | Pair::P384(pair) => pair.sign(&random, message).ok().map(|s| s.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::keys::KeySet;
    use crate::identity::token::Jwt;
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, KeyPair};
    use jsonwebtoken::Algorithm;

    const NOW_S: i64 = 1_719_766_800;

    #[test]
    fn an_assertion_names_the_client_and_is_signed_by_its_key() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwks = json!({ "keys": [{ "kid": "gate-1", "kty": "EC", "crv": "P-256", "x": x, "y": y }] });
        let keys = KeySet::parse(jwks.to_string().as_bytes(), &[Algorithm::ES256]).unwrap().0;
        let der = AsDer::<aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_>>::as_der(&pair.private_key()).unwrap();
        let key = ClientKey::from_der(der.as_ref()).unwrap();
        let assertion = key
            .assertion(
                Some("gate-1"),
                &Assertion { client: "gate", audience: "https://sso.test", unique: "once", now_s: NOW_S },
            )
            .unwrap();
        let reader = Jwt {
            issuer: "gate".into(),
            audience: vec!["https://sso.test".into()],
            parties: vec![],
            ..crate::identity::fixtures::credential(&[Algorithm::ES256])
        };
        let reader = Jwt { subject: "/jti".into(), leeway_s: 0, ..reader };
        let verified = reader.verify(&assertion, Some(&keys), NOW_S).unwrap();
        assert_eq!(verified.facts.subject.unwrap().name(), "once");
        assert_eq!(verified.expires_s, NOW_S + 60);
    }

    #[test]
    fn what_is_no_private_key_signs_nothing() {
        assert!(ClientKey::from_der(b"").is_none());
        assert!(ClientKey::from_der(&[0x30; 64]).is_none());
    }
}
