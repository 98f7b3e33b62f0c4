//! `[[credential.login]]` and `[[credential.logout]]`: flows that the gate can see happen.

use super::names::Names;
use super::reader::{Table, Value, many};
use super::values;
use crate::diagnostic::{At, Diagnostic, code};
use crate::identity::credential::Session;
use crate::identity::destination::{Destination, Part};
use crate::identity::flow::{Begins, Flow, Parameter, PathPattern, RequestShape, Success, TrustedHeaders};
use crate::identity::{Account, Level, Login};
use crate::wire::form::NameField;
use crate::wire::target::{self, Relaxed, canonical_path};
use http::Method;
use toml::de::DeValue;

/// A log-in of a session, or (for tokens) only an attempt to be decided before it is forwarded.
pub(super) fn flow(v: Value<'_>, session: bool, names: &mut Names) -> Option<Flow> {
    let t = v.table("credential.login")?;
    let name = t.required("name", values::name);
    let begins = t.optional("begins", begins);
    let request = t.required("request", |v| request(v, true));
    let success = t.optional("success", success);
    let username = t.optional("username", username);
    let is = t.optional("is", is);
    let headers = t.raw("headers").and_then(|v| v.table("credential.login.headers")).map(trusted_headers);
    if session && username.is_none() && !t.toml.contains_key("begins") && !t.toml.contains_key("username") {
        let help = "begins = { location_host = [\"…\"] }: without it a forged callback would bind a session";
        t.report(code::MISSING_KEY, "a flow by redirect lacks `begins`", Some(help.into()));
    }
    if begins.is_some() && request.as_ref().is_some_and(|r| r.value.method.as_ref().is_some_and(|m| m != Method::GET)) {
        let help = "a call-back by GET carries its `state` in the query; one by POST cannot be tied to its beginning";
        t.report(
            code::NOT_YET_SUPPORTED,
            "a call-back by another method than GET is not yet supported",
            Some(help.into()),
        );
    }
    if session && (success.as_ref().is_some_and(|s| s.value.is_empty()) || !t.toml.contains_key("success")) {
        let help = "at least one of location, header, json, set_cookie: a status alone is no verdict";
        t.report(code::MISSING_KEY, "`success` has no positive sign", Some(help.into()));
    }
    if !session && (username.is_none() || begins.is_some()) {
        let help = "a log-in of a token credential is a password attempt: it has `username` and no `begins`";
        t.report(code::CONFLICTING_KEYS, "this log-in binds nothing", Some(help.into()));
    }
    if request.as_ref().is_some_and(|r| !r.value.form.is_empty() || !r.value.unless_form.is_empty())
        && !matches!(&username, Some(u) if matches!(u.value, NameField::Form(_)))
    {
        let message = "`request.form` and `unless_form` need `username = { form = … }`";
        t.report_key("request", code::CONFLICTING_KEYS, message, None);
    }
    t.done();
    let is = is.map(|i| i.value).unwrap_or_default();
    let name = name?;
    // The begin of one log-in must not vouch for the call-back of another.
    names.define(name.clone(), v.findings);
    Some(Flow {
        name: name.value,
        begins: begins.map(|b| b.value),
        request: request?.value,
        success: success.map(|s| s.value).unwrap_or_default(),
        account: is.account,
        account_from_username: is.account_from_username,
        login: is.login,
        level: is.level,
        headers: headers.unwrap_or_default(),
        username: username.map(|u| u.value),
    })
}

/// What is allowed and seldom meant, at the table of the session.
pub(super) fn remarks(v: Value<'_>, session: &Session, flows: &[At<Flow>]) {
    let warn = |code, at, message: String, help: &str| {
        v.findings.borrow_mut().push(Diagnostic::warning(code, message).at(at).help(help));
    };
    let says_who_is_remembered = matches!(v.toml, DeValue::Table(table) if table.contains_key("remembers"));
    if let Some(password) = flows.iter().find(|flow| flow.value.username.is_some() && !says_who_is_remembered) {
        let message = format!("log-in `{}`: no cookie is named that lets somebody in later on", password.value.name);
        let help = "like remembers = [\"remember_me\"] in `[credential.session]`; [] says that there is none";
        warn(code::NOBODY_REMEMBERED, password.place, message, help);
    }
    for At { value: flow, place } in flows.iter().filter(|flow| flow.value.begins.is_some()) {
        if flow.success.shows_little() {
            let message = format!("log-in `{}`: one that failed is likely to lead there too", flow.name);
            let help = "leave ?* and #* out, or name another sign: a header, set_cookie";
            warn(code::WEAK_SUCCESS, *place, message, help);
        }
        if !session.clean_start {
            let message = format!("log-in `{}` counts only where its success changes the cookie", flow.name);
            let help = "`clean_start = false` lets a log-in begin on a session that others may have used";
            warn(code::NO_CLEAN_START, *place, message, help);
        }
    }
}

