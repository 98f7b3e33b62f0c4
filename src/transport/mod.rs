//! What surrounds the HTTP proxy on the wire?
//!
//! Towards clients: [`guard`] bounds connections, request heads and idle time, [`tls`] holds the certificates.
//! Towards servers: [`upstream`] keeps the pools and their health, [`fetch`] gets one small document.
//! Knows bytes, sockets and certificates; no policy, no snapshot, no request once its head has been read.

pub mod fetch;
pub mod guard;
pub mod health;
pub mod key_sets;
pub mod listen;
pub mod pem;
pub mod running;
pub mod tls;
pub mod upstream;

pub use running::Running;

#[cfg(test)]
mod testing;
