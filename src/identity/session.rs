//! The names of an opaque session.
//!
//! It is never called by its cookie: by keyed hashes of it, one to find it by and one to tell of it. Whoever makes them has
//! the key.

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
