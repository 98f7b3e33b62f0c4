//! The name in a password log-in attempt, read from a bounded body before the portal sees it.
//!
//! Strict on purpose: a body that the portal might read in another way than the gate is refused, not guessed at.
//! The password itself is never looked at and never kept.

use super::json;
use super::spelling::{is_unseen, may_be_member, may_be_name};
use super::words::words;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;

/// Where the log-in name stands in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameField {
    Form(String),
    /// JSON pointer (RFC 6901).
    Json(String),
}

words! {
    /// Why an attempt could not be read; each is answered without asking the portal.
    pub enum BodyError {
        ContentType = "content-type",
        Encoding = "content-encoding",
        Undecodable = "undecodable-body",
        Duplicate = "duplicate-field",
        Missing = "missing-field",
    }
}

/// A form body, decoded once. `application/x-www-form-urlencoded` (WHATWG URL §5), UTF-8 only.
#[derive(Debug)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        // Some servers split at `;` too (HTML 4 appendix B.2.2); browsers never send it bare.
        if body.contains(&b';') {
            return Err(BodyError::Undecodable);
        }
        let mut fields = Vec::new();
        for pair in body.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            fields.push((decode(name)?, decode(value.get(1..).unwrap_or_default())?));
        }
        Ok(Form(fields))
    }

    /// The one value of `name`; a second one, or a name that some back end folds into it, is an error.
    pub fn one(&self, name: &str) -> Result<Option<&str>, BodyError> {
        let mut alike = self.0.iter().filter(|(n, _)| may_be_name(n.as_bytes(), name));
        let Some((found, value)) = alike.next() else { return Ok(None) };
        if alike.next().is_some() || found != name {
            return Err(BodyError::Duplicate);
        }
        if value.trim().chars().any(is_unseen) {
            return Err(BodyError::Undecodable);
        }
        Ok(Some(value))
    }
}

/// Checks the head of an attempt: exactly one Content-Type of the right kind, no encoding, UTF-8.
pub fn check_head(headers: &HeaderMap, json: bool) -> Result<(), BodyError> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(BodyError::Encoding);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return Err(BodyError::ContentType) };
    let text = only.to_str().map_err(|_| BodyError::ContentType)?.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let wanted = if json { "application/json" } else { "application/x-www-form-urlencoded" };
    if parts.next() != Some(wanted) {
        return Err(BodyError::ContentType);
    }
    if parts.any(|p| !matches!(p, "" | "charset=utf-8" | "charset=\"utf-8\"")) {
        return Err(BodyError::ContentType);
    }
    Ok(())
}

/// The name typed in a JSON body; member names that differ in case only are ambiguous.
pub fn json_name(body: &[u8], pointer: &str) -> Result<String, BodyError> {
    let value = json::parse_strict(body).map_err(|_| BodyError::Undecodable)?;
    let mut place = &value;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let Value::Object(members) = place else { return Err(BodyError::Missing) };
        if members.keys().filter(|k| may_be_member(k, &key)).count() > 1 {
            return Err(BodyError::Duplicate);
        }
        place = members.get(&key).ok_or(BodyError::Missing)?;
    }
    match place {
        Value::String(name) if name.trim().chars().any(is_unseen) => Err(BodyError::Undecodable),
        Value::String(name) => Ok(name.clone()),
        _ => Err(BodyError::Undecodable),
    }
}

/// Whether a query string may carry `name` to some server: by `&` or `;`, in any spelling. A name that cannot be decoded may
/// be any.
pub fn query_names(query: &str, name: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let raw = pair.split('=').next().unwrap_or_default();
        may_be_name(raw.as_bytes(), name) || decode(raw.as_bytes()).map_or(true, |name| name.chars().any(is_unseen))
    })
}

fn decode(raw: &[u8]) -> Result<String, BodyError> {
    let spaced: Vec<u8> = raw.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let mut rest = spaced.as_slice();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        let digits = rest.get(at + 1..at + 3).ok_or(BodyError::Undecodable)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(BodyError::Undecodable);
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| BodyError::Undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_name_is_read() {
        let form = Form::parse(b"username=%30010%3900&password=a%26b&x=1+2").unwrap();
        assert_eq!(form.one("username").unwrap(), Some("0010900"));
        assert_eq!(form.one("x").unwrap(), Some("1 2"));
        assert_eq!(form.one("y").unwrap(), None);
    }

    #[test]
    fn a_name_that_the_portal_may_read_otherwise_is_refused() {
        for body in [
            "username=a&username=b",
            "username=a&username[]=b",
            "username=a&+username=b",
            "username=a&%20username=b",
            "username=a&USERNAME=b",
            "username=a&username%00x=b",
            "Username=a",
            "username%5B0%5D=a",
        ] {
            assert_eq!(Form::parse(body.as_bytes()).unwrap().one("username"), Err(BodyError::Duplicate), "{body}");
        }
        for body in ["username=%zz", "username=%f", "username=%ff", "username=%", "x=1;username=a"] {
            assert_eq!(Form::parse(body.as_bytes()).unwrap_err(), BodyError::Undecodable, "{body}");
        }
        for body in ["username=a%00b", "username=a%E2%80%8Bb"] {
            assert_eq!(Form::parse(body.as_bytes()).unwrap().one("username"), Err(BodyError::Undecodable), "{body}");
        }
    }

    #[test]
    fn only_the_declared_content_type_in_utf_8_is_read() {
        let head = |t: &[&str], encoded: bool| {
            let mut headers = HeaderMap::new();
            for t in t {
                headers.append(CONTENT_TYPE, t.parse().unwrap());
            }
            if encoded {
                headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
            }
            check_head(&headers, false)
        };
        assert_eq!(head(&["application/x-www-form-urlencoded"], false), Ok(()));
        assert_eq!(head(&["Application/X-WWW-Form-Urlencoded; charset=UTF-8"], false), Ok(()));
        assert_eq!(head(&[], false), Err(BodyError::ContentType));
        assert_eq!(head(&["multipart/form-data; boundary=x"], false), Err(BodyError::ContentType));
        assert_eq!(head(&["application/x-www-form-urlencoded; charset=utf-7"], false), Err(BodyError::ContentType));
        assert_eq!(
            head(&["application/x-www-form-urlencoded", "application/json"], false),
            Err(BodyError::ContentType)
        );
        assert_eq!(head(&["application/x-www-form-urlencoded"], true), Err(BodyError::Encoding));
    }

    #[test]
    fn a_query_that_names_the_field_is_seen() {
        assert!(query_names("return-url=/x&username=a", "username"));
        assert!(query_names("%75sername=a", "username"));
        assert!(!query_names("return-url=/username", "username"));
    }
}
