//! What travels to the portal: the client's headers without those that only the gate may say, and the gate's own.
//!
//! Stripped on every request, public pages included, and in every spelling that a server may fold into the same name
//! (dash, underscore, dot, any case). Set anew afterwards, from what was decided.

use super::context::RequestContext;
use super::observe::own_cookies::is_own;
use super::observe::{hides_session, withheld_session};
use super::private_headers::is_listed;
use crate::identity::Principal;
use crate::identity::credential::SitePlan;
use crate::identity::presented::Location;
use crate::policy::{Grant, SiteHeaders};
use crate::wire::spelling::header_name;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, COOKIE, FORWARDED, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use std::net::IpAddr;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_GATE_ACCOUNT: HeaderName = HeaderName::from_static("x-gate-account");
const X_GATE_LOGIN: HeaderName = HeaderName::from_static("x-gate-login");
const X_GATE_LEVEL: HeaderName = HeaderName::from_static("x-gate-level");
const X_GATE_SUBJECT: HeaderName = HeaderName::from_static("x-gate-subject");

/// Names that CGI and WSGI build from a header with `_` or `.` in place of `-`: an alias of one of these is removed.
const ALIAS_TARGETS: [&str; 9] = [
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "x-requested-with",
    "accept-language",
    "user-agent",
    "if-modified-since",
    "x-csrf-token",
];

/// Whether a client may not send this header. `plan` names what the site's credentials add: trusted answer headers, and
/// other spellings of the headers that carry a credential.
pub(super) fn is_private(name: &HeaderName, plan: &SitePlan, site: &SiteHeaders) -> bool {
    let exact = name.as_str();
    if plan.headers.iter().any(|(n, _)| n == name) {
        return false;
    }
    let folded;
    // CGI on some servers maps every other byte than letters and digits to one and the same.
    let aliased = exact.bytes().any(|b| !b.is_ascii_alphanumeric() && b != b'-');
    let dashed = if aliased {
        folded = header_name(exact);
        folded.as_str()
    } else {
        exact
    };
    if aliased && ALIAS_TARGETS.contains(&dashed) {
        return true;
    }
    let listed = is_listed(dashed) && !site.allow_headers.iter().any(|allowed| same_to_cgi(allowed.as_str(), dashed))
        || site.private_headers.iter().any(|private| same_to_cgi(private.as_str(), dashed));
    listed
        || plan
            .trusted_headers
            .iter()
            .chain(plan.headers.iter().map(|(n, _)| n))
            .any(|n| same_to_cgi(n.as_str(), dashed))
}

fn same_to_cgi(name: &str, dashed: &str) -> bool {
    name == dashed || (name.len() == dashed.len() && header_name(name) == dashed)
}

/// Lets go of the second map that pingora keeps, with the spelling of every name: names then travel in lower case,
/// which is the same to any server (RFC 9110 §5.1). Done before pingora copies the head, since every copy, removal and
/// insertion would pay for both maps.
pub(super) fn forget_spelling(head: &mut RequestHeader) {
    let parts = taken(head);
    *head = RequestHeader::from(parts);
}

fn taken(head: &mut RequestHeader) -> Parts {
    let placeholder = RequestHeader::from(http::Request::new(()).into_parts().0);
    std::mem::replace(head, placeholder).into()
}

/// Turns the client's head into what the portal gets.
pub(super) fn for_portal(head: &mut RequestHeader, ctx: &RequestContext, grant: &Grant) -> pingora::Result<()> {
    let Some(target) = &ctx.target else { return Ok(()) };
    let mut parts = taken(head);
    let headers = &mut parts.headers;
    headers.reserve(10);
    strip(headers, ctx);
    remove_credentials(headers, ctx, grant);
    join_cookies(headers);
    if ctx.observed.own_cookies || ctx.observed.flow.is_some() || !ctx.observed.held_back.is_empty() {
        exchange_cookies(headers, ctx);
    }
    if ctx.observed.flow.is_some() {
        // The answer to a log-in may have to be read.
        headers.remove(ACCEPT_ENCODING);
    }
    if !headers.contains_key(HOST) {
        put(headers, HOST, target.host.clone());
    }
    forwarding_headers(headers, ctx, &target.host);
    identity_headers(headers, ctx, grant);
    *head = RequestHeader::from(parts);
    // Path and query byte for byte, in origin-form whatever form they came in.
    if head.raw_path() != target.origin_form.as_bytes() {
        head.set_raw_path(target.origin_form.as_bytes())?;
    }
    Ok(())
}

fn forwarding_headers(headers: &mut HeaderMap, ctx: &RequestContext, host: &str) {
    let scheme = if ctx.https { "https" } else { "http" };
    let client = text_of(ctx.client.ip());
    let (open, close) = if ctx.client.is_ipv6() { ("for=\"[", "]\"") } else { ("for=", "") };
    let forwarded = [open, &client, close, ";proto=", scheme, ";host=\"", host, "\""].concat();
    put(headers, X_FORWARDED_FOR, client);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    // The Host field is the same text already.
    match headers.get(HOST).filter(|value| value.as_bytes() == host.as_bytes()).cloned() {
        Some(same) => drop(headers.insert(X_FORWARDED_HOST, same)),
        None => put(headers, X_FORWARDED_HOST, host.to_owned()),
    }
    put(headers, FORWARDED, forwarded);
    if let Ok(id) = HeaderValue::from_str(&ctx.id.text()) {
        headers.insert(X_REQUEST_ID, id);
    }
}

