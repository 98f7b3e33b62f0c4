//! Revocations in a store that several gates share: one stream, to which each gate adds and which each gate follows.
//!
//! A gate holds the whole list in its own memory and asks only for what is new, so that no request waits for the store.
//! How long ago it last knew everything is kept, since a gate that is cut off from the store knows nothing of those whom
//! another gate takes away.

use super::list::List;
use super::name::Name;
use crate::state::ledger::StoreLost;
use crate::state::record::{Revocation, RevokedName};
use crate::state::seal::Seal;
use crate::state::store::remote::{Follows, Remote};
use redis::Script;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Another gate's revocation holds here after so long at the latest.
const FRESH: Duration = Duration::from_secs(1);
/// The key of the stream.
pub(in crate::state) const STREAM: &str = "revocations";
/// What has been kept long enough goes when something new comes, and the last of it by itself.
const ADD: &str = "
local now = redis.call('TIME')
local oldest = (tonumber(now[1]) - tonumber(ARGV[3])) * 1000
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', oldest), '*', 'name', ARGV[1], 'sealed', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])";

/// Takes what other gates added.
#[derive(Debug)]
pub struct Follower {
    list: Arc<List>,
    seal: Arc<Seal>,
    /// Fresh at so many milliseconds since `began`, and 1; 0: never yet.
    fresh: AtomicU64,
    began: Instant,
}

impl Follower {
    pub fn new(seal: Arc<Seal>) -> Self {
        Follower { list: Arc::new(List::new()), seal, fresh: AtomicU64::new(0), began: Instant::now() }
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
    /// What somebody else put there is nothing.
    fn take(&self, fields: &[Vec<u8>]) {
        let [_, name, _, sealed] = fields else { return };
        let Ok(name) = RevokedName::try_from(name.as_slice()) else { return };
        if let Some(revocation) = Revocation::open(&self.seal, &name, sealed) {
            self.list.learn(Name::from_record(name), revocation);
        }
    }

    fn knew_all(&self, at: Instant) {
        let at_ms = at.saturating_duration_since(self.began).as_millis();
        self.fresh.store(u64::try_from(at_ms).unwrap_or(u64::MAX - 1) + 1, Ordering::Relaxed);
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
    pub fn new(remote: Arc<Remote>, follower: Arc<Follower>) -> Self {
        Stream { remote, follower, add: Script::new(ADD) }
    }

    pub async fn add(&self, name: Name, revocation: Revocation, keep_s: i64) -> Result<(), StoreLost> {
        let name = name.record();
        let sealed = revocation.close(&self.follower.seal, &name).ok_or(StoreLost)?;
        let mut script = self.add.prepare_invoke();
        script.key(self.remote.key(STREAM, b"")).arg(name.as_slice()).arg(sealed).arg(keep_s);
        self.remote.run(&script).await
    }
}
