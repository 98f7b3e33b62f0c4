//! `[credential.jwt.logout]`: the path where an identity provider posts log-outs.
//!
//! The path belongs to the gate: what is posted there never reaches the portal. So it must be no path that the policy
//! speaks of otherwise, and whoever posts there must be told apart by the issuer.

use super::Files;
use super::reader::Value;
use super::settings::{State, Store};
use super::values;
use crate::diagnostic::{At, Diagnostic, Place, code};
use crate::identity::flow::Fit;
use crate::identity::logout_token::{Logout, Reach};
use crate::identity::{Credential, CredentialId, SiteId};
use crate::policy::{Route, RouteIndex, Site};
use crate::wire::target::{Relaxed, canonical_path};
use http::Method;

const EXAMPLE: &str = "one path of the gate's own, like \"/.vneid-gate/logout\"";

/// Which credential has such a path, and where it is written.
pub(super) struct Door {
    pub credential: CredentialId,
    pub place: Place,
}

/// The table, at the place of its path.
pub(super) fn logout(v: Value<'_>) -> Option<At<Logout>> {
    let t = v.table("credential.jwt.logout")?;
    let path = t.required("path", path);
    let audience = t.mandatory_list("audience", values::text);
    let reach = t.optional("ends", |v| values::word(v, Reach::WORDS, Reach::parse));
    t.done();
    let reach = reach.map_or(Reach::LogIn, |reach| reach.value);
    path.map(|At { value: path, place }| At { value: Logout { path, audience, reach }, place })
}

/// A path in the one form in which it is compared.
fn path(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let is_plain = text.len() > 1 && !text.ends_with('/') && !text.contains(['*', '{', '}', '?', '#', '%']);
    let is_canonical = canonical_path(text, Relaxed::default()).is_ok_and(|path| path == text);
    if !text.starts_with('/') || !is_plain || !is_canonical || !text.is_ascii() {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a path to post log-outs to"), EXAMPLE);
    }
    Some(text.to_owned())
}

/// Whether each path is the gate's alone, on every site of its credential.
pub(super) fn apart(files: &Files<'_>, doors: &[Door], credentials: &[Credential], sites: &[Site], routes: &[Route]) {
    let mut earlier: Vec<(&Credential, &Logout)> = Vec::new();
    for door in doors {
        let Some(credential) = credentials.iter().find(|c| c.id == door.credential) else { continue };
        let Some(logout) = &credential.logout_door else { continue };
        let report = |message: String, help: &str| {
            let finding = Diagnostic::error(code::CONFLICTING_KEYS, message).at(door.place).help(help);
            files.findings.borrow_mut().push(finding);
        };
        for (id, site) in (0_u16..).map(SiteId).zip(sites).filter(|(id, _)| credential.covers(*id)) {
            let path = if site.relaxed.case_insensitive { logout.path.to_lowercase() } else { logout.path.clone() };
            if let Some(route) = declared(site, &path).and_then(|n| routes.get(n)) {
                report(format!("`{path}` is on the route `{}` of the portal", route.name), EXAMPLE);
            }
            let mut others = credentials.iter().filter(|c| c.covers(id));
            if others.any(|c| is_of_a_session(c, &path)) {
                report(format!("`{path}` is where people log in to the portal or out of it"), EXAMPLE);
            }
        }
        let shares_a_site =
            |c: &Credential| (0_u16..).map(SiteId).zip(sites).any(|(id, _)| c.covers(id) && credential.covers(id));
        let same = |(c, l): &&(&Credential, &Logout)| {
            l.path == logout.path && c.issuer() == credential.issuer() && shares_a_site(c)
        };
        if let Some((other, _)) = earlier.iter().find(same) {
            let message = format!("log-outs for `{}` and `{}` cannot be told apart", other.name, credential.name);
            report(message, "they have one issuer: give each a path of its own, or one of them both audiences");
        }
        earlier.push((credential, logout));
    }
}

/// The route that has a path, unless it has every path.
fn declared(site: &Site, path: &str) -> Option<usize> {
    let mut narrow = RouteIndex::default();
    for (pattern, route) in site.routes.patterns().iter().filter(|(pattern, _)| pattern != "/**") {
        // What one index took, another takes.
        let _ = narrow.insert(pattern, *route);
    }
    narrow.find(path).map(|route| usize::from(route.0))
}

fn is_of_a_session(credential: &Credential, path: &str) -> bool {
    let shapes = credential.flows.iter().map(|flow| &flow.request).chain(&credential.logouts);
    shapes.into_iter().any(|shape| shape.fit(&Method::POST, path, None) != Fit::None)
}

/// Tokens outlive a process that forgets who was logged out.
pub(super) fn remembered(files: &Files<'_>, doors: &[Door], state: &State) {
    if let (Some(door), Store::Memory) = (doors.first(), &state.store) {
        let message = "a restart forgets who was logged out, and their tokens open again";
        let help = "`store = \"embedded\"` or `\"redis\"` in `[state]` remembers; both need a secret in `[gate]`";
        let finding = Diagnostic::warning(code::LOGOUTS_FORGOTTEN, message).at(door.place).help(help);
        files.findings.borrow_mut().push(finding);
    }
}
