//! `vneid-gate man DIR`: a manual page for the program and for each of its commands.

use super::Cli;
use super::output::fail;
use clap::CommandFactory;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn man(directory: &Path) -> ExitCode {
    let written = std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("cannot write manual pages to `{}`: {error}", directory.display())),
    }
}
