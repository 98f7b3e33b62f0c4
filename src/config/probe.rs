//! `[credential.session.probe]`: where the portal is asked who is signed in, and where its answer tells what.

use super::introspection::at_most;
use super::outside::seconds;
use super::reader::Value;
use super::values;
use crate::diagnostic::code;
use crate::identity::claims::ClaimRule;
use crate::identity::probe::{Member, Probe};
use http::uri::PathAndQuery;
use std::time::Duration;
use toml::de::DeValue;

const TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT_MAX: Duration = Duration::from_secs(30);
const CACHE: Duration = Duration::from_secs(60);
/// Somebody who logged out where the gate did not see it must not stay for longer.
const CACHE_MAX: Duration = Duration::from_secs(3600);
const CONCURRENCY: usize = 16;

/// `principals`: the mappings of the credential.
pub(super) fn probe(v: Value<'_>, principals: Vec<ClaimRule>) -> Option<Probe> {
    let t = v.table("credential.session.probe")?;
    let path = t.required("path", path);
    let timeout = t.optional("timeout", |v| at_most(v, TIMEOUT_MAX));
    let cache = t.optional("cache", |v| at_most(v, CACHE_MAX));
    let concurrency = t.optional("concurrency", |v| values::integer(v, 1..=10_000));
    let signed_in = t.optional("signed_in", member).map(|m| m.value);
    let subject = t.optional("subject", member).map(|m| m.value);
    let account = t.optional("account", member).map(|m| m.value);
    let login = t.optional("login", member).map(|m| m.value);
    let level = t.optional("level", member).map(|m| m.value);
    let issuer = t.optional("issuer", values::text);
    if !t.toml.contains_key("signed_in") && !t.toml.contains_key("subject") {
        let help = "`signed_in`, or `subject` where one is told of somebody who is";
        t.report(code::CONFLICTING_KEYS, "this probe cannot tell whether somebody is signed in", Some(help.into()));
    }
    if t.toml.contains_key("issuer") && !t.toml.contains_key("subject") {
        let message = "`issuer` says whose name the subject is";
        t.report_key("issuer", code::CONFLICTING_KEYS, message, Some("it belongs to `subject`"));
    }
    t.done();
    Some(Probe {
        path: path?.value,
        timeout: timeout.map_or(TIMEOUT, |t| t.value),
        cache_s: seconds(cache.map_or(CACHE, |c| c.value)),
        concurrency: concurrency.and_then(|n| usize::try_from(n.value).ok()).unwrap_or(CONCURRENCY),
        signed_in,
        subject,
        account,
        login,
        level,
        principals,
        issuer: issuer.map(|i| i.value),
    })
}

fn path(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let is_one = text.starts_with('/') && !text.contains('#') && text.parse::<PathAndQuery>().is_ok();
    if !is_one {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a path to ask"), "like \"/api/me\"");
    }
    Some(text.to_owned())
}

/// A JSON pointer, or a header of the answer.
fn member(v: Value<'_>) -> Option<Member> {
    match v.toml {
        DeValue::String(_) => values::json_pointer(v).map(Member::Pointer),
        DeValue::Table(_) => {
            let t = v.table("credential.session.probe.member")?;
            let header = t.required("header", values::header);
            t.done();
            header.map(|header| Member::Header(header.value))
        }
        _ => v.wrong_type("a JSON pointer, or a table like { header = \"X-User\" }"),
    }
}
