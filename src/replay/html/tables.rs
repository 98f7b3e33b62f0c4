//! The parts of the page that count: over time, by rule, by route, by account, and the ways to a refusal.

use super::{Page, chart, escaped};
use crate::replay::report::{ByRule, Counts};
use crate::replay::words;
use std::fmt::Write;

/// Pairs of rules that are shown.
const RULES: usize = 30;

// Writing to a String cannot fail.
impl Page<'_> {
    pub(super) fn over_time(&mut self) {
        let say = self.say;
        let (columns, days) = chart::columns(&self.r.hours);
        let title = if days { say.by_day } else { say.by_hour };
        let drawing = chart::over_time(&columns, days, title, say);
        let legend: String = [("f-out", say.locked_out), ("f-in", say.let_in), ("f-else", say.otherwise)]
            .into_iter()
            .map(|(class, name)| {
                format!("<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"10\" height=\"10\" rx=\"2\"/></svg>{name}</li>")
            })
            .collect();
        let _ = write!(
            self.out,
            "<h2>{title}</h2>\n<p class=\"soft\">{}</p>\n<figure tabindex=\"0\"><ul class=\"legend\">{legend}</ul>{drawing}</figure>\n",
            say.time_note
        );
        let _ =
            write!(self.out, "<details><summary>{}</summary><div class=\"scroll\" tabindex=\"0\"><table>", say.numbers);
        self.table_head(say.time, false);
        for column in columns.iter().filter(|c| chart::changed(&c.counts) > 0) {
            let date = column.starts.strftime(say.dates.0);
            let name = if days { date.to_string() } else { format!("{date} {:02}:00", column.starts.hour()) };
            self.row(&name, &column.counts, None);
        }
        self.out.push_str("</tbody></table></div></details>\n");
    }

    /// The column of names, that of bars if there is one, then those of [`Told`].
    fn table_head(&mut self, name: &str, bars: bool) {
        let bars = if bars { "<td class=\"bar\"></td>" } else { "" };
        let _ = write!(self.out, "<thead><tr><th scope=\"col\">{name}</th>{bars}");
        let say = self.say;
        for name in [say.decided, say.locked_out, say.let_in, say.otherwise] {
            let _ = write!(self.out, "<th scope=\"col\" class=\"num\">{name}</th>");
        }
        self.out.push_str("</tr></thead><tbody>");
    }

    /// `name` is HTML.
    fn row(&mut self, name: &str, counts: &Counts, bar: Option<String>) {
        let _ = write!(self.out, "<tr><th scope=\"row\">{name}</th>");
        if let Some(bar) = bar {
            let _ = write!(self.out, "<td class=\"bar\">{bar}</td>");
        }
        for number in [counts.decided, counts.locked_out, counts.let_in, counts.otherwise] {
            let number = self.n(number);
            let _ = write!(self.out, "<td class=\"num\">{number}</td>");
        }
        self.out.push_str("</tr>");
    }

    pub(super) fn rules(&mut self) {
        let say = self.say;
        let _ = write!(
            self.out,
            "<h2>{}</h2>\n<p class=\"soft\">{}</p>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th>\
             <td class=\"bar\"></td><th scope=\"col\" class=\"num\">{}</th><th scope=\"col\" class=\"num\">{}</th></tr></thead><tbody>",
            say.by_rule, say.rule_note, say.then, say.now, say.requests, say.people
        );
        let longest = self.r.rules.first().map_or(1, |rule| rule.requests);
        for rule in self.r.rules.iter().take(RULES) {
            let side = |name: &str, action: &str| {
                let action = escaped(words::action(action, self.language));
                format!("<code>{}</code><span class=\"act\">{action}</span>", escaped(name))
            };
            let (then, now) = (side(&rule.from_rule, rule.from), side(&rule.to_rule, rule.to));
            let bar = chart::bar(&kind(rule), longest);
            let (requests, people) = (self.n(rule.requests), self.n(rule.people));
            let _ = write!(
                self.out,
                "<tr><td>{then}</td><td>{now}</td><td class=\"bar\">{bar}</td><td class=\"num\">{requests}</td><td class=\"num\">{people}</td></tr>"
            );
        }
        self.out.push_str("</tbody></table></div>\n");
    }

    pub(super) fn routes(&mut self) {
        let (r, say) = (self.r, self.say);
        let sites = r.routes.iter().map(|one| one.site.as_str()).collect::<std::collections::BTreeSet<_>>().len();
        let rows = r.routes.iter().map(|one| {
            let site =
                if sites > 1 { format!("<span class=\"act\">{}</span>", escaped(&one.site)) } else { String::new() };
            (format!("<code>{}</code>{site}", escaped(&one.route)), one.counts)
        });
        self.counts(say.by_route, say.route, rows.collect());
    }

    pub(super) fn accounts(&mut self) {
        let (r, say, language) = (self.r, self.say, self.language);
        let rows = r.accounts.iter().map(|one| (escaped(&words::who(one.account, one.login, language)), one.counts));
        self.counts(say.by_account, say.account, rows.collect());
    }

    fn counts(&mut self, title: &str, name: &str, rows: Vec<(String, Counts)>) {
        let longest = rows.iter().map(|(_, counts)| chart::changed(counts)).max().unwrap_or(1);
        let _ = write!(self.out, "<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\"><table>");
        self.table_head(name, true);
        for (name, counts) in rows {
            self.row(&name, &counts, Some(chart::bar(&counts, longest)));
        }
        self.out.push_str("</tbody></table></div>\n");
    }

    pub(super) fn ways(&mut self) {
        let (r, say) = (self.r, self.say);
        if r.journeys.is_empty() {
            return;
        }
        let _ = write!(self.out, "<h2>{}</h2>\n<p class=\"soft\">{}</p>\n<ol class=\"ways\">", say.ways, say.ways_note);
        for way in &r.journeys {
            let arrow = "<span class=\"arrow\" aria-hidden=\"true\">→</span>";
            let steps: String =
                way.routes.iter().map(|s| format!("<span class=\"step\">{}</span>{arrow}", escaped(s))).collect();
            let (visits, who) = (self.n(way.visits), escaped(&words::who(way.account, way.login, self.language)));
            let _ = write!(
                self.out,
                "<li><span class=\"num\">{visits} <span class=\"soft\">{}</span></span><span>{steps}<span class=\"step no\">{} · {}</span></span>\
                 <span class=\"who\">{who}</span></li>",
                say.visits.to_lowercase(),
                escaped(&way.refused),
                say.refused
            );
        }
        self.out.push_str("</ol>\n");
    }
}

/// Whose colour the bar of a rule has.
fn kind(rule: &ByRule) -> Counts {
    let lets_in = |action: &str| matches!(action, "forward" | "anonymous");
    let requests = rule.requests;
    match (lets_in(rule.from), lets_in(rule.to)) {
        (true, false) => Counts { locked_out: requests, ..Counts::default() },
        (false, true) => Counts { let_in: requests, ..Counts::default() },
        _ => Counts { otherwise: requests, ..Counts::default() },
    }
}
