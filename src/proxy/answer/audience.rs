//! Whether a person or a program reads the answer.
//!
//! What the browser itself says about the request comes first (Fetch Metadata), then the mark of older script
//! libraries, then what is accepted. A request that cannot be told is a program's: a script that is handed a page, or
//! followed to a log-in by a redirect, fails in ways nobody sees.

use crate::wire::weighted::weighted;
use http::{HeaderMap, HeaderName, Method, header::ACCEPT};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Someone in front of a browser window or frame.
    Person,
    /// A script, an app, a command line.
    Program,
}

/// Who reads the answer to this request. Only GET, HEAD and POST can come from a page or an address bar.
pub fn audience(method: &Method, headers: &HeaderMap) -> Audience {
    if !matches!(*method, Method::GET | Method::HEAD | Method::POST) {
        return Audience::Program;
    }
    if headers.contains_key(SEC_FETCH_MODE) {
        return when(only(headers, &SEC_FETCH_MODE) == Some("navigate") && shows_a_document(headers));
    }
    // Android web views send the name of their app here: that is a person's window, not a script.
    let script = |value: &str| value.eq_ignore_ascii_case("XMLHttpRequest");
    if headers.get_all(X_REQUESTED_WITH).iter().any(|value| value.to_str().map_or(true, script)) {
        return Audience::Program;
    }
    when(accepts_html(headers))
}

/// Is this a person opening a page, so that a redirect to the log-in loses nothing?
pub fn is_navigation(method: &Method, reader: Audience) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && reader == Audience::Person
}

fn when(person: bool) -> Audience {
    if person { Audience::Person } else { Audience::Program }
}

/// `navigate` is also the mode of `<object>` and `<embed>`, which show no page of ours.
fn shows_a_document(headers: &HeaderMap) -> bool {
    !headers.contains_key(SEC_FETCH_DEST)
        || matches!(only(headers, &SEC_FETCH_DEST), Some("document" | "iframe" | "frame"))
}

/// The field's value where there is exactly one and it is text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// HTML by name or as some text, with a weight above 0. `*/*` alone is how programs say that they did not choose.
fn accepts_html(headers: &HeaderMap) -> bool {
    let Some(accepted) = weighted(headers, &ACCEPT) else { return false };
    let weight = |wanted: &str| {
        accepted.iter().filter(|(value, _)| value.eq_ignore_ascii_case(wanted)).map(|(_, weight)| *weight).max()
    };
    weight("text/html").or_else(|| weight("text/*")).is_some_and(|weight| weight > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn asked(fields: &[(&'static str, &'static str)]) -> Audience {
        audience(&Method::GET, &headers(fields))
    }

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

    #[test]
    fn what_the_browser_says_of_the_request_goes_before_what_it_accepts() {
        let navigate = ("sec-fetch-mode", "navigate");
        assert_eq!(asked(&[navigate, ("sec-fetch-dest", "document")]), Audience::Person);
        assert_eq!(asked(&[navigate, ("sec-fetch-dest", "iframe"), ("accept", "*/*")]), Audience::Person);
        assert_eq!(asked(&[navigate]), Audience::Person);
        assert_eq!(asked(&[navigate, ("sec-fetch-dest", "embed"), ("accept", BROWSER)]), Audience::Program);
        for mode in ["cors", "no-cors", "same-origin", "websocket", "Navigate", ""] {
            assert_eq!(asked(&[("sec-fetch-mode", mode), ("accept", BROWSER)]), Audience::Program, "{mode}");
        }
    }

    #[test]
    fn a_repeated_mode_is_a_programs() {
        let twice = [("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "navigate"), ("accept", BROWSER)];
        assert_eq!(asked(&twice), Audience::Program);
    }

    #[test]
    fn an_older_script_says_so_and_an_android_web_view_is_no_script() {
        assert_eq!(asked(&[("x-requested-with", "XMLHttpRequest"), ("accept", BROWSER)]), Audience::Program);
        assert_eq!(asked(&[("x-requested-with", "vn.example.browser"), ("accept", BROWSER)]), Audience::Person);
    }

    #[test]
    fn without_any_mark_html_must_be_acceptable() {
        assert_eq!(asked(&[("accept", BROWSER)]), Audience::Person);
        assert_eq!(asked(&[("accept", "text/*;q=0.1")]), Audience::Person);
        for accept in ["*/*", "application/json", "text/html;q=0", "text/html;q=0, text/*", "text/html;q=9"] {
            assert_eq!(asked(&[("accept", accept)]), Audience::Program, "{accept}");
        }
        assert_eq!(asked(&[]), Audience::Program);
    }

    #[test]
    fn a_header_that_is_no_text_is_a_programs() {
        let mut odd = HeaderMap::new();
        odd.insert(ACCEPT, http::HeaderValue::from_bytes(b"text/html\xff").unwrap());
        assert_eq!(audience(&Method::GET, &odd), Audience::Program);
    }

    #[test]
    fn a_form_is_a_persons_and_no_navigation_to_be_redirected() {
        let form = headers(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("accept", BROWSER)]);
        assert_eq!(audience(&Method::POST, &form), Audience::Person);
        let navigates = |method| is_navigation(&method, audience(&method, &form));
        assert!(!navigates(Method::POST));
        assert!(navigates(Method::GET));
        assert!(navigates(Method::HEAD));
        assert_eq!(audience(&Method::DELETE, &form), Audience::Program);
        assert_eq!(audience(&Method::OPTIONS, &form), Audience::Program);
    }
}