pub(super) fn logout(v: Value<'_>) -> Option<RequestShape> {
    let t = v.table("credential.logout")?;
    let shape = t.required("request", |v| request(v, false)).filter(|shape| shape.value.form.is_empty());
    t.done();
    shape.map(|s| s.value)
}

fn request(v: Value<'_>, method_needed: bool) -> Option<RequestShape> {
    let t = v.table("request")?;
    let method =
        if method_needed { t.required("method", values::method) } else { t.optional("method", values::method) };
    let path = t.required("path", path_pattern);
    let query = t.raw("query").map(parameters).unwrap_or_default();
    if !method_needed && t.toml.contains_key("form") {
        t.report_key("form", code::NOT_YET_SUPPORTED, "`form` on a log-out is not yet supported", Some("take it out"));
    }
    let form = t.raw("form").and_then(|v| v.table("request.form")).map(|table| {
        table.pairs().filter_map(|(name, _, value)| Some((name.to_owned(), value.text()?.to_owned()))).collect()
    });
    if !method_needed {
        t.unsupported("unless_form");
    }
    let unless_form = t.raw("unless_form").and_then(|v| v.table("request.unless_form")).map(|table| {
        let values = |v| many(v, values::text).into_iter().map(|text| text.value).collect();
        table.pairs().map(|(name, _, value)| (name.to_owned(), values(value))).collect()
    });
    t.done();
    Some(RequestShape {
        method: method.map(|m| m.value),
        path: path?.value,
        query,
        form: form.unwrap_or_default(),
        unless_form: unless_form.unwrap_or_default(),
    })
}

/// Names of parameters that are there, or a table of names and values.
fn parameters(v: Value<'_>) -> Vec<Parameter> {
    if let DeValue::Table(_) = v.toml {
        let pairs = v.table("request.query").map(|t| t.pairs().collect::<Vec<_>>()).unwrap_or_default();
        return pairs
            .into_iter()
            .filter_map(|(name, _, value)| {
                Some(Parameter { name: name.to_owned(), value: Some(value.text()?.to_owned()) })
            })
            .collect();
    }
    many(v, values::text).into_iter().map(|name| Parameter { name: name.value, value: None }).collect()
}

/// A path pattern, then what query and fragment may be: nothing unless it says so.
fn destination(v: Value<'_>) -> Option<Destination> {
    let text = v.text()?;
    let (rest, fragment) = text.split_once('#').map_or((text, None), |(rest, part)| (rest, Some(part)));
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, part)| (path, Some(part)));
    let part = |part: Option<&str>| match part {
        None => Part::Absent,
        Some("*") => Part::Any,
        Some(exact) => Part::Exactly(exact.to_owned()),
    };
    Some(Destination { path: pattern_of(v, path)?, query: part(query), fragment: part(fragment) })
}

/// `/x` or `/x/**`, written decoded.
fn path_pattern(v: Value<'_>) -> Option<PathPattern> {
    pattern_of(v, v.text()?)
}

fn pattern_of(v: Value<'_>, text: &str) -> Option<PathPattern> {
    let plain = text.strip_suffix("/**").map_or(text, |head| if head.is_empty() { "/" } else { head });
    let fits = text.starts_with('/')
        && !plain.contains(['*', '{', '}', '%', '?', '#'])
        && canonical_path(plain, Relaxed::default()).is_ok();
    if !fits {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a path"), "like \"/dang-nhap\" or \"/nop-ho-so/**\"");
    }
    Some(match text.strip_suffix("**") {
        Some(prefix) => PathPattern::Below(prefix.to_owned()),
        None => PathPattern::Exact(text.to_owned()),
    })
}

