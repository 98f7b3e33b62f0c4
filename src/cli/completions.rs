//! `vneid-gate completions SHELL`: what a shell must know to complete commands and options.

use super::Cli;
use super::output::print;
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

/// `shell` is one of the names that the command line allows.
pub(super) fn completions(shell: &str) -> ExitCode {
    let shell = match shell {
        "fish" => Shell::Fish,
        "zsh" => Shell::Zsh,
        _ => Shell::Bash,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vneid-gate", &mut script);
    print(script, 0)
}
