//! The names of an opaque session.
//!
//! It is never called by its cookie: by keyed hashes of it, one to find it by and one to tell of it. Whoever makes them has
//! the key.

use super::flow::FlowStamp;
use crate::wire::words::words;

/// What a bound session is called in the log: tells people apart where no subject does. Says nothing of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionName(pub u64);

/// The ledger's name for one session value: keyed hashes, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Shared by every spelling that some portal might take for the same value.
    pub alias: [u8; 16],
    /// Of the very bytes.
    pub exact: [u8; 16],
    /// What the session is called if it is bound under this value; it keeps that name when the value changes.
    pub name: SessionName,
}

words! {
    /// On what kind of session value a log-in was bound.
    pub enum Start {
        /// Minted for this log-in, and seen by nobody before its success.
        Clean = "clean",
        /// Set by the answer that showed the success.
        Rotated = "rotated",
        /// The browser had it before: a log-in that begins by itself, such as a password.
        Kept = "kept",
    }
}

/// How a session that is believed was born, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Born {
    /// In a log-in that the gate saw, at `at_s` (Unix seconds).
    InLogIn { flow: FlowStamp, start: Start, at_s: i64 },
    /// Before the gate, or out of its sight: by the portal's word.
    Probed,
}

impl Born {
    /// The word that tells it.
    pub fn word(self) -> &'static str {
        match self {
            Born::InLogIn { start, .. } => start.as_str(),
            Born::Probed => PROBED,
        }
    }
}

/// The word of [`Born::Probed`], beside those of [`Start`].
pub const PROBED: &str = "probed";
