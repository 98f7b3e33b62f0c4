//! The addresses that an answer may lead a person to.
//!
//! A path on the same host, or an `https` address; nothing that one browser could read as another host than the next
//! one does (`//host`, `/\host`, a tab inside), and no scheme that runs code. Knows nothing of the request.

use std::net::IpAddr;

/// The link itself where it is safe to follow. Plain `http` is safe on a loopback host only, for trying things out.
pub fn safe_link(link: &str) -> Option<&str> {
    if !link.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return None;
    }
    let safe = if let Some(rest) = link.strip_prefix('/') {
        !rest.starts_with('/')
    } else if let Some(rest) = link.strip_prefix("https://") {
        host(rest).is_some()
    } else if let Some(rest) = link.strip_prefix("http://") {
        host(rest).is_some_and(is_loopback)
    } else {
        false
    };
    safe.then_some(link)
}

/// The host of what follows `scheme://`, without port and brackets; `None` with user information or an odd port.
fn host(rest: &str) -> Option<&str> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, after) = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']').filter(|(host, _)| host.parse::<IpAddr>().is_ok())?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = after.is_empty() || after.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let letters = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':'));
    (port && letters && !host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_same_host_or_an_https_address_is_safe() {
        for link in [
            "/",
            "/dich-vu-cong/cong-dan/dang-nhap?return-url=%2F",
            "https://dichvucong.daknong.gov.vn",
            "https://sso.example:8443/auth?a=b#c",
            "https://[2001:db8::1]/x",
            "http://127.0.0.1:8080/dang-nhap",
            "http://localhost/",
            "http://[::1]:9/",
        ] {
            assert_eq!(safe_link(link), Some(link));
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_link() {
        for link in [
            "",
            "dang-nhap",
            "//evil.example/nop-ho-so",
            "/\\evil.example",
            "/\t/evil.example",
            "\n//evil.example",
            "/x\r\nSet-Cookie: a=b",
            "/a b",
            "/\u{2215}evil",
            "https:/evil.example",
            "https://",
            "https:///x",
            "https://portal.example@evil.example/",
            "https://evil.example:x/",
            "https://[evil]/",
            "http://evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://localhost@evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert_eq!(safe_link(link), None, "{link:?}");
        }
    }
}
