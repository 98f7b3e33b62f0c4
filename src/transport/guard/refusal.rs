//! The answer to a request head that was refused before a request began.
//!
//! A head that is too slow, too long or has an odd request line is refused here, a malformed one
//! and CONNECT by pingora, which says so in bare words and tells nobody.
//! Both end with an answer of the application, so that these clients too have a support code.
//! What pingora refuses is not judged a second time: its own words are the verdict, and are kept
//! from the client.

use std::net::SocketAddr;

/// So much of a head is kept for its refusal.
pub(super) const KEPT_BYTES_MAX: usize = 4096;

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It took too long.
    Slow,
    /// It is too long.
    Long,
    /// It could be read in two ways, or not at all.
    Malformed,
    /// Its method is none that can be forwarded.
    Method,
}

impl Cause {
    /// The verdict in an answer of pingora's own.
    pub(super) fn of(answer: &[u8]) -> Cause {
        if answer.get(..12) == Some(b"HTTP/1.1 405") { Cause::Method } else { Cause::Malformed }
    }
}

/// A head that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'r> {
    pub cause: Cause,
    /// Its first bytes as they came.
    pub head: &'r [u8],
    pub client: Option<SocketAddr>,
}

/// The application's part: counts and records the refusal, and composes the answer.
pub trait Refuse: Send + Sync {
    /// A whole HTTP/1.1 answer, after which the connection is closed.
    fn refuse(&self, refused: &Refused<'_>) -> Vec<u8>;
}
