//! The tables about who may be asking: credential with its mappings, and username shapes.

use super::Files;
use super::login;
use super::names::Names;
use super::reader::{Table, Value, many};
use super::settings::KeySource;
use super::values;
use crate::diagnostic::{At, Diagnostic, code};
use crate::identity::claims::{ClaimRule, Is, LevelFrom};
use crate::identity::credential::{Kind, Session, Source};
use crate::identity::flow::Flow;
use crate::identity::keys::{self, KeySet};
use crate::identity::token::Jwt;
use crate::identity::username::Shape;
use crate::identity::{Account, Credential, CredentialId, Identity, Level, Login, SiteId};
use crate::policy::Site;
use std::sync::Arc;

/// The identity of the policy, and where its keys come from.
pub struct Who {
    pub identity: Identity,
    pub keys: Vec<KeySource>,
}

pub(super) fn identity(files: &Files<'_>, site_names: &Names, sites: &[Site]) -> (Who, Names) {
    let mut names = Names::new("credential");
    let mut logins = Names::new("log-in");
    let mut keys = Vec::new();
    let mut credentials: Vec<Credential> = Vec::new();
    for t in files.arrays("credential") {
        let Some(id) = u8::try_from(credentials.len()).ok().filter(|n| *n < 64).map(CredentialId) else {
            t.report(code::BAD_VALUE, "more than 64 credentials", None);
            break;
        };
        if let Some(credential) = credential(files, t, id, site_names, (&mut names, &mut logins), &mut keys) {
            credentials.push(credential);
        }
    }
    let shapes = files.arrays("username").into_iter().filter_map(shape).collect();
    let site_list: Vec<String> = sites.iter().map(|s| s.name.clone()).collect();
    (Who { identity: Identity::new(credentials, shapes, &site_list), keys }, names)
}

fn credential(
    files: &Files<'_>,
    t: Table<'_>,
    id: CredentialId,
    site_names: &Names,
    (names, logins): (&mut Names, &mut Names),
    keys: &mut Vec<KeySource>,
) -> Option<Credential> {
    let name = t.required("name", values::name);
    let sources = t.list("from", source);
    let covered = t.list("sites", |v| site_names.resolve(v));
    let attempts_only = sources.is_empty() && !t.toml.contains_key("from");
    t.unsupported("introspection");
    let jwt = t.raw("jwt");
    let session = t.raw("session");
    if !t.toml.contains_key("introspection") && jwt.is_some() == session.is_some() {
        let help = "exactly one of [credential.jwt] and [credential.session]";
        t.report(code::CONFLICTING_KEYS, "a credential is judged in one way", Some(help.into()));
    }
    if attempts_only {
        t.report(code::MISSING_KEY, "`credential` lacks `from`", Some("like [{ cookie = \"PHPSESSID\" }]".into()));
    }
    let mappings = t.raw("principal").map(|v| many(v, mapping)).unwrap_or_default();
    let kind = match (jwt, session) {
        (Some(v), _) => token(files, v, mappings.into_iter().map(|m| m.value).collect()).map(|(jwt, from)| {
            let (pinned, url, ca_file) = from;
            let name = name.as_ref().map(|n| n.value.clone()).unwrap_or_default();
            keys.push(KeySource { credential: id, name, pinned, url, ca_file });
            Kind::Jwt(Box::new(jwt))
        }),
        (None, Some(v)) => {
            if t.toml.contains_key("principal") {
                let message = "`principal` maps the claims of a token; a session has none";
                t.report_key("principal", code::CONFLICTING_KEYS, message, None);
            }
            opaque(v).map(Kind::Session)
        }
        (None, None) => None,
    };
    let is_session = session.is_some();
    let flows = t.raw("login").map(|v| many(v, |v| login::flow(v, is_session, logins))).unwrap_or_default();
    let logouts = t.raw("logout").map(|v| many(v, login::logout)).unwrap_or_default();
    t.done();
    let name = name?;
    names.define(name.clone(), files.findings);
    Some(Credential {
        id,
        name: name.value,
        sources: sources.into_iter().map(|s| s.value).collect(),
        sites: covered.into_iter().filter_map(|s| u16::try_from(s.value).ok()).map(SiteId).collect(),
        kind: with_flows(kind?, &flows),
        flows: flows.into_iter().map(|f| f.value).collect(),
        logouts: logouts.into_iter().map(|l| l.value).collect(),
    })
}

fn with_flows(mut kind: Kind, flows: &[At<Flow>]) -> Kind {
    if let Kind::Session(session) = &mut kind {
        session.flows = flows.iter().map(|f| f.value.stamp()).collect();
    }
    kind
}

