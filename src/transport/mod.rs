//! What surrounds the HTTP proxy on the wire?
//!
//! Towards clients: [`guard`] bounds connections, request heads and idle time, [`tls`] holds the certificates.
//! Towards servers: [`upstream`] keeps the pools and their health, [`fetch`] gets one small document.
//! Knows bytes, sockets and certificates; no policy, no snapshot, no request once its head has been read.

pub mod fetch;
pub mod guard;
pub mod pem;
pub mod tls;
pub mod upstream;

#[cfg(test)]
mod testing;
