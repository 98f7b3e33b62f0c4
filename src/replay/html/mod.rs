//! A report as one page for people who decide: the answer, charts, tables. It stands alone.
//!
//! No script, nothing from elsewhere, and a policy that forbids both; everything from a log or a policy is escaped. In
//! Vietnamese or English, for a screen in light and dark, and for paper.

mod chart;
mod sentences;
mod tables;

use super::report::ReplayReport;
use super::text::grouped;
use super::words::Language;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sentences::{Sentences, fill};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn html(report: &ReplayReport, language: Language) -> String {
    let page = Page { r: report, language, say: sentences::of(language), out: String::new() };
    page.whole()
}

/// Text between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// A page as far as it is written. Writing to a String cannot fail.
struct Page<'r> {
    r: &'r ReplayReport,
    language: Language,
    say: &'static Sentences,
    out: String,
}

impl Page<'_> {
    fn n(&self, number: u64) -> String {
        grouped(number, self.say.separator)
    }

    /// `2026-11-23T07:15:00+07:00` as 23/11/2026 07:15.
    fn moment(&self, time: &str) -> String {
        let at = time.get(..19).and_then(|t| t.parse::<jiff::civil::DateTime>().ok());
        let shown = |at: jiff::civil::DateTime| format!("{} {}", at.strftime(self.say.dates.0), at.strftime("%H:%M"));
        at.map_or_else(|| escaped(time), shown)
    }

    fn whole(mut self) -> String {
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
        let _ = write!(
            self.out,
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n",
            self.say.code, self.say.title
        );
        self.head();
        if self.r.changed > 0 {
            self.over_time();
            self.rules();
            self.routes();
            self.accounts();
            self.ways();
        }
        self.foot();
        self.out.push_str("</main>\n</body>\n</html>\n");
        self.out
    }

    fn head(&mut self) {
        let (r, say) = (self.r, self.say);
        let answer = if r.lines.decided == 0 {
            say.nothing_decided.to_owned()
        } else if r.changed == 0 {
            say.nothing_changes.to_owned()
        } else if r.people.locked_out + r.people.let_in > 0 {
            fill(say.answer, &[&self.n(r.people.locked_out), &self.n(r.people.let_in)])
        } else {
            fill(say.answer_requests, &[&self.n(r.locked_out), &self.n(r.let_in)])
        };
        let _ = write!(self.out, "<h1>{}</h1>\n<p class=\"answer\">{answer}</p>\n<dl class=\"facts\">", say.title);
        let candidate = format!("<code>{}</code> ({})", escaped(&r.candidate.directory), escaped(&r.candidate.digest));
        self.fact(say.candidate, &candidate);
        if let (Some(from), Some(to)) = (&r.recorded.from, &r.recorded.to) {
            self.fact(say.recorded, &fill(say.from_to, &[&self.moment(from), &self.moment(to)]));
        }
        let logs: Vec<String> = r.recorded.logs.iter().map(|l| format!("<code>{}</code>", escaped(l))).collect();
        self.fact(say.logs, &logs.join(", "));
        if let Some(at) = &r.candidate.at {
            self.fact(say.decided_at, &fill(say.as_of, &[&self.moment(at)]));
        }
        if r.candidate.compared == "observed" {
            self.fact(say.compared, say.observed);
        }
        self.out.push_str("</dl>\n<ul class=\"cards\">");
        let of = |n: u64| fill(say.people_requests, &[&self.n(n)]);
        let cards = [
            ("out", say.locked_out, r.people.locked_out, of(r.locked_out)),
            ("in", say.let_in, r.people.let_in, of(r.let_in)),
            ("", say.people_seen, r.people.seen as u64, say.people_seen_by.to_owned()),
            ("", say.requests, r.lines.decided, fill(say.requests_of, &[&self.n(r.lines.read)])),
        ];
        for (class, head, number, below) in cards {
            let number = self.n(number);
            let _ = write!(
                self.out,
                "<li class=\"{class}\">{head} <strong>{number}</strong> <span class=\"soft\">{below}</span></li>"
            );
        }
        self.out.push_str("</ul>\n");
        self.warnings();
    }

    fn fact(&mut self, name: &str, value: &str) {
        let _ = write!(self.out, "<dt>{name}</dt><dd>{value}</dd>");
    }

    fn warnings(&mut self) {
        let (r, say) = (self.r, self.say);
        let mut all = Vec::new();
        if r.recorded.key_ids.len() > 1 {
            all.push(fill(say.keys, &[&r.recorded.key_ids.len().to_string()]));
        }
        if let Some(first) = r.lines.unreadable_first.first() {
            let place = format!("<code>{}:{}</code>", escaped(&first.file), first.line);
            all.push(fill(say.unreadable, &[&self.n(r.lines.unreadable), &place]));
        }
        let not_placed: u64 = r.lines.not_placed.values().sum();
        if not_placed > 0 {
            let causes = r.lines.not_placed.iter().map(|(cause, n)| format!("<code>{cause}</code> {}", self.n(*n)));
            all.push(fill(say.not_placed, &[&self.n(not_placed), &causes.collect::<Vec<_>>().join(", ")]));
        }
        let apart = &r.people.not_told_apart;
        for (count, sentence) in [
            (apart.password_attempts, say.attempts),
            (apart.older_lines, say.older_lines),
            (apart.nobody_logged_in, say.nobody),
            (apart.beyond_limit, say.beyond),
        ] {
            if count > 0 {
                all.push(fill(sentence, &[&self.n(count)]));
            }
        }
        if !all.is_empty() {
            let items: String = all.iter().map(|w| format!("<li>{w}</li>")).collect();
            let _ = writeln!(self.out, "<div class=\"warn\"><strong>{}</strong><ul>{items}</ul></div>", say.attention);
        }
    }

    fn foot(&mut self) {
        let notes: String = self.say.notes.iter().map(|note| format!("<li>{note}</li>")).collect();
        let _ = writeln!(self.out, "<footer><strong>{}</strong><ul>{notes}</ul></footer>", self.say.how);
    }
}
