//! Diagnostics as text for a terminal: file, line, column, the line itself, and the offending part underlined.

use super::{Diagnostic, Place, Severity, Source};
use std::fmt::Write;

/// All findings by file and position; those without a place come last.
pub fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| d.place.map_or((usize::MAX, 0), |p| (p.file, p.start)));
    sorted
}

/// All findings in their order, each followed by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source]) -> String {
    let mut out = String::new();
    for diagnostic in sorted(diagnostics) {
        one(&mut out, diagnostic, sources);
        out.push('\n');
    }
    out
}

/// The closing words: how many of each, and where their codes are explained.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count =
        |severity: Severity| counted(diagnostics.iter().filter(|d| d.severity == severity).count(), severity.as_str());
    let read = if diagnostics.is_empty() { "" } else { " (the handbook explains each code: diagnostics.md)" };
    format!("{}, {}{read}", count(Severity::Error), count(Severity::Warning))
}

/// A number with its word in the right form.
pub fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn one(out: &mut String, d: &Diagnostic, sources: &[Source]) {
    let kind = d.severity.as_str();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{kind}[{}]: {}", d.code.as_str(), d.message);
    let excerpt = d.place.and_then(|p| sources.get(p.file).map(|s| excerpt(out, p, s)));
    if let Some(help) = &d.help {
        let _ = writeln!(out, "{} = help: {help}", excerpt.unwrap_or_else(|| " ".into()));
    }
}

/// Writes the line and gives the margin that its number takes.
fn excerpt(out: &mut String, place: Place, source: &Source) -> String {
    let text = source.text.as_str();
    let start = floor(text, place.start);
    let line_start = text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let line_end = text.get(start..).and_then(|t| t.find('\n')).map_or(text.len(), |n| start + n);
    let line = text.get(line_start..line_end).unwrap_or_default().trim_end_matches('\r');
    let number = text.get(..start).map_or(0, |t| t.matches('\n').count()) + 1;
    let before = text.get(line_start..start).unwrap_or_default();
    let marked = text.get(start..floor(text, place.end.min(line_end))).unwrap_or_default();
    let gutter = " ".repeat(number.to_string().len());
    let _ = writeln!(out, "{gutter}--> {}:{number}:{}", source.name, before.chars().count() + 1);
    let _ = writeln!(out, "{gutter} |");
    let _ = writeln!(out, "{number} | {}", line.replace('\t', " "));
    let _ =
        writeln!(out, "{gutter} | {}{}", " ".repeat(before.chars().count()), "^".repeat(marked.chars().count().max(1)));
    gutter
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}
