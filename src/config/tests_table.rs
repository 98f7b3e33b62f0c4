//! `[[test]]`: questions to the policy with the answers that its author expects. A test without `at` asks about the
//! moment of the load.

use super::Files;
use super::names::Names;
use super::reader::{Table, Value};
use super::values;
use crate::diagnostic::code;
use crate::identity::{Account, CredentialId, Evidence, Login, Principal};
use crate::policy::case::{Case, Expect};
use crate::policy::{Action, Bucket, Reason};
use http::Method;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::net::{IpAddr, Ipv4Addr};

/// A test without `at` asks about `now`.
pub(super) fn cases(files: &Files<'_>, credentials: &Names, zone: &TimeZone, now: Timestamp) -> Vec<Case> {
    let mut names = Names::new("test");
    files.arrays("test").into_iter().filter_map(|t| case(files, t, &mut names, credentials, (zone, now))).collect()
}

fn case(
    files: &Files<'_>,
    t: Table<'_>,
    names: &mut Names,
    credentials: &Names,
    (zone, now): (&TimeZone, Timestamp),
) -> Option<Case> {
    let name = t.required("name", values::text);
    let at = t.optional("at", |v| values::moment(v, zone));
    let request = t.required("request", request);
    let who = t.optional("as", |v| who(v, credentials));
    let expect = t.required("expect", expect);
    let (who, lot) = who.map_or_else(|| (Principal::anonymous(), None), |w| w.value);
    let place = name.as_ref().map_or(t.place, |n| n.place);
    t.done();
    let name = name?;
    names.define(name.clone(), files.findings);
    let (method, url, client) = request?.value;
    Some(Case {
        name: name.value,
        place,
        at: at.map_or(now, |a| a.value),
        method,
        url,
        client,
        who,
        bucket: lot,
        expect: expect?.value,
    })
}

fn request(v: Value<'_>) -> Option<(Method, String, IpAddr)> {
    let t = v.table("test.request")?;
    let method = t.optional("method", values::method);
    let url = t.required("url", values::text);
    let client = t.optional("client", |v| {
        let text = v.text()?;
        text.parse()
            .ok()
            .map(|address: IpAddr| address.to_canonical())
            .or_else(|| v.fail(code::BAD_VALUE, format!("`{text}` is not an IP address"), "like \"10.20.3.4\""))
    });
    t.done();
    let somewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    Some((method.map_or(Method::GET, |m| m.value), url?.value, client.map_or(somewhere, |c| c.value)))
}

fn who(v: Value<'_>, credentials: &Names) -> Option<(Principal, Option<Bucket>)> {
    let t = v.table("test.as")?;
    let account = t.optional("account", |v| values::word(v, Account::WORDS, Account::parse));
    let login = t.optional("login", |v| values::word(v, Login::WORDS, Login::parse));
    let level = t.optional("level", values::level);
    let evidence = t.optional("evidence", |v| values::word(v, Evidence::WORDS, Evidence::parse));
    let credential = t.optional("credential", |v| credentials.resolve(v));
    let lot = t.optional("lot", |v| values::integer(v, 0..=99)).and_then(|n| Bucket::new(u8::try_from(n.value).ok()?));
    let evidence = evidence.map_or(Evidence::Valid, |e| e.value);
    // Without a name it is a credential of which no rule speaks.
    let id = credential.map_or(credentials.count(), |c| c.value);
    let id = CredentialId(u8::try_from(id).unwrap_or(u8::MAX));
    let facts = (account.map(|a| a.value), login.map(|l| l.value), level.map(|l| l.value));
    let who = Principal::told(id, evidence, facts).map_err(|help| {
        let message = format!("nobody with evidence `{evidence}` is like this");
        t.report(code::CONFLICTING_KEYS, message, Some(help.into()));
    });
    t.done();
    Some((who.ok()?, lot))
}

fn expect(v: Value<'_>) -> Option<Expect> {
    let t = v.table("test.expect")?;
    let then = t.optional("then", |v| values::word(v, Action::WORDS, Action::parse));
    let rule = t.optional("rule", values::name);
    let reason = t.optional("reason", |v| values::word(v, Reason::WORDS, Reason::parse));
    let route = t.optional("route", values::name);
    if t.toml.is_empty() {
        t.report(code::BAD_VALUE, "`expect` asks for nothing", Some("like { then = \"reject\", rule = \"…\" }".into()));
    }
    t.done();
    Some(Expect {
        then: then.map(|a| a.value),
        rule: rule.map(|r| r.value),
        reason: reason.map(|r| r.value),
        route: route.map(|r| r.value),
    })
}
