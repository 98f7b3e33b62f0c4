//! The table for a decision paper (Markdown) and for a spreadsheet (CSV, RFC 4180).

use super::sheet::{DatedChange, Sheet, SheetLine};

pub(super) fn markdown(sheet: &Sheet) -> String {
    let mut out = format!("## {}\n", sheet.title);
    for note in &sheet.notes {
        out.push_str(&format!("\n- {note}"));
    }
    if !sheet.notes.is_empty() {
        out.push('\n');
    }
    for block in &sheet.routes {
        out.push_str(&format!("\n### {}\n\n| Who | Decision | Rule |\n|---|---|---|\n", block.routes.join(", ")));
        for line in &block.lines {
            let cells = [line.who.join("; "), decision(line), line.rules.join(", ")];
            out.push_str(&row(&cells));
        }
    }
    for moment in &sheet.changes {
        out.push_str(&format!("\n### From {}\n\n", moment.shown));
        for (what, rules) in [("Ends", &moment.ends), ("Starts", &moment.starts)] {
            if !rules.is_empty() {
                out.push_str(&format!("{what}: {}.\n\n", rules.join(", ")));
            }
        }
        if moment.changes.is_empty() {
            out.push_str("Nothing else is decided for anyone.\n");
            continue;
        }
        out.push_str("| Routes | Who | Before | After | Rules |\n|---|---|---|---|---|\n");
        for change in &moment.changes {
            let cells = [
                change.routes.join(", "),
                change.who.join("; "),
                change.before.clone(),
                change.after.clone(),
                rules(change),
            ];
            out.push_str(&row(&cells));
        }
    }
    out
}

/// One row for each line, each change and each note; `from` is when it begins to hold.
pub(super) fn csv(sheet: &Sheet) -> String {
    let mut out = record(&["from", "routes", "who", "before", "decision", "rules"].map(str::to_owned));
    for note in &sheet.notes {
        let [routes, who, before, rules] = [const { String::new() }; 4];
        out.push_str(&record(&[sheet.at.clone(), routes, who, before, note.clone(), rules]));
    }
    for block in &sheet.routes {
        for line in &block.lines {
            let (routes, who) = (block.routes.join(", "), line.who.join("; "));
            let decided = decision(line);
            out.push_str(&record(&[sheet.at.clone(), routes, who, String::new(), decided, line.rules.join(", ")]));
        }
    }
    for moment in &sheet.changes {
        for change in &moment.changes {
            let (routes, who) = (change.routes.join(", "), change.who.join("; "));
            let (before, after) = (change.before.clone(), change.after.clone());
            out.push_str(&record(&[moment.at.clone(), routes, who, before, after, rules(change)]));
        }
    }
    out
}

/// `reject, page use-vneid, from 10.20.0.0/16`
fn decision(line: &SheetLine) -> String {
    let observed = line.observed.then(|| "observed".to_owned());
    let page = line.page.map(|page| format!("page {page}"));
    let condition = Some(line.condition.clone()).filter(|c| !c.is_empty());
    let parts = [observed, Some(line.action.to_owned()), page, condition];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn rules(change: &DatedChange) -> String {
    format!("{} -> {}", change.rules_before.join(", "), change.rules_after.join(", "))
}

fn row(cells: &[String]) -> String {
    let escaped = cells.iter().map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", escaped.collect::<Vec<_>>().join(" | "))
}

fn record(fields: &[String]) -> String {
    let quoted = |field: &String| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    };
    format!("{}\r\n", fields.iter().map(quoted).collect::<Vec<_>>().join(","))
}
