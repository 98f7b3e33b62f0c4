//! Reading recorded lines from logs.
//!
//! Files, packed or not, and standard input, one after the other, in bounded memory.
//! Whether something is packed is seen by its first bytes, not by its name.
//! Nothing here knows what a line says.

use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

const BUFFER_BYTES: usize = 256 << 10;
/// Far beyond any line of the gate; what is longer is no line of it.
const LINE_MAX: usize = 1 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why recorded traffic cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{name}`: {source}")]
pub struct CannotRead {
    name: String,
    source: io::Error,
}

/// One line, or what stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPiece<'l> {
    /// Without its newline; never empty.
    Line(&'l [u8]),
    TooLong,
    /// The packed file ends, or is damaged, in the middle.
    Torn,
}

/// Where a piece stands.
#[derive(Clone, Copy, Debug)]
pub struct LineAt<'l> {
    pub file: &'l str,
    pub line: u64,
}

/// The logs that were named, in that order.
pub struct Logs {
    paths: Vec<PathBuf>,
    bytes: Option<u64>,
    done: Rc<Cell<u64>>,
}

impl Logs {
    /// Looks whether every one of them can be opened. `-` is standard input.
    pub fn open(paths: &[PathBuf]) -> Result<Logs, CannotRead> {
        let mut bytes = Some(0);
        for path in paths.iter().filter(|p| !is_stdin(p)) {
            let fail = |source| CannotRead { name: path.display().to_string(), source };
            let meta = File::open(path).and_then(|file| file.metadata()).map_err(fail)?;
            if meta.is_dir() {
                return Err(fail(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            bytes = bytes.filter(|_| meta.is_file()).map(|sum: u64| sum.saturating_add(meta.len()));
        }
        let known = bytes.filter(|_| !paths.iter().any(|p| is_stdin(p)));
        Ok(Logs { paths: paths.to_vec(), bytes: known, done: Rc::default() })
    }

    /// Bytes of all files as they lie on the disk; `None` when that cannot be known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Bytes of them that were read so far.
    pub fn done(&self) -> Rc<Cell<u64>> {
        self.done.clone()
    }

    /// Hands on every piece of every log.
    pub fn each(&self, mut each: impl FnMut(LineAt<'_>, LogPiece<'_>)) -> Result<(), CannotRead> {
        for path in &self.paths {
            let name = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
            let fail = |source| CannotRead { name: name.clone(), source };
            let raw: Box<dyn Read> =
                if is_stdin(path) { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(fail)?) };
            let (packed, raw) = unwrapped(Metered { raw, done: self.done.clone() }).map_err(fail)?;
            let mut torn_at = None;
            let end = pieces(raw, |line, piece| {
                torn_at = Some(line);
                each(LineAt { file: &name, line }, piece);
            });
            match end {
                Ok(()) => {}
                Err(_) if packed => each(LineAt { file: &name, line: torn_at.unwrap_or(0) + 1 }, LogPiece::Torn),
                Err(error) => return Err(fail(error)),
            }
        }
        Ok(())
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether it is packed, and its text.
fn unwrapped(mut raw: Metered) -> io::Result<(bool, Box<dyn BufRead>)> {
    let mut first = Vec::with_capacity(GZIP.len());
    raw.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
    let packed = first == GZIP;
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(first).chain(raw));
    if packed {
        return Ok((true, Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))));
    }
    Ok((false, Box::new(whole)))
}

/// Cuts at newlines. A line that lies whole in the buffer is not copied.
fn pieces(mut from: Box<dyn BufRead>, mut each: impl FnMut(u64, LogPiece<'_>)) -> io::Result<()> {
    let mut number = 0;
    // The beginning of a line whose end is not read yet, and whether it became too long to keep.
    let (mut begun, mut overlong) = (Vec::new(), false);
    let mut give = |line: &[u8], overlong: bool| {
        number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if overlong || line.len() > LINE_MAX {
            each(number, LogPiece::TooLong);
        } else if !line.is_empty() {
            each(number, LogPiece::Line(line));
        }
    };
    loop {
        let chunk = match from.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            break;
        }
        let mut rest = chunk;
        while let Some((line, behind)) =
            memchr::memchr(b'\n', rest).and_then(|end| Some((rest.get(..end)?, rest.get(end + 1..)?)))
        {
            if begun.is_empty() && !overlong {
                give(line, false);
            } else {
                begun.extend_from_slice(line);
                give(&begun, overlong);
                begun.clear();
                overlong = false;
            }
            rest = behind;
        }
        begun.extend_from_slice(rest);
        if begun.len() > LINE_MAX {
            begun.clear();
            overlong = true;
        }
        let used = chunk.len();
        from.consume(used);
    }
    if overlong || !begun.is_empty() {
        give(&begun, overlong);
    }
    Ok(())
}

/// Counts what is read.
struct Metered {
    raw: Box<dyn Read>,
    done: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(into)?;
        self.done.set(self.done.get().saturating_add(count as u64));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Comes in small helpings, as from a pipe.
    struct Drops(Cursor<Vec<u8>>);

    impl Read for Drops {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let end = into.len().min(7);
            self.0.read(&mut into[..end])
        }
    }

    fn read(bytes: &[u8]) -> Vec<(u64, Option<String>)> {
        let mut all = Vec::new();
        let from = BufReader::with_capacity(16, Drops(Cursor::new(bytes.to_vec())));
        pieces(Box::new(from), |number, piece| {
            all.push((
                number,
                if let LogPiece::Line(l) = piece { Some(String::from_utf8_lossy(l).into_owned()) } else { None },
            ));
        })
        .unwrap();
        all
    }

    #[test]
    fn lines_are_whole_wherever_the_buffer_ends() {
        let line = |n: u64, text: &str| (n, Some(text.to_owned()));
        assert_eq!(read(b""), []);
        assert_eq!(read(b"one\ntwo\r\n\nfour"), [line(1, "one"), line(2, "two"), line(4, "four")]);
        let long = "x".repeat(100);
        assert_eq!(read(format!("{long}\n{long}\n").as_bytes()), [line(1, &long), line(2, &long)]);
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut bytes = vec![b'x'; LINE_MAX * 2];
        bytes.extend(b"\nnext\n");
        assert_eq!(read(&bytes), [(1, None), (2, Some("next".to_owned()))]);
    }
}
