//! `vneid-gate check DIR`: every finding of a policy directory, and what its rules leave open, for people or for
//! pipelines.

use super::at::{self, At};
use super::people::Universe;
use super::words::route_name;
use super::{directory, output};
use crate::config::Loaded;
use crate::config::settings::Settings;
use crate::diagnostic::{Diagnostic, Source, code, counted, render, sorted, summary};
use crate::identity::Principal;
use crate::policy::invariant::Invariant;
use crate::policy::lint::{Lint, Uncovered};
use crate::policy::{Policy, RuleId, reach};
use crate::transport::in_one_line;
use crate::transport::introspect::Introspector;
use crate::transport::running::can_be_fetched;
use crate::transport::tls::Certificate;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// So many of a kind are named.
const LISTED_MAX: usize = 10;

pub(super) fn check(directory: &Path, at: Option<At>, as_json: bool) -> ExitCode {
    let (mut loaded, now) = match directory::read_as_of(directory, at) {
        Ok(read) => read,
        Err(no_clock) => return output::fail(no_clock),
    };
    let mut found = None;
    if let Some(settings) = &loaded.settings {
        let principals = reach::principals(&settings.identity);
        let lint = settings.policy.lint(&principals);
        loaded.diagnostics.extend(certificates(settings, now));
        loaded.diagnostics.extend(rules_to_look_at(settings, &lint, now));
        loaded.diagnostics.extend(invariants_of_nobody(settings, &principals));
        let untested = settings.policy.untested(&settings.cases);
        found = Some(Remarks { untested, left: left_to_the_default(settings, &lint, &principals) });
    }
    let status = directory::status(&loaded);
    if as_json {
        return output::print(format!("{:#}\n", report(&loaded, found.as_ref(), now)), status);
    }
    output::eprint(render(&loaded.diagnostics, &loaded.sources));
    output::print(format!("{}\n", outcome(directory, &loaded, found.as_ref(), now)), status)
}

/// What is worth knowing of a policy that is fine.
struct Remarks {
    untested: Vec<RuleId>,
    left: Vec<Left>,
}

/// Routes, and the people on them for whom no rule hits.
#[derive(Serialize)]
struct Left {
    routes: Vec<String>,
    people: Vec<String>,
}

fn left_to_the_default(settings: &Settings, lint: &Lint, principals: &[Principal]) -> Vec<Left> {
    let credentials: Vec<String> = settings.identity.credentials.iter().map(|c| c.name.clone()).collect();
    let universe = Universe { principals, credentials: &credentials };
    let left = |uncovered: &Uncovered| Left {
        routes: uncovered.routes.iter().map(|id| route_name(&settings.policy, *id)).collect(),
        people: universe.phrases(&uncovered.people),
    };
    lint.uncovered.iter().map(left).collect()
}

/// Certificates are opened here as they would be at start, since an expired one is found too late there.
fn certificates(settings: &Settings, now: Timestamp) -> Vec<Diagnostic> {
    let now_s = now.as_second();
    let warning = |said: String| Diagnostic::warning(code::UNUSABLE_FILE, said);
    let error = |said: String| Diagnostic::error(code::UNUSABLE_FILE, said);
    let mut findings = Vec::new();
    for files in settings.listeners.iter().flat_map(|l| &l.tls) {
        match Certificate::read(&files.certificate, &files.key) {
            Ok(certificate) => findings.extend(certificate.warnings(now_s).into_iter().map(warning)),
            Err(unusable) => findings.push(error(unusable.to_string())),
        }
    }
    let fetched = settings.keys.iter().filter_map(|keys| can_be_fetched(keys).err()).map(|e| in_one_line(&e));
    let asked = settings.introspections.iter().filter_map(|i| Introspector::new(i).err()).map(|e| in_one_line(&e));
    findings.extend(fetched.chain(asked).map(error));
    let shown_to_fetch = settings.keys.iter().filter_map(|k| k.remote.as_ref()?.client_tls.as_ref());
    let shown_to_ask = settings.introspections.iter().filter_map(|i| i.client_tls.as_ref());
    for files in shown_to_fetch.chain(shown_to_ask) {
        let certificate = Certificate::read(&files.certificate, &files.key).ok();
        findings.extend(certificate.and_then(|c| c.out_of_date(now_s)).map(warning));
    }
    findings
}

