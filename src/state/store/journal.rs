//! Writes down what the ledger and the revocations in memory learn, in groups: while one group is
//! on its way to the disk, the next gathers.
//!
//! One thread owns the disk.
//! Whoever needs a change to outlive the process waits for its group, with a deadline.
//! When the disk fails, the changes wait in memory and are tried again; until then nothing new is
//! vouched for.

use super::Meters;
use crate::state::bounded::Alias;
use crate::state::ledger::{Bound, LoginId, StoreLost};
use crate::state::record::{self, Revocation, RevokedName, SessionId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long an answer waits for the disk.
const PATIENCE: Duration = Duration::from_secs(2);
/// What nobody waits for is written after so long.
const LAZY: Duration = Duration::from_secs(1);
/// After a failure.
const RETRY: Duration = Duration::from_millis(250);
/// At the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Changes kept while the disk is away; a tenth of it for those that nobody waits for.
const WAITING_MAX: usize = 1_000_000;

/// One thing to be written down. Later ones replace earlier ones of the same key.
#[derive(Clone, Debug)]
pub enum Change {
    /// As it is when it is written; not at all if it has ended by then.
    Session(Arc<Bound>),
    SessionGone(SessionId),
    Name(Alias, record::Name),
    NameGone(Alias),
    Used(LoginId, i64),
    UsedGone(LoginId),
    Revoked(RevokedName, Revocation),
    RevocationGone(RevokedName),
}

/// Where a journal is written.
pub trait Disk: Send + 'static {
    /// All of them or none, on the disk when this returns. After an error the same changes come again.
    fn write(&mut self, changes: &[Change]) -> Result<(), DiskError>;
}

/// Why the disk did not take it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DiskError(pub String);

/// The number of a change, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    /// The last ticket that is on the disk.
    committed: watch::Receiver<u64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    lost: AtomicBool,
    trouble: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Queue {
    changes: Vec<Change>,
    last: u64,
    /// Somebody waits.
    urgent: bool,
    closed: bool,
}

impl Journal {
    pub fn new(disk: impl Disk, meters: Meters) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (done, committed) = watch::channel(0);
        let writer = Writer { disk, shared: shared.clone(), done, meters };
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(move || writer.run())?;
        Ok(Journal { shared, committed, writer: Mutex::new(Some(thread)) })
    }

    /// For what may be lost in a crash, and is left out when too much waits.
    pub fn note(&self, change: Change) {
        let mut queue = lock(&self.shared.queue);
        if queue.changes.len() < WAITING_MAX / 10 {
            queue.changes.push(change);
            queue.last += 1;
        }
    }

    /// For what must not be lost.
    pub fn write(&self, changes: Vec<Change>) -> Result<Ticket, StoreLost> {
        let mut queue = lock(&self.shared.queue);
        if queue.changes.len() >= WAITING_MAX {
            return Err(StoreLost);
        }
        queue.changes.extend(changes);
        queue.last += 1;
        queue.urgent = true;
        self.shared.wake.notify_one();
        Ok(Ticket(queue.last))
    }

    /// Waits until it is on the disk.
    pub async fn written(&self, ticket: Ticket) -> Result<(), StoreLost> {
        let mut committed = self.committed.clone();
        let arrived = tokio::time::timeout(PATIENCE, committed.wait_for(|last| *last >= ticket.0)).await;
        if let Ok(Ok(_)) = arrived {
            return Ok(());
        }
        // A disk that says nothing is as good as one that fails.
        if !self.is_lost() {
            self.shared.is_lost("the disk does not answer");
        }
        Err(StoreLost)
    }

    pub fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    pub fn trouble(&self) -> Option<String> {
        lock(&self.shared.trouble).clone()
    }

    /// Writes what waits and ends the thread; gives up after a while.
    pub fn close(&self) {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_one();
        let Some(thread) = lock(&self.writer).take() else { return };
        let deadline = Instant::now() + LAST_WORDS;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn is_lost(&self, why: &str) {
        if !self.lost.swap(true, Ordering::Relaxed) {
            log::error!("the store of sessions is lost: {why}; log-ins and log-outs are refused until it is back");
        }
        *lock(&self.trouble) = Some(why.to_owned());
    }

    fn is_back(&self) {
        if self.lost.swap(false, Ordering::Relaxed) {
            *lock(&self.trouble) = None;
            log::info!("the store of sessions is back; what waited is written");
        }
    }
}

struct Writer<D> {
    disk: D,
    shared: Arc<Shared>,
    done: watch::Sender<u64>,
    meters: Meters,
}

impl<D: Disk> Writer<D> {
    fn run(mut self) {
        loop {
            let (changes, last, closed) = self.gather();
            if !changes.is_empty() && !self.keep_trying(&changes, closed) {
                return;
            }
            self.done.send_replace(last);
            if closed {
                return;
            }
        }
    }

    /// Waits for somebody who waits, or for a while.
    fn gather(&self) -> (Vec<Change>, u64, bool) {
        let queue = lock(&self.shared.queue);
        let idle = |queue: &mut Queue| !queue.urgent && !queue.closed;
        let waited = self.shared.wake.wait_timeout_while(queue, LAZY, idle);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.urgent = false;
        (std::mem::take(&mut queue.changes), queue.last, queue.closed)
    }

    /// `false`: the process ends and the disk still does not take it.
    fn keep_trying(&mut self, changes: &[Change], closing: bool) -> bool {
        loop {
            let began = Instant::now();
            let written = self.disk.write(changes);
            self.meters.seconds.observe(began.elapsed().as_secs_f64());
            match written {
                Ok(()) => {
                    self.shared.is_back();
                    return true;
                }
                Err(error) => {
                    self.meters.errors.inc();
                    self.shared.is_lost(&error.0);
                    if closing || lock(&self.shared.queue).closed {
                        log::error!("{} changes of sessions are not written down: {error}", changes.len());
                        return false;
                    }
                    std::thread::sleep(RETRY);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
