//! Where does an issuer say that its keys are (OpenID Connect Discovery 1.0 §3, RFC 8414 §3.3)?
//!
//! The document is believed for one thing only, and only if it speaks for the issuer that the operator named: whoever
//! could point elsewhere would choose whom the gate trusts. Knows no network.

use crate::wire::json::{JsonError, parse_strict};
use http::Uri;
use serde_json::Value;

/// Why a document leads to no keys. Tells nothing of what it says instead.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("the document is not strict JSON: {0}")]
    Json(#[source] JsonError),
    #[error("the document speaks for another issuer")]
    Issuer,
    #[error("the document names no `jwks_uri` that is a URL")]
    NoKeys,
    #[error("its `jwks_uri` is on another origin; allow that in `jwks_origins` if it is right")]
    Origin,
}

/// The URL of the key set, by the document that was read from `url`.
pub fn jwks_uri(document: &[u8], url: &str, issuer: &str, origins: &[String]) -> Result<String, DiscoveryError> {
    let document = parse_strict(document).map_err(DiscoveryError::Json)?;
    if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(DiscoveryError::Issuer);
    }
    let keys = document.get("jwks_uri").and_then(Value::as_str).ok_or(DiscoveryError::NoKeys)?;
    let there = origin(keys).ok_or(DiscoveryError::NoKeys)?;
    let allowed = origins.iter().map(String::as_str).chain([url]).filter_map(origin);
    match allowed.into_iter().any(|origin| origin == there) {
        true => Ok(keys.to_owned()),
        false => Err(DiscoveryError::Origin),
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let standard = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let port = match authority.as_str().strip_prefix(authority.host())? {
        "" => standard,
        port => port.strip_prefix(':')?.parse().ok()?,
    };
    Some((scheme, authority.host().to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const URL: &str = "https://sso.test/auth/realms/digo/.well-known/openid-configuration";
    const ISSUER: &str = "https://sso.test/auth/realms/digo";

    fn found(document: Value, origins: &[&str]) -> Result<String, String> {
        let origins: Vec<String> = origins.iter().map(|o| (*o).to_owned()).collect();
        jwks_uri(document.to_string().as_bytes(), URL, ISSUER, &origins).map_err(|e| e.to_string())
    }

    #[test]
    fn the_document_must_speak_for_the_issuer_that_was_named() {
        let keys = "https://sso.test/certs";
        assert_eq!(found(json!({ "issuer": ISSUER, "jwks_uri": keys }), &[]).as_deref(), Ok(keys));
        for issuer in
            [json!(null), json!("https://sso.test/auth/realms/other"), json!(format!("{ISSUER}/")), json!([ISSUER])]
        {
            let said = found(json!({ "issuer": issuer, "jwks_uri": keys }), &[]).unwrap_err();
            assert!(said.contains("another issuer"), "{issuer}: {said}");
        }
    }

    #[test]
    fn the_keys_are_on_the_same_origin_or_on_one_that_was_allowed() {
        let at = |keys: &str, origins: &[&str]| found(json!({ "issuer": ISSUER, "jwks_uri": keys }), origins);
        for keys in ["https://sso.test:443/certs", "https://SSO.test/certs"] {
            assert!(at(keys, &[]).is_ok(), "{keys}");
        }
        for keys in [
            "http://sso.test/certs",
            "https://sso.test:8443/certs",
            "https://sso.test.evil.test/certs",
            "https://sso.test@evil.test/certs",
            "https://keys.test/certs",
            "file:///etc/passwd",
            "//sso.test/certs",
            "/certs",
            "",
        ] {
            assert!(at(keys, &[]).is_err(), "{keys}");
        }
        assert!(at("https://keys.test/certs", &["https://keys.test"]).is_ok());
        assert!(at("http://keys.test/certs", &["https://keys.test"]).is_err());
    }
}
