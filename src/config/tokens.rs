//! `[credential.jwt]`: what a signed token must say, and where the keys come from that prove it.

use super::Files;
use super::backchannel;
use super::outside::{Danger, certificate, not_in_the_clear, seconds, url};
use super::reader::{Table, Value};
use super::settings::{KeySource, KeysAt, RemoteKeys};
use super::values;
use crate::diagnostic::{At, Diagnostic, code};
use crate::identity::CredentialId;
use crate::identity::claims::ClaimRule;
use crate::identity::keys::{self, KeySet};
use crate::identity::logout_token::Logout;
use crate::identity::token::Jwt;
use http::Uri;
use std::sync::Arc;

/// A table as it was read.
pub(super) struct Read {
    pub jwt: Jwt,
    pub keys: KeySource,
    /// At the place of its path.
    pub logout_door: Option<At<Logout>>,
}

pub(super) fn jwt(
    files: &Files<'_>,
    v: Value<'_>,
    (credential, name): (CredentialId, String),
    principals: Vec<ClaimRule>,
) -> Option<Read> {
    let t = v.table("credential.jwt")?;
    let issuer = t.required("issuer", values::text);
    let audience = t.mandatory_list("audience", values::text);
    let parties = t.list("parties", values::text);
    let algorithms = t.mandatory_list("algorithms", |v| {
        let text = v.text()?;
        let known = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
        let advice = format!("asymmetric ones only: {known}");
        keys::asymmetric(text)
            .or_else(|| v.fail(code::UNKNOWN_WORD, format!("`{text}` is not an algorithm for tokens"), advice))
    });
    let leeway = t.optional("leeway", values::duration);
    let types = t.list("types", values::text);
    let subject = t.optional("subject", values::json_pointer);
    let pinned = t.optional("jwks_file", |v| key_file(files, v, &algorithms));
    let ca_file = t.optional("ca_file", |v| files.path(v));
    let keys_at = keys_at(&t, issuer.as_ref().map(|i| i.value.as_str()));
    let client_tls = t.optional("client_tls", |v| certificate(files, v));
    let grace = t.optional("keys_grace", values::duration);
    let max_age = t.optional("keys_max_age", values::duration);
    let logout_door = t.optional("logout", backchannel::logout).map(|logout| logout.value);
    if keys_at.is_none() {
        for key in ["ca_file", "client_tls", "keys_grace", "keys_max_age"] {
            if t.toml.contains_key(key) && !REMOTE.iter().any(|remote| t.toml.contains_key(*remote)) {
                let message = format!("`{key}` says something about keys that are fetched");
                t.report_key(key, code::CONFLICTING_KEYS, message, None);
            }
        }
    }
    if !REMOTE.iter().any(|key| t.toml.contains_key(*key)) && !t.toml.contains_key("jwks_file") {
        let help = "`jwks_url`, `jwks_file` or both; or `discovery = true`";
        t.report(code::MISSING_KEY, "`credential.jwt` lacks its keys", Some(help.into()));
    }
    t.done();
    let types = if types.is_empty() {
        vec!["JWT".into(), "at+jwt".into()]
    } else {
        types.into_iter().map(|t| t.value).collect()
    };
    let jwt = Jwt {
        issuer: issuer?.value,
        audience,
        parties: parties.into_iter().map(|p| p.value).collect(),
        algorithms,
        leeway_s: leeway.map_or(30, |l| l.value.as_secs()),
        types,
        subject: subject.map_or_else(|| "/sub".to_owned(), |s| s.value),
        principals,
    };
    let keys = KeySource {
        credential,
        name,
        pinned: pinned.map(|p| p.value),
        remote: keys_at.map(|at| RemoteKeys {
            at,
            ca_file: ca_file.map(|c| c.value),
            client_tls: client_tls.map(|c| c.value),
        }),
        grace_s: grace.map(|g| seconds(g.value)),
        max_age_s: max_age.map(|m| seconds(m.value)),
    };
    Some(Read { jwt, keys, logout_door })
}

/// Keys that say where a set is fetched: one of them.
const REMOTE: [&str; 3] = ["jwks_url", "discovery", "discovery_url"];

fn keys_at(t: &Table<'_>, issuer: Option<&str>) -> Option<KeysAt> {
    let set = t.optional("jwks_url", |v| url(v, "https://…/protocol/openid-connect/certs", Danger::Keys));
    let by_issuer = t.optional("discovery", |v| {
        let on = values::boolean(v)?;
        issuer.filter(|_| on).inspect(|issuer| not_in_the_clear(v, issuer, Danger::Keys));
        Some(on)
    });
    let by_issuer = by_issuer.is_some_and(|d| d.value);
    let example = "https://…/.well-known/openid-configuration";
    let document = t.optional("discovery_url", |v| url(v, example, Danger::Keys));
    let origins = t.list("jwks_origins", origin);
    if REMOTE.iter().filter(|key| t.toml.contains_key(**key)).count() > 1 {
        let help = "one of `jwks_url`, `discovery` and `discovery_url`";
        t.report(code::CONFLICTING_KEYS, "keys are fetched from one place", Some(help.into()));
    }
    let from_issuer = || {
        let issuer = issuer.filter(|_| by_issuer)?.trim_end_matches('/');
        Some(format!("{issuer}/.well-known/openid-configuration"))
    };
    let document = document.map(|d| d.value).or_else(from_issuer);
    if t.toml.contains_key("jwks_origins") && document.is_none() {
        let message = "`jwks_origins` belongs to `discovery` or `discovery_url`";
        t.report_key("jwks_origins", code::CONFLICTING_KEYS, message, None);
    }
    if let Some(set) = set {
        return Some(KeysAt::Set(set.value));
    }
    Some(KeysAt::Discovery {
        url: document?,
        issuer: issuer?.to_owned(),
        origins: origins.into_iter().map(|o| o.value).collect(),
    })
}

/// Scheme, host and port, as RFC 6454 writes them.
fn origin(v: Value<'_>) -> Option<String> {
    let example = "like \"https://keys.example\", without a path";
    let text = url(v, example, Danger::Keys)?;
    let uri: Option<Uri> = text.parse().ok();
    match uri.filter(|uri| uri.path() == "/" && uri.query().is_none() && !text.ends_with('/')) {
        Some(_) => Some(text),
        None => v.fail(code::BAD_VALUE, format!("`{text}` is not an origin"), example),
    }
}

fn key_file(files: &Files<'_>, v: Value<'_>, allowed: &[jsonwebtoken::Algorithm]) -> Option<Arc<KeySet>> {
    let bytes = files.read(v)?;
    match KeySet::parse(&bytes, allowed) {
        Ok((set, warnings)) => {
            for warning in warnings {
                files.findings.borrow_mut().push(Diagnostic::warning(code::KEY_LEFT_OUT, warning).at(v.place));
            }
            Some(Arc::new(set))
        }
        Err(error) => v.fail(code::UNUSABLE_FILE, format!("no key set in this file: {error}"), "a JWKS (RFC 7517)"),
    }
}
