//! `vneid-gate check DIR`: every finding of a policy directory, and what its rules leave open, for people or for
//! pipelines.

use super::NOT_FINE;
use crate::config::settings::Settings;
use crate::config::{Loaded, read_directory_at};
use crate::diagnostic::{Diagnostic, Source, code, counted, render, sorted, summary};
use crate::policy::survey::Survey;
use crate::policy::{Policy, RuleId, reach};
use crate::transport::tls::Certificate;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn check(directory: &Path, at: Option<Timestamp>, as_json: bool) -> ExitCode {
    let now = at.unwrap_or_else(Timestamp::now);
    let mut loaded = read_directory_at(directory, now);
    let mut found = None;
    if let Some(settings) = &loaded.settings {
        let principals = reach::principals(&settings.identity);
        let survey = settings.policy.survey(&principals);
        loaded.diagnostics.extend(certificates(settings, now));
        loaded.diagnostics.extend(rules_to_look_at(settings, &survey, now));
        found = Some(Found { untested: settings.policy.untested(&settings.cases) });
    }
    let fine = !loaded.diagnostics.iter().any(Diagnostic::is_error);
    if as_json {
        println!("{:#}", report(&loaded, found.as_ref(), now));
    } else {
        eprint!("{}", render(&loaded.diagnostics, &loaded.sources));
        println!("{}", said(directory, &loaded, found.as_ref(), now));
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::from(NOT_FINE) }
}

/// What is worth knowing of a policy that is fine.
struct Found {
    untested: Vec<RuleId>,
}

/// Certificates are opened here as they would be at start, since an expired one is found too late there.
fn certificates(settings: &Settings, now: Timestamp) -> Vec<Diagnostic> {
    let files = settings.listeners.iter().flat_map(|l| &l.tls);
    files
        .flat_map(|f| match Certificate::read(&f.certificate, &f.key) {
            Ok(c) => {
                c.warnings(now.as_second()).into_iter().map(|w| Diagnostic::warning(code::UNUSABLE_FILE, w)).collect()
            }
            Err(error) => vec![Diagnostic::error(code::UNUSABLE_FILE, error.to_string())],
        })
        .collect()
}

/// Rules that never decide, that have ended, or whose law should be read again.
fn rules_to_look_at(settings: &Settings, survey: &Survey<'_>, now: Timestamp) -> Vec<Diagnostic> {
    let policy = &settings.policy;
    let today = now.to_zoned(settings.gate.zone.clone()).date();
    let mut findings = Vec::new();
    for dead in &survey.dead {
        let Some(rule) = policy.rule(dead.rule) else { continue };
        let help = match names(policy, dead.behind.iter().copied()).as_slice() {
            [] => "no credential makes anybody whom it means, on the routes where it applies".to_owned(),
            [one] => format!("`{one}` holds wherever it would hit"),
            several => format!("wherever it would hit, one of these holds: {}", listed(several)),
        };
        let message = format!("rule `{}` never decides anything", rule.name);
        findings.push(Diagnostic::warning(code::DEAD_RULE, message).at(rule.place).help(help));
    }
    for rule in policy.rules() {
        if let Some(until) = rule.until.filter(|until| *until <= now) {
            let message = format!("rule `{}` has ended", rule.name);
            let help = format!("it was in force until {}", until.to_zoned(settings.gate.zone.clone()));
            findings.push(Diagnostic::note(code::RULE_ENDED, message).at(rule.place).help(help));
        }
        if let Some(date) = rule.review.filter(|date| *date <= today) {
            let message = format!("rule `{}` is to be reviewed since {date}", rule.name);
            let help = "read the law behind it again, then change the rule or its `review`";
            findings.push(Diagnostic::warning(code::REVIEW_DUE, message).at(rule.place).help(help));
        }
    }
    findings
}

fn names(policy: &Policy, rules: impl Iterator<Item = RuleId>) -> Vec<&str> {
    rules.filter_map(|id| policy.rule(id)).map(|r| r.name.as_str()).collect()
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn said(directory: &Path, loaded: &Loaded, found: Option<&Found>, now: Timestamp) -> String {
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    let Some((settings, found)) = loaded.settings.as_ref().filter(|_| !broken).zip(found) else {
        return format!("{}: not fine: {}", directory.display(), summary(&loaded.diagnostics));
    };
    let rules = settings.policy.rules().len() - 1;
    let mut text = format!(
        "{}: fine: {}, {}, {} proved, {} passed, {}",
        directory.display(),
        counted(rules, "rule"),
        counted(settings.policy.routes().count(), "route"),
        counted(settings.invariants.len(), "invariant"),
        counted(settings.cases.len(), "test"),
        summary(&loaded.diagnostics)
    );
    text.push_str(&match names(&settings.policy, found.untested.iter().copied()).as_slice() {
        [] => "\ncoverage: every rule decides a test".to_owned(),
        untested => format!("\ncoverage: no test is decided by {}", listed(untested)),
    });
    if let Some((rule, at)) = settings.policy.next_transition(now) {
        text.push_str(&format!("\nnext transition: rule `{rule}` at {}", at.to_zoned(settings.gate.zone.clone())));
    }
    text
}

fn report(loaded: &Loaded, found: Option<&Found>, now: Timestamp) -> Value {
    json!({
        "fine": !loaded.diagnostics.iter().any(Diagnostic::is_error),
        "digest": loaded.digest,
        "at": now,
        "diagnostics": sorted(&loaded.diagnostics).into_iter().map(|d| finding(d, &loaded.sources)).collect::<Vec<_>>(),
        "policy": loaded.settings.as_ref().zip(found).map(|(settings, found)| about(settings, found, now)),
    })
}

fn about(settings: &Settings, found: &Found, now: Timestamp) -> Value {
    let policy = &settings.policy;
    let next = policy.next_transition(now).map(|(rule, at)| json!({ "rule": rule, "at": at }));
    json!({
        "rules": policy.rules().len() - 1,
        "routes": policy.routes().count(),
        "invariants": settings.invariants.len(),
        "tests": settings.cases.len(),
        "untested": names(policy, found.untested.iter().copied()),
        "next_transition": next,
        "table_bytes": policy.table().bytes(),
    })
}

fn finding(d: &Diagnostic, sources: &[Source]) -> Value {
    let place = d.place.and_then(|p| sources.get(p.file).map(|s| (p, s)));
    let before = place.and_then(|(p, s)| s.text.get(..p.start));
    json!({
        "severity": d.severity.as_str(),
        "code": d.code.as_str(),
        "message": d.message,
        "help": d.help,
        "file": place.map(|(_, s)| s.name.as_str()),
        "line": before.map(|t| t.matches('\n').count() + 1),
        "column": before.map(|t| t.rsplit('\n').next().unwrap_or_default().chars().count() + 1),
    })
}
