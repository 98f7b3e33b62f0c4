//! vneid-gate: a reverse proxy in front of a public-service portal that knows how each session was opened.
//!
//! Rooms stand in reading order; each uses only what stands to its right:
//!
//! ```text
//! main -> cli -> demo, replay, serve -> admin, reload, proxy -> authn -> transport -> telemetry -> state -> snapshot -> config -> policy -> identity -> wire -> diagnostic
//! ```
//!
//! One request passes seven stages: pin a snapshot, read the target, authenticate every credential,
//! decide, enforce, forward (and observe the answer for log-ins), account.
//! `proxy` is where they are called in order.
//!
//! State lives in a few cells, each replaced whole or bounded:
//!
//! - the live snapshot: `snapshot::Live`
//! - the key sets fetched for each credential: `state::keys`
//! - the ledger of sessions: `state::ledger`
//! - who was revoked: `state::revocations`
//! - verified tokens: `authn::jwt`
//! - what authorization servers said of other tokens: `authn::introspection`
//! - what portals said of unbound sessions: `authn::probe`
//!
//! `docs/architecture/README.md` says how each is bounded.

pub mod admin;
pub mod authn;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod diagnostic;
pub mod identity;
pub mod policy;
pub mod proxy;
pub mod reload;
pub mod replay;
pub mod serve;
pub mod snapshot;
pub mod state;
pub mod telemetry;
pub mod transport;
pub mod wire;
