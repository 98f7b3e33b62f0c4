//! Where the ledger is kept beyond this process.

pub mod embedded;
pub mod journal;

use super::bounded::Alias;
use super::record::{Begun, Name, Session, SessionId};
use prometheus::{Histogram, IntCounter};

/// What an earlier process wrote down.
#[derive(Debug, Default)]
pub struct Loaded {
    pub sessions: Vec<(SessionId, Session)>,
    pub names: Vec<(Alias, Name)>,
    pub begun: Vec<(Alias, Begun)>,
    /// The highest number given so far.
    pub last_session: SessionId,
}

/// What a store counts; `telemetry` names the series.
#[derive(Clone, Debug)]
pub struct Meters {
    /// Sessions that had to go for newer ones.
    pub evicted: IntCounter,
    /// Times that the store did not do what it was asked.
    pub errors: IntCounter,
    /// Time of one commit, or of one question.
    pub seconds: Histogram,
}

#[cfg(test)]
mod tests;
