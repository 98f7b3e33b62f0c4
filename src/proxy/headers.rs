//! What travels to the portal: the client's headers without those that only the gate may say, and the gate's own.
//!
//! Stripped on every request, public pages included, and in every spelling that a server may fold into the same name
//! (dash, underscore, dot, any case). Set anew afterwards, from what was decided.

use super::context::RequestContext;
use crate::identity::identify::Shown;
use crate::policy::Grant;
use http::header::{COOKIE, HOST, HeaderName, HeaderValue};
use pingora::http::RequestHeader;

/// Prefixes of names by which frameworks, meshes and TLS terminators are told things. Compared in dash form.
const PRIVATE_PREFIXES: [&str; 16] = [
    "x-gate-",
    "x-forwarded-",
    "x-original-",
    "x-rewrite-",
    "x-envoy-",
    "x-middleware-",
    "x-auth-request-",
    "x-ssl-",
    "ssl-client-",
    "x-client-cert",
    "x-amzn-oidc-",
    "x-goog-iap-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "cf-access-",
    "x-vercel-",
];

/// Whole names of the same kind.
const PRIVATE_NAMES: [&str; 40] = [
    "forwarded",
    "via-gate",
    "x-forwarded",
    "x-request-id",
    "x-support-code",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-originating-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "client-ip",
    "remote-addr",
    "remote-user",
    "x-remote-user",
    "x-remote-group",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-authenticated-groups",
    "x-user",
    "x-webauth-user",
    "x-token-subject",
    "x-url-scheme",
    "x-scheme",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-http-destinationurl",
    "x-accel-redirect",
    "x-arr-ssl",
    "x-arr-clientcert",
    "front-end-https",
    "proxy",
    "proxy-authorization",
    "x-wap-profile",
];

/// Names that CGI and WSGI build from a header with `_` or `.` in place of `-`: an alias of one of these is removed.
const ALIAS_TARGETS: [&str; 8] = [
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "x-requested-with",
    "accept-language",
    "user-agent",
    "if-modified-since",
];

/// Whether a client may not send this header. `extra` are the trusted answer headers of the policy, in dash form.
pub fn is_private(name: &HeaderName, extra: &[HeaderName]) -> bool {
    let name = name.as_str();
    let folded;
    let dashed = if name.bytes().any(|b| matches!(b, b'_' | b'.')) {
        folded = name.replace(['_', '.'], "-");
        if ALIAS_TARGETS.contains(&folded.as_str()) {
            return true;
        }
        folded.as_str()
    } else {
        name
    };
    // Nearly every header of a browser ends here.
    let candidate = matches!(dashed.as_bytes().first(), Some(b'x' | b'f' | b'r' | b's' | b't' | b'p' | b'c' | b'v'));
    (candidate && (PRIVATE_NAMES.contains(&dashed) || PRIVATE_PREFIXES.iter().any(|prefix| dashed.starts_with(prefix))))
        || extra.iter().any(|e| dashed == e.as_str() || dashed == e.as_str().replace(['_', '.'], "-"))
}

