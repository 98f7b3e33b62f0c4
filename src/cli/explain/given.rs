//! How much of what is given as a request is read: its head, and of the body that it declares no more than the gate
//! reads itself.
//!
//! Whoever writes into a pipe may keep it open, and a file may be anything.

use crate::config::settings::Limits;
use http::header::CONTENT_LENGTH;
use std::io::{self, Read};

/// Heads that the gate refuses for their size are explained too, up to this one.
const HEAD_MAX: usize = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub(super) enum NotGiven {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the head of the request has no end within {HEAD_MAX} bytes")]
    Endless,
}

/// Reads until the request is complete, or to the end where it is not.
pub(super) fn request(mut from: impl Read, limits: &Limits) -> Result<Vec<u8>, NotGiven> {
    let mut bytes = Vec::new();
    let mut wanted = None;
    let mut piece = [0; 16 << 10];
    while wanted.is_none_or(|wanted| bytes.len() < wanted) {
        let count = from.read(&mut piece)?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        if wanted.is_none() {
            wanted = head_end(&bytes).map(|end| end + declared(&bytes, end).min(limits.login_body_bytes));
        }
        if wanted.is_none() && bytes.len() > HEAD_MAX {
            return Err(NotGiven::Endless);
        }
    }
    bytes.truncate(wanted.unwrap_or(usize::MAX));
    Ok(bytes)
}

/// Behind the first empty line that does not stand before the request line; lines may lack their CR.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let begin = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let ends = bytes.iter().enumerate().skip(begin).filter(|(_, b)| **b == b'\n').map(|(nth, _)| nth + 1);
    ends.filter_map(|end| {
        let rest = bytes.get(end..)?;
        [&b"\r\n"[..], b"\n"].into_iter().find(|line| rest.starts_with(line)).map(|line| end + line.len())
    })
    .next()
}

/// The greatest length that a field declares; what is wrong with it is judged later.
fn declared(bytes: &[u8], end: usize) -> usize {
    let head = bytes.get(..end).unwrap_or_default();
    let lines = head.split(|b| *b == b'\n').filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'));
    let lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()));
    lengths.filter_map(|(_, length)| length.trim().parse().ok()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { connections: 1, head_bytes: 8_192, login_body_bytes: 10, tokens: 1 };

    /// Fails where a reader would wait in vain.
    struct NeverEnds<'b>(&'b [u8]);

    impl Read for NeverEnds<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::other("read on behind the request")),
                count => Ok(count),
            }
        }
    }

    fn given(text: &str) -> Result<Vec<u8>, NotGiven> {
        request(NeverEnds(text.as_bytes()), &LIMITS)
    }

    #[test]
    fn nothing_is_waited_for_behind_a_complete_request() {
        for (text, length) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27),
            ("\r\nGET / HTTP/1.1\nHost: a\n\n", 26),
            ("POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbodyrest", 42),
            // As much of a body as the gate itself reads.
            ("POST / HTTP/1.1\r\nContent-Length: 600\r\n\r\n0123456789more", 50),
        ] {
            assert_eq!(given(text).unwrap().len(), length, "{text}");
        }
    }

    #[test]
    fn a_head_without_end_is_an_error_that_says_how_much_was_read() {
        let endless = given(&"a".repeat(2 * HEAD_MAX)).unwrap_err().to_string();
        assert!(endless.contains("no end within 262144 bytes"), "{endless}");
    }

    #[test]
    fn what_ends_before_it_is_complete_is_given_as_it_is() {
        assert_eq!(request(&b"GET / HTTP/1.1"[..], &LIMITS).unwrap(), b"GET / HTTP/1.1");
    }
}
