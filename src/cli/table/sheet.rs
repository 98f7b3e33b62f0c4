//! Who may go where at one moment: blocks of routes that are decided alike, and in each the people who are.
//!
//! Everything is in words already, so that the renderers only lay it out.

use super::people::{Part, Universe};
use crate::cli::words::either;
use crate::config::Settings;
use crate::policy::ruling::{Branch, Ruling, Timeline};
use crate::policy::{OTHER, Policy, RouteId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// More phrases than this for people who are logged in, and they are "everyone else".
const PHRASES_MAX: usize = 2;

/// What is rendered.
#[derive(Debug, Serialize)]
pub(super) struct Sheet {
    #[serde(skip)]
    pub title: String,
    pub policies: Vec<String>,
    pub at: String,
    pub notes: Vec<String>,
    pub routes: Vec<Block>,
    pub changes: Vec<Moment>,
}

/// Routes that are decided alike.
#[derive(Debug, Serialize)]
pub(super) struct Block {
    pub routes: Vec<String>,
    pub lines: Vec<Line>,
}

/// People for whom the same is done by the same rules.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub who: Vec<String>,
    /// From where and for how many of them; empty: always.
    pub condition: String,
    pub action: &'static str,
    pub page: Option<&'static str>,
    /// Only counted, not done.
    pub observed: bool,
    pub rules: Vec<String>,
}

/// When something else is decided.
#[derive(Debug, Serialize)]
pub(super) struct Moment {
    pub at: String,
    #[serde(skip)]
    pub shown: String,
    /// Rules that make it so.
    pub starts: Vec<String>,
    pub ends: Vec<String>,
    pub changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub routes: Vec<String>,
    pub who: Vec<String>,
    pub before: String,
    pub after: String,
    pub rules_before: Vec<String>,
    pub rules_after: Vec<String>,
}

/// The blocks of a policy at a moment, in the order of its routes.
pub(super) fn blocks(settings: &Settings, universe: &Universe<'_>, at: Timestamp) -> Vec<Block> {
    let policy = &settings.policy;
    let mut alike: Vec<(Vec<RouteId>, Vec<Ruling>)> = Vec::new();
    let mut places: BTreeMap<Vec<Ruling>, usize> = BTreeMap::new();
    for group in policy.groups() {
        let rulings: Vec<Ruling> =
            universe.principals.iter().filter_map(|p| at_moment(&policy.rulings(&group, p), at).cloned()).collect();
        let place = *places.entry(rulings).or_insert_with_key(|rulings| {
            alike.push((Vec::new(), rulings.clone()));
            alike.len() - 1
        });
        alike.get_mut(place).into_iter().for_each(|(routes, _)| routes.extend(&group.routes));
    }
    for (routes, _) in &mut alike {
        routes.sort_unstable();
    }
    alike.sort_by_key(|(routes, _)| routes.first().copied());
    let block = |(routes, rulings): (Vec<RouteId>, Vec<Ruling>)| Block {
        routes: routes.iter().map(|id| route_name(policy, *id)).collect(),
        lines: lines(policy, universe, &rulings),
    };
    alike.into_iter().map(block).collect()
}

/// What of a timeline holds at a moment.
pub(super) fn at_moment(timeline: &Timeline, at: Timestamp) -> Option<&Ruling> {
    timeline.iter().take_while(|(from, _)| *from <= at).last().map(|(_, ruling)| ruling)
}

/// With the site where routes of several sites may share it.
pub(super) fn route_name(policy: &Policy, id: RouteId) -> String {
    let Some(route) = policy.route(id) else { return String::new() };
    match policy.site(route.site) {
        Some(site) if route.name == OTHER && policy.sites().nth(1).is_some() => format!("{OTHER} ({})", site.name),
        _ => route.name.clone(),
    }
}

/// A branch, and how it is said that it holds when none before it does.
type Said = (Branch, Option<&'static str>);

/// Each branch of a ruling, with the words for "when none before it holds".
fn said(ruling: &Ruling) -> impl Iterator<Item = Said> {
    let mut before: Vec<&Branch> = Vec::new();
    ruling.0.iter().map(move |branch| {
        let by_network_only = before.iter().all(|b| b.share >= 100 && b.outside.is_empty());
        let otherwise = match (branch.is_plain(), before.is_empty()) {
            (true, false) => Some(if by_network_only { "from elsewhere" } else { "otherwise" }),
            _ => None,
        };
        // What is only observed takes nobody away from the branches after it.
        before.extend(Some(branch).filter(|b| b.share > 0));
        (branch.clone(), otherwise)
    })
}

fn lines(policy: &Policy, universe: &Universe<'_>, rulings: &[Ruling]) -> Vec<Line> {
    let mut parts: BTreeMap<Said, Part> = BTreeMap::new();
    for (nth, ruling) in rulings.iter().enumerate() {
        for key in said(ruling) {
            parts.entry(key).or_default().insert(nth);
        }
    }
    let always = parts.iter().filter(|((branch, otherwise), _)| branch.is_plain() && otherwise.is_none());
    let longest = always.map(|(key, part)| (universe.length(part), key.clone())).max_by_key(|(length, _)| *length);
    let rest = longest.filter(|(length, _)| *length > PHRASES_MAX).map(|(_, key)| key);
    let mut ordered: Vec<_> = parts.into_iter().collect();
    ordered.sort_by_key(|((b, _), _)| (b.share == 0, b.action.severity(), b.action, b.rules.clone()));
    let line = |(key, part): (Said, Part)| {
        let is_rest = rest.as_ref() == Some(&key);
        let (branch, otherwise) = key;
        Line {
            who: if is_rest { universe.phrases_of_the_rest(&part) } else { universe.phrases(&part) },
            condition: condition(&branch, otherwise),
            action: branch.action.as_str(),
            page: branch.page.map(|page| page.as_str()),
            observed: branch.share == 0,
            rules: rule_names(policy, &branch),
        }
    };
    ordered.into_iter().map(line).collect()
}

pub(super) fn rule_names(policy: &Policy, branch: &Branch) -> Vec<String> {
    branch.rules.iter().filter_map(|id| policy.rule(*id)).map(|rule| rule.name.clone()).collect()
}

/// `from 10.20.0.0/16, 5 % of people`
fn condition(branch: &Branch, otherwise: Option<&str>) -> String {
    let parts = [
        (!branch.within.is_empty()).then(|| format!("from {}", either(&branch.within))),
        (!branch.outside.is_empty()).then(|| format!("not from {}", either(&branch.outside))),
        (1..100).contains(&branch.share).then(|| format!("{} % of people", branch.share)),
        otherwise.map(str::to_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `forward (from 10.20.0.0/16), reject (from elsewhere)`; the page only where it is what differs.
pub(super) fn brief(ruling: &Ruling, with_page: bool) -> String {
    let part = |(branch, otherwise): Said| {
        let page = branch.page.filter(|_| with_page).map_or_else(String::new, |page| format!(" `{page}`"));
        let condition = condition(&branch, otherwise);
        let condition = if condition.is_empty() { condition } else { format!(" ({condition})") };
        match branch.share {
            0 => format!("observed {}{page}{condition}", branch.action),
            _ => format!("{}{page}{condition}", branch.action),
        }
    };
    said(ruling).map(part).collect::<Vec<_>>().join(", ")
}
