//! What must hold of the whole policy before it may run: its tests pass, and the log-in page is open to everyone.

use super::Files;
use crate::diagnostic::{Diagnostic, code};
use crate::identity::{Evidence, Identity, SiteId};
use crate::policy::case::Case;
use crate::policy::target::{RawTarget, canonical_path};
use crate::policy::{Action, Policy, Site, reach};

pub(super) fn prove(files: &Files<'_>, policy: &Policy, identity: &Identity, cases: &[Case]) {
    let mut findings = files.findings.borrow_mut();
    for case in cases {
        if let Err(instead) = policy.run(case) {
            let message = format!("test `{}` fails: {instead}", case.name);
            findings.push(Diagnostic::error(code::TEST_FAILED, message).at(case.place).help(expected(case)));
        }
    }
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
    policy.reachable(route, &principals, &policy.spans(), &policy.clients(), |who, query, verdict, _| {
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
    });
    let message = format!("the log-in page `{url}` of site `{}` is not open to everyone", site.name);
    closed.map(|why| Diagnostic::error(code::LOGIN_PAGE_CLOSED, message).help(why))
}
