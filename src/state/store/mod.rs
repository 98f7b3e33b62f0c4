//! Where the ledger and the revocations are kept beyond this process.

pub mod embedded;
pub mod follow;
pub mod journal;
pub mod remote;

use super::bounded::Alias;
use super::ledger::LoginId;
use super::record::{Name, Revocation, RevokedName, Session, SessionId};
use prometheus::{Histogram, IntCounter};
use remote::RemoteError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What an earlier process wrote down.
#[derive(Debug, Default)]
pub struct Loaded {
    pub sessions: Vec<(SessionId, Session)>,
    pub names: Vec<(Alias, Name)>,
    /// Log-ins that were bound, and until when that is remembered (Unix seconds).
    pub used: Vec<(LoginId, i64)>,
    pub revocations: Vec<(RevokedName, Revocation)>,
    /// The highest number given so far.
    pub last_session: SessionId,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot use the folder `{}`", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("another process has `{}` open: each gate needs a store of its own, or all share a Redis", .0.display())]
    Locked(PathBuf),
    #[error(
        "`{}` is damaged ({why}); move it away and everybody logs in again, or put an undamaged copy in its place",
        path.display()
    )]
    Damaged { path: PathBuf, why: String },
    #[error(
        "`{}` was written under another secret; put the earlier secret back, or move the file away and everybody \
         logs in again",
        .0.display()
    )]
    OtherSecret(PathBuf),
    #[error("`{}` was written by another version of the gate (layout {layout})", path.display())]
    OtherLayout { path: PathBuf, layout: u64 },
    #[error("no secret: the store cannot be sealed")]
    NoSeal,
    #[error("the thread that writes cannot be started")]
    Thread(#[source] io::Error),
    #[error("the shared store cannot be used")]
    Remote(#[from] RemoteError),
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

fn no_answer(patience: Duration) -> String {
    format!("no answer within {patience:?}")
}

#[cfg(test)]
mod tests;
