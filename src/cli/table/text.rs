//! The table for a terminal of 120 columns: a block for each set of routes, in it who, what and by which rule.

use super::sheet::{DatedChange, Moment, Sheet, SheetLine};
use std::fmt::Write;

const WIDTH: usize = 120;
const ACTION: usize = "anonymous".len();
/// Longer names of rules are broken.
const RULE_MAX: usize = 44;

pub(super) fn report(sheet: &Sheet, is_comparison: bool) -> String {
    let mut out = format!("{}\n", sheet.title);
    for note in &sheet.notes {
        let _ = writeln!(out, "{}", wrapped(note, WIDTH, "  "));
    }
    for block in &sheet.routes {
        let _ = write!(out, "\n{}\n", wrapped(&block.routes.join(", "), WIDTH, "  "));
        rows(&mut out, &block.lines);
    }
    if !is_comparison {
        out.push_str(if sheet.changes.is_empty() { "\nNothing changes later.\n" } else { "\nWhat changes later\n" });
    } else if sheet.changes.is_empty() {
        out.push_str(if sheet.notes.is_empty() { "Nothing differs.\n" } else { "Nothing else differs.\n" });
    }
    for moment in &sheet.changes {
        of_moment(&mut out, moment);
    }
    out
}

/// People with what is done and by which rules.
fn row(line: &SheetLine) -> (&str, Vec<String>) {
    let mut who = line.who.clone();
    let would = if line.observed { format!("would be {}", line.action) } else { String::new() };
    let terms: Vec<&str> = [would.as_str(), line.condition.as_str()].into_iter().filter(|t| !t.is_empty()).collect();
    if let (Some(first), false) = (who.first_mut(), terms.is_empty()) {
        *first = format!("{}: {first}", terms.join(", "));
    }
    (if line.observed { "observed" } else { line.action }, who)
}

fn rows(out: &mut String, lines: &[SheetLine]) {
    let names = lines.iter().flat_map(|line| line.rules.iter().map(|rule| rule.chars().count() + 1));
    let rule_width = names.max().unwrap_or(0).min(RULE_MAX);
    let who_max = WIDTH - 2 - ACTION - 2 - 2 - rule_width;
    let folded = |line| {
        let (what, who) = row(line);
        (what, fold(&who, ";", who_max), fold(&line.rules, ",", rule_width))
    };
    let rows: Vec<(&str, Vec<String>, Vec<String>)> = lines.iter().map(folded).collect();
    let who_width = rows.iter().flat_map(|(_, who, _)| who).map(|line| line.chars().count()).max().unwrap_or(0);
    let mut last = "";
    for (what, who, rules) in rows {
        for nth in 0..who.len().max(rules.len()) {
            let what = if nth > 0 || what == last { "" } else { what };
            let part = |column: &[String]| column.get(nth).cloned().unwrap_or_default();
            let text = format!("  {what:<ACTION$}  {:<who_width$}  {}", part(&who), part(&rules));
            let _ = writeln!(out, "{}", text.trim_end());
        }
        last = what;
    }
}

fn of_moment(out: &mut String, moment: &Moment) {
    let _ = write!(out, "\n{}\n", moment.shown);
    for (what, rules) in [("ends  ", &moment.ends), ("starts", &moment.starts)] {
        if !rules.is_empty() {
            let _ = writeln!(out, "  {what}  {}", wrapped(&rules.join(", "), WIDTH - 10, "          "));
        }
    }
    if moment.changes.is_empty() {
        out.push_str("  nothing else is decided for anyone\n");
    }
    let mut changes = moment.changes.as_slice();
    while let Some(first) = changes.first() {
        let count = changes.iter().take_while(|c| c.routes == first.routes).count();
        let (here, rest) = changes.split_at(count);
        let _ = writeln!(out, "\n  {}", wrapped(&first.routes.join(", "), WIDTH - 2, "    "));
        here.iter().for_each(|change| of_change(out, change));
        changes = rest;
    }
}

fn of_change(out: &mut String, change: &DatedChange) {
    let what = match change.before == change.after {
        true => format!("{} again for both", change.after),
        false => format!("{} -> {}", change.before, change.after),
    };
    let rules = match change.rules_before == change.rules_after {
        true => change.rules_after.join(", "),
        false => format!("{} -> {}", change.rules_before.join(", "), change.rules_after.join(", ")),
    };
    let indent = "          ";
    let _ = writeln!(out, "    {}", wrapped(&what, WIDTH - 4, "      "));
    let _ = writeln!(out, "      for {}", fold(&change.who, ";", WIDTH - 10).join(&format!("\n{indent}")));
    let _ = writeln!(out, "      by  {}", wrapped(&rules, WIDTH - 10, indent));
}

/// Phrases joined into lines of at most so many characters, broken between phrases where that is possible.
fn fold(phrases: &[String], mark: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (nth, phrase) in phrases.iter().enumerate() {
        let piece = if nth + 1 < phrases.len() { format!("{phrase}{mark}") } else { phrase.clone() };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + piece.chars().count() <= width => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.extend(wrapped(&piece, width, "  ").lines().map(str::to_owned)),
        }
    }
    lines
}

/// Broken between words at so many characters; what follows is indented.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            let _ = write!(out, "\n{indent}");
            column = indent.len();
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_stay_whole_as_long_as_they_fit() {
        let phrases = ["one two".to_owned(), "three four".to_owned(), "five".to_owned()];
        assert_eq!(fold(&phrases, ";", 20), ["one two; three four;", "five"]);
        assert_eq!(fold(&phrases, ";", 12), ["one two;", "three four;", "five"]);
        assert_eq!(fold(&phrases, ";", 6), ["one", "  two;", "three", "  four;", "five"]);
    }
}