/// As `Display` writes it; an IPv4 address at a tenth of the cost.
fn text_of(address: IpAddr) -> String {
    let IpAddr::V4(v4) = address else { return address.to_string() };
    let mut text = String::with_capacity(15);
    for (nth, octet) in v4.octets().into_iter().enumerate() {
        if nth > 0 {
            text.push('.');
        }
        for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

fn identity_headers(headers: &mut HeaderMap, ctx: &RequestContext, grant: &Grant) {
    let anonymous = Principal::anonymous();
    let acting = grant.acting().and_then(|n| ctx.presented.get(n)).map_or(&anonymous, |p| &p.principal);
    headers.insert(X_GATE_ACCOUNT, HeaderValue::from_static(acting.account().as_str()));
    headers.insert(X_GATE_LOGIN, HeaderValue::from_static(acting.login().as_str()));
    headers.insert(X_GATE_LEVEL, HeaderValue::from_static(acting.level().as_str()));
    if let Some(subject) = acting.subject() {
        put(headers, X_GATE_SUBJECT, subject.name().to_owned());
    }
}

/// A value that is no header value (a control byte in a name from elsewhere) is left out: better none than another.
fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}

fn strip(headers: &mut HeaderMap, ctx: &RequestContext) {
    let plan = ctx.target.as_ref().and_then(|t| ctx.running.snapshot.settings.identity.plan(t.site));
    let (Some(plan), Some(site)) = (plan, ctx.site()) else { return };
    let private: Vec<HeaderName> = headers.keys().filter(|n| is_private(n, plan, &site.headers)).cloned().collect();
    for name in private {
        headers.remove(&name);
    }
}

/// A credential that was decided `anonymous` does not travel.
fn remove_credentials(headers: &mut HeaderMap, ctx: &RequestContext, grant: &Grant) {
    for presented in ctx.removed(grant) {
        match &presented.location {
            Location::Header(name) => {
                headers.remove(name);
            }
            Location::Cookie(name) => remove_cookie(headers, name),
            Location::Body => {}
        }
    }
}

/// HTTP/2 clients send cookies in pieces; a portal behind HTTP/1.1 gets one field (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
}

/// The gate's own cookies stay here, and a log-in under way gets the session that was withheld for it in place of whatever
/// the browser shows.
fn exchange_cookies(headers: &mut HeaderMap, ctx: &RequestContext) {
    let Some(target) = &ctx.target else { return };
    let credentials = ctx.running.snapshot.settings.identity.of_site(target.site);
    let hidden: Vec<&str> = credentials.filter(|c| hides_session(ctx, c)).flat_map(|c| c.cookies()).collect();
    let held_back = |name: &[u8]| ctx.observed.held_back.iter().any(|held| held == name);
    keep_cookies(headers, |name| !is_own(name) && !held_back(name) && !hidden.iter().any(|h| h.as_bytes() == name));
    if let Some(withheld) = withheld_session(ctx).and_then(|pair| HeaderValue::from_str(&pair).ok()) {
        headers.append(COOKIE, withheld);
        join_cookies(headers);
    }
}

fn remove_cookie(headers: &mut HeaderMap, name: &str) {
    keep_cookies(headers, |other| other != name.as_bytes());
}

fn keep_cookies(headers: &mut HeaderMap, keep: impl Fn(&[u8]) -> bool) {
    let fields: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for field in fields {
        let is_other = |pair: &&[u8]| {
            let end = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            pair.get(..end).is_some_and(|n| keep(n.trim_ascii()))
        };
        let rest: Vec<&[u8]> =
            field.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(is_other).collect();
        if let (false, Ok(value)) = (rest.is_empty(), HeaderValue::from_bytes(&rest.join(&b"; "[..]))) {
            headers.append(COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_private_header_is_private() {
        let plan = SitePlan {
            trusted_headers: vec![HeaderName::from_static("x-portal-account")],
            headers: vec![(HeaderName::from_static("x-session-id"), vec![])],
            ..SitePlan::default()
        };
        for name in [
            "X-Gate-Account",
            "x_gate_account",
            "X.Gate.Level",
            "x-forwarded-for",
            "X_Forwarded_Proto",
            "Forwarded",
            "X-Original-URL",
            "X-Rewrite-Url",
            "X-HTTP-Method-Override",
            "x_http_method_override",
            "X-Real-IP",
            "X-Envoy-Original-Path",
            "x-middleware-subrequest",
            "Proxy",
            "X-Portal-Account",
            "x_portal.account",
            "Content_Length",
            "X-Request-Id",
            "Remote_User",
            "X!Gate!Account",
            "X~Gate~Level",
            "Transfer!Encoding",
            "X_Session_Id",
            "X.Session.Id",
            "Client-Cert",
            "OIDC_CLAIM_sub",
        ] {
            assert!(
                is_private(&HeaderName::from_bytes(name.as_bytes()).unwrap(), &plan, &SiteHeaders::default()),
                "{name}"
            );
        }
        for name in
            ["accept", "cookie", "x-csrf-token", "x-requested-with", "range", "traceparent", "content-type", "referer"]
        {
            assert!(!is_private(&HeaderName::from_static(name), &plan, &SiteHeaders::default()), "{name}");
        }
    }

    #[test]
    fn addresses_are_written_as_usual() {
        for text in ["0.0.0.0", "127.0.0.1", "10.9.99.100", "255.255.255.255", "203.0.113.10", "2001:db8::1"] {
            assert_eq!(text_of(text.parse().unwrap()), text);
        }
    }

    #[test]
    fn only_the_named_cookie_is_taken_out() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; PHPSESSID=secret; b=2".parse().unwrap());
        headers.append(COOKIE, "PHPSESSID=x".parse().unwrap());
        remove_cookie(&mut headers, "PHPSESSID");
        let left: Vec<_> = headers.get_all(COOKIE).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(left, ["a=1; b=2"]);
    }
}
