//! `[credential.jwt]`: what a signed token must say, and where the keys come from that prove it.

use super::Files;
use super::reader::{Table, Value};
use super::settings::KeySource;
use super::values;
use crate::diagnostic::{Diagnostic, code};
use crate::identity::CredentialId;
use crate::identity::claims::ClaimRule;
use crate::identity::keys::{self, KeySet};
use crate::identity::token::Jwt;
use std::sync::Arc;

pub(super) fn jwt(
    files: &Files<'_>,
    v: Value<'_>,
    (credential, name): (CredentialId, String),
    principals: Vec<ClaimRule>,
) -> Option<(Jwt, KeySource)> {
    let t = v.table("credential.jwt")?;
    let issuer = t.required("issuer", values::text);
    let audience = mandatory_list(&t, "audience", values::text);
    let parties = t.list("parties", values::text);
    let algorithms = mandatory_list(&t, "algorithms", |v| {
        let text = v.text()?;
        let known = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
        let advice = format!("asymmetric ones only: {known}");
        keys::asymmetric(text)
            .or_else(|| v.fail(code::UNKNOWN_WORD, format!("`{text}` is not an algorithm for tokens"), advice))
    });
    let leeway = t.optional("leeway", values::duration);
    let types = t.list("types", values::text);
    let subject = t.optional("subject", values::json_pointer);
    let url = t.optional("jwks_url", |v| url(v, "https://…/protocol/openid-connect/certs"));
    let pinned = t.optional("jwks_file", |v| key_file(files, v, &algorithms));
    let ca_file = t.optional("ca_file", |v| files.path(v));
    if !t.toml.contains_key("jwks_url") && !t.toml.contains_key("jwks_file") {
        t.report(code::MISSING_KEY, "`credential.jwt` lacks its keys", Some("`jwks_url` or `jwks_file`".into()));
    }
    if t.toml.contains_key("jwks_url") && t.toml.contains_key("jwks_file") {
        t.report(
            code::NOT_YET_SUPPORTED,
            "`jwks_url` beside `jwks_file` is not yet supported",
            Some("keep one".into()),
        );
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
        url: url.map(|u| u.value),
        ca_file: ca_file.map(|c| c.value),
    };
    Some((jwt, keys))
}

fn mandatory_list<'t, T>(t: &Table<'t>, key: &'static str, read: impl Fn(Value<'t>) -> Option<T>) -> Vec<T> {
    let list: Vec<T> = t.list(key, read).into_iter().map(|v| v.value).collect();
    let written_empty = t.raw(key).is_none_or(|v| v.count() == 0);
    if written_empty {
        t.report(
            code::MISSING_KEY,
            format!("`{}` lacks `{key}`", t.name),
            Some("it is mandatory: never open by default".into()),
        );
    }
    list
}

pub(super) fn url(v: Value<'_>, example: &str) -> Option<String> {
    let text = v.text()?;
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a URL"), example);
    }
    Some(text.to_owned())
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
