//! Signers and tokens for the tests of this room. Keys are made anew in every run; nobody they name exists.

use super::keys::KeySet;
use super::token::Jwt;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// 2024-07-01T00:00:00+07:00
pub(crate) const NOW_S: i64 = 1_719_766_800;
pub(crate) const ISSUER: &str = "https://sso.test/auth/realms/digo";

pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("rsa-1"));
pub(crate) static P256: LazyLock<Signer> = LazyLock::new(|| Signer::ec("p256-1", Algorithm::ES256));
pub(crate) static P384: LazyLock<Signer> = LazyLock::new(|| Signer::ec("p384-1", Algorithm::ES384));
pub(crate) static ED25519: LazyLock<Signer> = LazyLock::new(|| Signer::ed25519("ed-1"));

/// A private key, and the JWK of its public half.
pub(crate) struct Signer {
    secret: Secret,
    pub jwk: Value,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let jwk = json!({"kid": kid, "kty": "RSA", "use": "sig", "n": base64url(public.n), "e": base64url(public.e)});
        Signer { secret: Secret::Rsa(pair), jwk }
    }

    pub(crate) fn ec(kid: &str, algorithm: Algorithm) -> Self {
        let (curve, of_pair): (_, &EcdsaSigningAlgorithm) = match algorithm {
            Algorithm::ES256 => ("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            _ => ("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        };
        let pair = EcdsaKeyPair::generate(of_pair).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = json!({"kid": kid, "kty": "EC", "use": "sig", "crv": curve, "x": base64url(x), "y": base64url(y)});
        Signer { secret: Secret::Ec(pair), jwk }
    }

    pub(crate) fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = base64url(pair.public_key().as_ref());
        let jwk = json!({"kid": kid, "kty": "OKP", "use": "sig", "crv": "Ed25519", "x": x});
        Signer { secret: Secret::Ed25519(pair), jwk }
    }

    pub(crate) fn kid(&self) -> &str {
        self.jwk["kid"].as_str().unwrap()
    }

    /// The JWK with some members replaced; null removes one.
    pub(crate) fn jwk_with(&self, members: Value) -> Value {
        with(&self.jwk, members)
    }

    /// SubjectPublicKeyInfo, as a certificate or a PEM file would hold it.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let Secret::Rsa(pair) = &self.secret else { panic!("only RSA needs this") };
        AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
    }

    /// Signs bytes as `algorithm` says; the key must be of its type.
    pub(crate) fn sign(&self, message: &[u8], algorithm: Algorithm) -> Vec<u8> {
        match &self.secret {
            Secret::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match algorithm {
                    Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::PS256 => &signature::RSA_PSS_SHA256,
                    Algorithm::PS384 => &signature::RSA_PSS_SHA384,
                    Algorithm::PS512 => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signed).unwrap();
                signed
            }
            Secret::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of these very texts, whatever they say; signed as `algorithm` says.
    pub(crate) fn token_of(&self, header: &str, claims: &str, algorithm: Algorithm) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = base64url(self.sign(signed.as_bytes(), algorithm));
        format!("{signed}.{signature}")
    }

    /// A token of these claims with a plain header.
    pub(crate) fn token(&self, claims: &Value, algorithm: Algorithm) -> String {
        let header = json!({"alg": format!("{algorithm:?}"), "typ": "JWT", "kid": self.kid()});
        self.token_of(&header.to_string(), &claims.to_string(), algorithm)
    }
}

pub(crate) fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// An object with some members replaced; null removes one.
pub(crate) fn with(object: &Value, members: Value) -> Value {
    let mut object = object.as_object().unwrap().clone();
    for (name, value) in members.as_object().unwrap().clone() {
        match value {
            Value::Null => object.remove(&name),
            value => object.insert(name, value),
        };
    }
    Value::Object(object)
}

pub(crate) fn jwks(keys: &[impl Serialize]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

pub(crate) fn key_set(keys: &[impl Serialize], allowed: &[Algorithm]) -> KeySet {
    KeySet::parse(&jwks(keys), allowed).unwrap().0
}

/// A credential that reads the tokens of [`claims`] when signed with one of the algorithms.
pub(crate) fn credential(algorithms: &[Algorithm]) -> Jwt {
    Jwt {
        issuer: ISSUER.into(),
        audience: vec!["account".into(), "portal".into()],
        parties: vec!["web-padsvc".into()],
        algorithms: algorithms.to_vec(),
        leeway_s: 30,
        types: super::token::DEFAULT_TYPES.iter().map(|kind| (*kind).to_owned()).collect(),
        subject: "/preferred_username".into(),
        principals: vec![],
    }
}

/// Claims in the shape of a provincial portal's log-in.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "account", "azp": "web-padsvc", "typ": "Bearer", "exp": NOW_S + 300, "iat": NOW_S - 10,
        "sub": "f:00000000-0000-4000-8000-000000000000:someone", "preferred_username": "someone",
        "session_state": "00000000-0000-4000-8000-000000000001", "identity_provider": "vneid", "vneid_level": 2,
    })
}
