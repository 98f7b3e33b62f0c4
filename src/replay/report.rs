//! The report of a replay: every name resolved, every list in order. Text, JSON and HTML are made from this one value.

use super::candidate::{Candidate, METHODS, Unplaced, View};
pub(super) use super::tally::Counts;
use super::tally::{Changed, NameCounts, RuleChange, Tally, UnreadableLine};
use crate::policy::RouteId;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Journeys that are told.
const JOURNEYS: usize = 10;
/// Policies and keys that are told by name.
const NAMED: usize = 16;

/// One replay, ready to be printed.
#[derive(Debug, Serialize)]
pub struct ReplayReport {
    pub candidate: CandidateShown,
    pub recorded: Recorded,
    pub lines: LineCounts,
    /// Requests whose action changes.
    pub changed: u64,
    pub locked_out: u64,
    pub let_in: u64,
    /// The same action, decided by a rule of another name.
    pub same_action_other_rule: u64,
    pub people: Heads,
    pub actions: Vec<ByAction>,
    pub rules: Vec<ByRule>,
    pub routes: Vec<ByRoute>,
    pub accounts: Vec<ByAccount>,
    pub hours: Vec<ByHour>,
    pub journeys: Vec<JourneyCount>,
}

#[derive(Debug, Serialize)]
pub struct CandidateShown {
    pub directory: String,
    pub digest: String,
    /// Everything was decided as of this instant.
    pub at: Option<String>,
    /// `enforced` or `observed`.
    pub compared: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Recorded {
    pub logs: Vec<String>,
    /// In the time zone of the candidate.
    pub from: Option<String>,
    pub to: Option<String>,
    pub policies: Vec<Count>,
    pub key_ids: Vec<Count>,
}

#[derive(Debug, Serialize)]
pub struct Count {
    pub name: String,
    pub lines: u64,
}

#[derive(Debug, Serialize)]
pub struct LineCounts {
    pub read: u64,
    pub decided: u64,
    /// Answered without a decision, by reason: refused before it, and log-outs that an identity provider posted.
    pub undecided: BTreeMap<String, u64>,
    /// The candidate has no place for them, by cause.
    pub not_placed: BTreeMap<&'static str, u64>,
    pub unreadable: u64,
    pub unreadable_first: Vec<UnreadableLine>,
}

/// Distinct people.
#[derive(Debug, Serialize)]
pub struct Heads {
    pub seen: usize,
    pub locked_out: u64,
    pub let_in: u64,
    /// Changed requests without a pseudonym: the people behind them are not counted above.
    pub not_told_apart: NotToldApart,
}

#[derive(Debug, Serialize)]
pub struct NotToldApart {
    pub password_attempts: u64,
    pub older_lines: u64,
    pub nobody_logged_in: u64,
    /// Every request of people beyond the limit of memory.
    pub beyond_limit: u64,
}

#[derive(Debug, Serialize)]
pub struct ByAction {
    pub from: &'static str,
    pub to: &'static str,
    pub requests: u64,
}

#[derive(Debug, Serialize)]
pub struct ByRule {
    pub from_rule: String,
    pub from: &'static str,
    pub to_rule: String,
    pub to: &'static str,
    pub requests: u64,
    pub people: u64,
}

#[derive(Debug, Serialize)]
pub struct ByRoute {
    pub site: String,
    pub route: String,
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug, Serialize)]
pub struct ByAccount {
    pub account: &'static str,
    pub login: &'static str,
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug, Serialize)]
pub struct ByHour {
    /// As logged: `2026-11-23T07`.
    pub hour: String,
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug, Serialize)]
pub struct JourneyCount {
    pub account: &'static str,
    pub login: &'static str,
    /// Routes of the visit in the order of their first appearance.
    pub routes: Vec<String>,
    pub refused: String,
    pub visits: u64,
}

