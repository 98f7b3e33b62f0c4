//! What must hold of the whole policy before it may run: its tests pass, and the log-in page is open to everyone.

use super::Files;
use crate::diagnostic::{Diagnostic, code};
use crate::identity::flow::PathPattern;
use crate::identity::{Account, Evidence, Identity, Login, Principal, SiteId};
use crate::policy::case::Case;
use crate::policy::target::{RawTarget, canonical_path};
use crate::policy::{Action, Policy, Query, Site, reach};
use std::net::{IpAddr, Ipv4Addr};

/// An address of documentation (RFC 5737), in nobody's network.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(super) fn prove(files: &Files<'_>, policy: &Policy, identity: &Identity, cases: &[Case]) {
    let mut findings = files.findings.borrow_mut();
    for case in cases {
        if let Err(instead) = policy.run(case) {
            let message = format!("test `{}` fails: {instead}", case.name);
            findings.push(Diagnostic::error(code::TEST_FAILED, message).at(case.place).help(expected(case)));
        }
    }
    findings.extend(officials_by_name_only(policy, identity));
    findings.extend(flows_out_of_reach(policy, identity));
    for (id, site) in policy.sites() {
        if let Some(finding) = login_page_open(policy, identity, id, site) {
            findings.push(finding);
        }
    }
}

fn expected(case: &Case) -> String {
    let e = &case.expect;
    let part = |name: &str, value: Option<&str>| value.map(|v| format!("{name} `{v}`"));
    let parts = [
        part("then", e.then.map(Action::as_str)),
        part("rule", e.rule.as_deref()),
        part("reason", e.reason.map(crate::policy::Reason::as_str)),
        part("route", e.route.as_deref()),
    ];
    format!("expected {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// A log-in that its route does not let through would never be seen.
fn flows_out_of_reach(policy: &Policy, identity: &Identity) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for credential in &identity.credentials {
        for (_, site) in policy.sites().filter(|(id, _)| credential.covers(*id)) {
            for flow in &credential.flows {
                let PathPattern::Exact(path) = &flow.request.path else { continue };
                let lowered = path.to_lowercase();
                let path = if site.relaxed.case_insensitive { &lowered } else { path };
                let route = policy.route(site.routes.find(path).unwrap_or(site.other));
                let method = flow.request.method.as_ref();
                if let (Some(route), Some(method)) = (route, method)
                    && !route.allows(method)
                {
                    let message = format!(
                        "log-in `{}` is by {method}, which route `{}` of site `{}` does not allow",
                        flow.name, route.name, site.name
                    );
                    findings
                        .push(Diagnostic::error(code::CONFLICTING_KEYS, message).help("add the method to the route"));
                }
            }
        }
    }
    findings
}

/// A name like `x@province.gov.vn` is only a hint: whoever it lets in, beyond what every visitor may see, must also come
/// from a network that the rule names.
fn officials_by_name_only(policy: &Policy, identity: &Identity) -> Option<Diagnostic> {
    let hinted = identity.shapes.iter().any(|s| s.account == Account::Official);
    let by_name = |p: &Principal| p.account() == Account::Official && p.login() == Login::Password;
    let officials: Vec<Principal> = reach::principals(identity).into_iter().filter(by_name).collect();
    for (route, named) in policy.routes().filter(|_| hinted) {
        for at in &policy.spans(Some(route)) {
            let query = Query { route, client: SOMEWHERE, at: *at };
            let visitor = policy.decide(&query, std::iter::empty()).verdict.action;
            for official in &officials {
                let verdict = policy.decide(&query, std::iter::once(official)).verdict;
                if verdict.action == Action::Forward && visitor.severity() > 0 {
                    let rule = policy.rule(verdict.rule).map_or("default", |r| r.name.as_str());
                    let message = format!("rule `{rule}` lets officials in by the shape of a name, from anywhere");
                    let help = format!(
                        "on route `{}` from {at}: add `client = [\"10.20.0.0/16\"]` to the rule, or list its accounts",
                        named.name
                    );
                    return Some(Diagnostic::error(code::OFFICIAL_BY_NAME_ONLY, message).help(help));
                }
            }
        }
    }
    None
}

/// Whoever is sent to log in must be able to see the log-in page, at any time and with any credential: else the
/// browser would be sent round in a circle.
fn login_page_open(policy: &Policy, identity: &Identity, id: SiteId, site: &Site) -> Option<Diagnostic> {
    let url = site.login_url.as_deref()?;
    let raw = RawTarget::split(url.as_bytes()).ok()?;
    if let Some(authority) = raw.authority {
        let own = crate::policy::target::host_name(authority)
            .ok()
            .and_then(|h| policy.site_of(&h))
            .is_some_and(|s| s.0 == id);
        if !own {
            return None;
        }
    }
    let path = canonical_path(raw.path, site.relaxed).ok()?;
    let route = site.routes.find(&path).unwrap_or(site.other);
    let principals = reach::principals(identity);
    // An attempt is a post with a body; the page itself is asked for by GET.
    let principals: Vec<_> = principals.into_iter().filter(|p| p.evidence() != Evidence::Attempt).collect();
    let mut closed = None;
    policy.reachable(
        route,
        &principals,
        &policy.spans(Some(route)),
        &policy.clients(Some(route)),
        |who, query, verdict, _| {
            if closed.is_none() && matches!(verdict.action, Action::Login | Action::Reject) {
                let rule = policy.rule(verdict.rule).map_or("default", |r| r.name.as_str());
                closed = Some(format!(
                    "an account `{}` by `{}` with evidence `{}` gets `{}` by rule `{rule}` at {}",
                    who.account(),
                    who.login(),
                    who.evidence(),
                    verdict.action,
                    query.at
                ));
            }
        },
    );
    let message = format!("the log-in page `{url}` of site `{}` is not open to everyone", site.name);
    closed.map(|why| Diagnostic::error(code::LOGIN_PAGE_CLOSED, message).help(why))
}
