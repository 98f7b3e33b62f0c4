//! Who is asking, and how do we know?
//!
//! Finds every credential on a request and turns each into a [`Principal`]. What must be looked up (a session, a
//! key set, a remembered token) is declared here as a trait and implemented by `state`. Knows no proxy, no clock,
//! no metrics: the caller passes the time and counts the outcome.

pub mod claims;
pub mod json;
pub mod keys;
pub mod principal;
pub mod token;
pub mod words;

#[cfg(test)]
mod fixtures;

pub use principal::{CredentialId, Facts, Principal};
pub use words::{Account, Evidence, Level, Login};
