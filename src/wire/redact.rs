//! Takes identity numbers and token-like strings out of a path before it is written down.

use std::borrow::Cow;

/// Shortest run of digits that may be an identity, phone or tax number (domain: 9, 10, 12 and 13 digits).
const DIGITS_MIN: usize = 9;
/// Longest run of token characters that a readable path has.
const OPAQUE_MAX: usize = 40;
/// Longer paths are cut.
const PATH_MAX: usize = 512;

/// The path for the log: runs of nine and more digits become `[number]`, long opaque strings `[opaque]`.
pub fn path(raw: &str) -> Cow<'_, str> {
    if is_plain(raw) {
        return Cow::Borrowed(raw);
    }
    let decoded = percent_encoding::percent_decode_str(raw).decode_utf8_lossy();
    let mut out = String::with_capacity(decoded.len());
    for (nth, segment) in decoded.split('/').enumerate() {
        if nth > 0 {
            out.push('/');
        }
        // What stands behind a semicolon is often a session.
        let (name, parameters) = segment.split_once(';').map_or((segment, false), |(name, _)| (name, true));
        put_segment(&mut out, name);
        if parameters {
            out.push_str(";[parameters]");
        }
    }
    if out.len() > PATH_MAX {
        let end = (0..=PATH_MAX).rev().find(|n| out.is_char_boundary(*n)).unwrap_or(0);
        out.truncate(end);
        out.push('…');
    }
    Cow::Owned(out)
}

/// Nothing in it could be a number of a person or a token: most paths, in one pass.
fn is_plain(raw: &str) -> bool {
    let (mut word, mut digits) = (0, 0);
    raw.len() <= PATH_MAX
        && raw.bytes().all(|byte| {
            (word, digits) = match byte {
                b'%' | b';' | b'@' | b'+' | b'~' | 0x80.. => return false,
                b'/' => (0, 0),
                b'0'..=b'9' => (word + 1, digits + 1),
                b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => (word + 1, digits),
                _ => (0, digits),
            };
            word <= OPAQUE_MAX && digits < DIGITS_MIN
        })
}

fn put_segment(out: &mut String, segment: &str) {
    // Thinly separated digits are one number to whoever reads the log.
    let digits = segment.chars().filter(|c| c.is_numeric()).count();
    let letters = segment.chars().any(char::is_alphabetic);
    if digits >= DIGITS_MIN && !letters {
        out.push_str("[number]");
        return;
    }
    let mut word = String::new();
    for c in segment.chars() {
        if in_word(c) || c == '@' {
            word.push(c);
        } else {
            put(out, &word);
            word.clear();
            out.push(c);
        }
    }
    put(out, &word);
}

/// Dashes stand inside numbers too.
fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

fn opaque(word: &str) -> bool {
    word.chars().count() > OPAQUE_MAX && word.chars().any(char::is_numeric)
}

fn numbered(word: &str) -> bool {
    let mut run = 0;
    word.chars().filter(|c| !matches!(c, '-' | '_')).any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run >= DIGITS_MIN
    })
}

fn put(out: &mut String, word: &str) {
    if word.contains('@') {
        out.push_str("[e-mail]");
    } else if opaque(word) {
        out.push_str("[opaque]");
    } else if numbered(word) {
        out.push_str("[number]");
    } else {
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn numbers_of_people_do_not_reach_the_log() {
        for (raw, shown) in [
            ("/nop-ho-so/1", "/nop-ho-so/1"),
            ("/cong-dan/001090000001", "/cong-dan/[number]"),
            ("/x/%30%30%31090000001/y", "/x/[number]/y"),
            ("/x/001-090-000-001", "/x/[number]"),
            ("/x/a001090000001b", "/x/[number]"),
            ("/hs/H36.12-240101-0001", "/hs/H36.[number]"),
            ("/x/eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9x1234567890", "/x/[opaque]"),
            ("/x;jsessionid=ABCDEF/y", "/x;[parameters]/y"),
            ("/x/001.090.000.001", "/x/[number]"),
            ("/x/001%20090%20000~001", "/x/[number]"),
            ("/x/a.b@daknong.gov.vn", "/x/a.[e-mail].gov.vn"),
            ("/t%C3%AAn/h%E1%BB%93-s%C6%A1", "/tên/hồ-sơ"),
        ] {
            assert_eq!(path(raw), shown, "{raw}");
        }
        assert!(path(&"/a".repeat(2_000)).len() < 600);
    }
}
