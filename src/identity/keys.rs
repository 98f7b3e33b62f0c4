//! Which keys may prove a token of this issuer?
//!
//! A key set (RFC 7517) belongs to one credential, so a key never vouches for another issuer. Each key is pinned to
//! the algorithms of its type when it is read; the token only chooses among them. Knows no network, no file and no
//! clock: `state` fetches, this reads.

mod jwk;

use crate::wire::json::{JsonError, parse_strict};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Every algorithm that a credential may allow, by its word (RFC 7518 §3.1, RFC 8037 §3.1). None is symmetric: a
/// public key must never become a shared secret.
pub const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

const MAX_KEYS: usize = 100;

/// The algorithm of a word, exact; `None` for `none`, the HMAC family and whatever else is not in [`ALGORITHMS`].
pub fn asymmetric(word: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(name, _)| *name == word).map(|(_, algorithm)| *algorithm)
}

/// One public key and what it may verify.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(super) public: DecodingKey,
    /// The public half in one canonical form: two keys are the same when these are.
    material: Vec<u8>,
}

/// The usable keys of one issuer; never empty.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// Why a key set as a whole is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    #[error("the key set is not strict JSON: {0}")]
    Json(#[source] JsonError),
    #[error("the key set has no array `keys`")]
    Shape,
    #[error("the key set has {0} keys, at most {MAX_KEYS} are read")]
    TooManyKeys(usize),
    /// Holds the warning of each key.
    #[error("the key set has no usable key{}", listed(.0))]
    NoUsableKey(Vec<String>),
}

impl KeySet {
    /// Reads a JWK Set. Keys that are too weak, broken, not for signatures or not for an allowed algorithm are left
    /// out, each with a warning that names it; the others load.
    pub fn parse(jwks: &[u8], allowed: &[Algorithm]) -> Result<(KeySet, Vec<String>), KeySetError> {
        let document = parse_strict(jwks).map_err(KeySetError::Json)?;
        let jwks = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::Shape)?;
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys(jwks.len()));
        }
        let mut keys = Vec::new();
        let mut warnings = Vec::new();
        for (place, jwk) in jwks.iter().enumerate() {
            match jwk::read(jwk, allowed) {
                Ok(key) => keys.push(key),
                Err(why) => warnings.push(format!("{} is left out: {why}", name(place, jwk))),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey(warnings));
        }
        Ok((KeySet { keys }, warnings))
    }

    /// The keys of several sets as one, each key once; `None` when there is none.
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s KeySet>) -> Option<KeySet> {
        let mut keys: Vec<Key> = Vec::new();
        for key in sets.into_iter().flat_map(|set| &set.keys) {
            if !keys.iter().any(|known| known.kid == key.kid && known.material == key.material) {
                keys.push(key.clone());
            }
        }
        (!keys.is_empty()).then_some(KeySet { keys })
    }

    /// The keys whose id is not in `other`; keys without an id are left out, since nothing says that they are gone.
    pub fn without(&self, other: &KeySet) -> Option<KeySet> {
        let is_gone = |key: &&Key| key.kid.as_ref().is_some_and(|kid| !other.knows(kid));
        let keys: Vec<Key> = self.keys.iter().filter(is_gone).cloned().collect();
        (!keys.is_empty()).then_some(KeySet { keys })
    }

    /// The keys to try: those of this `kid` that fit the algorithm. A token without `kid` is tried only when exactly
    /// one key fits.
    pub fn find<'k>(&'k self, kid: Option<&'k str>, algorithm: Algorithm) -> impl Iterator<Item = &'k Key> {
        let fits = move |key: &&Key| {
            key.algorithms.contains(&algorithm) && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        };
        let unambiguous = kid.is_some() || self.keys.iter().filter(fits).count() == 1;
        self.keys.iter().filter(move |key| unambiguous && fits(key))
    }

    /// Whether a key of this name is in the set, for whatever algorithm.
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// How a warning calls a key: by `kid`, else by its place in the set, counted from 1.
fn name(place: usize, jwk: &Value) -> String {
    match jwk.get("kid").and_then(Value::as_str) {
        Some(kid) => format!("key `{}`", jwk::shown(kid)),
        None => format!("key number {} (no kid)", place + 1),
    }
}

fn listed(warnings: &[String]) -> String {
    if warnings.is_empty() { String::new() } else { format!(": {}", warnings.join("; ")) }
}

#[cfg(test)]
mod tests;
