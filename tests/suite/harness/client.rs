//! A client connection that reads what the gate answers.
//!
//! One TCP connection that sends exact bytes and reads answers one by one, or everything until the end. Every read
//! is bounded by the harness's patience.

use super::ask::Ask;
use super::wire::{Head, Length, Reader, latin1};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub complete: bool,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.head.values(name)
    }
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }
    /// The member `reason` of a problem document.
    #[track_caller]
    pub(crate) fn reason(&self) -> String {
        self.json()["reason"].as_str().unwrap_or_else(|| panic!("no reason: {}", self.text())).to_owned()
    }
    #[track_caller]
    pub(crate) fn support_code(&self) -> String {
        let codes = self.values("x-support-code");
        assert_eq!(codes.len(), 1, "an answer of the gate carries one support code: {:?}", self.head);
        codes[0].to_owned()
    }
    /// Whether the gate itself made this answer.
    pub(crate) fn is_the_gates(&self) -> bool {
        self.value("x-support-code").is_some()
    }
}

/// One connection.
pub(crate) struct Client {
    reader: Reader,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(address: &str) -> Client {
        Client::on(TcpStream::connect(address).unwrap_or_else(|e| panic!("no connection to {address}: {e}")))
    }

    pub(crate) fn on(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(super::PATIENCE * 2)).unwrap();
        stream.set_write_timeout(Some(super::PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { reader: Reader::new(stream) }
    }

    /// Sends these bytes; a gate that has already closed is no failure here.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.reader.stream.write_all(bytes);
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, ask: &Ask) -> Response {
        self.send(&ask.bytes());
        self.answer_to(&ask.method)
    }

    /// The next final answer, to a request other than HEAD.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Response {
        self.answer_to("GET")
    }

    #[track_caller]
    fn answer_to(&mut self, method: &str) -> Response {
        self.maybe_answer_to(method).expect("an answer, not the end of the connection")
    }

    /// The next final answer, or `None` when the connection ended.
    #[track_caller]
    pub(crate) fn maybe_answer(&mut self) -> Option<Response> {
        self.maybe_answer_to("GET")
    }

    #[track_caller]
    fn maybe_answer_to(&mut self, method: &str) -> Option<Response> {
        loop {
            let head = match self.reader.head() {
                Ok(Some(head)) => head,
                Ok(None) => return None,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("no answer in time: {e}"),
            };
            let status: u16 = head.start.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
            if status != 101 && (100..200).contains(&status) {
                continue;
            }
            let length = if method == "HEAD" { Length::Known(0) } else { head.response_body(status) };
            let (body, complete) = self.reader.body(length).unwrap_or_default();
            return Some(Response { status, head, body, complete });
        }
    }

    /// Everything that still comes until the gate closes.
    #[track_caller]
    pub(crate) fn until_close(&mut self) -> String {
        loop {
            match self.reader.more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => break,
                Err(e) => panic!("the connection was to be closed: {e}"),
            }
        }
        latin1(&self.reader.drain())
    }

    /// Exactly this many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        self.reader.body(Length::Known(count)).expect("bytes in time").0
    }

    /// The same connection, to send from another thread.
    pub(crate) fn again(&self) -> Client {
        Client { reader: Reader::new(self.reader.stream.try_clone().unwrap()) }
    }

    /// Whether the other side still takes bytes.
    pub(crate) fn sends(&mut self, bytes: &[u8]) -> bool {
        self.reader.stream.write_all(bytes).is_ok()
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&mut self) {
        let _ = self.reader.stream.shutdown(std::net::Shutdown::Write);
    }
}
