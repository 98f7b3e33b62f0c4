//! The tables about the portal: upstream, site, route.

use super::Files;
use super::names::Names;
use super::reader::{Table, Value, many};
use super::settings::{Health, Upstream, UpstreamTls};
use super::values;
use crate::diagnostic::{At, Diagnostic, code};
use crate::identity::SiteId;
use crate::policy::route::PatternError;
use crate::policy::{OTHER, Route, RouteId, RouteIndex, Site, SiteHeaders};
use crate::wire::target::{RawTarget, Relaxed, canonical_path};
use http::HeaderName;
use std::time::Duration;

/// Request bodies of a route that says nothing: enough for a form with scans.
const BODY_MAX: u64 = 50_000_000;

pub(super) fn upstreams(files: &Files<'_>) -> (Vec<Upstream>, Names) {
    let mut names = Names::new("upstream");
    let all = files.arrays("upstream").into_iter().filter_map(|t| upstream(files, t, &mut names)).collect();
    (all, names)
}

fn upstream(files: &Files<'_>, t: Table<'_>, names: &mut Names) -> Option<Upstream> {
    let name = t.required("name", values::name);
    let servers = t.list("servers", values::server);
    if t.raw("servers").is_none_or(|v| v.count() == 0) {
        t.report(code::MISSING_KEY, "`upstream` lacks `servers`", Some("like [\"10.0.10.11:8080\"]".into()));
    }
    t.optional("balance", |v| values::word(v, &["round-robin"], |w| (w == "round-robin").then_some(())));
    let tls = t.raw("tls").and_then(|v| upstream_tls(files, v));
    let http2 = t.optional("http2", values::boolean);
    let health = t.raw("health").and_then(health);
    let (mut connect, mut read, mut write, mut idle) = (2, 60, 60, 60);
    if let Some(times) = t.raw("timeouts").and_then(|v| v.table("upstream.timeouts")) {
        let set = |key, place: &mut u64| {
            if let Some(d) = times.optional(key, values::duration) {
                *place = d.value.as_secs().max(1);
            }
        };
        set("connect", &mut connect);
        set("read", &mut read);
        set("write", &mut write);
        set("idle", &mut idle);
        times.done();
    }
    t.done();
    let name = name?;
    names.define(name.clone(), files.findings);
    Some(Upstream {
        name: name.value,
        servers: servers.into_iter().map(|s| s.value).collect(),
        tls,
        http2: http2.is_some_and(|h| h.value),
        health,
        connect: Duration::from_secs(connect),
        read: Duration::from_secs(read),
        write: Duration::from_secs(write),
        idle: Duration::from_secs(idle),
    })
}

fn upstream_tls(files: &Files<'_>, v: Value<'_>) -> Option<UpstreamTls> {
    let t = v.table("upstream.tls")?;
    let server_name = t.required("server_name", values::host);
    let ca_file = t.optional("ca_file", |v| files.read(v).and(v.text().map(|n| files.base.join(n))));
    t.done();
    Some(UpstreamTls { server_name: server_name?.value, ca_file: ca_file.map(|f| f.value) })
}

fn health(v: Value<'_>) -> Option<Health> {
    let t = v.table("upstream.health")?;
    let path = t.optional("path", |v| {
        let text = v.text()?;
        match RawTarget::split(text.as_bytes()) {
            Ok(RawTarget { authority: None, .. }) => Some(text.to_owned()),
            _ => v.fail(code::BAD_VALUE, format!("`{text}` is not a path"), "like \"/\""),
        }
    });
    let host = t.optional("host", values::host);
    let interval = t.optional("interval", values::duration);
    t.done();
    Some(Health {
        path: path.map(|p| p.value),
        host: host.map(|h| h.value),
        interval: interval.map_or(Duration::from_secs(5), |i| i.value),
    })
}

pub(super) fn sites(files: &Files<'_>, upstreams: &Names) -> (Vec<Site>, Names) {
    let mut names = Names::new("site");
    let mut hosts: Vec<At<String>> = Vec::new();
    let mut all = Vec::new();
    for t in files.arrays("site") {
        if let Some(site) = site(files, t, upstreams, &mut names, &mut hosts) {
            all.push(site);
        }
    }
    if all.is_empty() && names_empty(files) {
        let finding = Diagnostic::error(code::MISSING_KEY, "no file has a `[[site]]`");
        files.findings.borrow_mut().push(finding.help("a site names the hosts of the portal and its upstream"));
    }
    (all, names)
}

fn names_empty(files: &Files<'_>) -> bool {
    files.arrays("site").is_empty()
}

fn site(
    files: &Files<'_>,
    t: Table<'_>,
    upstreams: &Names,
    names: &mut Names,
    hosts: &mut Vec<At<String>>,
) -> Option<Site> {
    let name = t.required("name", values::name);
    let own = t.list("hosts", values::host);
    if t.raw("hosts").is_none_or(|v| v.count() == 0) {
        t.report(code::MISSING_KEY, "`site` lacks `hosts`", Some("like [\"dichvucong.daknong.gov.vn\"]".into()));
    }
    for host in &own {
        if hosts.iter().any(|h| h.value == host.value) {
            let message = format!("the host `{}` is listed twice", host.value);
            let finding = Diagnostic::error(code::DUPLICATE_NAME, message).at(host.place);
            files.findings.borrow_mut().push(finding.help("each host belongs to one site"));
        }
        hosts.push(host.clone());
    }
    let upstream = t.required("upstream", |v| upstreams.resolve(v));
    let login_url = t.optional("login_url", login_url);
    let relaxed = Relaxed {
        path_parameters: t.optional("path_parameters", |v| choice(v, "refuse", "allow")).is_some_and(|v| v.value),
        empty_segments: t.optional("empty_segments", |v| choice(v, "refuse", "merge")).is_some_and(|v| v.value),
        case_insensitive: t.optional("case_insensitive", values::boolean).is_some_and(|v| v.value),
    };
    let headers = SiteHeaders {
        private_headers: t.list("private_headers", values::header).into_iter().map(|h| h.value).collect(),
        allow_headers: t.list("allow_headers", allowed_header).into_iter().map(|h| h.value).collect(),
    };
    t.done();
    let name = name?;
    names.define(name.clone(), files.findings);
    Some(Site {
        name: name.value,
        hosts: own.into_iter().map(|h| h.value).collect(),
        upstream: upstream.map_or(0, |u| u.value),
        login_url: login_url.map(|u| u.value),
        relaxed,
        routes: RouteIndex::default(),
        other: RouteId(0),
        headers,
    })
}

