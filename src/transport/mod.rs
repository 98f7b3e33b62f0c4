//! What surrounds the HTTP proxy on the wire: listeners, TLS, pools, health, and questions to other servers.
//!
//! Towards clients: [`guard`] bounds connections, request heads and idle time, [`tls`] holds the certificates.
//! Towards servers: [`upstream`] keeps the pools and their health, [`fetch`] asks one small question, [`probe`] shows a
//! session to the portal.
//! Knows bytes, sockets and certificates; no policy, no snapshot, no request once its head has been read.

pub mod fetch;
pub mod guard;
pub mod health;
pub mod introspect;
pub mod key_sets;
pub mod listen;
pub mod pem;
pub mod probe;
mod questions;
pub mod running;
pub mod tls;
pub mod upstream;

pub use questions::Unasked;
pub use running::Running;

/// An error with its causes, in one line.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What led to an error, the nearest first.
pub fn causes(error: &dyn std::error::Error) -> impl Iterator<Item = &dyn std::error::Error> {
    std::iter::successors(error.source(), |cause| cause.source())
}

#[cfg(test)]
pub(crate) mod testing;
