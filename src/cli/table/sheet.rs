//! Who may go where at one moment: blocks of routes that are decided alike, and in each the people who are.
//!
//! Everything is in words already, so that the renderers only lay it out.

use crate::cli::people::{Part, Universe};
use crate::cli::words::{either, route_name};
use crate::config::Settings;
use crate::policy::effect::{Clause, Effect, Timeline};
use crate::policy::{Policy, RouteId};
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
    pub lines: Vec<SheetLine>,
}

/// People for whom the same is done by the same rules.
#[derive(Debug, Serialize)]
pub(super) struct SheetLine {
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
    pub changes: Vec<DatedChange>,
}

#[derive(Debug, Serialize)]
pub(super) struct DatedChange {
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
    let mut alike: Vec<(Vec<RouteId>, Vec<Effect>)> = Vec::new();
    let mut places: BTreeMap<Vec<Effect>, usize> = BTreeMap::new();
    for group in policy.groups() {
        let effects: Vec<Effect> =
            universe.principals.iter().filter_map(|p| at_moment(&policy.effects(&group, p), at).cloned()).collect();
        let place = *places.entry(effects).or_insert_with_key(|effects| {
            alike.push((Vec::new(), effects.clone()));
            alike.len() - 1
        });
        alike.get_mut(place).into_iter().for_each(|(routes, _)| routes.extend(&group.routes));
    }
    for (routes, _) in &mut alike {
        routes.sort_unstable();
    }
    alike.sort_by_key(|(routes, _)| routes.first().copied());
    let block = |(routes, effects): (Vec<RouteId>, Vec<Effect>)| Block {
        routes: routes.iter().map(|id| route_name(policy, *id)).collect(),
        lines: lines(policy, universe, &effects),
    };
    alike.into_iter().map(block).collect()
}

/// What of a timeline holds at a moment.
pub(super) fn at_moment(timeline: &Timeline, at: Timestamp) -> Option<&Effect> {
    timeline.iter().take_while(|(from, _)| *from <= at).last().map(|(_, effect)| effect)
}

/// A clause, and how it is said that it holds when none before it does.
type SaidClause = (Clause, Option<&'static str>);

/// Each clause of an effect, with the words for "when none before it holds".
fn said(effect: &Effect) -> impl Iterator<Item = SaidClause> {
    let mut before: Vec<&Clause> = Vec::new();
    effect.0.iter().map(move |clause| {
        let by_network_only = before.iter().all(|b| b.share >= 100 && b.outside.is_empty());
        let otherwise = match (clause.is_plain(), before.is_empty()) {
            (true, false) => Some(if by_network_only { "from elsewhere" } else { "otherwise" }),
            _ => None,
        };
        // What is only observed takes nobody away from the clauses after it.
        before.extend(Some(clause).filter(|b| b.share > 0));
        (clause.clone(), otherwise)
    })
}

fn lines(policy: &Policy, universe: &Universe<'_>, effects: &[Effect]) -> Vec<SheetLine> {
    let mut parts: BTreeMap<SaidClause, Part> = BTreeMap::new();
    for (nth, effect) in effects.iter().enumerate() {
        for key in said(effect) {
            parts.entry(key).or_default().insert(nth);
        }
    }
    let always = parts.iter().filter(|((clause, otherwise), _)| clause.is_plain() && otherwise.is_none());
    let longest = always.map(|(key, part)| (universe.length(part), key.clone())).max_by_key(|(length, _)| *length);
    let rest = longest.filter(|(length, _)| *length > PHRASES_MAX).map(|(_, key)| key);
    let mut ordered: Vec<_> = parts.into_iter().collect();
    ordered.sort_by_key(|((b, _), _)| (b.share == 0, b.action.severity(), b.action, b.rules.clone()));
    let line = |(key, part): (SaidClause, Part)| {
        let is_rest = rest.as_ref() == Some(&key);
        let (clause, otherwise) = key;
        SheetLine {
            who: if is_rest { universe.phrases_of_the_rest(&part) } else { universe.phrases(&part) },
            condition: condition(&clause, otherwise),
            action: clause.action.as_str(),
            page: clause.page.map(|page| page.as_str()),
            observed: clause.share == 0,
            rules: rule_names(policy, &clause),
        }
    };
    ordered.into_iter().map(line).collect()
}

pub(super) fn rule_names(policy: &Policy, clause: &Clause) -> Vec<String> {
    clause.rules.iter().filter_map(|id| policy.rule(*id)).map(|rule| rule.name.clone()).collect()
}

/// `from 10.20.0.0/16, 5 % of people`
fn condition(clause: &Clause, otherwise: Option<&str>) -> String {
    let parts = [
        (!clause.within.is_empty()).then(|| format!("from {}", either(&clause.within))),
        (!clause.outside.is_empty()).then(|| format!("not from {}", either(&clause.outside))),
        (1..100).contains(&clause.share).then(|| format!("{} % of people", clause.share)),
        otherwise.map(str::to_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `forward (from 10.20.0.0/16), reject (from elsewhere)`; the page only where it is what differs.
pub(super) fn brief(effect: &Effect, with_page: bool) -> String {
    let part = |(clause, otherwise): SaidClause| {
        let page = clause.page.filter(|_| with_page).map_or_else(String::new, |page| format!(" `{page}`"));
        let condition = condition(&clause, otherwise);
        let condition = if condition.is_empty() { condition } else { format!(" ({condition})") };
        match clause.share {
            0 => format!("observed {}{page}{condition}", clause.action),
            _ => format!("{}{page}{condition}", clause.action),
        }
    };
    said(effect).map(part).collect::<Vec<_>>().join(", ")
}
