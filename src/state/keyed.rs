//! Keyed hashes: a session, a token or a person gets a name from which the original cannot be found by trying.
//!
//! HMAC-SHA-256 (RFC 2104), and GMAC for tokens, with one key a purpose, derived from the gate's secret. An ID number
//! has little entropy, so a hash without a key would be reversible by enumeration.

use super::seal::Seal;
use crate::identity::{Pseudonym, SessionKey, SessionName};
use crate::wire::spelling::plain_value;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key, sign};
use unicode_normalization::UnicodeNormalization;

pub struct Keyed {
    session: Key,
    /// A second key for tokens; see [`Keyed::token`].
    token: (Option<LessSafeKey>, Key),
    person: Key,
    flow: Key,
    revoked: Key,
    store: Key,
    login: Option<Seal>,
    id: String,
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyed({})", self.id)
    }
}

impl Keyed {
    pub fn new(secret: &[u8]) -> Self {
        let master = Key::new(HMAC_SHA256, secret);
        let derive = |purpose: &[u8]| Key::new(HMAC_SHA256, sign(&master, purpose).as_ref());
        Keyed {
            session: derive(b"session"),
            token: (
                UnboundKey::new(&AES_256_GCM, sign(&master, b"token name").as_ref()).map(LessSafeKey::new).ok(),
                derive(b"token"),
            ),
            person: derive(b"person"),
            flow: derive(b"flow"),
            revoked: derive(b"revoked"),
            store: derive(b"store"),
            login: Seal::new(sign(&master, b"login cookie").as_ref()),
            id: hex(sign(&master, b"key id").as_ref().get(..3).unwrap_or_default()),
        }
    }

    /// Names the key in audit lines, so that pseudonyms under different secrets are told apart.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The ledger's name for a session value of a credential on a site. Spellings that some portal reads as one value
    /// (quoted, percent-encoded, other case) share the alias; only equal bytes share the whole name.
    pub fn session(&self, site: &str, credential: &str, value: &[u8]) -> SessionKey {
        let value = value.trim_ascii();
        let name = |kind: &[u8], value: &[u8]| {
            halves(&self.session, &[kind, site.as_bytes(), &[0], credential.as_bytes(), &[0], value])
        };
        // Who sees one half of a keyed hash learns nothing of the other, so the log's name costs no hash of its own.
        let plain = plain_value(value);
        let (alias, called) = name(b"a", &plain);
        // Most values are their own plain form: one hash does for both.
        let exact = if *plain == *value { alias } else { name(b"e", value).0 };
        SessionKey { alias, exact, name: SessionName(called) }
    }

    /// The name under which a verified token is remembered: the tag of AES-GCM over it (GMAC), at a quarter of HMAC's
    /// cost for a thousand bytes. Under a secret key and one nonce that is a universal hash: whoever never sees a tag
    /// cannot do better than chance, 2^-120 a try, at finding a token that shares another's name. The names never leave
    /// this process.
    pub fn token(&self, token: &str) -> [u8; 16] {
        let (gcm, hmac) = &self.token;
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = gcm.as_ref().and_then(|key| key.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).ok());
        match tag.map(|tag| <[u8; 16]>::try_from(tag.as_ref())) {
            Some(Ok(name)) => name,
            _ => short(hmac, &[token.as_bytes()]),
        }
    }

    /// A log-in under way, tied to its `state` parameter where it has one.
    pub fn flow(&self, flow: &str, state: Option<&str>) -> [u8; 16] {
        let marker: &[u8] = if state.is_some() { &[1] } else { &[0] };
        short(&self.flow, &[flow.as_bytes(), &[0], marker, state.unwrap_or_default().as_bytes()])
    }

    /// What a revocation names, said in parts.
    pub fn revoked(&self, parts: &[&[u8]]) -> u64 {
        let mut context = Context::with_key(&self.revoked);
        for part in parts {
            // With their lengths, no two lists of parts are the same bytes.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        number(context.sign().as_ref())
    }

    /// What seals the records of a store.
    pub fn seal(&self) -> Option<Seal> {
        Seal::new(sign(&self.store, b"seal").as_ref())
    }

    /// What seals the gate's own cookies.
    pub fn cookie_seal(&self) -> Option<&Seal> {
        self.login.as_ref()
    }

    /// By this a store is known as written under this secret.
    pub fn store_id(&self) -> [u8; 16] {
        short(&self.store, &[b"id"])
    }

    /// One person in every spelling that some portal takes for the same name: other case, full-width digits, spaces around
    /// it. Who is revoked by name must not stay by having typed it in another way.
    pub fn person(&self, subject: &str) -> Pseudonym {
        let mut context = Context::with_key(&self.person);
        let mut bytes = [0; 4];
        for letter in subject.trim().nfkc().flat_map(char::to_lowercase) {
            context.update(letter.encode_utf8(&mut bytes).as_bytes());
        }
        Pseudonym(number(context.sign().as_ref()))
    }
}

