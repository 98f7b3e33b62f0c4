//! What must hold of the whole policy before it may run: its invariants and tests, and that the log-in page is open to
//! everyone.

use super::Files;
use crate::diagnostic::{Diagnostic, code};
use crate::identity::flow::PathPattern;
use crate::identity::{Account, Evidence, Identity, Login, Principal, SiteId};
use crate::policy::case::Case;
use crate::policy::enumerate::{Group, PossibleVerdict};
use crate::policy::invariant::{Invariant, Violation};
use crate::policy::{Action, Policy, RouteId, Site, Verdict, reach};
use crate::wire::target::{RawTarget, canonical_path};
use jiff::Timestamp;

pub(super) fn prove(files: &Files<'_>, policy: &Policy, identity: &Identity, invariants: &[Invariant], cases: &[Case]) {
    let mut findings = files.findings.borrow_mut();
    let principals = reach::principals(identity);
    for invariant in invariants {
        if let Some(violation) = invariant.broken_by(policy, &principals) {
            findings.push(broken(policy, identity, invariant, &violation));
        }
    }
    for case in cases {
        if let Err(instead) = policy.run(case) {
            let message = format!("test `{}` fails: {instead}", case.name);
            findings.push(Diagnostic::error(code::TEST_FAILED, message).at(case.place).help(expected(case)));
        }
    }
    findings.extend(officials_by_name_only(policy, identity, &principals));
    findings.extend(revoked_let_in(policy, &principals));
    findings.extend(flows_out_of_reach(policy, identity));
    for (id, site) in policy.sites() {
        if let Some(finding) = login_page_open(policy, &principals, id, site) {
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

/// A name like `x@province.gov.vn` is only a hint: whoever it lets in, beyond what every visitor
/// may see, must also come from a network that the rule names.
fn officials_by_name_only(policy: &Policy, identity: &Identity, principals: &[Principal]) -> Option<Diagnostic> {
    if !identity.shapes.iter().any(|s| s.account == Account::Official) {
        return None;
    }
    let by_name = |p: &&Principal| p.account() == Account::Official && p.login() == Login::Password;
    let anywhere = |o: &PossibleVerdict<'_>| !names_networks(policy, o.verdict);
    let (route, o) = let_in(policy, principals.iter().filter(by_name), anywhere)?;
    let message = format!("rule `{}` lets officials in by the shape of a name, from anywhere", name(policy, o.verdict));
    let help = format!(
        "on route `{}`{}: add `client = [\"10.20.0.0/16\"]` to the rule, or list its accounts",
        policy.route(route).map_or("", |r| r.name.as_str()),
        o.from.map_or_else(String::new, |at| format!(" from {at}")),
    );
    Some(at_rule(policy, o.verdict, Diagnostic::error(code::OFFICIAL_BY_NAME_ONLY, message).help(help)))
}

/// Where what was revoked is let in like what was not, revoking it changes nothing.
fn revoked_let_in(policy: &Policy, principals: &[Principal]) -> Option<Diagnostic> {
    let revoked = |p: &&Principal| p.evidence() == Evidence::Revoked;
    let (route, o) = let_in(policy, principals.iter().filter(revoked), |_| true)?;
    let message = format!("rule `{}` lets in what was taken away", name(policy, o.verdict));
    let help = format!(
        "on route `{}`, where visitors are turned away: name the `evidence` that the rule means, or `unless = {{ \
         evidence = \"revoked\" }}`",
        policy.route(route).map_or("", |r| r.name.as_str()),
    );
    Some(at_rule(policy, o.verdict, Diagnostic::warning(code::REVOKED_LET_IN, message).help(help)))
}

/// The first place where one of these people is forwarded, in an outcome that counts, and visitors are not.
fn let_in<'p>(
    policy: &Policy,
    people: impl Iterator<Item = &'p Principal> + Clone,
    counts: impl Fn(&PossibleVerdict<'_>) -> bool,
) -> Option<(RouteId, PossibleVerdict<'p>)> {
    for group in policy.groups() {
        for person in people.clone() {
            let mut found = None;
            policy.enumerate(&group, person, &[], |o| {
                let is_let_in = o.verdict.action == Action::Forward && counts(&o);
                if found.is_none() && is_let_in && turns_visitors_away(policy, &group, &o) {
                    found = group.routes.first().map(|route| (*route, o));
                }
            });
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn at_rule(policy: &Policy, verdict: Verdict, finding: Diagnostic) -> Diagnostic {
    match policy.rule(verdict.rule) {
        Some(rule) => finding.at(rule.place),
        None => finding,
    }
}

/// Whether the rule holds for some networks only: not for none in particular, nor for all addresses of a kind.
fn names_networks(policy: &Policy, verdict: Verdict) -> bool {
    let client = policy.rule(verdict.rule).map_or(&[][..], |rule| &rule.when.client);
    !client.is_empty() && client.iter().all(|net| net.prefix_len() > 0)
}

/// Whether somebody without any credential is not let in from there at some moment of an outcome.
fn turns_visitors_away(policy: &Policy, group: &Group, o: &PossibleVerdict<'_>) -> bool {
    let anonymous = Principal::anonymous();
    let mut away = false;
    policy.enumerate(group, &anonymous, &[o.client], |visit| {
        let then_and_there = visit.client == o.client && visit.overlaps(o.from, o.until);
        away |= then_and_there && visit.verdict.action.severity() > 0;
    });
    away
}

/// Whoever is sent to log in must be able to see the log-in page, at any time and with any credential: else the
/// browser would be sent round in a circle.
fn login_page_open(policy: &Policy, principals: &[Principal], id: SiteId, site: &Site) -> Option<Diagnostic> {
    let url = site.login_url.as_deref()?;
    let raw = RawTarget::split(url.as_bytes()).ok()?;
    if let Some(authority) = raw.authority {
        let own =
            crate::wire::target::host_name(authority).ok().and_then(|h| policy.site_of(&h)).is_some_and(|s| s.0 == id);
        if !own {
            return None;
        }
    }
    let path = canonical_path(raw.path, site.relaxed).ok()?;
    let route = site.routes.find(&path).unwrap_or(site.other);
    let group = policy.groups().into_iter().find(|g| g.routes.contains(&route))?;
    let mut closed = None;
    // An attempt is a post with a body; the page itself is asked for by GET.
    for principal in principals.iter().filter(|p| p.evidence() != Evidence::Attempt) {
        policy.enumerate(&group, principal, &[], |o| {
            if closed.is_none() && matches!(o.verdict.action, Action::Login | Action::Reject) {
                closed = Some(format!(
                    "{} by rule `{}`{}",
                    gets(o.principal, o.verdict),
                    name(policy, o.verdict),
                    since(o.from)
                ));
            }
        });
    }
    let message = format!("the log-in page `{url}` of site `{}` is not open to everyone", site.name);
    closed.map(|why| Diagnostic::error(code::LOGIN_PAGE_CLOSED, message).help(why))
}

fn broken(policy: &Policy, identity: &Identity, invariant: &Invariant, v: &Violation) -> Diagnostic {
    let route = policy.route(v.route);
    let site = route.and_then(|r| policy.site(r.site)).map_or("", |s| s.name.as_str());
    let credential = v.who.credential().and_then(|c| identity.credential(c));
    let message = format!("invariant `{}` does not hold: never {}", invariant.name, Action::words(invariant.never));
    let shown = credential.map_or_else(String::new, |c| format!(" (credential `{}`)", c.name));
    let help = format!(
        "{}{shown} by rule `{}` on route `{}` of site `{site}`, from {}{}",
        gets(&v.who, v.verdict),
        name(policy, v.verdict),
        route.map_or("", |r| r.name.as_str()),
        v.client,
        since(v.at),
    );
    let help = match &invariant.why {
        Some(why) => format!("{help}; it must hold because: {why}"),
        None => help,
    };
    Diagnostic::error(code::INVARIANT_BROKEN, message).at(invariant.place).help(help)
}

fn gets(who: &Principal, verdict: Verdict) -> String {
    format!(
        "an account `{}` of level {} by `{}` with evidence `{}` gets `{}`",
        who.account(),
        who.level().number(),
        who.login(),
        who.evidence(),
        verdict.action
    )
}

fn name(policy: &Policy, verdict: Verdict) -> &str {
    policy.rule(verdict.rule).map_or("default", |r| r.name.as_str())
}

fn since(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(", from {at} on"))
}