/// Turns the client's head into what the portal gets.
pub fn for_portal(head: &mut RequestHeader, ctx: &RequestContext, grant: &Grant) -> pingora::Result<()> {
    let Some(target) = &ctx.target else { return Ok(()) };
    strip(head, ctx);
    remove_credentials(head, ctx, grant);
    // Path and query byte for byte, in origin-form whatever form they came in.
    if head.raw_path() != target.origin_form.as_bytes() {
        head.set_raw_path(target.origin_form.as_bytes())?;
    }
    if ctx
        .running
        .snapshot
        .settings
        .identity
        .flow(target.site, &head.method, &target.path, target.query.as_deref())
        .is_some()
    {
        // The answer to a log-in may have to be read.
        head.remove_header("accept-encoding");
    }
    let scheme = if ctx.https { "https" } else { "http" };
    let client = ctx.client.ip().to_string();
    let quoted = if ctx.client.is_ipv6() { format!("\"[{client}]\"") } else { client.clone() };
    head.insert_header("X-Forwarded-For", client)?;
    head.insert_header("X-Forwarded-Proto", scheme)?;
    head.insert_header("X-Forwarded-Host", target.host.as_str())?;
    head.insert_header("Forwarded", format!("for={quoted};proto={scheme};host=\"{}\"", target.host))?;
    head.insert_header("X-Request-Id", ctx.id.text())?;
    if !head.headers.contains_key(HOST) {
        head.insert_header(HOST, target.host.as_str())?;
    }
    let anonymous = crate::identity::Principal::anonymous();
    let speaker = grant.speaker().and_then(|n| ctx.presented.get(n)).map_or(&anonymous, |p| &p.principal);
    head.insert_header("X-Gate-Account", speaker.account().as_str())?;
    head.insert_header("X-Gate-Login", speaker.login().as_str())?;
    head.insert_header("X-Gate-Level", speaker.level().as_str())?;
    if let Some(subject) = speaker.subject().and_then(|s| HeaderValue::from_bytes(s.as_bytes()).ok()) {
        head.insert_header("X-Gate-Subject", subject)?;
    }
    Ok(())
}

fn strip(head: &mut RequestHeader, ctx: &RequestContext) {
    let settings = &ctx.running.snapshot.settings;
    let plan = ctx.target.as_ref().and_then(|t| settings.identity.plan(t.site));
    let extra = plan.map_or(&[][..], |p| p.trusted_headers.as_slice());
    let declared = |name: &HeaderName| plan.is_some_and(|p| p.headers.iter().any(|(n, _)| n == name));
    let private: Vec<HeaderName> =
        head.headers.keys().filter(|n| is_private(n, extra) && !declared(n)).cloned().collect();
    for name in private {
        head.remove_header(&name);
    }
}

/// A credential that was decided `anonymous` does not travel.
fn remove_credentials(head: &mut RequestHeader, ctx: &RequestContext, grant: &Grant) {
    let removed = ctx.presented.iter().enumerate().filter(|(n, _)| grant.removes(*n)).map(|(_, p)| &p.shown);
    for shown in removed {
        match shown {
            Shown::Header(name) => {
                head.remove_header(name);
            }
            Shown::Cookie(name) => remove_cookie(head, name),
            Shown::Body => {}
        }
    }
}

fn remove_cookie(head: &mut RequestHeader, name: &str) {
    let fields: Vec<HeaderValue> = head.headers.get_all(COOKIE).iter().cloned().collect();
    head.remove_header(&COOKIE);
    for field in fields {
        let is_other = |pair: &&[u8]| {
            let end = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            pair.get(..end).is_some_and(|n| n.trim_ascii() != name.as_bytes())
        };
        let rest: Vec<&[u8]> =
            field.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(is_other).collect();
        if let (false, Ok(value)) = (rest.is_empty(), HeaderValue::from_bytes(&rest.join(&b"; "[..]))) {
            // Appending to what was there before cannot pass the limit that the head passed.
            let _ = head.append_header(COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_private_header_is_private() {
        let extra = [HeaderName::from_static("x-portal-account")];
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
        ] {
            assert!(is_private(&HeaderName::from_bytes(name.as_bytes()).unwrap(), &extra), "{name}");
        }
        for name in
            ["accept", "cookie", "x-csrf-token", "x-requested-with", "range", "traceparent", "content-type", "referer"]
        {
            assert!(!is_private(&HeaderName::from_static(name), &extra), "{name}");
        }
    }

    #[test]
    fn only_the_named_cookie_is_taken_out() {
        let mut head = RequestHeader::build("GET", b"/", None).unwrap();
        head.append_header(COOKIE, "a=1; PHPSESSID=secret; b=2").unwrap();
        head.append_header(COOKIE, "PHPSESSID=x").unwrap();
        remove_cookie(&mut head, "PHPSESSID");
        let left: Vec<_> = head.headers.get_all(COOKIE).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(left, ["a=1; b=2"]);
    }
}
