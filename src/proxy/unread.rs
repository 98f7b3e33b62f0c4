//! Requests that never began: heads that the guard or pingora refused. Answered, counted and written down like every
//! other refusal.
//!
//! Such a head is not understood, only searched for what an answer needs: method, path, the fields that tell language
//! and reader. Nothing of it decides anything, and nothing is forwarded.

use super::account::{self, Told};
use super::answer::{audience, language};
use super::rejection::{Framing, Rejection};
use super::{Enforcer, RequestContext, read, respond};
use crate::transport::guard::{Cause, Refuse, Refused};
use crate::wire::forwarded;
use crate::wire::target::RawTarget;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::date::get_cached_date;
use std::net::{Ipv4Addr, SocketAddr};

impl Refuse for Enforcer {
    fn refuse(&self, refused: &Refused<'_>) -> Vec<u8> {
        let head = salvaged(refused.head);
        let socket = refused.client.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let mut ctx = self.begin(socket);
        ctx.method = head.method.clone();
        let tls = !self.listener.tls.is_empty();
        let client = forwarded::client(socket, tls, &head.headers, &self.listener.trusted_proxies);
        (ctx.client, ctx.https) = (client.address, client.https);
        let rejection = match refused.cause {
            Cause::Slow => Rejection::RequestTimeout,
            Cause::Long => Rejection::HeadTooLarge,
            Cause::Method => Rejection::MethodNotAllowed,
            Cause::Malformed => what_is_wrong(&head, refused.head),
        };
        self.count_rejection(&mut ctx, rejection);
        let answer = composed(&ctx, rejection, &head);
        let (status, bytes) = answer.unwrap_or((StatusCode::BAD_REQUEST, Vec::new()));
        let path = read::request_target(refused.head).map_or("", path_of);
        account::record(self, &ctx, &Told { status: status.as_u16(), path, complete: true });
        bytes
    }
}

/// The first thing that makes the head unreadable, in the words used for heads that pingora lets through.
fn what_is_wrong(head: &RequestHeader, raw: &[u8]) -> Rejection {
    let malformed = Rejection::Framing(Framing::Head);
    let Some(target) = read::request_target(raw) else { return malformed };
    let target = match RawTarget::split(target) {
        Ok(target) => target,
        Err(what) => return Rejection::Target(what),
    };
    let fields = read::Fields::of(&head.headers);
    let host = || fields.host(head, target.authority).map_err(Rejection::Target);
    fields.framing(head.version, Some(raw)).and_then(|()| host()).err().unwrap_or(malformed)
}

fn composed(
    ctx: &RequestContext,
    rejection: Rejection,
    head: &RequestHeader,
) -> pingora::Result<(StatusCode, Vec<u8>)> {
    let reader = audience(&head.method, &head.headers);
    let (mut answer, body) = respond::document(ctx, rejection, reader, language(&head.headers))?;
    answer.insert_header(http::header::DATE, get_cached_date())?;
    answer.insert_header(CONNECTION, "close")?;
    let mut bytes = written(&answer);
    if head.method != Method::HEAD {
        bytes.extend_from_slice(&body);
    }
    Ok((answer.status, bytes))
}

fn written(answer: &ResponseHeader) -> Vec<u8> {
    let reason = answer.status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", answer.status.as_str()).into_bytes();
    for (name, value) in &answer.headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(piece);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// What can be read of a head that could not be read.
fn salvaged(raw: &[u8]) -> RequestHeader {
    let mut lines = raw.trim_ascii_start().split(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let method = line.split(|byte| *byte == b' ').next().and_then(|word| Method::from_bytes(word).ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(field) {
        headers.append(name, value);
    }
    let mut parts = http::Request::new(()).into_parts().0;
    parts.method = method.unwrap_or_default();
    parts.version = if line.trim_ascii_end().ends_with(b"HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
    parts.headers = headers;
    RequestHeader::from(parts)
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let value = value.get(1..)?.trim_ascii();
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

/// The path of an origin-form target for the log. Other forms may hold a name and password.
fn path_of(target: &[u8]) -> &str {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let path = target.get(..end).and_then(|path| std::str::from_utf8(path).ok()).unwrap_or_default();
    if path.starts_with('/') { path } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::target::Ambiguous;

    fn wrong(raw: &str) -> Rejection {
        what_is_wrong(&salvaged(raw.as_bytes()), raw.as_bytes())
    }

    #[test]
    fn the_detail_names_what_pingora_refused_as_far_as_it_can_be_told() {
        let cases = [
            ("GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Rejection::Target(Ambiguous::HostTwice)),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::Target(Ambiguous::RawByte)),
            ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", Rejection::Framing(Framing::ContentLength)),
            (
                "POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                Rejection::Framing(Framing::TransferEncoding),
            ),
            ("GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", Rejection::Framing(Framing::Head)),
            ("GET /a\r\n\r\n", Rejection::Framing(Framing::Head)),
            ("\0\u{1}\n\n", Rejection::Framing(Framing::Head)),
            ("", Rejection::Framing(Framing::Head)),
        ];
        for (raw, expected) in cases {
            assert_eq!(wrong(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn no_query_and_no_authority_is_taken_for_the_log() {
        for (target, path) in
            [("/a?token=x", "/a"), ("/a#x", "/a"), ("user:secret@host:443", ""), ("http://user:secret@host/a", "")]
        {
            assert_eq!(path_of(target.as_bytes()), path);
        }
    }
}
