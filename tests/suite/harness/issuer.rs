//! An issuer that signs tokens, with the mistakes that a test wants.
//!
//! An issuer with a key set behind a counting, scriptable JWKS address. Tokens are put together here from text, not by
//! the library that the gate verifies with: header and claims are whatever a test writes.

use super::origin::Origin;
use super::reply::Reply;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// A signing key with its id.
#[derive(Clone)]
pub(crate) struct Key {
    pub id: String,
    kind: Arc<Kind>,
}

enum Kind {
    Rsa(RsaPair),
    Ec(EcdsaKeyPair),
}

impl Key {
    pub(crate) fn rsa(id: &str) -> Key {
        Key { id: id.to_owned(), kind: Arc::new(Kind::Rsa(RsaPair::generate(KeySize::Rsa2048).unwrap())) }
    }

    pub(crate) fn ec(id: &str) -> Key {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Key { id: id.to_owned(), kind: Arc::new(Kind::Ec(pair)) }
    }

    /// The same key under another id.
    pub(crate) fn called(&self, id: &str) -> Key {
        Key { id: id.to_owned(), kind: Arc::clone(&self.kind) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match *self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::Ec(_) => "ES256",
        }
    }

    /// The public half as a member of a key set (RFC 7517).
    pub(crate) fn public(&self) -> Value {
        match &*self.kind {
            Kind::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
                    "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()) })
            }
            Kind::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
                    "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.kind {
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Kind::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    /// A token of this header and these claims, both as text.
    pub(crate) fn mint_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        format!("{message}.{}", encode(&self.sign(message.as_bytes())))
    }

    /// A token with the usual header.
    pub(crate) fn mint(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT", "kid": self.id });
        self.mint_text(&header.to_string(), &claims.to_string())
    }
}

/// Base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// An issuer whose key set can be read over http.
pub(crate) struct Issuer {
    pub name: String,
    pub key: Key,
    keys: Arc<Mutex<Vec<Value>>>,
    jwks: Origin,
}

impl Issuer {
    pub(crate) fn start() -> Issuer {
        Issuer::at("127.0.0.1:0")
    }

    /// Serves its key set at a given address.
    pub(crate) fn at(address: &str) -> Issuer {
        let key = Key::rsa("key-1");
        let keys = Arc::new(Mutex::new(vec![key.public()]));
        let name = "https://ssodvc.daknong.gov.vn/auth/realms/digo".to_owned();
        let jwks = Origin::at(address, |_| Reply::hang_up());
        let issuer = Issuer { name, key, keys, jwks };
        issuer.serve();
        issuer
    }

    /// Answers with the key set, which is how it starts.
    pub(crate) fn serve(&self) {
        let keys = Arc::clone(&self.keys);
        self.jwks.answer(move |_| Reply::json(200, &json!({ "keys": *keys.lock().unwrap() })));
    }

    /// Answers with something else until [`Issuer::serve`].
    pub(crate) fn misbehave(&self, reply: Reply) {
        self.jwks.answer(move |_| reply.clone());
    }

    /// Replaces the members of the key set.
    pub(crate) fn publish(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/certs", self.address())
    }

    /// Where the key set is served, without TLS.
    pub(crate) fn address(&self) -> String {
        self.jwks.address()
    }

    /// How often the key set was asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.jwks.requests().len()
    }

    /// The claims of a citizen who came with VNeID at level 2, good for an hour.
    pub(crate) fn vneid(&self) -> Value {
        self.claims(json!({ "preferred_username": "079203001234", "identity_provider": "vneid", "vneid_level": 2 }))
    }

    /// The claims of a citizen who typed a password at the issuer.
    pub(crate) fn legacy(&self) -> Value {
        self.claims(json!({ "preferred_username": "079203001234" }))
    }

    /// Usual claims with these added, or replaced; a `null` takes one away.
    pub(crate) fn claims(&self, more: Value) -> Value {
        let mut claims = json!({ "iss": self.name, "aud": "account", "azp": "web-padsvc", "iat": now() - 5,
            "exp": now() + 3600, "typ": "Bearer", "sub": "f:3b1c:079203001234" });
        change(&mut claims, more);
        claims
    }
}

/// Merges members into an object; `null` removes one.
pub(crate) fn change(object: &mut Value, more: Value) {
    let (Value::Object(object), Value::Object(more)) = (object, more) else { panic!("claims are an object") };
    for (name, value) in more {
        match value {
            Value::Null => drop(object.remove(&name)),
            value => drop(object.insert(name, value)),
        }
    }
}
