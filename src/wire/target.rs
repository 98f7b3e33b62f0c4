//! Reads host and path of a request in one canonical form, or refuses what two servers could read in two ways.
//!
//! Nothing is repaired and nothing is rewritten: the canonical form is for matching only, the upstream gets the bytes
//! that came. The catalogue of what is refused, and why, is in the handbook under "ambiguous requests".

use crate::wire::words::words;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

words! {
    /// What made a target ambiguous; the detail of a 400 and of the log, never of a metric.
    pub enum Ambiguous {
        NotOriginForm = "not-origin-form",
        RawByte = "raw-byte",
        Fragment = "fragment",
        Backslash = "backslash",
        BadEscape = "bad-escape",
        EncodedDelimiter = "encoded-delimiter",
        Control = "control-byte",
        NotUtf8 = "not-utf-8",
        LookAlike = "look-alike",
        DotSegment = "dot-segment",
        EmptySegment = "empty-segment",
        PathParameter = "path-parameter",
        RepeatedParameter = "repeated-parameter",
        HostMissing = "host-missing",
        HostTwice = "host-twice",
        HostMalformed = "host-malformed",
        HostDiffers = "host-differs",
    }
}

/// Single points that a site may relax by name; they touch matching only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relaxed {
    /// `;…` in a segment is cut off before matching.
    pub path_parameters: bool,
    /// Empty segments are left out before matching.
    pub empty_segments: bool,
    /// Letters are folded to lower case before matching.
    pub case_insensitive: bool,
}

/// A request target taken apart, still as it came: RFC 9112 §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawTarget<'r> {
    /// Of an absolute-form target.
    pub authority: Option<&'r str>,
    /// As it came, with its leading slash.
    pub path: &'r str,
    /// What stands behind the first `?`.
    pub query: Option<&'r str>,
}

impl<'r> RawTarget<'r> {
    /// Splits origin-form and absolute-form; asterisk- and authority-form have no path to decide on.
    pub fn split(raw: &'r [u8]) -> Result<Self, Ambiguous> {
        if let Some(bad) = raw.iter().find(|b| !matches!(b, 0x21..=0x7e)) {
            return Err(if *bad < 0x20 || *bad == 0x7f { Ambiguous::Control } else { Ambiguous::RawByte });
        }
        let text = std::str::from_utf8(raw).map_err(|_| Ambiguous::RawByte)?;
        if text.contains('#') {
            return Err(Ambiguous::Fragment);
        }
        let (authority, rest) = match scheme_end(text) {
            Some(at) => {
                let rest = text.get(at..).unwrap_or_default();
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(end);
                (Some(authority), if rest.is_empty() { "/" } else { rest })
            }
            None => (None, text),
        };
        if !rest.starts_with('/') {
            return Err(Ambiguous::NotOriginForm);
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Ok(RawTarget { authority, path, query })
    }
}

fn scheme_end(text: &str) -> Option<usize> {
    if text.starts_with('/') {
        return None;
    }
    ["http://", "https://"].iter().map(|s| s.len()).find(|n| {
        text.get(..*n).is_some_and(|head| head.eq_ignore_ascii_case("http://") || head.eq_ignore_ascii_case("https://"))
    })
}

/// The canonical path: percent-decoded once, UTF-8, without dot or empty segments.
pub fn canonical_path(raw: &str, relaxed: Relaxed) -> Result<Cow<'_, str>, Ambiguous> {
    if raw.contains('\\') {
        return Err(Ambiguous::Backslash);
    }
    let decoded = decode(raw)?;
    let plain = relaxed == Relaxed::default();
    if plain && !has_odd_segments(&decoded) {
        return Ok(decoded);
    }
    let mut segments = Vec::new();
    let count = decoded.split('/').count();
    for (number, written) in decoded.split('/').enumerate() {
        let segment = match written.split_once(';') {
            Some((name, _)) if relaxed.path_parameters => name,
            Some(_) => return Err(Ambiguous::PathParameter),
            None => written,
        };
        if matches!(segment, "." | "..") {
            return Err(Ambiguous::DotSegment);
        }
        let inner = number > 0 && number + 1 < count;
        // A segment that is empty only behind its parameters is as unclear as an empty one.
        if segment.is_empty() && (inner || !written.is_empty()) {
            if !relaxed.empty_segments {
                return Err(Ambiguous::EmptySegment);
            }
            continue;
        }
        segments.push(segment);
    }
    let joined = segments.join("/");
    let joined = if joined.starts_with('/') { joined } else { format!("/{joined}") };
    Ok(Cow::Owned(if relaxed.case_insensitive { joined.to_lowercase() } else { joined }))
}

/// Whether a segment is empty, starts with a dot or has parameters: then each is looked at on its own.
fn has_odd_segments(path: &str) -> bool {
    let mut before = 0;
    path.bytes()
        .any(|byte| byte == b';' || (std::mem::replace(&mut before, byte) == b'/' && matches!(byte, b'/' | b'.')))
}

fn decode(raw: &str) -> Result<Cow<'_, str>, Ambiguous> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(Ambiguous::BadEscape);
        };
        let decoded = u8::try_from(high * 16 + low).map_err(|_| Ambiguous::BadEscape)?;
        match decoded {
            0..=0x1f | 0x7f => return Err(Ambiguous::Control),
            b'/' | b'\\' | b'.' | b';' | b'%' => return Err(Ambiguous::EncodedDelimiter),
            _ => bytes.push(decoded),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| Ambiguous::NotUtf8)?;
    for c in text.chars().filter(|c| !c.is_ascii()) {
        if c.is_control() {
            return Err(Ambiguous::Control);
        }
        // Full-width forms, dot leaders and their like become ASCII on a server that folds for compatibility (NFKC).
        let folded = std::iter::once(c).nfkc().any(|f| f.is_ascii());
        if folded || matches!(c, '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{2216}' | '\u{29f5}' | '\u{feff}') {
            return Err(Ambiguous::LookAlike);
        }
    }
    Ok(Cow::Owned(text))
}

/// The host name of a Host field or `:authority`: lower case, without port.
pub fn host_name(authority: &str) -> Result<Cow<'_, str>, Ambiguous> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']').ok_or(Ambiguous::HostMalformed)?;
            authority.split_at(end + 2)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_fits = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| !p.is_empty() && p.len() <= 5 && p.bytes().all(|b| b.is_ascii_digit()));
    let name_fits = !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b))
        && !host.ends_with('.')
        && !host.starts_with('.');
    if !port_fits || !name_fits {
        return Err(Ambiguous::HostMalformed);
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Owned(host.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(host))
}

#[cfg(test)]
mod tests;
