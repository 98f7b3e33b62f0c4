//! The connection pool of a fetch.
//!
//! In a task of its own that looks at it: one that ends, or says something unasked, is closed at
//! once, and so is one that nobody wanted for a while. pingora's pool would do the same, but loses
//! one now and then, with an error in the log, when it is wanted by another thread than the one
//! that looks at it (`failed to acquire reusable stream`, 0.9.1).

use pingora::protocols::Stream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

/// For one endpoint.
const KEPT_MAX: usize = 32;
/// Well-known servers wait a minute or more; who closes earlier is noticed.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Connections to one endpoint that are not in use.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<Loan>>);

/// Asks the task that holds a connection to send it.
type Loan = oneshot::Sender<oneshot::Sender<Stream>>;

impl Kept {
    /// The one that was used last, if any is alive.
    pub(super) async fn take(&self) -> Option<Stream> {
        loop {
            let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let (to, connection) = oneshot::channel();
            if last.send(to).is_ok()
                && let Ok(connection) = connection.await
            {
                return Some(connection);
            }
        }
    }

    /// Nothing of an earlier answer may be left to be read on it.
    pub(super) fn put(&self, mut connection: Stream) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|loan| !loan.is_closed());
        if kept.len() >= KEPT_MAX {
            return;
        }
        let (loan, wanted) = oneshot::channel::<oneshot::Sender<Stream>>();
        kept.push(loan);
        tokio::spawn(async move {
            let to = tokio::select! {
                biased;
                _ = connection.read_u8() => None,
                () = tokio::time::sleep(KEPT_FOR) => None,
                to = wanted => to.ok(),
            };
            if let Some(to) = to {
                // Nobody is there to take it any more, so it is closed.
                let _ = to.send(connection);
            }
        });
    }
}
