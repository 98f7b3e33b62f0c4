//! Does anything that a file or a request may hold bring the gate down, make it hang, or change what is in force?
//!
//! Cases are drawn from a seed, so that a failure can be repeated. Each run draws as many as are named by `FUZZ_CASES`
//! from `FUZZ_SEED` on (few from 1 on, if nothing is said); what it once found has a test of its own at the end of a file.

mod chance;
mod loader;
mod requests;
