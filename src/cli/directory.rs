//! Reading the policy directory that a command names, as of the moment that it names.
//!
//! The one reader of all commands that take `--at`: what names no offset is in the time zone that the directory names,
//! also where it says something else that is wrong.

use super::at::At;
use super::output::{eprint, fail};
use super::{COULD_NOT, NOT_FINE};
use crate::config::{self, Loaded, Settings, read_directory_at};
use crate::diagnostic::{Diagnostic, render, summary};
use jiff::Timestamp;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
#[error("--at: no clock can show this moment")]
pub(super) struct NoClock;

/// A policy that is fine, as of `at`.
pub(super) struct Fine {
    pub(super) settings: Settings,
    pub(super) digest: String,
    pub(super) at: Timestamp,
}

/// Reads a directory as of `--at`, or of now.
pub(super) fn read_as_of(directory: &Path, at: Option<At>) -> Result<(Loaded, Timestamp), NoClock> {
    let now = Timestamp::now();
    let at = match at {
        None => now,
        Some(At::Moment(moment)) => moment,
        Some(local) => {
            let loaded = read_directory_at(directory, now);
            // Where the zone itself is wrong, that is what there is to say.
            let Some(zone) = config::time_zone(&loaded.sources) else { return Ok((loaded, now)) };
            local.in_zone(&zone).ok_or(NoClock)?
        }
    };
    Ok((read_directory_at(directory, at), at))
}

/// Likewise; what is wrong with the policy is said, and the exit status for it is returned.
pub(super) fn fine_as_of(directory: &Path, at: Option<At>) -> Result<Fine, ExitCode> {
    let (loaded, at) = read_as_of(directory, at).map_err(fail)?;
    match loaded {
        Loaded { settings: Some(settings), digest, .. } => Ok(Fine { settings, digest, at }),
        loaded => {
            eprint(render(&loaded.diagnostics, &loaded.sources));
            eprint(format_args!("{}: not fine: {}\n", directory.display(), summary(&loaded.diagnostics)));
            Err(ExitCode::from(status(&loaded)))
        }
    }
}

/// The exit status for findings. Where not one file was read there is no policy to judge: the command could not run.
pub(super) fn status(loaded: &Loaded) -> u8 {
    match loaded.diagnostics.iter().any(Diagnostic::is_error) {
        true if loaded.sources.is_empty() => COULD_NOT,
        true => NOT_FINE,
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(text: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("gate.toml"), text).unwrap();
        directory
    }

    fn at(text: &str, policy: &str) -> Result<Timestamp, NoClock> {
        read_as_of(directory(policy).path(), Some(text.parse().unwrap())).map(|(_, at)| at)
    }

    #[test]
    fn a_moment_without_an_offset_is_in_the_zone_of_a_policy_that_is_not_fine() {
        let broken = "[gate]\nname = \"x\"\ntime_zone = \"Asia/Tokyo\"\nwrong = 1\n";
        let midnight = |zone: &str| format!("2024-07-01T00:00:00{zone}").parse::<Timestamp>().unwrap();
        assert_eq!(at("2024-07-01", broken).unwrap(), midnight("+09:00"));
        // A policy that names no zone means the one of Viet Nam.
        assert_eq!(at("2024-07-01", "[gate]\nwrong = 1\n").unwrap(), midnight("+07:00"));
        assert_eq!(at("2024-07-01T00:00:00Z", broken).unwrap(), midnight("Z"));
    }

    #[test]
    fn a_moment_that_no_clock_has_is_not_taken_for_now() {
        assert!(at("9999-12-31T23:59:59", "[gate]\n").is_err());
        assert!(at("-009999-01-01T00:00:00", "[gate]\n").is_err());
    }
}
