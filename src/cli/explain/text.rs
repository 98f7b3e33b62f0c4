//! An explanation for people: what was asked, who asked, the rules in order, the decision.

use super::answer::{Explanation, Outcome};
use super::asker::Asker;
use super::shown;
use crate::cli::at;
use crate::cli::words::either;
use crate::config::Settings;
use crate::identity::{Account, Evidence, Login, Principal};
use crate::policy::trace::{Met, TraceStep};
use crate::policy::{Finite, OTHER, Policy, Verdict};
use crate::proxy::answer::{Audience, Kind};
use crate::proxy::rehearsal::Reply;
use crate::wire::redact;
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::net::IpAddr;

/// So many rules for other routes one after the other are told in one line.
const SKIPPED_MIN: usize = 4;

pub(super) fn report(e: &Explanation<'_>, settings: &Settings) -> String {
    let zone = &settings.gate.zone;
    let mut out = String::new();
    head(&mut out, e, settings);
    for (nth, asker) in e.askers.iter().enumerate() {
        who(&mut out, nth, asker, e.askers.len());
        rules(&mut out, asker, settings, zone, e.client);
    }
    for outcome in &e.outcomes {
        decision(&mut out, e, outcome, settings, zone);
    }
    if !e.log_outs.is_empty() {
        line(
            &mut out,
            "answered",
            &format!("by the gate itself, without any decision: log-outs for {} are posted here", listed(e)),
        );
    }
    if let Some((rejection, replies)) = &e.refused {
        let detail = rejection.detail().map_or_else(String::new, |d| format!(", `{d}`"));
        line(&mut out, "refused", &format!("before any decision: {}{detail}", rejection.reason()));
        answers(&mut out, replies);
    }
    for note in &e.notes {
        let _ = write!(out, "\nnote: {note}");
    }
    if !e.notes.is_empty() {
        out.push('\n');
    }
    out
}

fn listed(e: &Explanation<'_>) -> String {
    either(e.log_outs.iter().map(|name| format!("`{name}`")))
}

/// Writing to a String cannot fail.
fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "{label:<10}  {text}");
}

fn head(out: &mut String, e: &Explanation<'_>, settings: &Settings) {
    let policy = &settings.policy;
    if e.target.is_none() {
        line(out, "request", &format!("{}, not read any further", e.method));
    }
    if let Some(target) = &e.target {
        line(out, "request", &format!("{} {}", e.method, redact::path(&target.path)));
        let site = policy.site(target.site).map_or("", |s| s.name.as_str());
        line(out, "  site", &format!("{site} ({})", target.host));
        let route = policy.route(target.route).map_or(OTHER, |r| r.name.as_str());
        let undeclared = if route == OTHER { " (no route has this path)" } else { "" };
        line(out, "  route", &format!("{route}{undeclared}"));
    }
    let assumed = if e.client_is_given { "" } else { " (nobody's address; set it with --client)" };
    line(out, "  client", &format!("{}{assumed}", e.client));
    line(out, "  time", &at::shown(e.at, &settings.gate.zone));
    if let Some(lot) = e.lot {
        line(out, "  lot", &format!("{} of 0 to 99", lot.number()));
    }
    out.push('\n');
}

fn who(out: &mut String, nth: usize, asker: &Asker<'_>, count: usize) {
    let label = if count > 1 { format!("who ({})", nth + 1) } else { "who".to_owned() };
    line(out, &label, &asker.shown);
    let evidence = asker.principal.evidence();
    let outcome = |check| format!(": {}", shown::outcome(check, evidence));
    let check = asker.check.map_or_else(String::new, outcome);
    line(out, "  evidence", &format!("{evidence}{check}"));
    line(out, "  person", &person(&asker.principal));
    if let Some(note) = &asker.note {
        line(out, "  note", note);
    }
    out.push('\n');
}

/// `citizen by vneid, level 2`
pub(super) fn person(principal: &Principal) -> String {
    match (principal.account(), principal.login()) {
        (Account::Anonymous, Login::None) => "nobody (anonymous)".to_owned(),
        (Account::Unknown, Login::Unknown) => "unknown".to_owned(),
        (account, login) => format!("{account} by {login}, level {}", principal.level().number()),
    }
}

fn rules(out: &mut String, asker: &Asker<'_>, settings: &Settings, zone: &TimeZone, client: IpAddr) {
    let width = asker.steps.iter().map(|s| s.rule.name.len()).max().unwrap_or(0);
    let mut label = "rules";
    let mut steps = asker.steps.as_slice();
    while let Some(step) = steps.first() {
        let skipped = steps.iter().take_while(|s| s.met == Met::OtherRoutes).count();
        let text = if skipped >= SKIPPED_MIN {
            let last = steps.get(skipped - 1).map_or("", |s| s.rule.name.as_str());
            format!("          {} to {last}: {skipped} rules for other routes", step.rule.name)
        } else {
            let mark = match step.met {
                Met::Decides => "hit",
                Met::Observed => "observed",
                _ => "miss",
            };
            format!("{mark:<8}  {:<width$}  {}", step.rule.name, met(step, &asker.principal, settings, zone, client))
        };
        line(out, label, &text);
        label = "";
        steps = steps.get(if skipped >= SKIPPED_MIN { skipped } else { 1 }..).unwrap_or_default();
    }
    let rest = settings.policy.rules().len() - asker.steps.len();
    if rest > 0 {
        line(out, "", &format!("          {rest} more {} not asked", if rest == 1 { "rule is" } else { "rules are" }));
    }
    out.push('\n');
}

