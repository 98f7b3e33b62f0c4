//! Drawings: columns over time, and one bar in a row of a table. Numbers in, SVG out.
//!
//! Colours come from the page's style by class. Each drawing has its numbers in a table beside it, so that nobody needs
//! to see it.

use super::sentences::Sentences;
use crate::replay::report::{ByHour, Counts};
use crate::replay::text::grouped;
use jiff::civil::DateTime;
use jiff::{ToSpan, Unit};
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// Up to this many hours each has a column of its own; beyond, each day has one.
const HOURS: usize = 24 * 9;
const DAYS: usize = 800;

/// One column.
pub(super) struct Column {
    pub starts: DateTime,
    pub counts: Counts,
}

/// Columns without a gap from the first hour to the last, and whether they are days.
pub(super) fn columns(hours: &[ByHour]) -> (Vec<Column>, bool) {
    let known = hours.iter().filter_map(|h| Some((format!("{}:00:00", h.hour).parse::<DateTime>().ok()?, h.counts)));
    let known: Vec<(DateTime, Counts)> = known.collect();
    let (Some((first, _)), Some((last, _))) = (known.first(), known.last()) else { return (Vec::new(), false) };
    let long = first.until((Unit::Hour, *last)).is_ok_and(|span| span.get_hours().unsigned_abs() as usize >= HOURS);
    let floor = |at: DateTime| if long { at.date().to_datetime(jiff::civil::Time::midnight()) } else { at };
    let step = if long { 1.day() } else { 1.hour() };
    let mut all: Vec<Column> = Vec::new();
    let mut next = Some(floor(*first));
    while let Some(starts) = next.filter(|at| *at <= *last && all.len() < if long { DAYS } else { HOURS }) {
        all.push(Column { starts, counts: Counts::default() });
        next = starts.checked_add(step).ok();
    }
    for (at, counts) in known {
        let place = all.partition_point(|c| c.starts <= floor(at)).checked_sub(1);
        if let Some(column) = place.and_then(|n| all.get_mut(n)) {
            column.counts.decided += counts.decided;
            column.counts.locked_out += counts.locked_out;
            column.counts.let_in += counts.let_in;
            column.counts.otherwise += counts.otherwise;
        }
    }
    (all, long)
}

fn parts(counts: &Counts) -> [(u64, &'static str); 3] {
    [(counts.locked_out, "f-out"), (counts.let_in, "f-in"), (counts.otherwise, "f-else")]
}

pub(super) fn changed(counts: &Counts) -> u64 {
    counts.locked_out + counts.let_in + counts.otherwise
}

#[expect(clippy::cast_precision_loss, reason = "a drawing is precise to a pixel")]
fn float(number: u64) -> f64 {
    number as f64
}

/// Stacked columns with a scale. `label` names the whole for those who do not see it.
pub(super) fn over_time(all: &[Column], days: bool, label: &str, say: &Sentences) -> String {
    let (scale, step) = scale(all.iter().map(|c| changed(&c.counts)).max().unwrap_or(0));
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
    let plot = HEIGHT - TOP - BOTTOM;
    let y = |value: u64| TOP + plot * (1.0 - float(value) / float(scale));
    // Writing to a String cannot fail.
    for mark in (0..=scale).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let (at, class) = (y(mark), if mark == 0 { "axis" } else { "grid" });
        let _ = write!(svg, "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let text = grouped(mark, say.separator);
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", LEFT - 8.0, at + 4.0);
    }
    let pitch = (WIDTH - LEFT) / float(all.len().max(1) as u64);
    let width = (pitch * 0.8).clamp(0.6, 48.0);
    let mut last_label = f64::MIN;
    for (nth, column) in all.iter().enumerate() {
        let middle = LEFT + pitch * (float(nth as u64) + 0.5);
        let mut below = 0;
        for (count, class) in parts(&column.counts).into_iter().filter(|(count, _)| *count > 0) {
            let (top, bottom) = (y(below + count), y(below));
            let (x, height) = (middle - width / 2.0, (bottom - top).max(0.75));
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
                bottom - height
            );
            below += count;
        }
        let edge = LEFT + pitch * float(nth as u64);
        if let Some(text) = tick(column.starts, days, all.len(), say.dates.1).filter(|_| edge - last_label > 62.0) {
            last_label = edge;
            let base = HEIGHT - BOTTOM;
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{edge:.1}\" x2=\"{edge:.1}\" y1=\"{base}\" y2=\"{:.1}\"/>",
                base + 5.0
            );
            let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{text}</text>", edge + 3.0, base + 18.0);
        }
    }
    svg + "</svg>"
}

/// What stands under a column: the date where a day begins, and hours where there are few.
fn tick(at: DateTime, days: bool, count: usize, date: &str) -> Option<String> {
    let date = at.strftime(date).to_string();
    match (days, at.hour()) {
        (true, _) | (false, 0) => Some(date),
        (false, hour) if count <= 48 && hour % 3 == 0 => Some(format!("{hour}:00")),
        (false, hour) => (count <= 24).then(|| format!("{hour}:00")),
    }
}

/// A round number that all columns stay under, and the distance of its marks.
fn scale(highest: u64) -> (u64, u64) {
    let mut unit = 1_u64;
    loop {
        for step in [unit, unit.saturating_mul(2), unit.saturating_mul(5)] {
            if step.saturating_mul(4) >= highest {
                return (step.saturating_mul(4).max(1), step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A bar as long as its share of the longest.
pub(super) fn bar(counts: &Counts, longest: u64) -> String {
    let mut svg = String::from(
        "<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"10\"/>",
    );
    let mut from = 0.0;
    for (count, class) in parts(counts).into_iter().filter(|(count, _)| *count > 0) {
        let width = (float(count) * 100.0 / float(longest.max(1))).max(0.5);
        let _ = write!(svg, "<rect class=\"{class}\" x=\"{from:.2}\" width=\"{width:.2}\" height=\"10\"/>");
        from += width;
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: &str, locked_out: u64) -> ByHour {
        ByHour { hour: hour.to_owned(), counts: Counts { decided: locked_out, locked_out, ..Counts::default() } }
    }

    #[test]
    fn hours_without_requests_are_columns_too() {
        let (all, days) = columns(&[hour("2026-06-30T22", 1), hour("2026-07-01T01", 2)]);
        let counts: Vec<_> = all.iter().map(|c| c.counts.locked_out).collect();
        assert_eq!((counts, days), (vec![1, 0, 0, 2], false));
    }

    #[test]
    fn many_hours_are_drawn_as_days() {
        let (all, days) = columns(&[hour("2026-06-01T22", 1), hour("2026-06-01T23", 2), hour("2026-06-20T01", 4)]);
        assert_eq!((all.len(), all[0].counts.locked_out, all[19].counts.locked_out, days), (20, 3, 4, true));
        assert!(columns(&[]).0.is_empty() && columns(&[hour("not an hour", 1)]).0.is_empty());
    }

    #[test]
    fn a_scale_is_round_and_high_enough() {
        assert_eq!([0, 1, 4, 5, 9, 40, 41, 1_234].map(|n| scale(n).0), [4, 4, 4, 8, 20, 40, 80, 2_000]);
        assert!(scale(u64::MAX).0 > 0);
    }
}
