//! What another server may take for the same: one table of the foldings that servers are known for.
//!
//! A name or value that differs in bytes from a declared one may be that one to the portal. What is read here is as
//! forgiving as the most forgiving of them:
//!
//! | folding | who does it |
//! |---|---|
//! | percent-encoded names of cookies are decoded | PHP before 7.4.11 |
//! | `+` is a space | every reader of forms (WHATWG URL §5) |
//! | `%uXXXX` is a character | IIS, ASP.NET |
//! | `.`, space and `[` in a name are `_`, spaces before it are dropped | PHP |
//! | a name ends at `[` or at NUL | PHP |
//! | case does not count | ASP.NET; Go for members of JSON, with Unicode's simple folding |
//! | quotes around a value are dropped, `\` escapes in them | Tomcat, Python, aiohttp (RFC 2109) |
//! | a value ends at NUL | PHP, servers in C |
//! | another byte than a letter or digit in a header's name is `_` | CGI, WSGI, PHP |

use percent_encoding::percent_decode;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Whether some server may read the name of a cookie, a parameter or a form field as `declared`; the same bytes included.
pub fn may_be_name(written: &[u8], declared: &str) -> bool {
    // Every folding keeps or shortens a name.
    if written.len() < declared.len() {
        return false;
    }
    // Nearly every name ends here.
    if written.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        let underscored = declared.bytes().map(|b| if b == b'.' { b'_' } else { b.to_ascii_lowercase() });
        return written.iter().map(u8::to_ascii_lowercase).eq(underscored);
    }
    let declared = folded(declared.as_bytes());
    let decoded = decoded(written);
    [b'\0', b'['].into_iter().any(|end| folded(cut(&decoded, end)) == declared) || folded(&decoded) == declared
}

/// The same for the member of a JSON document, whose names are not encoded.
pub fn may_be_member(written: &str, declared: &str) -> bool {
    written == declared || folded(written.as_bytes()) == folded(declared.as_bytes())
}

fn cut(name: &[u8], end: u8) -> &[u8] {
    // At the beginning of a name neither ends it.
    let at = name.iter().skip(1).position(|b| *b == end).map_or(name.len(), |at| at + 1);
    name.get(..at).unwrap_or(name)
}

fn decoded(written: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = written.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let mut plain = Vec::with_capacity(spaced.len());
    let mut rest = spaced.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let unit = rest.strip_prefix(b"%u").or(rest.strip_prefix(b"%U")).and_then(|r| r.split_first_chunk::<4>());
        let letter = unit.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, after))
        });
        match letter {
            Some((letter, after)) => {
                plain.extend(letter.to_string().bytes());
                rest = after;
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    percent_decode(&plain).collect()
}

/// A name without what some server drops, in lower case.
fn folded(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let seen: String = text.nfkc().filter(|c| !is_unseen(*c) && !matches!(c, '"' | '\'' | '\u{fffd}')).collect();
    let underscored = seen.trim().chars().map(|c| if matches!(c, '.' | ' ' | '[') { '_' } else { c });
    underscored.flat_map(char::to_lowercase).collect()
}

/// Characters that no name has and that one server drops, another cuts at: controls, and format characters that show
/// nothing.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// The form that all spellings of a cookie's value share.
pub fn plain_value(value: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(value) {
        return Cow::Borrowed(value);
    }
    let decoded: Vec<u8> = percent_decode(value).collect();
    let mut plain = Vec::with_capacity(decoded.len());
    let mut rest = decoded.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\0' => break,
            b'"' => {}
            b'\\' => {
                if let Some((byte, after)) = octal(after) {
                    plain.push(byte.to_ascii_lowercase());
                    rest = after;
                }
            }
            b'+' => plain.push(b' '),
            other => plain.push(other.to_ascii_lowercase()),
        }
    }
    Cow::Owned(plain.trim_ascii().to_vec())
}

/// Three octal digits (RFC 2109's quoted strings as Python writes them).
fn octal(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = rest.split_first_chunk::<3>()?;
    let digits = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(digits, 8).ok().map(|byte| (byte, rest))
}

/// Whether nothing in a trimmed value would be read in another way. Without an early way out, so that the compiler looks
/// at many bytes at once.
fn is_plain(value: &[u8]) -> bool {
    let odd = |b: u8| b.is_ascii_uppercase() | (b == b'%') | (b == b'"') | (b == b'+') | (b == b'\\') | (b == 0);
    value.iter().fold(true, |plain, byte| plain & !odd(*byte))
}

/// The name of a header as CGI and its heirs pass it on, written with dashes: every other byte than a letter or digit is
/// one and the same.
pub fn header_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// Whether two paths are equal but for case.
pub fn same_path(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_every_spelling_that_some_server_reads() {
        for alike in [
            "username",
            "Username",
            "username[]",
            "username[%ff]",
            "username%00x",
            "username%00%ff",
            "username%00%z",
            "%75sername",
            "%u0075sername",
            "+username",
            "%20username",
            "username%20",
            "u\u{17f}ername",
            "\u{feff}username",
            "%EF%BB%BFusername",
            "username\u{200b}",
            "\"username\"",
            "ｕｓｅｒｎａｍｅ",
        ] {
            assert!(may_be_name(alike.as_bytes(), "username"), "{alike}");
        }
        for other in ["user", "usernames", "user_name", "xusername", "user[username]", "return-url", ""] {
            assert!(!may_be_name(other.as_bytes(), "username"), "{other}");
        }
        for alike in ["access token", "access.token", "access%20token", "access[token", "Access+Token[]"] {
            assert!(may_be_name(alike.as_bytes(), "access_token"), "{alike}");
        }
        assert!(may_be_name(b"j_username", "j.username") && may_be_name(b"j.username", "j.username"));
        assert!(may_be_member("u\u{17f}ername", "username") && !may_be_member("user", "username"));
    }

    #[test]
    fn a_value_is_known_in_every_spelling_that_some_server_reads() {
        for alike in
            ["s1x", "S1X", "\"s1x\"", "%731x", "s1x%00", "\"\\163\\061x\"", "s1x\\", "+s1x", "s1x%00%ff", "\\s1x"]
        {
            assert_eq!(&*plain_value(alike.as_bytes()), b"s1x", "{alike}");
        }
        assert_ne!(&*plain_value(b"s1x.node"), b"s1x");
    }
}
