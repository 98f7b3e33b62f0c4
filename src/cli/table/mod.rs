//! `vneid-gate table DIR`: who may go where at a moment, and what changes later; with `--diff` what
//! another policy would change.

mod changes;
mod compare;
mod declared;
mod paper;
mod sheet;
mod text;

use super::at::{self, At};
use super::directory::{Fine, fine_as_of};
use super::output::print;
use super::people::Universe;
use super::{COULD_NOT, NOT_FINE};
use crate::config::Settings;
use crate::policy::reach;
use jiff::Timestamp;
use sheet::Sheet;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is asked.
#[derive(clap::Args)]
pub(super) struct TableArguments {
    /// Policy directory, for example policies/daknong
    directory: PathBuf,
    /// When, like 2024-07-01T00:00:00+07:00; without an offset in the time zone of the gate
    #[arg(long, value_name = "TIME")]
    at: Option<At>,
    /// Another policy directory: what it decides otherwise, now and later. Exit status 1 when something differs
    #[arg(long, value_name = "DIR")]
    diff: Option<PathBuf>,
    /// For a terminal, a paper, a spreadsheet or a pipeline
    #[arg(long, value_parser = ["text", "markdown", "csv", "json"], default_value = "text")]
    format: String,
}

pub(super) fn table(wanted: &TableArguments) -> ExitCode {
    let Fine { settings, at, .. } = match fine_as_of(&wanted.directory, wanted.at) {
        Ok(fine) => fine,
        Err(status) => return status,
    };
    let name = wanted.directory.display().to_string();
    let (sheet, status) = match &wanted.diff {
        None => (of_policy(&settings, &name, at), 0),
        Some(directory) => {
            // What cannot be compared must not pass for a difference.
            let Ok(other) = fine_as_of(directory, Some(At::Moment(at))) else { return ExitCode::from(COULD_NOT) };
            let sheet = compare::compare((&settings, &name), (&other.settings, &directory.display().to_string()), at);
            let differs = !sheet.changes.is_empty() || !sheet.notes.is_empty();
            (sheet, if differs { NOT_FINE } else { 0 })
        }
    };
    let text = match wanted.format.as_str() {
        "markdown" => paper::markdown(&sheet),
        "csv" => paper::csv(&sheet),
        "json" => format!("{:#}\n", serde_json::to_value(&sheet).unwrap_or_default()),
        _ => text::report(&sheet, wanted.diff.is_some()),
    };
    print(text, status)
}

fn of_policy(settings: &Settings, name: &str, at: Timestamp) -> Sheet {
    let principals = reach::principals(&settings.identity);
    let credentials: Vec<String> = settings.identity.credentials.iter().map(|c| c.name.clone()).collect();
    let universe = Universe { principals: &principals, credentials: &credentials };
    let zone = &settings.gate.zone;
    let observing = settings.policy.is_observing();
    let note = "the whole gate only observes: everything is forwarded, and what stands below is counted";
    Sheet {
        title: format!("{name} at {}", at::shown(at, zone)),
        policies: vec![name.to_owned()],
        at: at::written(at, zone),
        notes: if observing { vec![note.to_owned()] } else { Vec::new() },
        routes: sheet::blocks(settings, &universe, at),
        changes: changes::transitions(&settings.policy, &universe, at, zone),
    }
}
