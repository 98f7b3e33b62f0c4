//! Odd policy files and requests: nothing brings the gate down, makes it hang, or changes what is in force.
//!
//! Cases are drawn from a seed, so that a failure can be repeated.
//! Each run draws as many as are named by `FUZZ_CASES` from `FUZZ_SEED` on (few from 1 on, if
//! nothing is said); what it once found has a test of its own at the end of a file.

mod chance;
mod loader;
mod requests;
