//! Finding the end of an HTTP/1 request head.
//!
//! Follows the bytes of one head over any number of reads, in the form that pingora's parser accepts: empty lines
//! in front are skipped, a line ends with LF or CRLF, the first empty line after that ends the head.
//!
//! Judges the request line alone, and only for what pingora would repair before anyone else sees it: spaces, quotes
//! and angle brackets in the target. Whatever else the parser refuses ends the connection anyway.

/// One request head as it comes in.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: usize,
    at: At,
    /// In the request line; RFC 9112 §3 has two.
    spaces: usize,
    /// A byte that no request target has (RFC 3986 §2).
    odd: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// In front of the request line.
    #[default]
    Front,
    RequestLine,
    Line,
    LineStart,
    /// After a CR that stands at the start of a line.
    LineStartCr,
}

impl Head {
    /// Bytes seen, up to the end of the head.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The request line would be read otherwise by another server. Known once the line is complete.
    pub(super) fn is_ambiguous(&self) -> bool {
        let complete = !matches!(self.at, At::Front | At::RequestLine);
        complete && (self.odd || self.spaces != 2)
    }

    /// Takes the next bytes; `true` when the head ends among them. What follows its end is not looked at.
    pub(super) fn feed(&mut self, mut chunk: &[u8]) -> bool {
        while let Some((first, rest)) = chunk.split_first() {
            self.bytes += 1;
            chunk = rest;
            self.at = match (self.at, first) {
                (At::LineStart | At::LineStartCr, b'\n') => return true,
                (At::LineStart, b'\r') => At::LineStartCr,
                (At::Front, b'\r' | b'\n') => At::Front,
                (At::RequestLine | At::Line, b'\n') => At::LineStart,
                (at, _) => {
                    let end = memchr::memchr(b'\n', chunk).unwrap_or(chunk.len());
                    let (line, rest) = chunk.split_at(end);
                    self.bytes += line.len();
                    chunk = rest;
                    if matches!(at, At::Front | At::RequestLine) {
                        self.look_at(std::slice::from_ref(first));
                        self.look_at(line);
                        At::RequestLine
                    } else {
                        At::Line
                    }
                }
            };
        }
        false
    }

    /// A part of the request line. Without an early way out, so that the compiler looks at many bytes at once.
    fn look_at(&mut self, part: &[u8]) {
        self.spaces += part.iter().filter(|byte| **byte == b' ').count();
        self.odd |= part.iter().fold(false, |odd, byte| odd | !is_plain(*byte));
    }
}

fn is_plain(byte: u8) -> bool {
    let printable = (byte.wrapping_sub(0x20) < 0x5f) | (byte == b'\r');
    printable & (byte != b'"') & (byte != b'<') & (byte != b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Length of the head when it comes in pieces of `step` bytes.
    fn length(text: &[u8], step: usize) -> Option<usize> {
        let mut head = Head::default();
        text.chunks(step).any(|chunk| head.feed(chunk)).then_some(head.bytes())
    }

    #[test]
    fn a_head_ends_at_the_same_byte_however_it_is_cut_into_reads() {
        let heads: [&[u8]; 6] = [
            b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n",
            b"GET / HTTP/1.1\nHost: portal.test\n\n",
            b"GET / HTTP/1.1\nHost: portal.test\n\r\n",
            b"GET / HTTP/1.1\r\nHost: portal.test\r\n\n",
            b"\r\n\n\r\nGET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
        ];
        for head in heads {
            let with_body = [head, b"a\r\n\r\nbody"].concat();
            for step in 1..=with_body.len() {
                assert_eq!(length(&with_body, step), Some(head.len()), "in steps of {step}");
            }
        }
    }

    #[test]
    fn a_request_line_that_pingora_would_repair_is_seen() {
        for (line, ambiguous) in [
            ("GET /a?b=c HTTP/1.1", false),
            ("GET /a{b}|c HTTP/1.1", false),
            ("GET /a b HTTP/1.1", true),
            ("GET /a  HTTP/1.1", true),
            ("GET /a\tb HTTP/1.1", true),
            ("GET /a\"b HTTP/1.1", true),
            ("GET /<b> HTTP/1.1", true),
            ("GET /\u{e1} HTTP/1.1", true),
            ("GET /a", true),
        ] {
            for step in [1, 3, 100] {
                let mut head = Head::default();
                let text = format!("\r\n{line}\r\nX-Y: \"a b\"\r\n\r\n");
                assert!(text.as_bytes().chunks(step).any(|chunk| head.feed(chunk)));
                assert_eq!(head.is_ambiguous(), ambiguous, "{line}");
            }
        }
    }

    #[test]
    fn empty_lines_alone_are_no_head() {
        assert_eq!(length(b"\r\n\r\n\r\n\n\n\n", 3), None);
    }

    #[test]
    fn the_parser_finds_the_end_of_every_accepted_head_where_the_guard_does() {
        let pieces: [&[u8]; 7] = [b"\r", b"\n", b"\r\n", b"GET / HTTP/1.1", b"A: b", b" ", b"c:"];
        // every sequence of five pieces behind a request line
        for number in 0..pieces.len().pow(5) {
            let mut text = b"GET / HTTP/1.1\n".to_vec();
            let mut rest = number;
            for _ in 0..5 {
                text.extend_from_slice(pieces[rest % pieces.len()]);
                rest /= pieces.len();
            }
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let parsed = httparse::Request::new(&mut fields).parse(&text);
            match parsed {
                Ok(httparse::Status::Complete(end)) => assert_eq!(length(&text, 1), Some(end), "{text:?}"),
                Ok(httparse::Status::Partial) => assert_eq!(length(&text, 1), None, "{text:?}"),
                Err(_) => {}
            }
        }
    }
}
