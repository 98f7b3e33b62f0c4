//! Stop 2: host, path and framing of a request, read in one way or refused.

use super::context::Target;
use super::rejection::{Framing, Rejection};
use crate::policy::Policy;
use crate::wire::target::{self, Ambiguous, RawTarget};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Version};
use pingora::http::RequestHeader;

/// The only things that a Connection header may name: anything else would take a header away from the portal, or from
/// the gate.
const NOMINATED: [&str; 7] = ["close", "keep-alive", "upgrade", "te", "trailers", "http2-settings", "proxy-connection"];

/// `raw_head` is the head as it came on HTTP/1; HTTP/2 has none.
pub(super) fn target(policy: &Policy, head: &RequestHeader, raw_head: Option<&[u8]>) -> Result<Target, Rejection> {
    let fields = Fields::of(&head.headers);
    fields.framing(head.version, raw_head)?;
    let raw = match raw_head {
        Some(raw_head) => request_target(raw_head).ok_or(Rejection::Target(Ambiguous::NotOriginForm))?,
        None => head.raw_path(),
    };
    let raw = RawTarget::split(raw).map_err(Rejection::Target)?;
    let host = fields.host(head, raw.authority).map_err(Rejection::Target)?;
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

/// The fields that say where a request goes and where its body ends, found in one pass.
#[derive(Default)]
pub(super) struct Fields<'h> {
    host: Field<'h>,
    length: Field<'h>,
    coding: Field<'h>,
    /// Connection names something that is not known.
    odd_connection: bool,
}

#[derive(Default)]
struct Field<'h> {
    first: Option<&'h HeaderValue>,
    again: bool,
}

impl<'h> Field<'h> {
    fn see(&mut self, value: &'h HeaderValue) {
        self.again = self.first.is_some();
        self.first.get_or_insert(value);
    }
}

impl<'h> Fields<'h> {
    pub(super) fn of(headers: &'h HeaderMap) -> Self {
        let mut fields = Fields::default();
        for (name, value) in headers {
            match *name {
                HOST => fields.host.see(value),
                CONTENT_LENGTH => fields.length.see(value),
                TRANSFER_ENCODING => fields.coding.see(value),
                CONNECTION => fields.odd_connection |= !nominations_are_known(value),
                _ => {}
            }
        }
        fields
    }

    /// The one host of the request: `Host` or `:authority`, and no second opinion.
    pub(super) fn host(&self, head: &'h RequestHeader, authority: Option<&'h str>) -> Result<&'h str, Ambiguous> {
        if self.host.again {
            return Err(Ambiguous::HostTwice);
        }
        let field = self.host.first.map(|only| only.to_str().map_err(|_| Ambiguous::HostMalformed)).transpose()?;
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
    pub(super) fn framing(&self, version: Version, raw_head: Option<&[u8]>) -> Result<(), Rejection> {
        let refuse = |what| Err(Rejection::Framing(what));
        if let Some(length) = self.length.first {
            let digits = length.as_bytes();
            let plain = !digits.is_empty() && digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit);
            if !plain || self.length.again {
                return refuse(Framing::ContentLength);
            }
        }
        if let Some(coding) = self.coding.first {
            let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            // pingora takes Content-Length out when it sees both, so only the raw head tells.
            let both = raw_head.is_some_and(|raw| names_header(raw, b"content-length"));
            if !chunked || self.coding.again || both || version != Version::HTTP_11 {
                return refuse(Framing::TransferEncoding);
            }
        }
        if self.odd_connection { refuse(Framing::Connection) } else { Ok(()) }
    }
}

fn names_header(raw_head: &[u8], name: &[u8]) -> bool {
    raw_head.split(|b| *b == b'\n').skip(1).any(|line| {
        let end = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        line.get(..end).is_some_and(|n| n.trim_ascii().eq_ignore_ascii_case(name))
    })
}

fn nominations_are_known(connection: &HeaderValue) -> bool {
    connection
        .as_bytes()
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .all(|token| token.is_empty() || NOMINATED.iter().any(|known| token.eq_ignore_ascii_case(known.as_bytes())))
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
