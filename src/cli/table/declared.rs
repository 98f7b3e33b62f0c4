//! What do two policies declare otherwise that no table of decisions shows: how targets are read, what routes take, and
//! who a credential says is asking?

use crate::cli::words::route_name;
use crate::config::Settings;
use crate::identity::{Credential, Identity};
use crate::policy::{Policy, Route, Site};
use crate::wire::target::Relaxed;
use std::collections::{BTreeMap, BTreeSet};

/// A note for each site, route and credential that both have under one name, and that means different things.
pub(super) fn notes(before: (&Settings, &str), after: (&Settings, &str)) -> Vec<String> {
    let names = (before.1, after.1);
    let (one, other) = (&before.0.policy, &after.0.policy);
    let mut notes = Vec::new();
    for (_, site) in one.sites() {
        if let Some((_, same)) = other.sites().find(|(_, s)| s.name == site.name) {
            of_sites(&mut notes, site, same, names);
        }
    }
    let (mine, theirs) = (routes(one), routes(other));
    for (name, route) in &mine {
        if let Some(same) = theirs.get(name) {
            of_routes(&mut notes, name, route, same);
        }
    }
    for credential in &before.0.identity.credentials {
        let same = after.0.identity.credentials.iter().find(|c| c.name == credential.name);
        if same.is_some_and(|same| meant(before.0, credential) != meant(after.0, same)) {
            let name = &credential.name;
            notes.push(format!("the credential `{name}` is declared otherwise: who is asking by it may differ"));
        }
    }
    if shapes(&before.0.identity) != shapes(&after.0.identity) {
        notes.push("the `[[username]]` shapes differ: whose a typed name is may differ".to_owned());
    }
    notes
}

fn of_sites(notes: &mut Vec<String>, one: &Site, other: &Site, names: (&str, &str)) {
    let name = &one.name;
    if one.login_url != other.login_url {
        let shown = |url: &Option<String>| url.as_ref().map_or("none".to_owned(), |url| format!("`{url}`"));
        let (mine, theirs) = (shown(&one.login_url), shown(&other.login_url));
        notes.push(format!("the site `{name}` has another `login_url`: {mine} -> {theirs}"));
    }
    for ((relaxed, mine), (_, theirs)) in relaxed(one.relaxed).into_iter().zip(relaxed(other.relaxed)) {
        if mine != theirs {
            let only = if mine { names.0 } else { names.1 };
            notes.push(format!("only {only} relaxes `{relaxed}` on its site `{name}`: other paths reach its routes"));
        }
    }
}

fn relaxed(relaxed: Relaxed) -> [(&'static str, bool); 3] {
    let Relaxed { path_parameters, empty_segments, case_insensitive } = relaxed;
    [("path_parameters", path_parameters), ("empty_segments", empty_segments), ("case_insensitive", case_insensitive)]
}

fn routes(policy: &Policy) -> BTreeMap<String, &Route> {
    policy.routes().map(|(id, route)| (route_name(policy, id), route)).collect()
}

fn of_routes(notes: &mut Vec<String>, name: &str, one: &Route, other: &Route) {
    let methods = |route: &Route| -> Option<BTreeSet<String>> {
        route.methods.as_ref().map(|list| list.iter().map(ToString::to_string).collect())
    };
    let shown = |methods: &Option<BTreeSet<String>>| match methods {
        Some(list) => list.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        None => "any".to_owned(),
    };
    let (mine, theirs) = (methods(one), methods(other));
    if mine != theirs {
        let (mine, theirs) = (shown(&mine), shown(&theirs));
        notes.push(format!("the route `{name}` takes other methods: {mine} -> {theirs}"));
    }
    if one.body_max != other.body_max {
        let (mine, theirs) = (one.body_max, other.body_max);
        notes.push(format!("the route `{name}` takes bodies of other sizes: {mine} -> {theirs} bytes"));
    }
}

/// All that says who is asking by a credential, without its number and its place.
fn meant(settings: &Settings, credential: &Credential) -> String {
    let Credential { id, name: _, sources, sites, kind, flows, logouts, logout_door } = credential;
    let site = |site| settings.policy.site(site).map(|s| s.name.as_str());
    let mut sites: Vec<_> = sites.iter().map(|id| site(*id)).collect();
    sites.sort_unstable();
    let keys = settings.keys.iter().find(|k| k.credential == *id);
    let keys = keys.map(|k| (&k.pinned, &k.remote, k.grace_s, k.max_age_s));
    let asked = settings.introspections.iter().find(|i| i.credential == *id).map(|i| (&i.endpoint, &i.client));
    format!("{sources:?} {sites:?} {kind:?} {flows:?} {logouts:?} {logout_door:?} {keys:?} {asked:?}")
}

fn shapes(identity: &Identity) -> Vec<(&str, &'static str)> {
    identity.shapes.iter().map(|shape| (shape.matches.as_str(), shape.account.as_str())).collect()
}
