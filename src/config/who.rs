//! The tables about who may be asking: credential with its mappings, and username shapes.

use super::Files;
use super::backchannel::Door;
use super::login;
use super::names::Names;
use super::reader::{Table, Value, many};
use super::settings::{IntrospectionSource, KeySource, State};
use super::values;
use super::{backchannel, introspection, probe, tokens};
use crate::diagnostic::{At, Diagnostic, code};
use crate::identity::claims::{ClaimRule, Is, LevelFrom};
use crate::identity::credential::{Follow, Kind, Session, Source};
use crate::identity::username::Shape;
use crate::identity::{Account, Credential, CredentialId, Identity, Level, Login, SiteId};
use crate::policy::{Route, Site};
use std::sync::Arc;
use toml::de::DeValue;

/// The identity of the policy, and where its keys come from.
pub(super) struct Who {
    pub identity: Identity,
    pub keys: Vec<KeySource>,
    pub introspections: Vec<IntrospectionSource>,
}

/// What is gathered while the credentials are read: their names, and what they need from outside.
struct Gathered {
    names: Names,
    logins: Names,
    keys: Vec<KeySource>,
    introspections: Vec<IntrospectionSource>,
    doors: Vec<Door>,
}

/// What was read before, and credentials refer to.
pub(super) struct Around<'a> {
    pub site_names: &'a Names,
    pub sites: &'a [Site],
    pub routes: &'a [Route],
    pub state: &'a State,
}

pub(super) fn identity(files: &Files<'_>, around: &Around<'_>) -> (Who, Names) {
    let mut gathered = Gathered {
        names: Names::new("credential"),
        logins: Names::new("log-in"),
        keys: Vec::new(),
        introspections: Vec::new(),
        doors: Vec::new(),
    };
    let mut credentials: Vec<Credential> = Vec::new();
    for t in files.arrays("credential") {
        let Some(id) = u8::try_from(credentials.len()).ok().filter(|n| *n < 64).map(CredentialId) else {
            t.report(code::BAD_VALUE, "more than 64 credentials", None);
            break;
        };
        let place = t.place;
        if let Some(credential) = credential(files, t, id, around, &mut gathered) {
            if let Some(rival) = credentials.iter().find(|other| contend(&credential, other)) {
                let message = format!("`{}` and `{}` would judge the same values", rival.name, credential.name);
                let help =
                    "what is no JWT has one judge in each place: give them places, sites or issuers of their own";
                let finding = Diagnostic::error(code::CONFLICTING_KEYS, message).at(place).help(help);
                files.findings.borrow_mut().push(finding);
            }
            credentials.push(credential);
        }
    }
    let shapes = files.arrays("username").into_iter().filter_map(shape).collect();
    let site_list: Vec<String> = around.sites.iter().map(|s| s.name.clone()).collect();
    let Gathered { names, keys, introspections, doors, .. } = gathered;
    backchannel::apart(files, &doors, &credentials, around.sites, around.routes);
    backchannel::remembered(files, &doors, around.state);
    (Who { identity: Identity::new(credentials, shapes, &site_list), keys, introspections }, names)
}

