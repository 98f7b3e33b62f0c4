//! Reads the Cookie header in one way (RFC 6265 §5.4), and refuses what two servers could read in two ways.
//!
//! Only the names of declared credentials matter. A cookie whose name some back end might take for a declared one
//! (percent-encoded, other case, PHP's `.` for `_`, stray bytes around it) is ambiguous, as is a second one.

use super::spelling::may_be_name;
use http::HeaderMap;
use http::header::COOKIE;

/// More cookies than any browser keeps for one host.
const COOKIES_MAX: usize = 200;

/// Why the cookies of a request cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieError {
    TooMany,
    /// Two cookies of one declared name, or a look-alike of one.
    Ambiguous,
    /// `$Version`: some servers then read quotes as spans.
    LegacySyntax,
}

/// Calls `found(name index, value)` for every cookie named in `names`.
pub fn read<'h>(
    headers: &'h HeaderMap,
    names: &[String],
    mut found: impl FnMut(usize, &'h [u8]),
) -> Result<(), CookieError> {
    let mut seen: u64 = 0;
    for (count, (name, value)) in pairs(headers).enumerate() {
        if count >= COOKIES_MAX {
            return Err(CookieError::TooMany);
        }
        if name.eq_ignore_ascii_case(b"$Version") {
            return Err(CookieError::LegacySyntax);
        }
        if let Some(index) = names.iter().position(|n| n.as_bytes() == name) {
            let bit = 1_u64 << (index & 63);
            if seen & bit != 0 {
                return Err(CookieError::Ambiguous);
            }
            seen |= bit;
            found(index, value);
        } else if names.iter().any(|n| may_be_name(name, n)) {
            return Err(CookieError::Ambiguous);
        }
        if may_hide(name, value) && hides_a_name(name, value, names) {
            return Err(CookieError::Ambiguous);
        }
    }
    Ok(())
}

/// The names of the cookies for which [`read`] refuses a request: those that share a declared name to somebody, or hide one.
pub fn culprits<'h>(headers: &'h HeaderMap, names: &[String]) -> Vec<&'h [u8]> {
    let mut found: Vec<&[u8]> = Vec::new();
    for (name, value) in pairs(headers).take(COOKIES_MAX) {
        let legacy = name.eq_ignore_ascii_case(b"$Version");
        let alike =
            names.iter().any(|n| may_be_name(name, n)) || (may_hide(name, value) && hides_a_name(name, value, names));
        if (legacy || alike) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Every `name=value` of every Cookie field, trimmed of spaces and tabs.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|field| field.as_bytes().split(|b| *b == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|b| *b == b'=') {
            Some(at) => {
                let (name, value) = pair.split_at(at);
                (name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii())
            }
            None => (pair, &b""[..]),
        })
}

/// Some servers end a cookie at a comma (RFC 2109) or at a blank (aiohttp), and some read `=name=value` as a pair: a declared
/// name there is a second cookie to them.
fn hides_a_name(name: &[u8], value: &[u8], names: &[String]) -> bool {
    let ends = |b: &u8| matches!(b, b',' | b' ' | b'\t' | b'"');
    let declares = |piece: &[u8]| {
        let piece = piece.split(|b| *b == b'=').next().unwrap_or_default();
        names.iter().any(|n| may_be_name(piece, n))
    };
    let in_value = value.split(ends).skip(usize::from(!name.is_empty()));
    let in_name = name.split(ends).skip(1);
    in_value.chain(in_name).any(declares)
}

/// Whether a pair may be more than one to somebody.
fn may_hide(name: &[u8], value: &[u8]) -> bool {
    name.is_empty() || name.iter().chain(value).any(|b| matches!(b, b',' | b' ' | b'\t' | b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(fields: &[&[u8]]) -> Result<Vec<String>, CookieError> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, http::HeaderValue::from_bytes(field).unwrap());
        }
        let mut values = Vec::new();
        let names = ["PHPSESSID".to_owned()];
        read(&headers, &names, |_, v| values.push(String::from_utf8_lossy(v).into_owned()))?;
        Ok(values)
    }

    #[test]
    fn the_declared_cookie_is_found_among_others() {
        assert_eq!(outcome(&[b"a=1; PHPSESSID=x=y ; b"]).unwrap(), ["x=y"]);
        assert_eq!(outcome(&[b"a=1", b"PHPSESSID=z"]).unwrap(), ["z"]);
        assert_eq!(outcome(&[b"PHPSESSID2=z; XPHPSESSID=q"]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_second_one_or_a_look_alike_is_ambiguous() {
        let cases: [&[&[u8]]; 15] = [
            &[b"PHPSESSID=a; PHPSESSID=b"],
            &[b"PHPSESSID=a", b"PHPSESSID=b"],
            &[b"PHPSESSID=a, PHPSESSID=b"],
            &[b"PHPSESSID=a; phpsessid=b"],
            &[b"PHPSESS%49D=b"],
            &[b"\xe2\x80\x80PHPSESSID=b; PHPSESSID=a"],
            &[b"PHPSESSID[]=b"],
            &[b"\"PHPSESSID\"=b"],
            &[b"PHPSESSID\x80=b"],
            &[b"a=1 PHPSESSID=b; PHPSESSID=a"],
            &[b"a=1\tPHPSESSID=b"],
            &[b"a=\"x\" PHPSESSID=b"],
            &[b"%20PHPSESSID=b; PHPSESSID=a"],
            &[b"+PHPSESSID=b"],
            &[b"PHPSESSID%00x=b"],
        ];
        for case in cases {
            assert_eq!(outcome(case), Err(CookieError::Ambiguous), "{case:?}");
        }
        for alias in [
            "access token",
            "access[token",
            "access+token",
            "access%20token",
            "access.token",
            "=access_token",
            "Access_Token[]",
        ] {
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, format!("{alias}=x").parse().unwrap());
            let read = read(&headers, &["access_token".to_owned()], |_, _| {});
            assert_eq!(read, Err(CookieError::Ambiguous), "{alias}");
        }
        assert_eq!(outcome(&[b"$Version=1; PHPSESSID=\"a\""]), Err(CookieError::LegacySyntax));
    }

    #[test]
    fn whoever_is_to_blame_is_named() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "lang=vi; PHPSESSID=a; phpsessid=b; x=1 PHPSESSID=c; PHPSESSID[]=d".parse().unwrap());
        let names = culprits(&headers, &["PHPSESSID".to_owned()]);
        assert_eq!(names, [&b"PHPSESSID"[..], b"phpsessid", b"x", b"PHPSESSID[]"]);
    }

    #[test]
    fn thousands_of_cookies_are_refused() {
        let many = "a=1; ".repeat(5_000);
        assert_eq!(outcome(&[many.as_bytes()]), Err(CookieError::TooMany));
    }
}
