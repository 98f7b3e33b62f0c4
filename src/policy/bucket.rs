//! The bucket of a person: one of a hundred equal parts of the people, for rules with `percent`.
//!
//! `percent = N` enforces a rule for the buckets below N: raising N only adds people.
//! The bucket comes from a keyed name of the person, so it is stable and nobody can choose it; the
//! caller makes that name.
//! Policies and reports call it `lot`.

use crate::identity::Principal;

/// A number from 0 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// The bucket that every share above 0 includes.
    pub const FIRST: Bucket = Bucket(0);

    /// `None` from 100 on.
    pub fn new(number: u8) -> Option<Bucket> {
        (number < 100).then_some(Bucket(number))
    }

    /// From evenly spread bits; the first buckets are ahead by less than 10^-17.
    pub fn from_bits(bits: u64) -> Bucket {
        Bucket((bits % 100) as u8)
    }

    /// From a pseudonym of the audit log: 16 hex digits of a keyed hash, so that the log tells who was among the first.
    pub fn of_pseudonym(pseudonym: &str) -> Bucket {
        Bucket::from_bits(u64::from_str_radix(pseudonym, 16).unwrap_or(u64::MAX))
    }

    /// One bucket of each kind that rules with these shares tell apart, in order; at least the first.
    pub fn distinct(shares: impl Iterator<Item = u8>) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = shares.filter_map(Bucket::new).chain([Bucket::FIRST]).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }

    /// 0 to 99.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether a rule with this share, 0 to 100, is enforced for this bucket.
    pub fn is_among(self, share: u8) -> bool {
        self.0 < share
    }
}

/// Finds buckets, only when a rule asks for one.
pub trait Buckets {
    /// The bucket of the n-th principal of a request.
    fn of(&self, nth: usize, principal: &Principal) -> Bucket;
}

/// The same for everyone: for tests and proofs.
impl Buckets for Bucket {
    fn of(&self, _: usize, _: &Principal) -> Bucket {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_the_share_only_adds_people() {
        let people: Vec<Bucket> =
            (0..10_000_u64).map(|n| Bucket::from_bits(n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
        let among = |share| people.iter().map(|bucket| bucket.is_among(share)).collect::<Vec<_>>();
        for share in 0..100 {
            let (before, after) = (among(share), among(share + 1));
            assert!(before.iter().zip(&after).all(|(b, a)| !b || *a), "{share}");
        }
        assert!(among(0).iter().all(|is| !is));
        assert!(among(100).iter().all(|is| *is));
        let five = among(5).iter().filter(|is| **is).count();
        assert!((400..600).contains(&five), "{five} of 10,000");
    }
}
