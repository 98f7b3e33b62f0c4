//! The headers of an answer of the gate.
//!
//! The fixed list: what it is, that nobody keeps it, that it may load and do nothing. The page's only style is named by
//! its hash, which a test keeps right. Knows no cookie, no `Location` and no length: those are the caller's.

use super::{Answer, Audience, Kind, Language};
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::LazyLock;

/// The code a refused person reads out, on every answer that the gate makes itself.
pub const X_SUPPORT_CODE: HeaderName = HeaderName::from_static("x-support-code");

/// The digest of `page.css` is in here; see the test of that name.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-es2TiOs3XnzDi8jpL1o3Uh5aGDZEdknnly3LBV05J3s='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const PROBLEM_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// What [`super::audience()`] and [`crate::wire::language()`] look at.
const LOOKED_AT: HeaderValue =
    HeaderValue::from_static("Accept, Accept-Language, Sec-Fetch-Dest, Sec-Fetch-Mode, X-Requested-With");

/// What does not depend on the request: made once, since a copy costs a quarter of what putting it together does.
static FOR_PERSONS: LazyLock<HeaderMap> = LazyLock::new(|| fixed("text/html; charset=utf-8", "vi, en", PAGE_POLICY));
static IN_VIETNAMESE: LazyLock<HeaderMap> = LazyLock::new(|| for_programs(Language::Vi));
static IN_ENGLISH: LazyLock<HeaderMap> = LazyLock::new(|| for_programs(Language::En));

fn for_programs(language: Language) -> HeaderMap {
    fixed("application/problem+json", language.tag(), PROBLEM_POLICY)
}

fn fixed(content_type: &'static str, content_language: &'static str, policy: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    headers.extend([
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_LANGUAGE, HeaderValue::from_static(content_language)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (VARY, LOOKED_AT),
    ]);
    headers
}

pub(super) fn of(answer: &Answer<'_>, audience: Audience, language: Language) -> HeaderMap {
    let mut headers = match (audience, language) {
        (Audience::Person, _) => FOR_PERSONS.clone(),
        (Audience::Program, Language::Vi) => IN_VIETNAMESE.clone(),
        (Audience::Program, Language::En) => IN_ENGLISH.clone(),
    };
    // The code, and what comes later: length, date, connection and the like.
    headers.reserve(8);
    // A code that could split the header is left out; the gate makes its codes itself.
    if let Ok(code) = HeaderValue::from_str(answer.support_code) {
        headers.insert(X_SUPPORT_CODE, code);
    }
    if answer.kind == Kind::LogInFirst && audience == Audience::Program {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::super::page::STYLE;
    use super::*;
    use base64::Engine as _;

    #[test]
    fn the_policy_names_the_hash_of_the_page_style() {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        let policy = PAGE_POLICY.to_str().unwrap().to_owned();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}';")), "page.css now hashes to {hash}");
        assert!(!policy.contains("unsafe"));
    }
}
