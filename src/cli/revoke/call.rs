//! One HTTP request to the admin address of a running gate.
//!
//! One request on a connection of its own, by blocking sockets: the other side is this same program, on plain HTTP.
//! `transport::fetch` would not do: it hides what is said with any other status than 200.

use crate::serve::reachable::reachable;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A store that has to be asked may take a moment.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_MAX_BYTES: usize = 64 << 10;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GateAnswer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Posts JSON; `Err` says what to do where nobody answered.
pub(super) fn post(address: SocketAddr, path: &str, token: &str, json: &str) -> Result<GateAnswer, String> {
    let address = reachable(address);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    let answer = exchange(address, request.as_bytes())
        .map_err(|e| format!("no gate answered at {address}: {e}; is it running with this directory?"))?;
    answer.ok_or_else(|| format!("what answered at {address} is no gate: is `[admin] address` the right one?"))
}

/// `None` for what is no answer.
fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<Option<GateAnswer>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while answer.len() < ANSWER_MAX_BYTES {
        let count = stream.read(&mut piece)?;
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        let whole = read(&answer);
        if whole.is_some() || count == 0 {
            return Ok(whole);
        }
    }
    Ok(None)
}

/// An answer that is there to its end.
fn read(answer: &[u8]) -> Option<GateAnswer> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut fields);
    match head.parse(answer).ok()? {
        httparse::Status::Complete(end) => {
            let length = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
            let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
            let body = answer.get(end..end.checked_add(length)?)?.to_vec();
            Some(GateAnswer { status: head.code?, body })
        }
        httparse::Status::Partial => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(read(answer), Some(GateAnswer { status: 403, body: b"{}".to_vec() }));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-"), None);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}"), None);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n{}"), None);
        assert_eq!(read(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
        assert_eq!(read(b""), None);
    }
}
