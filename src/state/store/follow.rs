//! A stream of the shared store, followed entry by entry.
//!
//! A stream may lose entries while it is followed: the store is emptied, or another takes its place
//! that has not seen the last of them.
//! Then it is read from its beginning again.
//! What it does not tell then and the follower knows is added to it, so that nothing is lost as
//! long as one gate remembers it.

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Pipeline};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Entries asked for, or added, at once.
const PIECE: usize = 1_000;
/// Before the first entry of a stream.
const BEGINNING: &str = "0-0";

/// Who follows a stream of the store.
pub trait Follows: Send + Sync + 'static {
    /// The stream is told from its beginning.
    fn begins(&self);
    /// One entry: its fields and values in turn. Oldest first.
    fn take(&self, fields: &[Vec<u8>]);
    /// Everything that was in the stream at this moment has been taken.
    fn knew_all(&self, at: Instant);
    /// Entries that the stream should have told since it began. Asked for when all of it was told.
    fn missed(&self) -> Vec<Vec<Vec<u8>>>;
    /// How long the stream is kept when nothing comes, in seconds.
    fn keep_s(&self) -> i64;
}

/// An entry of a stream: its number, and fields and values in turn.
type Entry = (String, Vec<Vec<u8>>);
/// The newest entry of a stream, if it has one, and those that were asked for, below its name.
type Looked = (Vec<Entry>, Option<Vec<(Vec<u8>, Vec<Entry>)>>);

/// How far somebody has followed a stream.
pub(super) struct Following {
    key: Vec<u8>,
    /// The number of the last entry that was taken.
    last: String,
    follower: Arc<dyn Follows>,
    /// For one question.
    timeout: Duration,
}

impl Following {
    pub(super) fn new(key: Vec<u8>, follower: Arc<dyn Follows>, timeout: Duration) -> Self {
        Following { key, last: BEGINNING.to_owned(), follower, timeout }
    }

    /// On a connection that may lead to another server than the last.
    pub(super) fn begin(&mut self) {
        BEGINNING.clone_into(&mut self.last);
        self.follower.begins();
    }

    /// Takes what is new, which also shows whether the connection still answers.
    pub(super) async fn catch_up(&mut self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        loop {
            let asked = Instant::now();
            let mut ask = redis::pipe();
            ask.cmd("XREVRANGE").arg(&self.key).arg("+").arg("-").arg("COUNT").arg(1);
            ask.cmd("XREAD").arg("COUNT").arg(PIECE).arg("STREAMS").arg(&self.key).arg(&self.last);
            let (newest, new): Looked = self.ask(&ask, connection).await?;
            let newest = newest.first().map_or(BEGINNING, |(number, _)| number);
            if place(newest) < place(&self.last) {
                // It has lost entries, and numbers what comes by a clock that may be behind the one before.
                self.begin();
                continue;
            }
            let entries: Vec<Entry> = new.into_iter().flatten().flat_map(|(_, entries)| entries).collect();
            if entries.is_empty() {
                self.follower.knew_all(asked);
                return self.fill_up(connection).await;
            }
            for (number, fields) in entries {
                self.follower.take(&fields);
                self.last = number;
            }
        }
    }

    async fn fill_up(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        for some in self.follower.missed().chunks(PIECE) {
            let mut add = redis::pipe();
            for fields in some {
                add.cmd("XADD").arg(&self.key).arg("*").arg(fields).ignore();
            }
            add.cmd("EXPIRE").arg(&self.key).arg(self.follower.keep_s()).ignore();
            self.ask::<()>(&add, connection).await?;
        }
        Ok(())
    }

    async fn ask<T: FromRedisValue>(
        &self,
        question: &Pipeline,
        connection: &mut MultiplexedConnection,
    ) -> Result<T, String> {
        match timeout(self.timeout, question.query_async(connection)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(super::no_answer(self.timeout)),
        }
    }
}

/// Where an entry of this number stands in its stream: milliseconds, and which one of them.
fn place(number: &str) -> Option<(u64, u64)> {
    let (ms, nth) = number.split_once('-')?;
    Some((ms.parse().ok()?, nth.parse().ok()?))
}
