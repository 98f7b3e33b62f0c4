//! The answers of the origin, and how badly it behaves while giving them.
//!
//! A reply is a list of steps on the connection: bytes, a wait for the test's word, silence, an end. Knows nothing of
//! the request but whether it was HEAD.

use std::sync::{Arc, Condvar, Mutex};

/// A scripted answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    pub(super) latch: Option<Latch>,
    pub(super) manner: Manner,
}

/// How the answer is brought.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Manner {
    /// As a well-behaved server does, connection kept.
    Plain,
    /// Exactly these bytes, then an end.
    Raw(Vec<u8>),
    /// Nothing, ever.
    Silent,
    /// An end instead of an answer.
    HangUp,
    /// The answer is 101, then every byte is sent back.
    Echo,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        Reply { status, fields: Vec::new(), body: Vec::new(), latch: None, manner: Manner::Plain }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Reply {
        Reply::status(200).with("Content-Type", "text/plain; charset=utf-8").body(body)
    }

    pub(crate) fn redirect(location: &str) -> Reply {
        Reply::status(302).with("Location", location)
    }

    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Reply {
        Reply::status(status).with("Content-Type", "application/json").body(value.to_string())
    }

    /// Exactly these bytes, then the connection is closed.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply { manner: Manner::Raw(bytes.into()), ..Reply::status(0) }
    }

    /// Accepts the request and never says a word.
    pub(crate) fn silence() -> Reply {
        Reply { manner: Manner::Silent, ..Reply::status(0) }
    }

    /// Closes the connection instead of answering.
    pub(crate) fn hang_up() -> Reply {
        Reply { manner: Manner::HangUp, ..Reply::status(0) }
    }

    /// Agrees to a WebSocket (any key) and sends every byte back.
    pub(crate) fn echo() -> Reply {
        let reply = Reply::status(101).with("Connection", "Upgrade").with("Upgrade", "websocket");
        Reply { manner: Manner::Echo, ..reply }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }

    /// Sends nothing before the latch is opened.
    pub(crate) fn held_by(mut self, latch: &Latch) -> Reply {
        self.latch = Some(latch.clone());
        self
    }

    /// The bytes of a plain answer.
    pub(super) fn bytes(&self, to_head: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status >= 200 && self.status != 204 && self.status != 304 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !to_head {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Holds answers back until the test opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(super) fn wait(&self) {
        let held = self.0.0.lock().unwrap();
        let _ = self.0.1.wait_timeout_while(held, super::PATIENCE * 2, |open| !*open).unwrap();
    }
}
