//! Lists of preferences with weights, such as Accept (RFC 9110 §12.4.2).
//!
//! Reads the lists of `Accept` and `Accept-Language`: values with a weight `q` (RFC 9110 §12.4.2). A list that is not
//! well formed is no list: the reader says so and guesses nothing.

use http::{HeaderMap, HeaderName};

/// One entry: the value without its parameters, and its weight in thousandths (0 to 1000).
pub(super) type Weighted<'a> = (&'a str, u16);

/// All entries of all fields of that name, in order; empty without such a field, `None` when any is malformed.
pub fn weighted<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<Weighted<'a>>> {
    let mut entries = Vec::new();
    for field in headers.get_all(name) {
        for entry in field.to_str().ok()?.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            entries.push(parse_entry(entry)?);
        }
    }
    Some(entries)
}

fn parse_entry(entry: &str) -> Option<Weighted<'_>> {
    let mut parts = entry.split(';').map(str::trim);
    let value = parts.next().filter(|value| !value.is_empty() && !value.contains(char::is_whitespace))?;
    for part in parts {
        if let Some((name, weight)) = part.split_once('=')
            && name.eq_ignore_ascii_case("q")
        {
            return Some((value, parse_weight(weight)?));
        }
    }
    Some((value, 1000))
}

/// `0`, `1`, or one of them with up to three decimals; nothing above 1.
fn parse_weight(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::ACCEPT;

    fn read(fields: &[&'static str]) -> Option<Vec<(String, u16)>> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(ACCEPT, field.parse().unwrap());
        }
        Some(weighted(&headers, &ACCEPT)?.into_iter().map(|(value, q)| (value.to_owned(), q)).collect())
    }

    #[test]
    fn values_keep_their_order_and_weight_over_several_fields() {
        let read = read(&["text/html, */*;q=0.8", "a/b;v=b3;Q=0.125,,"]).unwrap();
        assert_eq!(read, [("text/html".into(), 1000), ("*/*".into(), 800), ("a/b".into(), 125)]);
    }

    #[test]
    fn no_field_is_an_empty_list() {
        assert_eq!(read(&[]), Some(vec![]));
    }

    #[test]
    fn a_malformed_list_is_no_list() {
        for field in ["a/b;q=2", "a/b;q=1.001", "a/b;q=0.1234", "a/b;q=-1", "a/b;q=", "a/b;q=x", ";q=1", "a b"] {
            assert_eq!(read(&[field]), None, "{field}");
        }
    }
}