fn begins(v: Value<'_>) -> Option<Begins> {
    let t = v.table("begins")?;
    let location_hosts: Vec<String> = t.list("location_host", host_with_port).into_iter().map(|h| h.value).collect();
    if t.raw("location_host").is_none_or(|v| v.count() == 0) {
        t.report(code::MISSING_KEY, "`begins` lacks `location_host`", Some("the host of the identity provider".into()));
    }
    t.done();
    Some(Begins { location_hosts })
}

/// A host, or `host:port` where several identity providers share a host.
fn host_with_port(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    match target::host_name(text) {
        Ok(_) => Some(text.to_ascii_lowercase()),
        Err(_) => v.fail(code::BAD_VALUE, format!("`{text}` is not a host"), "like \"sso.dancuquocgia.gov.vn\""),
    }
}

fn success(v: Value<'_>) -> Option<Success> {
    let t = v.table("success")?;
    let status = t.list("status", |v| values::integer(v, 100..=599).and_then(|n| u16::try_from(n).ok()));
    let location = t.list("location", destination);
    let header = table_of(&t, "header", |name, at, v| {
        let header = values::header_name(name, at)?;
        let text = v.text()?;
        Some((header, (text != "*").then(|| text.to_owned())))
    });
    let json = table_of(&t, "json", |name, at, v| Some((values::pointer(name, at)?.to_owned(), values::json(v)?)));
    let set_cookie = t.list("set_cookie", values::cookie);
    t.done();
    Some(Success {
        status: status.into_iter().map(|s| s.value).collect(),
        location: location.into_iter().map(|l| l.value).collect(),
        header,
        json,
        set_cookie: set_cookie.into_iter().map(|c| c.value).collect(),
    })
}

/// Reads a table whose keys are the author's: each key, the same as a value to report at, and what stands behind it.
fn table_of<'t, T>(t: &Table<'t>, key: &'static str, read: impl Fn(&str, Value<'t>, Value<'t>) -> Option<T>) -> Vec<T> {
    let Some(table) = t.raw(key).and_then(|v| v.table(key)) else { return Vec::new() };
    table.pairs().filter_map(|(name, place, v)| read(name, Value { place, ..v }, v)).collect()
}

fn username(v: Value<'_>) -> Option<NameField> {
    let t = v.table("username")?;
    let form = t.optional("form", values::text);
    let json = t.optional("json", values::json_pointer);
    t.done();
    match (form, json) {
        (Some(field), None) => Some(NameField::Form(field.value)),
        (None, Some(pointer)) => Some(NameField::Json(pointer.value)),
        _ => v.fail(
            code::BAD_VALUE,
            "a name stands in one form field or one JSON member",
            "like { form = \"username\" }",
        ),
    }
}

#[derive(Default)]
struct FlowIs {
    account: Option<Account>,
    account_from_username: bool,
    login: Option<Login>,
    level: Level,
}

fn is(v: Value<'_>) -> Option<FlowIs> {
    let t = v.table("credential.login.is")?;
    let account = t.optional("account", |v| values::word(v, Account::WORDS, Account::parse));
    let from = t.optional("account_from", |v| values::word(v, &["username"], |w| (w == "username").then_some(())));
    let login = t.optional("login", |v| values::word(v, Login::WORDS, Login::parse));
    let level = t.optional("level", values::level);
    if account.is_some() && from.is_some() {
        t.report_key("account_from", code::CONFLICTING_KEYS, "`account` and `account_from` at once", Some("keep one"));
    }
    t.done();
    Some(FlowIs {
        account: account.map(|a| a.value),
        account_from_username: from.is_some(),
        login: login.map(|l| l.value),
        level: level.map_or(Level::UNKNOWN, |l| l.value),
    })
}

fn trusted_headers(t: Table<'_>) -> TrustedHeaders {
    let name = |key| t.optional(key, values::header).map(|h| h.value);
    let headers = TrustedHeaders {
        account: name("account"),
        login: name("login"),
        level: name("level"),
        subject: name("subject"),
    };
    t.done();
    headers
}
