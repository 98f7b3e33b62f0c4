//! What the tests stand on: a gate (the real binary), an origin behind it, an issuer beside it, a client in front.
//!
//! Plain threads and blocking sockets, so that a byte is sent when the test says so. Waiting is always for an event
//! and always bounded by [`PATIENCE`].

mod ask;
mod client;
mod front;
mod gate;
mod issuer;
mod origin;
mod policy;
mod portal;
mod reply;
mod scrape;
mod tls;
mod watch;
mod wire;

pub(crate) use ask::Ask;
pub(crate) use client::{Client, Response};
pub(crate) use front::Front;
pub(crate) use gate::{Exit, Gate};
pub(crate) use issuer::{Issuer, Key, change, encode, now};
pub(crate) use origin::{Origin, Received};
pub(crate) use policy::Policy;
pub(crate) use portal::{
    Browser, CALLBACK, HOST, OFFICIAL, PASSWORD_PAGE, THEIR_NETWORK, UNBOUND, VNEID, World, portal,
};
pub(crate) use reply::{Latch, Reply};
pub(crate) use scrape::Scrape;
pub(crate) use tls::{Authority, Curl};

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Asks again and again until there is an answer; fails with `what` when patience ends.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(15));
    }
}
