//! Revocations in a store that several gates share: one stream, to which each gate adds and which each gate follows.
//!
//! A gate holds the whole list in its own memory and asks only for what is new, so that no request
//! waits for the store.
//! How long ago it last knew everything is kept, since a gate that is cut off from the store knows
//! nothing of those whom another gate revokes.

use super::list::List;
use super::name::Name;
use crate::state::ledger::StoreLost;
use crate::state::record::{Revocation, RevokedName};
use crate::state::seal::Seal;
use crate::state::store::follow::Follows;
use crate::state::store::remote::Remote;
use redis::Script;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Another gate's revocation holds here after so long at the latest.
const FRESH: Duration = Duration::from_secs(1);
/// The key of the stream.
pub(in crate::state) const STREAM: &str = "revocations";
/// What has been kept long enough goes when something new comes, and the last of it by itself.
const ADD: &str = "
local now = redis.call('TIME')
local oldest = (tonumber(now[1]) - tonumber(ARGV[1])) * 1000
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', oldest), '*', unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])";

/// Takes what other gates added.
#[derive(Debug)]
pub struct Follower {
    list: Arc<List>,
    seal: Arc<Seal>,
    keep_s: i64,
    /// What the stream tells, while it tells all of it from the beginning.
    told: Mutex<Option<HashMap<Name, Revocation>>>,
    /// Fresh at so many milliseconds since `began`, and 1; 0: never yet.
    fresh: AtomicU64,
    began: Instant,
}

impl Follower {
    pub fn new(seal: Arc<Seal>, keep_s: i64) -> Self {
        let (list, told) = (Arc::new(List::new()), Mutex::default());
        Follower { list, seal, keep_s, told, fresh: AtomicU64::new(0), began: Instant::now() }
    }

    fn told(&self) -> MutexGuard<'_, Option<HashMap<Name, Revocation>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(&self) -> Arc<List> {
        self.list.clone()
    }

    pub(super) fn is_fresh(&self) -> bool {
        match self.fresh.load(Ordering::Relaxed) {
            0 => false,
            at => self.began.elapsed() < Duration::from_millis(at - 1) + FRESH,
        }
    }
}

impl Follows for Follower {
    fn begins(&self) {
        *self.told() = Some(HashMap::new());
    }

    /// What somebody else put there is nothing.
    fn take(&self, fields: &[Vec<u8>]) {
        let [_, name, _, sealed] = fields else { return };
        let Ok(name) = RevokedName::try_from(name.as_slice()) else { return };
        if let Some(revocation) = Revocation::open(&self.seal, &name, sealed) {
            let name = Name::from_record(name);
            if let Some(told) = &mut *self.told() {
                told.entry(name).and_modify(|t| *t = t.furthest(revocation)).or_insert(revocation);
            }
            self.list.learn(name, revocation);
        }
    }

    fn knew_all(&self, at: Instant) {
        let at_ms = at.saturating_duration_since(self.began).as_millis();
        self.fresh.store(u64::try_from(at_ms).unwrap_or(u64::MAX - 1) + 1, Ordering::Relaxed);
    }

    /// What was made while the store was away, or lost by it since.
    fn missed(&self) -> Vec<Vec<Vec<u8>>> {
        let Some(told) = self.told().take() else { return Vec::new() };
        let entries = self.list.read();
        let untold = entries.iter().filter(|(name, entry)| told.get(name).is_none_or(|t| t.furthest(**entry) != *t));
        untold.filter_map(|(name, entry)| fields(name.record(), *entry, &self.seal)).collect()
    }

    fn keep_s(&self) -> i64 {
        self.keep_s
    }
}

/// Where a gate adds.
#[derive(Debug)]
pub(super) struct Stream {
    remote: Arc<Remote>,
    pub follower: Arc<Follower>,
    add: Script,
}

impl Stream {
    pub(super) fn new(remote: Arc<Remote>, follower: Arc<Follower>) -> Self {
        Stream { remote, follower, add: Script::new(ADD) }
    }

    pub(super) async fn add(&self, name: Name, revocation: Revocation) -> Result<(), StoreLost> {
        let fields = fields(name.record(), revocation, &self.follower.seal).ok_or(StoreLost)?;
        let mut script = self.add.prepare_invoke();
        script.key(self.remote.key(STREAM, b"")).arg(self.follower.keep_s).arg(fields);
        self.remote.run(&script).await
    }
}

/// An entry as it stands in the stream: its fields and values in turn.
fn fields(name: RevokedName, revocation: Revocation, seal: &Seal) -> Option<Vec<Vec<u8>>> {
    let sealed = revocation.close(seal, &name)?;
    Some(vec![b"name".to_vec(), name.to_vec(), b"sealed".to_vec(), sealed])
}
