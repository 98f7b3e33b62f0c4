//! What may come, drawn from a seed: odd bytes, odd words, and changes to a text.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Far more than any case needs, even on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(20);

/// A source of surprises.
pub(super) struct Chance(StdRng);

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance(StdRng::seed_from_u64(seed))
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// Once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.random()
    }

    /// Some of these words side by side, with stray bytes between them.
    pub(super) fn words(&mut self, words: &[&str], most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.below(most + 1) {
            bytes.extend_from_slice(self.pick(words).as_bytes());
            if self.once_in(12) {
                bytes.push(self.byte());
            }
        }
        bytes
    }

    /// Takes out, puts in, doubles, swaps and changes a few stretches.
    pub(super) fn mangle(&mut self, bytes: &mut Vec<u8>, words: &[&str]) {
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(40)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(at..end)),
                1 => {
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, copy);
                }
                2 => {
                    let word = self.pick(words).as_bytes().to_vec();
                    bytes.splice(at..end, word);
                }
                3 => {
                    let word = self.pick(words).as_bytes().to_vec();
                    bytes.splice(at..at, word);
                }
                4 => bytes[at..end].reverse(),
                _ => bytes[at..end].iter_mut().for_each(|b| *b ^= 1 << 5),
            }
            if self.once_in(8) {
                let byte = self.byte();
                bytes.insert(self.below(bytes.len() + 1), byte);
            }
        }
    }
}

/// Runs one case for each seed. A panic or a case that takes too long ends the test with the seed and what was tried.
pub(super) fn for_each_case(few: u64, mut case: impl FnMut(&mut Chance) -> String) {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (first, count) = (number("FUZZ_SEED").unwrap_or(1), number("FUZZ_CASES").unwrap_or(few));
    let mut slowest = (Duration::ZERO, 0);
    for seed in first..first + count {
        let began = Instant::now();
        let tried = catch_unwind(AssertUnwindSafe(|| case(&mut Chance::new(seed))));
        assert!(tried.is_ok(), "FUZZ_SEED={seed} FUZZ_CASES=1 fails");
        slowest = slowest.max((began.elapsed(), seed));
        assert!(slowest.0 < PATIENCE, "FUZZ_SEED={seed} FUZZ_CASES=1 took {:?}: {}", slowest.0, tried.unwrap());
    }
    println!("{count} cases; the slowest, FUZZ_SEED={}, took {:?}", slowest.1, slowest.0);
}