/// Rules that never decide, that have ended, or whose law should be read again.
fn rules_to_look_at(settings: &Settings, lint: &Lint, now: Timestamp) -> Vec<Diagnostic> {
    let policy = &settings.policy;
    let today = now.to_zoned(settings.gate.zone.clone()).date();
    let mut findings = Vec::new();
    for unreachable in &lint.unreachable {
        let Some(rule) = policy.rule(unreachable.rule) else { continue };
        let help = match names(policy, unreachable.behind.iter().copied()).as_slice() {
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
            let help = format!("it was in force until {}", at::shown(until, &settings.gate.zone));
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

fn invariants_of_nobody(settings: &Settings, principals: &[Principal]) -> Vec<Diagnostic> {
    let empty = settings.invariants.iter().filter(|invariant| invariant.is_of_nobody(principals));
    let finding = |invariant: &Invariant| {
        let message = format!("invariant `{}` speaks of nobody", invariant.name);
        let help = "no credential makes anybody whom it means, so it holds whatever the rules say";
        Diagnostic::warning(code::INVARIANT_OF_NOBODY, message).at(invariant.place).help(help)
    };
    empty.map(finding).collect()
}

fn names(policy: &Policy, rules: impl Iterator<Item = RuleId>) -> Vec<&str> {
    rules.filter_map(|id| policy.rule(id)).map(|r| r.name.as_str()).collect()
}

/// All of a few, the first of many.
fn listed(names: &[&str]) -> String {
    let first = names.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn outcome(directory: &Path, loaded: &Loaded, found: Option<&Remarks>, now: Timestamp) -> String {
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
    if settings.policy.is_observing() {
        text.push_str("\nobserving: the whole gate only observes; everything is forwarded, whatever the rules say");
    }
    text.push_str(&match names(&settings.policy, found.untested.iter().copied()).as_slice() {
        [] => "\ncoverage: every rule decides a test".to_owned(),
        untested => format!("\ncoverage: no test is decided by {}", listed(untested)),
    });
    let default = settings.policy.rules().last().map_or("", |rule| rule.then.as_str());
    for left in found.left.iter().take(LISTED_MAX) {
        let routes = listed(&left.routes.iter().map(String::as_str).collect::<Vec<_>>());
        text.push_str(&format!(
            "\ndefault: `{default}` is all that is said on {routes} to: {}",
            left.people.join("; ")
        ));
    }
    if let Some((rule, at)) = settings.policy.next_transition(now) {
        text.push_str(&format!("\nnext transition: rule `{rule}` at {}", at::shown(at, &settings.gate.zone)));
    }
    text
}

fn report(loaded: &Loaded, found: Option<&Remarks>, now: Timestamp) -> Value {
    json!({
        "fine": !loaded.diagnostics.iter().any(Diagnostic::is_error),
        "digest": loaded.digest,
        "at": now,
        "diagnostics": sorted(&loaded.diagnostics).into_iter().map(|d| finding(d, &loaded.sources)).collect::<Vec<_>>(),
        "policy": loaded.settings.as_ref().zip(found).map(|(settings, found)| about(settings, found, now)),
    })
}

fn about(settings: &Settings, found: &Remarks, now: Timestamp) -> Value {
    let policy = &settings.policy;
    let next = policy.next_transition(now).map(|(rule, at)| json!({ "rule": rule, "at": at }));
    json!({
        "observing": policy.is_observing(),
        "rules": policy.rules().len() - 1,
        "routes": policy.routes().count(),
        "invariants": settings.invariants.len(),
        "tests": settings.cases.len(),
        "untested": names(policy, found.untested.iter().copied()),
        "left_to_the_default": found.left,
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
