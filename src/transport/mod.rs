//! What surrounds the HTTP proxy on the wire: listeners, TLS, pools, health, and questions to other servers.
//!
//! Towards clients: [`guard`] bounds connections, request heads and idle time, [`tls`] holds the certificates.
//! Towards servers: [`upstream`] keeps the pools and their health, [`fetch`] asks one small question.
//! Knows bytes, sockets and certificates; no policy, no snapshot, no request once its head has been read.

pub mod fetch;
pub mod guard;
pub mod health;
pub mod introspect;
pub mod key_sets;
pub mod listen;
pub mod pem;
pub mod running;
pub mod tls;
pub mod upstream;

pub use running::Running;

/// An error with its causes, in one line.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
pub(crate) mod testing;