/// The first eight bytes of a keyed hash.
fn number(tag: &[u8]) -> u64 {
    tag.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

fn short(key: &Key, parts: &[&[u8]]) -> [u8; 16] {
    halves(key, parts).0
}

/// The first half of a keyed hash, and eight bytes of the second.
fn halves(key: &Key, parts: &[&[u8]]) -> ([u8; 16], u64) {
    let mut context = Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let tag = context.sign();
    let mut bytes = tag.as_ref().iter().copied();
    let first = std::array::from_fn(|_| bytes.next().unwrap_or(0));
    (first, u64::from_be_bytes(std::array::from_fn(|_| bytes.next().unwrap_or(0))))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_session_share_an_alias_and_nothing_more() {
        let keyed = Keyed::new(b"0123456789abcdef0123456789abcdef");
        let name = keyed.session("portal", "cookie", b"e1,x y");
        for spelling in ["%651,x y", "\"e1,x y\"", "E1,x+y", "e1,x%20y", "e1%2Cx y"] {
            let other = keyed.session("portal", "cookie", spelling.as_bytes());
            assert_eq!(other.alias, name.alias, "{spelling}");
            assert_ne!(other.exact, name.exact, "{spelling}");
        }
        assert_eq!(keyed.session("portal", "cookie", b" e1,x y "), name);
        assert_ne!(keyed.session("portal", "cookie", b"e2").alias, name.alias);
        assert_ne!(keyed.session("portal", "other", b"e1,x y").alias, name.alias);
        assert_ne!(keyed.session("forum", "cookie", b"e1,x y").alias, name.alias);
    }

    #[test]
    fn what_the_log_calls_a_session_says_nothing_of_its_key() {
        let keyed = Keyed::new(b"0123456789abcdef0123456789abcdef");
        let key = keyed.session("portal", "cookie", b"e1");
        assert_eq!(keyed.session("portal", "cookie", b"%651").name, key.name, "one session in every spelling");
        assert_ne!(keyed.session("portal", "cookie", b"e2").name, key.name);
        assert!(!key.alias.windows(8).any(|bytes| bytes == key.name.0.to_be_bytes()), "no part of the ledger's key");
    }

    #[test]
    fn a_person_is_one_in_every_spelling_of_the_name() {
        let keyed = Keyed::new(b"0123456789abcdef0123456789abcdef");
        assert_eq!(keyed.person(" Can.Bo@DakNong.gov.vn\n"), keyed.person("can.bo@daknong.gov.vn"));
        assert_eq!(keyed.person("０７９２０３００１２３４"), keyed.person("079203001234"));
        assert_ne!(keyed.person("079203001234"), keyed.person("079203001235"));
    }

    #[test]
    fn tokens_have_names_of_their_own_that_change_with_the_secret() {
        let keyed = Keyed::new(b"0123456789abcdef0123456789abcdef");
        let names = ["", "a", "b", "aa", &"a".repeat(1_000)].map(|token| keyed.token(token));
        let distinct: std::collections::HashSet<_> = names.into_iter().collect();
        assert_eq!(distinct.len(), 5);
        assert_eq!(keyed.token("a"), Keyed::new(b"0123456789abcdef0123456789abcdef").token("a"));
        assert_ne!(keyed.token("a"), Keyed::new(b"another secret of at least 32 b.").token("a"));
        assert!(keyed.token.0.is_some());
    }
}
