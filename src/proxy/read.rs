//! Stop 2: host, path and framing of a request, read in one way or refused.

use super::context::Target;
use super::rejection::{Framing, Rejection};
use crate::policy::Policy;
use crate::policy::target::{self, Ambiguous, RawTarget};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Version};
use pingora::http::RequestHeader;

/// The only things that a Connection header may name: anything else would take a header away from the portal, or from
/// the gate.
const NOMINATED: [&str; 7] = ["close", "keep-alive", "upgrade", "te", "trailers", "http2-settings", "proxy-connection"];

/// `raw_head` is the head as it came on HTTP/1; HTTP/2 has none.
pub fn target(policy: &Policy, head: &RequestHeader, raw_head: Option<&[u8]>) -> Result<Target, Rejection> {
    framing(head, raw_head)?;
    let raw = match raw_head {
        Some(raw_head) => request_target(raw_head).ok_or(Rejection::Target(Ambiguous::NotOriginForm))?,
        None => head.raw_path(),
    };
    let raw = RawTarget::split(raw).map_err(Rejection::Target)?;
    let host = host(head, raw.authority).map_err(Rejection::Target)?;
    let name = target::host_name(host).map_err(Rejection::Target)?;
    let (id, site) = policy.site_of(&name).ok_or(Rejection::UnknownHost)?;
    let path = target::canonical_path(raw.path, site.relaxed).map_err(Rejection::Target)?;
    let route = site.routes.find(&path).unwrap_or(site.other);
    let origin_form = match raw.query {
        Some(query) => [raw.path, "?", query].concat(),
        None => raw.path.to_owned(),
    };
    Ok(Target {
        site: id,
        route,
        host: host.to_owned(),
        path: path.into_owned(),
        query: raw.query.map(str::to_owned),
        origin_form,
    })
}

/// The second word of the request line, byte for byte; `None` unless there are exactly three.
pub(super) fn request_target(raw_head: &[u8]) -> Option<&[u8]> {
    // RFC 9112 §2.2 lets empty lines stand before the request line.
    let head = raw_head.trim_ascii_start();
    let end = head.iter().position(|b| *b == b'\n')?;
    let line = head.get(..end)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let first = line.iter().position(|b| *b == b' ')?;
    let last = line.iter().rposition(|b| *b == b' ')?;
    line.get(first + 1..last)
}

/// The one host of the request: `Host` or `:authority`, and no second opinion.
pub(super) fn host<'h>(head: &'h RequestHeader, authority: Option<&'h str>) -> Result<&'h str, Ambiguous> {
    let mut fields = head.headers.get_all(HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (Some(_), Some(_)) => return Err(Ambiguous::HostTwice),
        (Some(only), None) => Some(only.to_str().map_err(|_| Ambiguous::HostMalformed)?),
        (None, _) => None,
    };
    let from_uri = if head.version == Version::HTTP_2 {
        head.uri.authority().map(http::uri::Authority::as_str)
    } else {
        authority
    };
    match (field, from_uri) {
        (Some(host), Some(other)) if !host.eq_ignore_ascii_case(other) => Err(Ambiguous::HostDiffers),
        (Some(host), _) => Ok(host),
        (None, Some(host)) if head.version == Version::HTTP_2 => Ok(host),
        (None, _) => Err(Ambiguous::HostMissing),
    }
}

/// Whether body and connection are described in one way.
pub(super) fn framing(head: &RequestHeader, raw_head: Option<&[u8]>) -> Result<(), Rejection> {
    let headers = &head.headers;
    let refuse = |what| Err(Rejection::Framing(what));
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let digits = length.as_bytes();
        let plain = !digits.is_empty() && digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit);
        if !plain || lengths.next().is_some() {
            return refuse(Framing::ContentLength);
        }
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        // pingora takes Content-Length out when it sees both, so only the raw head tells.
        let both = raw_head.is_some_and(|raw| names_header(raw, b"content-length"));
        if !chunked || codings.next().is_some() || both || head.version != Version::HTTP_11 {
            return refuse(Framing::TransferEncoding);
        }
    }
    if !nominations_are_known(headers) {
        return refuse(Framing::Connection);
    }
    Ok(())
}

fn names_header(raw_head: &[u8], name: &[u8]) -> bool {
    raw_head.split(|b| *b == b'\n').skip(1).any(|line| {
        let end = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        line.get(..end).is_some_and(|n| n.trim_ascii().eq_ignore_ascii_case(name))
    })
}

fn nominations_are_known(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().all(|field| {
        field
            .as_bytes()
            .split(|b| *b == b',')
            .map(<[u8]>::trim_ascii)
            .all(|token| token.is_empty() || NOMINATED.iter().any(|known| token.eq_ignore_ascii_case(known.as_bytes())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_taken_from_the_line_as_it_came() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"GET /a%20b?x HTTP/1.1\r\nHost: x\r\n\r\n", b"/a%20b?x"),
            (b"\r\nGET /a HTTP/1.1\r\n\r\n", b"/a"),
            (b"GET /a b HTTP/1.1\r\n\r\n", b"/a b"),
            (b"GET /a#b HTTP/1.1\n\n", b"/a#b"),
        ];
        for (line, target) in cases {
            assert_eq!(request_target(line), Some(target));
        }
    }
}
