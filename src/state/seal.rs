//! What leaves the process for a store is sealed: the subject of a session is personal data, and whoever can write to a
//! store must not be able to make sessions up or to exchange two of them.
//!
//! AES-256-GCM with a random nonce and a key derived from the gate's secret.
//! What a record is filed under is sealed with it, so that it opens in its own place only. 2^32
//! records under one secret is the bound for random nonces (NIST SP 800-38D §8.3): at a hundred
//! log-ins a second more than a year of touches, after which the secret is due anyway.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

pub struct Seal(LessSafeKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// `None` unless the key has 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(|key| Seal(LessSafeKey::new(key)))
    }

    /// Nonce, sealed bytes, tag. `place` names kind and key of the record.
    pub fn close(&self, place: &[u8], record: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut out = Vec::with_capacity(NONCE_LEN + record.len() + AES_256_GCM.tag_len());
        out.extend_from_slice(record);
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut out).ok()?;
        out.splice(0..0, nonce);
        Some(out)
    }

    /// `None` for anything that was not closed with this key for this place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut buffer = rest.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_in_its_own_place_under_its_own_key_and_whole() {
        let seal = Seal::new(&[7; 32]).unwrap();
        let closed = seal.close(b"here", b"079203001234").unwrap();
        assert_eq!(seal.open(b"here", &closed).as_deref(), Some(&b"079203001234"[..]));
        assert_eq!(seal.open(b"there", &closed), None);
        assert_eq!(Seal::new(&[8; 32]).unwrap().open(b"here", &closed), None);
        assert_eq!(seal.open(b"here", closed.split_last().unwrap().1), None);
        assert_eq!(seal.open(b"here", b""), None);
        assert_ne!(seal.close(b"here", b"079203001234"), Some(closed.clone()), "never twice the same bytes");
        assert!(!closed.windows(12).any(|w| w == b"079203001234"));
    }
}
