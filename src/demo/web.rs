//! Requests and answers of a stand-in.
//!
//! A [`Stand`] turns one whole request into one whole answer: no I/O, no clock of its own, so it can be asked in a
//! test without a socket. The rest of this file is the counter between it and pingora: bodies of bounded size and
//! time, HEAD, lengths. It knows nothing of portals or log-ins.

use super::form::Fields;
use super::html::Html;
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use pingora::services::{ServiceWithDependents, listening};
use std::net::SocketAddr;
use std::time::Duration;

/// The largest request body that a stand-in reads, in bytes.
pub(super) const BODY_LIMIT_BYTES: usize = 16 * 1024;
const BODY_TIME_LIMIT: Duration = Duration::from_secs(30);

/// No frames, no foreign content, scripts from files only.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                              connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) type Answer = Response<Vec<u8>>;

/// One of the small servers of the demo.
pub(super) trait Stand: Send + Sync + 'static {
    fn answer(&self, request: &Request, now: Timestamp) -> Answer;
}

/// What a method asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// GET and HEAD.
    Read,
    /// POST.
    Write,
    Other,
}

/// A request that was read to its end.
#[derive(Debug)]
pub(super) struct Request {
    pub verb: Verb,
    /// As it came: not decoded, without the query.
    pub path: String,
    pub query: Fields,
    pub headers: HeaderMap,
    /// Empty unless the body is a form.
    pub form: Fields,
}

impl Request {
    pub(super) fn new(method: &Method, uri: &http::Uri, headers: HeaderMap, body: &[u8]) -> Self {
        let verb = match *method {
            Method::GET | Method::HEAD => Verb::Read,
            Method::POST => Verb::Write,
            _ => Verb::Other,
        };
        let media_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let is_form = media_type.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded");
        let form = if is_form { Fields::read(&String::from_utf8_lossy(body)) } else { Fields::default() };
        let query = Fields::read(uri.query().unwrap_or(""));
        Request { verb, path: uri.path().to_owned(), query, headers, form }
    }

    /// A header's value; empty when it is absent or no visible ASCII.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The first cookie of this name.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

pub(super) fn page(status: StatusCode, html: Html) -> Answer {
    content(status, "text/html; charset=utf-8", html.into_bytes())
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    content(status, "application/json", value.to_string().into_bytes())
}

pub(super) fn text(status: StatusCode, text: &str) -> Answer {
    content(status, "text/plain; charset=utf-8", format!("{text}\n").into_bytes())
}

/// A style sheet, picture or script: the same for everyone, so it may be kept for a while.
pub(super) fn asset(media_type: &'static str, text: &'static str) -> Answer {
    let answer = content(StatusCode::OK, media_type, text.as_bytes().to_vec());
    with(answer, header::CACHE_CONTROL, "public, max-age=300")
}

/// 302, which browsers follow with GET.
pub(super) fn redirect(location: &str) -> Answer {
    with(content(StatusCode::FOUND, "text/plain; charset=utf-8", Vec::new()), header::LOCATION, location)
}

pub(super) fn wrong_method(allow: &str) -> Answer {
    with(text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed"), header::ALLOW, allow)
}

/// Sets a field. A value that no field can hold is our own mistake: the visitor gets 500 and no half answer.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    let Ok(value) = HeaderValue::from_str(value) else {
        log::error!("demo: a value does not fit into `{name}`");
        return content(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", Vec::new());
    };
    answer.headers_mut().insert(name, value);
    answer
}

fn content(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// A service for pingora's server that lets a stand-in answer on plain HTTP at this address.
pub(super) fn service(name: &str, address: SocketAddr, stand: impl Stand) -> Box<dyn ServiceWithDependents> {
    let mut service = listening::Service::new(name.to_owned(), Counter(stand));
    service.add_tcp(&address.to_string());
    Box::new(service)
}

struct Counter<S>(S);

#[async_trait]
impl<S: Stand> ServeHttp for Counter<S> {
    async fn response(&self, session: &mut ServerSession) -> Answer {
        let body = match tokio::time::timeout(BODY_TIME_LIMIT, read_body(session)).await {
            Ok(Ok(body)) => body,
            // what is left of the body must not be read as the next request
            Ok(Err(status)) => return last_on_connection(session, status),
            Err(_) => return last_on_connection(session, StatusCode::REQUEST_TIMEOUT),
        };
        let head = session.req_header();
        let is_head = head.method == Method::HEAD;
        let request = Request::new(&head.method, &head.uri, head.headers.clone(), &body);
        measured(self.0.answer(&request, Timestamp::now()), is_head)
    }
}

async fn read_body(session: &mut ServerSession) -> Result<Vec<u8>, StatusCode> {
    let mut body = Vec::new();
    while let Some(part) = session.read_request_body().await.map_err(|_| StatusCode::BAD_REQUEST)? {
        if body.len() + part.len() > BODY_LIMIT_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn last_on_connection(session: &mut ServerSession, status: StatusCode) -> Answer {
    session.set_keepalive(None);
    measured(text(status, status.as_str()), false)
}

/// Every answer carries its length; pingora would otherwise close the connection to mark its end.
fn measured(mut answer: Answer, is_head: bool) -> Answer {
    let length = HeaderValue::from(answer.body().len());
    answer.headers_mut().insert(header::CONTENT_LENGTH, length);
    if is_head {
        answer.body_mut().clear();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &'static str)], body: &[u8]) -> Request {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Request::new(&Method::POST, &"/x?a=1".parse().unwrap(), headers, body)
    }

    #[test]
    fn a_form_is_read_only_when_the_body_says_that_it_is_one() {
        let form = request(&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")], b"a=2");
        assert_eq!((form.form.value("a"), form.query.value("a")), ("2", "1"));
        assert_eq!(request(&[("content-type", "application/json")], b"a=2").form.value("a"), "");
    }

    #[test]
    fn the_first_cookie_of_a_name_counts() {
        let request = request(&[("cookie", "other=1; PHPSESSID=first;PHPSESSID=second")], b"");
        assert_eq!(request.cookie("PHPSESSID"), Some("first"));
        assert_eq!(request.cookie("SESSID"), None);
    }

    #[test]
    fn a_line_break_never_gets_into_a_header() {
        let answer = redirect("/x\r\nSet-Cookie: a=b");
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.headers().get(header::LOCATION).is_none());
    }
}
