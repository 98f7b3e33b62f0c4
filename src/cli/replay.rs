//! `vneid-gate replay DIR --log FILE…`: recorded traffic through a candidate directory.

use super::at::At;
use super::directory::{Fine, fine_as_of};
use super::output::{eprint, fail, print};
use super::{COULD_NOT, NOT_FINE};
use crate::replay::{self, Language, Logs, ReplayReport, Trial, View};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct ReplayArguments {
    /// Policy directory to try, for example policies/daknong
    directory: PathBuf,
    /// Audit logs, packed with gzip or not, oldest first; `-` is standard input
    #[arg(long = "log", value_name = "FILE", required = true, num_args = 1..)]
    logs: Vec<PathBuf>,
    /// Decide everything as of this moment, like 2026-07-01T00:00:00+07:00; without an offset in
    /// the time zone of the gate
    #[arg(long, value_name = "TIME")]
    at: Option<At>,
    /// Compare what would hold if every observed rule were enforced, then and now
    #[arg(long)]
    observed: bool,
    /// For people or for pipelines
    #[arg(long, value_parser = ["text", "json"], default_value = "text")]
    format: String,
    /// Also write a report with charts, a page of its own
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Language of the page
    #[arg(long, value_parser = ["vi", "en"], default_value = "vi")]
    lang: String,
    /// Exit with 1 when a decision changes, with 2 when nothing could be compared
    #[arg(long)]
    fail_on_change: bool,
}

pub(super) fn replay(arguments: &ReplayArguments) -> ExitCode {
    let candidate = match fine_as_of(&arguments.directory, arguments.at) {
        Ok(fine) => fine,
        Err(status) => return status,
    };
    let printed = tried(arguments, &candidate).and_then(|report| printed(arguments, &report));
    printed.unwrap_or_else(fail)
}

fn tried(arguments: &ReplayArguments, candidate: &Fine) -> Result<ReplayReport, String> {
    let logs = Logs::open(&arguments.logs).map_err(|e| e.to_string())?;
    let trial = Trial {
        settings: &candidate.settings,
        directory: &arguments.directory.display().to_string(),
        digest: &candidate.digest,
        at: arguments.at.map(|_| candidate.at),
        view: if arguments.observed { View::Observed } else { View::Enforced },
    };
    let names = arguments.logs.iter().map(|path| path.display().to_string()).collect();
    let mut progress = Progress::new(&logs);
    let report = replay::replay(&trial, &logs, names, |lines| progress.show(lines)).map_err(|e| e.to_string());
    progress.clear();
    report
}

fn printed(arguments: &ReplayArguments, report: &ReplayReport) -> Result<ExitCode, String> {
    if let Some(path) = &arguments.html {
        let language = if arguments.lang == "en" { Language::English } else { Language::Vietnamese };
        let page = replay::html(report, language);
        std::fs::write(path, page).map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
    }
    let text = match arguments.format.as_str() {
        "json" => serde_json::to_string_pretty(report).map_err(|e| e.to_string())? + "\n",
        _ => replay::text(report),
    };
    let status = if arguments.fail_on_change { judged(report) } else { 0 };
    Ok(print(text, status))
}

/// What a pipeline is told. Nothing compared is nothing proved, and what was left out is not passed over in silence.
fn judged(report: &ReplayReport) -> u8 {
    let lines = &report.lines;
    let (undecided, not_placed) = (lines.undecided.values().sum::<u64>(), lines.not_placed.values().sum::<u64>());
    if lines.decided == 0 {
        eprint(format_args!(
            "error: nothing could be compared: of {} lines {undecided} were refused before any decision, \
             {not_placed} not placed, {} unreadable\n",
            lines.read, lines.unreadable
        ));
        return COULD_NOT;
    }
    if lines.unreadable + not_placed > 0 {
        eprint(format_args!("warning: not compared: {} unreadable, {not_placed} not placed\n", lines.unreadable));
    }
    if report.changed > 0 { NOT_FINE } else { 0 }
}

/// A line on a terminal that is written over again and again.
struct Progress {
    began: Instant,
    shown: Option<Instant>,
    total: Option<u64>,
    done: std::rc::Rc<std::cell::Cell<u64>>,
    on: bool,
}

impl Progress {
    fn new(logs: &Logs) -> Self {
        let (total, done) = (logs.bytes(), logs.done());
        Progress { began: Instant::now(), shown: None, total, done, on: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, lines: u64) {
        if !self.on || self.shown.is_some_and(|at| at.elapsed().as_millis() < 250) {
            return;
        }
        self.shown = Some(Instant::now());
        let each_s = u128::from(lines) * 1_000 / self.began.elapsed().as_millis().max(1);
        let part = self.total.filter(|total| *total > 0).map(|total| self.done.get().saturating_mul(100) / total);
        let part = part.map_or(String::new(), |percent| format!("{percent:>3} %, "));
        // A progress that cannot be shown is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{part}{lines} lines, {each_s} lines/s  ");
    }

    fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r{:60}\r", "");
        }
    }
}
