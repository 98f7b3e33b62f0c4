//! Which of a hundred equal parts of the people does somebody belong to?
//!
//! `percent = N` enforces a rule for the lots below N: raising N only adds people. The lot is drawn from a keyed name
//! of the person, so it is stable and nobody can choose it; drawing is left to the caller.

use crate::identity::Principal;

/// A number from 0 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lot(u8);

impl Lot {
    pub const FIRST: Lot = Lot(0);

    /// `None` from 100 on.
    pub fn new(number: u8) -> Option<Lot> {
        (number < 100).then_some(Lot(number))
    }

    /// From evenly spread bits; the first lots are ahead by less than 10^-17.
    pub fn drawn(bits: u64) -> Lot {
        Lot((bits % 100) as u8)
    }

    /// From a pseudonym of the audit log: 16 hex digits of a keyed hash, so that the log tells who was among the first.
    pub fn named(pseudonym: &str) -> Lot {
        Lot::drawn(u64::from_str_radix(pseudonym, 16).unwrap_or(u64::MAX))
    }

    /// One lot of each kind that rules with these shares tell apart, in order; at least the first.
    pub fn told_apart(shares: impl Iterator<Item = u8>) -> Vec<Lot> {
        let mut lots: Vec<Lot> = shares.filter_map(Lot::new).chain([Lot::FIRST]).collect();
        lots.sort_unstable();
        lots.dedup();
        lots
    }

    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether a rule with this share, 0 to 100, is enforced for this lot.
    pub fn is_among(self, share: u8) -> bool {
        self.0 < share
    }
}

/// Draws lots, only when a rule asks for one.
pub trait Lots {
    fn of(&self, nth: usize, principal: &Principal) -> Lot;
}

/// The same for everyone: for tests and proofs.
impl Lots for Lot {
    fn of(&self, _: usize, _: &Principal) -> Lot {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_the_share_only_adds_people() {
        let people: Vec<Lot> = (0..10_000_u64).map(|n| Lot::drawn(n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
        let among = |share| people.iter().map(|lot| lot.is_among(share)).collect::<Vec<_>>();
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
