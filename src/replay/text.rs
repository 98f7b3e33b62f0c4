//! A report for a terminal: the answer first, then what it is made of.

use super::report::{Counts, ReplayReport};
use crate::diagnostic::printable;
use std::fmt::Write;

/// Hours that are listed; JSON and HTML have them all.
const HOURS: usize = 48;
const RULES: usize = 20;

/// The whole report.
pub fn text(report: &ReplayReport) -> String {
    let mut out = String::new();
    head(&mut out, report);
    answer(&mut out, report);
    if report.changed > 0 {
        rules(&mut out, report);
        counts(&mut out, "by route", report.routes.iter().map(|r| (vec![r.route.clone(), r.site.clone()], r.counts)));
        let accounts = report.accounts.iter().map(|a| (vec![a.account.to_owned(), a.login.to_owned()], a.counts));
        counts(&mut out, "by account and log-in", accounts);
        hours(&mut out, report);
        journeys(&mut out, report);
    }
    out
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

fn n(number: u64) -> String {
    grouped(number, ',')
}

// Writing to a String cannot fail, here and below.
fn head(out: &mut String, r: &ReplayReport) {
    let (from, to) = (r.recorded.from.as_deref().unwrap_or("nothing"), r.recorded.to.as_deref().unwrap_or("nothing"));
    let _ = writeln!(out, "candidate   {} (policy {})", printable(&r.candidate.directory), r.candidate.digest);
    if let Some(at) = &r.candidate.at {
        let _ = writeln!(out, "decided     as of {at}, whatever the time of the request");
    }
    if r.candidate.compared == "observed" {
        let _ = writeln!(out, "compared    as if observed rules had been enforced, then and now");
    }
    let _ = writeln!(out, "recorded    {from} to {to}");
    let _ = writeln!(out, "lines       {} read, {} decided", n(r.lines.read), n(r.lines.decided));
    let undecided: u64 = r.lines.undecided.values().sum();
    if undecided > 0 {
        let reasons: Vec<String> =
            r.lines.undecided.iter().map(|(w, c)| format!("{} {}", printable(w), n(*c))).collect();
        let _ = writeln!(out, "undecided   {} answered without a decision: {}", n(undecided), reasons.join(", "));
    }
    let not_placed: u64 = r.lines.not_placed.values().sum();
    if not_placed > 0 {
        let causes: Vec<String> = r.lines.not_placed.iter().map(|(w, c)| format!("{w} {}", n(*c))).collect();
        let _ = writeln!(out, "not placed  {} in the candidate: {}", n(not_placed), causes.join(", "));
    }
    if r.lines.unreadable > 0 {
        let _ = writeln!(out, "unreadable  {}", n(r.lines.unreadable));
        for place in &r.lines.unreadable_first {
            let _ = writeln!(out, "            {}:{}: {}", printable(&place.file), place.line, place.why);
        }
    }
    if r.recorded.key_ids.len() > 1 {
        let keys: Vec<String> = r.recorded.key_ids.iter().map(|k| printable(&k.name)).collect();
        let _ = writeln!(
            out,
            "warning     pseudonyms under {} secrets ({}): one person counts once under each",
            keys.len(),
            keys.join(", ")
        );
    }
}

fn answer(out: &mut String, r: &ReplayReport) {
    let apart = &r.people.not_told_apart;
    if r.changed == 0 {
        let nothing = if r.lines.decided == 0 { "nothing was decided" } else { "no decision changes" };
        let _ = writeln!(out, "\n{nothing}");
    } else {
        let _ = writeln!(out, "\nlocked out  {} people, {} requests", n(r.people.locked_out), n(r.locked_out));
        let _ = writeln!(out, "let in      {} people, {} requests", n(r.people.let_in), n(r.let_in));
        let _ = writeln!(
            out,
            "            of {} people and {} decided requests",
            n(r.people.seen as u64),
            n(r.lines.decided)
        );
        for (count, what) in [
            (apart.password_attempts, "changed password log-ins on their way: the name typed is in no log"),
            (apart.older_lines, "changed requests of people who are not told apart: lines without a pseudonym"),
            (apart.nobody_logged_in, "changed requests with nobody logged in"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "besides     {} {what}", n(count));
            }
        }
        for a in &r.actions {
            let _ = writeln!(out, "changed     {} {} -> {}", n(a.requests), a.from, a.to);
        }
    }
    if apart.beyond_limit > 0 {
        let _ = writeln!(out, "warning     {} requests of people beyond those told apart", n(apart.beyond_limit));
    }
    if r.same_action_other_rule > 0 {
        let _ = writeln!(out, "unchanged   {} decided the same by a rule of another name", n(r.same_action_other_rule));
    }
}