fn credential(
    files: &Files<'_>,
    t: Table<'_>,
    id: CredentialId,
    around: &Around<'_>,
    gathered: &mut Gathered,
) -> Option<Credential> {
    let name = t.required("name", values::name);
    let sources = t.list("from", source);
    let covered = t.list("sites", |v| around.site_names.resolve(v));
    let attempts_only = sources.is_empty() && !t.toml.contains_key("from");
    let (jwt, session, introspection) = (t.raw("jwt"), t.raw("session"), t.raw("introspection"));
    if [jwt, session, introspection].iter().flatten().count() != 1 {
        let help = "exactly one of [credential.jwt], [credential.session] and [credential.introspection]";
        t.report(code::CONFLICTING_KEYS, "a credential is judged in one way", Some(help.into()));
    }
    if attempts_only {
        t.report(code::MISSING_KEY, "`credential` lacks `from`", Some("like [{ cookie = \"PHPSESSID\" }]".into()));
    }
    let mappings = t.raw("principal").map(|v| many(v, mapping)).unwrap_or_default();
    let mappings = mappings.into_iter().map(|m| m.value).collect();
    let own_name = name.as_ref().map(|n| n.value.clone()).unwrap_or_default();
    let mut logout_door = None;
    let kind = match (jwt, introspection, session) {
        (Some(v), ..) => tokens::jwt(files, v, (id, own_name), mappings).map(|read| {
            gathered.keys.push(read.keys);
            if let Some(At { value, place }) = read.logout_door {
                gathered.doors.push(Door { credential: id, place });
                logout_door = Some(value);
            }
            Kind::Jwt(Box::new(read.jwt))
        }),
        (None, Some(v), _) => {
            introspection::introspection(files, v, (id, own_name), mappings).map(|(introspection, whom)| {
                gathered.introspections.push(whom);
                Kind::Introspection(Arc::new(introspection))
            })
        }
        (None, None, Some(v)) => {
            let has_probe = matches!(v.toml, DeValue::Table(session) if session.contains_key("probe"));
            if t.toml.contains_key("principal") && !has_probe {
                let message = "`principal` maps the claims of a token; a session has none";
                t.report_key("principal", code::CONFLICTING_KEYS, message, None);
            }
            opaque(v, around.state, mappings).map(Kind::Session)
        }
        (None, None, None) => None,
    };
    let is_session = session.is_some();
    let flows =
        t.raw("login").map(|v| many(v, |v| login::flow(v, is_session, &mut gathered.logins))).unwrap_or_default();
    let logouts = t.raw("logout").map(|v| many(v, login::logout)).unwrap_or_default();
    if let (Some(v), Some(Kind::Session(session))) = (session, &kind) {
        login::remarks(v, session, &flows);
    }
    t.done();
    let name = name?;
    gathered.names.define(name.clone(), files.findings);
    Some(Credential {
        id,
        name: name.value,
        sources: sources.into_iter().map(|s| s.value).collect(),
        sites: covered.into_iter().filter_map(|s| u16::try_from(s.value).ok()).map(SiteId).collect(),
        kind: kind?,
        flows: flows.into_iter().map(|f| f.value).collect(),
        logouts: logouts.into_iter().map(|l| l.value).collect(),
        logout_door,
    })
}

/// Whether it would be chance which of two credentials is asked, where one of them asks an authorization server.
fn contend(one: &Credential, other: &Credential) -> bool {
    let introspected = |c: &Credential| matches!(c.kind, Kind::Introspection(_));
    let jwt = |c: &Credential| matches!(c.kind, Kind::Jwt(_));
    let in_one_place = one.sources.iter().any(|source| other.sources.contains(source));
    let on_one_site = one.sites.is_empty() || other.sites.is_empty() || one.sites.iter().any(|s| other.covers(*s));
    let for_one_kind = !jwt(one) && !jwt(other) || one.issuer().is_some() && one.issuer() == other.issuer();
    (introspected(one) || introspected(other)) && in_one_place && on_one_site && for_one_kind
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

fn opaque(v: Value<'_>, state: &State, mappings: Vec<ClaimRule>) -> Option<Session> {
    let t = v.table("credential.session")?;
    let idle = t.optional("idle", values::duration);
    let lifetime = t.optional("lifetime", values::duration);
    let seconds = |d: std::time::Duration| i64::try_from(d.as_secs().max(1)).unwrap_or(i64::MAX);
    let lifetime_s = lifetime.as_ref().map_or(43_200, |d| seconds(d.value));
    if lifetime_s > state.keep_revocations_s {
        let place = lifetime.map_or(t.place, |lifetime| lifetime.place);
        let message = "a session may live longer than it is remembered who was taken away";
        let help = "`keep_revocations` in `[state]` must not be shorter than any `lifetime`";
        Value { place, ..v }.fail::<()>(code::CONFLICTING_KEYS, message, help);
    }
    let clean_start = t.optional("clean_start", values::boolean);
    let follow = t.optional("follow", |v| values::word(v, Follow::WORDS, Follow::parse));
    let remembers = t.list("remembers", values::cookie);
    let probe = t.optional("probe", |v| probe::probe(v, mappings));
    t.done();
    Some(Session {
        idle_s: idle.map_or(1_800, |d| seconds(d.value)),
        lifetime_s,
        clean_start: clean_start.is_none_or(|c| c.value),
        follow: follow.map_or(Follow::LogIns, |f| f.value),
        remembers: remembers.into_iter().map(|c| c.value).collect(),
        flows: vec![],
        probe: probe.map(|probe| Arc::new(probe.value)),
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
