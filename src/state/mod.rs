//! What is learned while running: sessions, key sets, revocations. Every cell is bounded.
//!
//! All secrets that key these cells come from `[gate] secret`.

pub mod bounded;
pub mod keyed;
pub mod keys;
pub mod ledger;
pub mod login_cookie;
pub mod record;
pub mod revocations;
pub mod seal;
pub mod store;

use crate::config::settings::{Gate, OnStoreLoss, Redis, State as Settings, Store};
use crate::identity::SessionFound;
use keyed::Keyed;
use keys::Keys;
use ledger::{Ledger, Local, Shared};
use revocations::{Follower, Revocations};
use std::sync::Arc;
use store::embedded::Embedded;
use store::journal::Journal;
use store::remote::Remote;
use store::{Meters, StoreError};

/// All cells of learned state.
#[derive(Debug)]
pub struct State {
    pub keyed: Arc<Keyed>,
    pub keys: Keys,
    pub ledger: Ledger,
    pub revocations: Revocations,
}

impl State {
    /// Opens the store and reads what an earlier process left there, which may take a moment.
    pub fn new(gate: &Gate, settings: &Settings, meters: Meters, now_s: i64) -> Result<Self, StoreError> {
        let (keyed, keep_s) = (keyed(gate), settings.keep_revocations_s);
        let (ledger, revocations) = match &settings.store {
            Store::Memory => return Ok(Self::in_memory(gate, settings, &meters)),
            Store::Embedded { path } => {
                let local = Local::new(settings.sessions, meters.evicted.clone());
                let (disk, mut loaded) = Embedded::open(path, &keyed)?;
                let journal = Arc::new(Journal::new(disk, meters).map_err(StoreError::Thread)?);
                let written = std::mem::take(&mut loaded.revocations);
                let revocations = Revocations::on_disk(keyed.clone(), keep_s, journal.clone(), written, now_s);
                (Ledger::Local(local.with_journal(loaded, journal, now_s)), revocations)
            }
            Store::Redis(redis) => shared(redis, &keyed, keep_s, meters)?,
        };
        Ok(State { keyed, keys: Keys::default(), ledger, revocations })
    }

    /// Nothing but what this process learns, as far as it needs no more.
    pub fn in_memory(gate: &Gate, settings: &Settings, meters: &Meters) -> Self {
        let keyed = keyed(gate);
        let ledger = Ledger::Local(Local::new(settings.sessions, meters.evicted.clone()));
        let revocations = Revocations::in_memory(keyed.clone(), settings.keep_revocations_s);
        State { keyed, keys: Keys::default(), ledger, revocations }
    }
}

/// Without a secret of its own a gate has one of this moment.
fn keyed(gate: &Gate) -> Arc<Keyed> {
    Arc::new(match &gate.secret {
        Some(secret) => Keyed::new(&secret.0),
        None => Keyed::new(&rand::random::<[u8; 32]>()),
    })
}

/// Both are kept in one store, over one connection.
fn shared(
    settings: &Redis,
    keyed: &Arc<Keyed>,
    keep_s: i64,
    meters: Meters,
) -> Result<(Ledger, Revocations), StoreError> {
    let seal = Arc::new(keyed.seal().ok_or(StoreError::NoSeal)?);
    let (lost_is, refuses) = match settings.on_loss {
        OnStoreLoss::Refuse => (SessionFound::Unavailable, true),
        OnStoreLoss::Unbound => (SessionFound::Unknown, false),
    };
    let follower = Arc::new(Follower::new(seal.clone(), keep_s));
    let remote = Arc::new(Remote::new(settings, keyed, meters, revocations::STREAM, follower.clone())?);
    let revocations = Revocations::shared(keyed.clone(), keep_s, remote.clone(), follower, refuses);
    Ok((Ledger::Shared(Box::new(Shared::new(remote, seal, lost_is))), revocations))
}
