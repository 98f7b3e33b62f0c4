//! Where a listener is reached from this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One that listens on every address is reached on loopback.
pub fn reachable(listener: SocketAddr) -> SocketAddr {
    let host = match listener.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(host, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_on_every_address_is_asked_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:9180"), "127.0.0.1:9180");
        assert_eq!(at("[::]:9180"), "[::1]:9180");
        assert_eq!(at("10.0.0.1:9180"), "10.0.0.1:9180");
    }
}