fn source(v: Value<'_>) -> Option<Source> {
    let t = v.table("credential.from")?;
    let header = t.optional("header", values::header);
    let cookie = t.optional("cookie", values::cookie);
    if t.toml.contains_key("header") == t.toml.contains_key("cookie") {
        let help = "like { header = \"authorization\" }";
        t.report(code::BAD_VALUE, "a source is one header or one cookie", Some(help.into()));
    }
    t.done();
    header.map(|h| Source::Header(h.value)).or(cookie.map(|c| Source::Cookie(c.value)))
}

type KeysFrom = (Option<Arc<KeySet>>, Option<String>, Option<std::path::PathBuf>);

fn token(files: &Files<'_>, v: Value<'_>, principals: Vec<ClaimRule>) -> Option<(Jwt, KeysFrom)> {
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
    let url = t.optional("jwks_url", jwks_url);
    let pinned = t.optional("jwks_file", |v| key_file(files, v, &algorithms));
    let ca_file = t.optional("ca_file", |v| files.read(v).and(v.text().map(|n| files.base.join(n))));
    if !t.toml.contains_key("jwks_url") && !t.toml.contains_key("jwks_file") {
        t.report(code::MISSING_KEY, "`credential.jwt` lacks its keys", Some("`jwks_url` or `jwks_file`".into()));
    }
    if t.toml.contains_key("jwks_url") && t.toml.contains_key("jwks_file") {
        let message = "`jwks_url` beside `jwks_file` is not yet supported";
        t.report_key("jwks_file", code::NOT_YET_SUPPORTED, message, Some("keep one"));
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
    Some((jwt, (pinned.map(|p| p.value), url.map(|u| u.value), ca_file.map(|c| c.value))))
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

fn jwks_url(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a URL"), "https://…/protocol/openid-connect/certs");
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

fn opaque(v: Value<'_>) -> Option<Session> {
    let t = v.table("credential.session")?;
    let idle = t.optional("idle", values::duration);
    let lifetime = t.optional("lifetime", values::duration);
    t.done();
    let seconds = |d: std::time::Duration| i64::try_from(d.as_secs().max(1)).unwrap_or(i64::MAX);
    Some(Session {
        idle_s: idle.map_or(1_800, |d| seconds(d.value)),
        lifetime_s: lifetime.map_or(43_200, |d| seconds(d.value)),
        flows: vec![],
    })
}

fn mapping(v: Value<'_>) -> Option<ClaimRule> {
    let t = v.table("credential.principal")?;
    let claims = |key: &'static str| {
        let table = t.raw(key).and_then(|v| v.table(key));
        let pairs: Vec<_> = table.iter().flat_map(Table::pairs).collect();
        pairs.into_iter().filter_map(|(name, place, value)| {
            values::pointer(name, Value { place, ..value }).map(|pointer| (pointer.to_owned(), value))
        })
    };
    let equals = claims("equals").filter_map(|(n, v)| Some((n, values::json(v)?))).collect();
    let matches = claims("matches").filter_map(|(n, v)| Some((n, values::pattern(v)?))).collect();
    let present = t.list("present", values::json_pointer).into_iter().map(|p| p.value).collect();
    let absent = t.list("absent", values::json_pointer).into_iter().map(|p| p.value).collect();
    let is = t.required("is", is);
    t.done();
    Some(ClaimRule { equals, matches, present, absent, is: is?.value })
}

fn is(v: Value<'_>) -> Option<Is> {
    let t = v.table("credential.principal.is")?;
    let account = t.optional("account", |v| values::word(v, Account::WORDS, Account::parse));
    let login = t.optional("login", |v| values::word(v, Login::WORDS, Login::parse));
    let constant = t.optional("level", values::level);
    let claim = t.optional("level_from", values::json_pointer);
    if constant.is_some() && claim.is_some() {
        let message = "`level` and `level_from` at once";
        t.report_key("level_from", code::CONFLICTING_KEYS, message, Some("a constant or a claim"));
    }
    t.done();
    let level = match (constant, claim) {
        (Some(level), _) => LevelFrom::Constant(level.value),
        (None, Some(pointer)) => LevelFrom::Claim(pointer.value),
        (None, None) => LevelFrom::Constant(Level::UNKNOWN),
    };
    Some(Is {
        account: account.map_or(Account::Unknown, |a| a.value),
        login: login.map_or(Login::Unknown, |l| l.value),
        level,
    })
}

fn shape(t: Table<'_>) -> Option<Shape> {
    let matches = t.required("matches", values::pattern);
    let account = t.required("account", |v| values::word(v, Account::WORDS, Account::parse));
    t.done();
    Some(Shape { matches: matches?.value, account: account?.value })
}
