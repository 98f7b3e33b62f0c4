//! Diagnostics as text for a terminal: file, line, column, the line itself, and the offending part underlined.

use super::{Diagnostic, Place, Severity, Source};
use std::fmt::Write;

/// Characters of a line that are shown.
const LINE_MAX: usize = 240;

/// All findings by file and position; those without a place come last.
pub fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| d.place.map_or((usize::MAX, 0), |p| (p.file, p.start)));
    sorted
}

/// All findings in their order, each followed by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source]) -> String {
    let mut out = String::new();
    let lines: Vec<Lines<'_>> = sources.iter().map(Lines::of).collect();
    for diagnostic in sorted(diagnostics) {
        one(&mut out, diagnostic, &lines);
        out.push('\n');
    }
    out.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Text of a file or a log for a terminal: nothing in it may move the cursor or change colours.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
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

/// A source with where its lines begin: counted once, however many findings it has.
struct Lines<'s> {
    source: &'s Source,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    fn of(source: &'s Source) -> Self {
        let after = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { source, starts: std::iter::once(0).chain(after).collect() }
    }
}

fn one(out: &mut String, d: &Diagnostic, sources: &[Lines<'_>]) {
    let kind = d.severity.as_str();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{kind}[{}]: {}", d.code.as_str(), d.message);
    let excerpt = d.place.and_then(|p| sources.get(p.file).map(|s| excerpt(out, p, s)));
    if let Some(help) = &d.help {
        let _ = writeln!(out, "{} = help: {help}", excerpt.unwrap_or_else(|| " ".into()));
    }
}

/// Writes the line and gives the margin that its number takes.
fn excerpt(out: &mut String, place: Place, lines: &Lines<'_>) -> String {
    let (source, text) = (lines.source, lines.source.text.as_str());
    let start = floor(text, place.start);
    let number = lines.starts.partition_point(|line| *line <= start);
    let line_start = lines.starts.get(number.saturating_sub(1)).copied().unwrap_or(0);
    let line_end = text.get(start..).and_then(|t| t.find('\n')).map_or(text.len(), |n| start + n);
    let line = text.get(line_start..line_end).unwrap_or_default().trim_end_matches('\r');
    let before = text.get(line_start..start).unwrap_or_default();
    let marked = text.get(start..floor(text, place.end.min(line_end))).unwrap_or_default();
    let gutter = " ".repeat(number.to_string().len());
    let _ = writeln!(out, "{gutter}--> {}:{number}:{}", source.name, before.chars().count() + 1);
    let _ = writeln!(out, "{gutter} |");
    let (line, indent) = clipped(&line.replace('\t', " "), before.chars().count());
    let width = marked.chars().count().clamp(1, line.chars().count().saturating_sub(indent).max(1));
    let _ = writeln!(out, "{number} | {line}");
    let _ = writeln!(out, "{gutter} | {}{}", " ".repeat(indent), "^".repeat(width));
    gutter
}

/// A line that fits on a screen, with what is marked in it, and where that begins now.
fn clipped(line: &str, indent: usize) -> (String, usize) {
    if line.chars().count() <= LINE_MAX {
        return (line.to_owned(), indent);
    }
    let skipped = indent.saturating_sub(LINE_MAX / 4);
    let shown: String = line.chars().skip(skipped).take(LINE_MAX).collect();
    let (start, shift) = if skipped > 0 { ("…", 1) } else { ("", 0) };
    let end = if skipped + LINE_MAX < line.chars().count() { "…" } else { "" };
    (format!("{start}{shown}{end}"), indent - skipped + shift)
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;

    fn rendered(text: &str, start: usize, end: usize) -> String {
        let finding = Diagnostic::error(code::BAD_VALUE, "odd").at(Place { file: 0, start, end });
        render(&[finding], &[Source { name: "a.toml".into(), text: text.into() }])
    }

    #[test]
    fn what_stands_in_a_file_does_not_steer_the_terminal() {
        let shown = rendered("name = \"\u{1b}[31mred\u{7}\"", 7, 10);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(shown.contains("\u{fffd}[31mred\u{fffd}"), "{shown:?}");
    }

    #[test]
    fn a_long_line_is_shown_around_what_is_marked() {
        let text = format!("{}HERE{}", "a".repeat(5_000), "b".repeat(5_000));
        let shown = rendered(&text, 5_000, 5_004);
        let lines: Vec<&str> = shown.lines().collect();
        let (line, marks) = (lines[3], lines[4]);
        assert!(line.chars().count() < 260, "{}", line.len());
        let at = marks.chars().position(|c| c == '^').unwrap();
        assert_eq!(line.chars().skip(at).take(4).collect::<String>(), "HERE");
        assert_eq!(marks.matches('^').count(), 4);
        assert!(rendered(&text, 0, 10_004).lines().all(|l| l.chars().count() < 260));
    }
}