impl ReplayReport {
    /// `from` names the candidate as the user wrote it, its digest, and the logs.
    pub fn new(
        candidate: &Candidate<'_>,
        directory: &str,
        digest: &str,
        logs: Vec<String>,
        tally: &Tally,
    ) -> ReplayReport {
        let zone = &candidate.settings.gate.zone;
        let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        let people = &tally.people;
        ReplayReport {
            candidate: CandidateShown {
                directory: directory.to_owned(),
                digest: digest.to_owned(),
                at: candidate.at.map(local),
                compared: if candidate.view == View::Enforced { "enforced" } else { "observed" },
            },
            recorded: Recorded {
                logs,
                from: tally.first.map(local),
                to: tally.last.map(local),
                policies: named(&tally.policies),
                key_ids: named(&tally.keys),
            },
            lines: LineCounts {
                read: tally.lines,
                decided: tally.all.decided,
                undecided: tally.undecided.iter().map(|(reason, n)| (reason.to_owned(), n)).collect(),
                not_placed: tally.not_placed.iter().map(|(cause, n): (&Unplaced, _)| (cause.as_str(), *n)).collect(),
                unreadable: tally.unreadable,
                unreadable_first: tally.marks.clone(),
            },
            changed: tally.all.changed(),
            locked_out: tally.all.locked_out,
            let_in: tally.all.let_in,
            same_action_other_rule: tally.other_rule,
            people: Heads {
                seen: people.seen(),
                locked_out: people.locked_out,
                let_in: people.let_in,
                not_told_apart: NotToldApart {
                    password_attempts: tally.nameless.attempts,
                    older_lines: tally.nameless.untold,
                    nobody_logged_in: tally.nameless.nobody,
                    beyond_limit: people.beyond,
                },
            },
            actions: most(
                tally.actions.iter().map(|((from, to), requests)| ByAction {
                    from: from.as_str(),
                    to: to.as_str(),
                    requests: *requests,
                }),
                |a| a.requests,
            ),
            rules: rules(candidate, tally),
            routes: routes(candidate, tally),
            accounts: most(
                tally.accounts.iter().map(|((account, login), counts)| ByAccount {
                    account: account.as_str(),
                    login: login.as_str(),
                    counts: *counts,
                }),
                |a| a.counts.decided,
            ),
            hours: tally.hours.iter().map(|(hour, c)| ByHour { hour: hour_text(*hour), counts: *c }).collect(),
            journeys: journeys(candidate, tally),
        }
    }
}

fn rules(candidate: &Candidate<'_>, tally: &Tally) -> Vec<ByRule> {
    let policy = &candidate.settings.policy;
    let mut all: Vec<(&RuleChange, &Changed)> = tally.changes.iter().collect();
    all.sort_by_key(|(change, changed)| (std::cmp::Reverse(changed.requests), **change));
    let rows = all.into_iter().map(|(change, changed)| ByRule {
        from_rule: tally.rules_then.name(change.rule_then).to_owned(),
        from: change.action_then.as_str(),
        to_rule: match change.rule_now {
            Some(id) => policy.rule(id).map_or(String::new(), |r| r.name.clone()),
            None => METHODS.to_owned(),
        },
        to: change.action_now.as_str(),
        requests: changed.requests,
        people: changed.people,
    });
    rows.collect()
}

fn routes(candidate: &Candidate<'_>, tally: &Tally) -> Vec<ByRoute> {
    let policy = &candidate.settings.policy;
    let counted = policy.routes().zip(&tally.routes).filter(|(_, counts)| counts.decided > 0);
    let rows = counted.map(|((_, route), counts)| ByRoute {
        site: policy.site(route.site).map_or(String::new(), |s| s.name.clone()),
        route: route.name.clone(),
        counts: *counts,
    });
    let changed = |r: &ByRoute| r.counts.locked_out + r.counts.let_in + r.counts.otherwise;
    most(rows, |r| (changed(r), r.counts.decided))
}

fn journeys(candidate: &Candidate<'_>, tally: &Tally) -> Vec<JourneyCount> {
    let name = |id: RouteId| candidate.settings.policy.route(id).map_or(String::new(), |r| r.name.clone());
    let mut all: Vec<_> = tally.people.journeys.iter().collect();
    all.sort_by_key(|(journey, visits)| (std::cmp::Reverse(**visits), **journey));
    let rows = all.into_iter().take(JOURNEYS).map(|(journey, visits)| JourneyCount {
        account: journey.account.as_str(),
        login: journey.login.as_str(),
        routes: journey.steps().map(name).collect(),
        refused: name(journey.refused),
        visits: *visits,
    });
    rows.collect()
}

/// The largest first, equal ones in the order they came.
fn most<T, K: Ord>(all: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_key(|one| std::cmp::Reverse(key(one)));
    all
}

fn named(names: &NameCounts) -> Vec<Count> {
    let all = names.iter().filter(|(name, _)| !name.is_empty());
    all.take(NAMED).map(|(name, lines)| Count { name: name.to_owned(), lines }).collect()
}

fn hour_text(hour: u32) -> String {
    let (date, hour) = (hour / 100, hour % 100);
    format!("{:04}-{:02}-{:02}T{hour:02}", date / 10_000, date / 100 % 100, date % 100)
}
