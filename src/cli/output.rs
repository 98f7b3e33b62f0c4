//! How commands write: reports to standard output, complaints to standard error.
//!
//! A reader that has seen enough, such as `head`, is no failure of the command. A report that cannot be written for
//! another reason is one: whoever keeps it would have half of it.

use super::COULD_NOT;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Writes a report; the exit status is `status`, unless the report could not be written.
pub(super) fn print(report: impl AsRef<[u8]>, status: u8) -> ExitCode {
    let mut out = std::io::stdout().lock();
    // What is left in the buffer at the end of the program is lost without a word.
    match out.write_all(report.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            fail(format_args!("cannot write to standard output: {error}"))
        }
        _ => ExitCode::from(status),
    }
}

/// Writes to standard error as it stands. Where nobody reads complaints, the exit status must do.
pub(super) fn eprint(text: impl Display) {
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// Prints why the command could not run, and gives the exit status for it.
pub(super) fn fail(why: impl Display) -> ExitCode {
    eprint(format_args!("error: {why}\n"));
    ExitCode::from(COULD_NOT)
}
