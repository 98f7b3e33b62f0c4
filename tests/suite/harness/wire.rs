//! Reading one HTTP/1 message from a socket.
//!
//! Reads heads and bodies for both ends, keeps every byte of a head as it came, and judges nothing: what a strict
//! parser would refuse is recorded, so that a test can see it. Text is Latin-1, one character a byte.

use std::io::{self, Read};
use std::net::TcpStream;

/// Start line and fields of one message.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Without the line end.
    pub start: String,
    /// Name as it was spelled, value without surrounding blanks, in order.
    pub fields: Vec<(String, String)>,
    /// As it arrived, with the empty line.
    pub raw: Vec<u8>,
}

impl Head {
    pub(crate) fn parse(raw: &[u8]) -> Head {
        let text = latin1(raw);
        let mut lines = text.trim_end_matches(['\r', '\n']).split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .map(|line| line.split_once(':').unwrap_or((line, "")))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Head { start, fields, raw: raw.to_vec() }
    }

    /// Every value of a field, name in any case.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// The first value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().copied()
    }

    /// Names of the fields that a CGI-like back end would read as `name`: dash, underscore and dot are one.
    pub(crate) fn aliases(&self, name: &str) -> Vec<&str> {
        let fold = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
        self.fields.iter().map(|(n, _)| n.as_str()).filter(|n| fold(n) == fold(name)).collect()
    }

    fn is_chunked(&self) -> bool {
        self.values("transfer-encoding").iter().any(|v| v.to_ascii_lowercase().contains("chunked"))
    }

    fn content_length(&self) -> Option<usize> {
        self.value("content-length").and_then(|v| v.parse().ok())
    }

    /// Where the body of a request ends.
    pub(crate) fn request_body(&self) -> Length {
        if self.is_chunked() { Length::Chunked } else { Length::Known(self.content_length().unwrap_or(0)) }
    }

    /// Where the body of an answer to a request other than HEAD ends.
    pub(crate) fn response_body(&self, status: u16) -> Length {
        match status {
            100..200 | 204 | 304 => Length::Known(0),
            _ if self.is_chunked() => Length::Chunked,
            _ => self.content_length().map_or(Length::ToClose, Length::Known),
        }
    }
}

/// Where a body ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Known(usize),
    Chunked,
    ToClose,
}

/// One side of a connection with the bytes that were read ahead.
pub(super) struct Reader {
    pub stream: TcpStream,
    ahead: Vec<u8>,
}

impl Reader {
    pub(super) fn new(stream: TcpStream) -> Reader {
        Reader { stream, ahead: Vec::new() }
    }

    /// What arrived and belongs to no message yet.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Takes what arrived and belongs to no message yet.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ahead)
    }

    /// The next head, or `None` when the other side closed before one was complete.
    pub(super) fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(at) = find(&self.ahead, b"\r\n\r\n") {
                let raw: Vec<u8> = self.ahead.drain(..at + 4).collect();
                return Ok(Some(Head::parse(&raw)));
            }
            if self.more()? == 0 {
                return Ok(None);
            }
        }
    }

    /// A body; `false` when the other side closed before its end.
    pub(super) fn body(&mut self, length: Length) -> io::Result<(Vec<u8>, bool)> {
        match length {
            Length::Known(size) => self.exactly(size),
            Length::Chunked => self.chunks(),
            Length::ToClose => {
                while self.more()? > 0 {}
                Ok((std::mem::take(&mut self.ahead), true))
            }
        }
    }

    fn exactly(&mut self, size: usize) -> io::Result<(Vec<u8>, bool)> {
        while self.ahead.len() < size {
            if self.more()? == 0 {
                return Ok((std::mem::take(&mut self.ahead), false));
            }
        }
        Ok((self.ahead.drain(..size).collect(), true))
    }

    fn chunks(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line()? else { return Ok((body, false)) };
            let digits = line.split(';').next().unwrap_or_default().trim().to_owned();
            let Ok(size) = usize::from_str_radix(&digits, 16) else { return Ok((body, false)) };
            if size == 0 {
                while self.line()?.is_some_and(|trailer| !trailer.is_empty()) {}
                return Ok((body, true));
            }
            let (chunk, whole) = self.exactly(size)?;
            body.extend(chunk);
            if !whole || self.line()?.is_none() {
                return Ok((body, false));
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = find(&self.ahead, b"\r\n") {
                let raw: Vec<u8> = self.ahead.drain(..at + 2).collect();
                return Ok(Some(latin1(&raw[..at])));
            }
            if self.more()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads once; 0 at the end.
    pub(super) fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let size = self.stream.read(&mut buffer)?;
        self.ahead.extend_from_slice(&buffer[..size]);
        Ok(size)
    }
}

/// One character a byte.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
