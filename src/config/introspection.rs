//! `[credential.introspection]`: whom to ask about a token, as which client, and what the answer must say.

use super::Files;
use super::outside::{Danger, OR_A_FILE, certificate, seconds, url, variable};
use super::reader::{Table, Value};
use super::settings::{Client, IntrospectionSource, Proof, Secret};
use super::values;
use crate::diagnostic::code;
use crate::identity::CredentialId;
use crate::identity::assertion::ClientKey;
use crate::identity::claims::ClaimRule;
use crate::identity::introspection::Introspection;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::time::Duration;

const CACHE: Duration = Duration::from_secs(30);
/// A token that is revoked must not open anything for longer.
const CACHE_MAX: Duration = Duration::from_secs(300);
const TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT_MAX: Duration = Duration::from_secs(30);
const CONCURRENCY: usize = 32;
const LEEWAY: Duration = Duration::from_secs(30);

pub(super) fn introspection(
    files: &Files<'_>,
    v: Value<'_>,
    (credential, name): (CredentialId, String),
    principals: Vec<ClaimRule>,
) -> Option<(Introspection, IntrospectionSource)> {
    let t = v.table("credential.introspection")?;
    let example = "https://…/protocol/openid-connect/token/introspect";
    let endpoint = t.required("endpoint", |v| url(v, example, Danger::Tokens));
    let issuer = t.optional("issuer", values::text);
    let as_whom = issuer.as_ref().or(endpoint.as_ref()).map(|whom| whom.value.clone()).unwrap_or_default();
    let client = t.required("client", |v| client(files, v, &as_whom));
    let audience = t.list("audience", values::text);
    let parties = t.list("parties", values::text);
    let untyped = t.optional("untyped", |v| {
        values::word(v, &["refuse", "allow"], |word| match word {
            "refuse" => Some(false),
            "allow" => Some(true),
            _ => None,
        })
    });
    let leeway = t.optional("leeway", values::duration);
    let subject = t.optional("subject", values::json_pointer);
    let cache = t.optional("cache", |v| at_most(v, CACHE_MAX));
    let timeout = t.optional("timeout", |v| at_most(v, TIMEOUT_MAX));
    let concurrency = t.optional("concurrency", |v| values::integer(v, 1..=10_000));
    let ca_file = t.optional("ca_file", |v| files.path(v));
    let client_tls = t.optional("client_tls", |v| certificate(files, v));
    t.done();
    let timeout = timeout.map_or(TIMEOUT, |t| t.value);
    let introspection = Introspection {
        issuer: issuer.map(|i| i.value),
        audience: audience.into_iter().map(|a| a.value).collect(),
        parties: parties.into_iter().map(|p| p.value).collect(),
        untyped: untyped.is_some_and(|u| u.value),
        leeway_s: seconds(leeway.map_or(LEEWAY, |l| l.value)),
        subject: subject.map_or_else(|| "/sub".to_owned(), |s| s.value),
        principals,
        cache_s: seconds(cache.map_or(CACHE, |c| c.value)),
        timeout,
    };
    let source = IntrospectionSource {
        credential,
        name,
        endpoint: endpoint?.value,
        client: client?.value,
        ca_file: ca_file.map(|c| c.value),
        client_tls: client_tls.map(|c| c.value),
        timeout,
        concurrency: concurrency.and_then(|n| usize::try_from(n.value).ok()).unwrap_or(CONCURRENCY),
    };
    Some((introspection, source))
}

pub(super) fn at_most(v: Value<'_>, max: Duration) -> Option<Duration> {
    match values::duration(v)? {
        duration if duration > max => {
            v.fail(code::BAD_VALUE, "this is too long", format!("at most \"{}s\"", max.as_secs()))
        }
        duration => Some(duration),
    }
}

fn client(files: &Files<'_>, v: Value<'_>, as_whom: &str) -> Option<Client> {
    let t = v.table("credential.introspection.client")?;
    let id = t.required("id", values::text);
    let ways = ["secret_file", "secret_env", "key_file"];
    let secret = t.optional("secret_file", |v| files.read(v).map(|bytes| Secret(bytes.trim_ascii().into())));
    let from_env = t.optional("secret_env", |v| variable(v, OR_A_FILE).map(|text| Secret(text.into_bytes().into())));
    let key = t.optional("key_file", |v| client_key(files, v));
    let key_id = t.optional("key_id", values::text);
    let audience = t.optional("audience", values::text);
    if ways.iter().filter(|way| t.toml.contains_key(**way)).count() != 1 {
        let help = "exactly one of `secret_file`, `secret_env` and `key_file`";
        t.report(code::CONFLICTING_KEYS, "a client proves itself in one way", Some(help.into()));
    }
    only_beside_a_key(&t, "key_id");
    only_beside_a_key(&t, "audience");
    t.done();
    let proof = match (secret.or(from_env), key) {
        (Some(secret), _) => Proof::Secret(secret.value),
        (None, key) => Proof::Key {
            key: key?.value,
            key_id: key_id.map(|k| k.value),
            audience: audience.map_or_else(|| as_whom.to_owned(), |a| a.value),
        },
    };
    Some(Client { id: id?.value, proof })
}

fn only_beside_a_key(t: &Table<'_>, key: &'static str) {
    if t.toml.contains_key(key) && !t.toml.contains_key("key_file") {
        let message = format!("`{key}` says something about an assertion");
        t.report_key(key, code::CONFLICTING_KEYS, message, Some("it belongs to `key_file`"));
    }
}

fn client_key(files: &Files<'_>, v: Value<'_>) -> Option<ClientKey> {
    let bytes = files.read(v)?;
    let der = PrivateKeyDer::from_pem_slice(&bytes).ok();
    match der.and_then(|der| ClientKey::from_der(der.secret_der())) {
        Some(key) => Some(key),
        None => v.fail(
            code::UNUSABLE_FILE,
            "no private key that can sign in this file",
            "PEM, not encrypted: RSA of at least 2048 bits, P-256, P-384 or Ed25519",
        ),
    }
}
