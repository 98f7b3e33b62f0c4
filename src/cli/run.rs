//! `vneid-gate run DIR`: read, check everything that can be checked, then serve.

use super::directory;
use super::output::eprint;
use super::{COULD_NOT, NOT_FINE};
use crate::config::read_directory;
use crate::diagnostic::{render, summary};
use crate::serve::{self, CannotServe};
use crate::transport::causes;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(directory: &Path) -> ExitCode {
    start_log(log::LevelFilter::Info);
    let mut loaded = read_directory(directory);
    eprint(render(&loaded.diagnostics, &loaded.sources));
    let Some(settings) = loaded.settings.take() else {
        eprint(format_args!("{}: not started: {}\n", directory.display(), summary(&loaded.diagnostics)));
        return ExitCode::from(directory::status(&loaded));
    };
    match serve::prepare(directory, settings, loaded.digest) {
        Ok(gate) => {
            gate.run(Vec::new(), || {}, || {});
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprint(format_args!("error: {error}\n"));
            for cause in causes(&error) {
                eprint(format_args!("  because: {cause}\n"));
            }
            ExitCode::from(match error {
                CannotServe::Policy(_) => NOT_FINE,
                _ => COULD_NOT,
            })
        }
    }
}

/// The log goes to stderr. `VNEID_GATE_LOG` sets its level; pingora's own lines stay at warnings, since its finer ones
/// hold request heads.
pub(super) fn start_log(default: log::LevelFilter) {
    let asked = std::env::var_os("VNEID_GATE_LOG").and_then(|l| l.to_str()?.parse().ok());
    let level = asked.unwrap_or(default);
    // A second start in one process is a test's business.
    let _ = env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("vneid_gate", level)
        .format_timestamp_millis()
        .try_init();
}
