//! Recorded traffic: what other rules would have done with it, and what was decided about one person.
//!
//! Reads audit logs line by line, asks a candidate policy about each and compares. Serves nothing and changes nothing;
//! knows the gate only by its log and its policy.

mod advice;
mod candidate;
mod html;
mod logs;
mod masked;
mod people;
mod report;
mod tally;
mod text;
pub mod why;
mod words;

pub use candidate::View;
pub use html::html;
pub use logs::{CannotRead, Logs};
pub use report::ReplayReport;
pub use text::text;
pub use words::Language;

use crate::config::Settings;
use crate::telemetry::Past;
use candidate::Candidate;
use jiff::Timestamp;
use logs::LogPiece;
use tally::Tally;

/// What is tried.
pub struct Trial<'s> {
    pub settings: &'s Settings,
    pub directory: &'s str,
    pub digest: &'s str,
    /// Everything is decided as of this instant; `None`: each request as of its own.
    pub at: Option<Timestamp>,
    pub view: View,
}

/// Replays every line of the logs. `progress` is told the number of lines from time to time.
pub fn replay(
    trial: &Trial<'_>,
    logs: &Logs,
    names: Vec<String>,
    mut progress: impl FnMut(u64),
) -> Result<ReplayReport, CannotRead> {
    let mut candidate = Candidate::new(trial.settings, trial.at, trial.view);
    let mut tally = Tally::default();
    logs.each(|at, piece| {
        tally.lines += u64::from(piece != LogPiece::Torn);
        let read = match piece {
            LogPiece::Line(line) => Past::read(line).map_err(|error| error.to_string()),
            LogPiece::TooLong => Err("longer than any line of a gate".to_owned()),
            LogPiece::Torn => Err("the packed file ends or is damaged here; what follows is not counted".to_owned()),
        };
        let counted = read.and_then(|past| tally.line(&mut candidate, &past).map_err(str::to_owned));
        if let Err(why) = counted {
            tally.unreadable(at.file, at.line, &why);
        }
        if tally.lines.is_multiple_of(PROGRESS_LINES) {
            progress(tally.lines);
        }
    })?;
    Ok(ReplayReport::new(&candidate, trial.directory, trial.digest, names, &tally))
}

const PROGRESS_LINES: u64 = 1 << 16;