/// Any but those that the gate sets itself.
fn allowed_header(v: Value<'_>) -> Option<HeaderName> {
    let name = values::header(v)?;
    let own = ["x-gate-", "x-forwarded-", "forwarded", "x-request-id"];
    if own.iter().any(|own| name.as_str().starts_with(own)) {
        return v.fail(code::BAD_VALUE, format!("`{name}` is said by the gate alone"), "take it out");
    }
    Some(name)
}

fn choice(v: Value<'_>, off: &'static str, on: &'static str) -> Option<bool> {
    let text = v.text()?;
    match text {
        _ if text == off => Some(false),
        _ if text == on => Some(true),
        _ => v.fail(code::UNKNOWN_WORD, format!("unknown word `{text}`"), format!("one of: {off}, {on}")),
    }
}

/// A path on the site itself, or an https URL elsewhere.
fn login_url(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let raw = RawTarget::split(text.as_bytes()).ok();
    let fits = raw.is_some_and(|r| canonical_path(r.path, Relaxed::default()).is_ok());
    if !fits {
        return v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not a log-in address"),
            "a path like \"/dang-nhap\", or a URL",
        );
    }
    Some(text.to_owned())
}

/// Declared routes in order, then one `other` a site. Rules are filled in later.
pub(super) fn routes(files: &Files<'_>, sites: &mut [Site], site_names: &Names) -> (Vec<Route>, Names) {
    let mut names = Names::new("route");
    let mut all: Vec<Route> = Vec::new();
    for t in files.arrays("route") {
        if let Some(route) = route(files, t, (sites, site_names), &mut names, &all) {
            all.push(route);
        }
    }
    for (n, site) in (0_u16..).zip(sites.iter_mut()) {
        site.other = RouteId(u16::try_from(all.len()).unwrap_or(u16::MAX));
        let site = SiteId(n);
        all.push(Route { name: OTHER.into(), site, methods: None, body_max: BODY_MAX, rules: vec![] });
    }
    if all.len() > 10_000 {
        files.findings.borrow_mut().push(Diagnostic::error(code::BAD_VALUE, "more than 10,000 routes"));
    }
    (all, names)
}

fn route(
    files: &Files<'_>,
    t: Table<'_>,
    (sites, site_names): (&mut [Site], &Names),
    names: &mut Names,
    earlier: &[Route],
) -> Option<Route> {
    let id = RouteId(u16::try_from(earlier.len()).ok()?);
    let name = t.required("name", |v| match values::name(v)? {
        other if other == OTHER => v.fail(
            code::BAD_VALUE,
            "`other` is the built-in route of every path that no route declares",
            "choose another name",
        ),
        name => Some(name),
    });
    let site = t.required("site", |v| site_names.resolve(v));
    if let Some(index) = site.as_ref().and_then(|s| sites.get_mut(s.value)) {
        let patterns = t.raw("paths").map(|v| many(v, |v| path(v, index, id, earlier))).unwrap_or_default();
        if patterns.is_empty() && !t.toml.contains_key("paths") {
            t.report(
                code::MISSING_KEY,
                "`route` lacks `paths`",
                Some("like [\"/nop-ho-so\", \"/nop-ho-so/**\"]".into()),
            );
        }
    } else {
        t.raw("paths");
    }
    let methods = t.raw("methods").map(|v| many(v, values::method).into_iter().map(|m| m.value).collect());
    let body_max = t.raw("limits").and_then(|v| v.table("route.limits")).and_then(|limits| {
        let body = limits.optional("body", values::size);
        limits.done();
        body
    });
    t.done();
    let name = name?;
    names.define(name.clone(), files.findings);
    Some(Route {
        name: name.value,
        site: SiteId(u16::try_from(site?.value).ok()?),
        methods,
        body_max: body_max.map_or(BODY_MAX, |b| b.value),
        rules: vec![],
    })
}

fn path(v: Value<'_>, site: &mut Site, id: RouteId, earlier: &[Route]) -> Option<()> {
    let text = v.text()?;
    let pattern = if site.relaxed.case_insensitive { text.to_lowercase() } else { text.to_owned() };
    match site.routes.insert(&pattern, id) {
        Ok(()) => Some(()),
        Err(PatternError::Malformed(advice)) => {
            v.fail(code::BAD_VALUE, format!("`{text}` is not a path pattern"), advice)
        }
        Err(PatternError::Taken(owner)) => {
            let owner = earlier.get(usize::from(owner.0)).map(|r| format!("route `{}`", r.name));
            let owner = owner.unwrap_or_else(|| "this route itself".into());
            let message = format!("`{text}` covers the same paths as a pattern of {owner}");
            v.fail(code::DUPLICATE_PATTERN, message, "the most specific pattern wins; two equal ones cannot both")
        }
    }
}