fn rules(out: &mut String, r: &ReplayReport) {
    let rows = r.rules.iter().take(RULES).map(|rule| {
        let side = |action: &str, name: &str| format!("{action} by {}", printable(name));
        (
            vec![side(rule.from, &rule.from_rule), "->".to_owned(), side(rule.to, &rule.to_rule)],
            vec![n(rule.requests), n(rule.people)],
        )
    });
    table(out, "by rule", &["requests", "people"], rows);
    if let Some(more) = r.rules.len().checked_sub(RULES).filter(|more| *more > 0) {
        let _ = writeln!(out, "  and {more} more; --format json has them all");
    }
}

fn counts(out: &mut String, title: &str, all: impl Iterator<Item = (Vec<String>, Counts)>) {
    let rows = all.filter(|(_, c)| c.locked_out + c.let_in + c.otherwise > 0);
    let rows = rows.map(|(names, c)| (names, vec![n(c.decided), n(c.locked_out), n(c.let_in), n(c.otherwise)]));
    table(out, title, &["decided", "locked out", "let in", "otherwise"], rows);
}

fn hours(out: &mut String, r: &ReplayReport) {
    let all: Vec<_> =
        r.hours.iter().filter(|h| h.counts.locked_out + h.counts.let_in + h.counts.otherwise > 0).collect();
    counts(out, "by hour, as logged", all.iter().take(HOURS).map(|h| (vec![h.hour.clone()], h.counts)));
    if let Some(more) = all.len().checked_sub(HOURS).filter(|more| *more > 0) {
        let _ = writeln!(out, "  and {more} more; --format json has them all");
    }
}

fn journeys(out: &mut String, r: &ReplayReport) {
    let rows = r.journeys.iter().map(|way| {
        let steps: Vec<String> = way.routes.iter().map(|s| format!("{} > ", printable(s))).collect();
        let who = format!("{} by {}:", way.account, way.login);
        (vec![who, format!("{}{} (refused)", steps.concat(), printable(&way.refused))], vec![n(way.visits)])
    });
    table(out, "the ways people came to their first refusal of a visit", &["visits"], rows);
}

/// Numbers on the left, each column as wide as its widest cell; names behind them.
fn table(out: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = (Vec<String>, Vec<String>)>) {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let width = |cells: &mut dyn Iterator<Item = &str>| cells.map(|c| c.chars().count()).max().unwrap_or(0);
    let numbers: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(n, head)| width(&mut rows.iter().filter_map(|r| r.1.get(n)).map(String::as_str).chain([*head])))
        .collect();
    let names: Vec<usize> = (0..rows.first().map_or(0, |r| r.0.len()))
        .map(|n| width(&mut rows.iter().filter_map(|r| r.0.get(n)).map(String::as_str)))
        .collect();
    let _ = writeln!(out, "\n{title}");
    let mut put = |left: &[String], right: &[String]| {
        let left: String = left.iter().zip(&numbers).map(|(cell, width)| format!("  {cell:>width$}")).collect();
        let right: String = right.iter().zip(&names).map(|(cell, width)| format!("  {cell:<width$}")).collect();
        let _ = writeln!(out, "{}", format!("{left}{right}").trim_end());
    };
    put(&heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>(), &[]);
    for (names, numbers) in &rows {
        put(numbers, names);
    }
}
