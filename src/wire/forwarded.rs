//! Who is at the other end: the client's address and scheme, from the socket or from a proxy that is trusted.

use http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Address and scheme as far as they can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    pub address: SocketAddr,
    pub https: bool,
}

/// Believes `X-Forwarded-For` from the right, as long as each hop is trusted; the first that is not is the client.
/// Nobody is trusted by default.
pub fn client(socket: SocketAddr, tls: bool, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
    let trusts = |ip: IpAddr| trusted.iter().any(|net| net.contains(&canonical(ip)));
    if !trusts(socket.ip()) {
        return Client { address: SocketAddr::new(canonical(socket.ip()), socket.port()), https: tls };
    }
    let mut address = socket;
    let fields: Vec<&[u8]> = headers.get_all("x-forwarded-for").iter().map(http::HeaderValue::as_bytes).collect();
    for hop in fields.iter().rev().flat_map(|f| f.rsplit(|b| *b == b',')) {
        // What a trusted proxy says and cannot be read is nobody's address, least of all the proxy's own.
        let ip = parse(hop.trim_ascii()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        address = SocketAddr::new(ip, 0);
        if !trusts(ip) {
            break;
        }
    }
    let https = tls || headers.get("x-forwarded-proto").is_some_and(|p| p.as_bytes().eq_ignore_ascii_case(b"https"));
    Client { address: SocketAddr::new(canonical(address.ip()), address.port()), https }
}

/// An IPv4 address in IPv6 clothes is that IPv4 address to every rule.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]:5`
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|a| a.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(socket: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for f in forwarded {
            headers.append("x-forwarded-for", f.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        client(socket.parse().unwrap(), false, &headers, &trusted).address.ip().to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_last_word() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(seen("203.0.113.9:1", &["198.51.100.1"], &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["10.20.0.1, 198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1, 10.0.0.2"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["10.20.0.1", "198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["garbage, 10.0.0.2"], &trusted), "0.0.0.0");
        assert_eq!(seen("10.0.0.1:1", &["garbage, 198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1:"], &trusted), "0.0.0.0");
        assert_eq!(seen("10.0.0.1:1", &[], &trusted), "10.0.0.1");
        assert_eq!(seen("[::ffff:10.0.0.1]:1", &["198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.1"], &[]), "10.0.0.1");
    }
}
