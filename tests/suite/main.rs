//! One test binary: promises as sentences, kept on real sockets.
//!
//! Every test starts the shipped binary with a policy directory of its own, puts a recording origin
//! behind it and speaks to it as browsers, programs and attackers do.
//! What such a test knows, a sysadmin could know too: only `docs` and `fuzz` call into the crate,
//! to hold the handbook against it, and to try what a socket would take too long for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and reads the clock of the machine it runs on"
)]

mod harness;

mod answers;
mod architecture;
mod audit;
mod backchannel;
mod born;
mod broken;
mod callbacks;
mod client_tls;
mod commands;
mod cookies;
mod deadlines;
mod docs;
mod explain;
mod framing;
mod fuzz;
mod golden;
mod grants;
mod headers;
mod introspection;
mod keys;
mod legacy;
mod metrics;
mod mutations;
mod passage;
mod passwords;
mod people;
mod probe;
mod reload;
mod replay;
mod revoke;
mod rollout;
mod sessions;
mod silence;
mod startup;
mod stores;
mod targets;
mod tokens;
mod transport;
mod trust;
mod upgrades;
