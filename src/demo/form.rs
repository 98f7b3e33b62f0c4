//! Forms and queries of visitors, decoded.
//!
//! Reads `application/x-www-form-urlencoded` and writes single values of it. Lenient, as web applications are: what
//! is not UTF-8 becomes the replacement character, and nothing here fails. It knows no request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Names and values in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn read(encoded: &str) -> Self {
        let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
        Fields(
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decode(n), decode(v))).collect(),
        )
    }

    /// The first value of this name; empty when there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

/// A value as it stands in a query.
pub(super) fn encode(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

fn decode(part: &str) -> String {
    percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let fields = Fields::read("username=canbo%40daknong.gov.vn&note=h%E1%BB%93+s%C6%A1&empty&=x&&username=second");
        assert_eq!(fields.value("username"), "canbo@daknong.gov.vn");
        assert_eq!(fields.value("note"), "hồ sơ");
        assert_eq!(fields.value("empty"), "");
        assert_eq!(fields.value("absent"), "");
    }

    #[test]
    fn broken_escapes_are_read_without_failing() {
        let fields = Fields::read("a=%&b=%zz&c=%ff&%=1");
        assert_eq!(fields.value("a"), "%");
        assert_eq!(fields.value("b"), "%zz");
        assert_eq!(fields.value("c"), "\u{fffd}");
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let value = "http://127.0.0.1:8080/dang-nhap?a=b&c=d e+f";
        assert_eq!(Fields::read(&format!("v={}", encode(value))).value("v"), value);
    }
}