/// Why a rule was missed, or what it does.
pub(super) fn met(
    step: &TraceStep<'_>,
    principal: &Principal,
    settings: &Settings,
    zone: &TimeZone,
    client: IpAddr,
) -> String {
    match step.met {
        Met::OtherRoutes => "is for other routes".to_owned(),
        Met::NotYet(from) => format!("in force only from {} on", at::shown(from, zone)),
        Met::Ended(until) => format!("ended at {}", at::shown(until, zone)),
        Met::Misses("client") => {
            format!("`client` {client} is not in {}", either(&step.rule.when.client))
        }
        Met::Misses(key) => missed(key, &step.rule.when.finite, principal, settings),
        Met::Excepted => "its `unless` holds".to_owned(),
        Met::Observed if step.rule.share == 0 => format!("would be {}, and is only observed", step.rule.then),
        Met::Observed => {
            format!("-> {} for {} % of the people, observed for the others", step.rule.then, step.rule.share)
        }
        Met::Decides => format!("-> {}", step.rule.then),
    }
}

fn missed(key: &str, asked: &Finite, principal: &Principal, settings: &Settings) -> String {
    fn words<T: Copy>(all: &[T], asked: Option<u32>, bit: fn(T) -> u32, word: fn(T) -> &'static str) -> String {
        let named = all.iter().filter(|w| asked.is_none_or(|mask| mask & bit(**w) != 0)).map(|w| word(*w));
        either(named)
    }
    let credential = |id: usize| settings.identity.credentials.get(id).map_or("another", |c| c.name.as_str());
    let (is, wanted) = match key {
        "account" => (principal.account().as_str(), words(Account::ALL, asked.accounts, Account::bit, Account::as_str)),
        "login" => (principal.login().as_str(), words(Login::ALL, asked.logins, Login::bit, Login::as_str)),
        "evidence" => {
            (principal.evidence().as_str(), words(Evidence::ALL, asked.evidence, Evidence::bit, Evidence::as_str))
        }
        "level_min" => {
            (principal.level().as_str(), format!("{} or more", asked.level_min.map_or(0, |level| level.number())))
        }
        _ => {
            let names = (0..64_usize).filter(|n| asked.credentials.is_some_and(|mask| mask & (1_u64 << n) != 0));
            let wanted = either(names.map(credential));
            (principal.credential().map_or("none", |id| credential(usize::from(id.0))), wanted)
        }
    };
    let key = if key == "level_min" { "level" } else { key };
    format!("`{key}` is {is}, not {wanted}")
}

fn decision(out: &mut String, e: &Explanation<'_>, outcome: &Outcome, settings: &Settings, zone: &TimeZone) {
    let policy = &settings.policy;
    if let Some((first, last)) = outcome.lots {
        let percent = u32::from(last) - u32::from(first) + 1;
        line(out, "for", &format!("{percent} % of the people (lots {first} to {last})"));
    }
    let verdict = outcome.decision.verdict;
    let deciding =
        if e.askers.len() > 1 { format!(", for who ({})", outcome.decision.deciding + 1) } else { String::new() };
    line(out, "decision", &format!("{}{deciding}", said(policy, verdict)));
    line(out, "  reason", verdict.reason.as_str());
    if outcome.too_large {
        line(out, "  refused", "the body is longer than the route allows: body-too-large");
    }
    answers(out, &outcome.replies);
    if let (Some(grant), false) = (&outcome.decision.grant, outcome.too_large) {
        let acting = grant.acting().and_then(|n| e.askers.get(n));
        let for_whom = acting.map_or_else(|| "nobody".to_owned(), |a| person(&a.principal));
        line(out, "  portal", &format!("gets the request, with the gate's word on who asks: {for_whom}"));
        for (nth, asker) in e.askers.iter().enumerate() {
            if e.removes(grant, nth) {
                line(out, "  removed", &asker.shown);
            }
        }
    }
    if let Some(observed) = outcome.decision.observed {
        line(out, "  observed", &format!("if all rules were enforced: {}", said(policy, observed)));
    }
    let next = match &outcome.next {
        Some((moment, then)) => format!("{}: {}", at::shown(*moment, zone), said(policy, then.verdict)),
        None => "never, by this policy".to_owned(),
    };
    line(out, "  changes", &next);
}

/// `reject by rule `x``
fn said(policy: &Policy, verdict: Verdict) -> String {
    let rule = policy.rule(verdict.rule).map_or("default", |r| r.name.as_str());
    if rule == "default" {
        return format!("{} by the default", verdict.action);
    }
    format!("{} by rule `{rule}`", verdict.action)
}

fn answers(out: &mut String, replies: &[(Audience, Reply)]) {
    for (audience, reply) in replies {
        let label = match audience {
            Audience::Person => "  person",
            Audience::Program => "  program",
        };
        line(out, label, &answered(*audience, reply));
    }
}

pub(super) fn answered(audience: Audience, reply: &Reply) -> String {
    let mut text = format!("gets {}", reply.status.as_str());
    match (&reply.location, reply.kind, audience) {
        (Some(url), ..) => {
            let _ = write!(text, ", sent to {url}");
        }
        (None, Kind::Refused(page), Audience::Person) => {
            let _ = write!(text, " with the page `{page}`");
        }
        (None, Kind::LogInFirst, Audience::Person) => text.push_str(" with a page that leads to the log-in"),
        (None, _, Audience::Person) => text.push_str(" with a page that says why"),
        (None, _, Audience::Program) => text.push_str(" with a problem document"),
    }
    if reply.takes_session_out {
        text.push_str("; the session's cookie is taken out of the browser");
    }
    text
}
