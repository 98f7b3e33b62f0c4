//! The command line: one file a command.
//!
//! Exit status: 0 fine, 1 the policy (or the answer asked for) is not fine, 2 wrong usage or could not
//! run; a directory in which no policy could be read is of the last kind.

mod at;
mod check;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod directory;
mod explain;
mod man;
mod output;
mod people;
mod replay;
mod revoke;
mod run;
mod schema;
mod table;
mod why;
mod words;

use at::At;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The policy, or the answer asked for, is not fine.
const NOT_FINE: u8 = 1;
/// Wrong usage, or could not run.
const COULD_NOT: u8 = 2;

/// Reverse proxy that lets citizens into a public-service portal with VNeID accounts only.
#[derive(Parser)]
#[command(name = "vneid-gate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the policy in a directory; reload on change and on SIGHUP, stop gracefully on SIGTERM
    Run {
        /// Policy directory, for example policies/daknong
        directory: PathBuf,
    },
    /// Validate a policy directory and run its tests
    Check {
        /// Policy directory, for example policies/daknong
        directory: PathBuf,
        /// As if it were this moment: what is past, what is next, and when tests ask that name no moment
        #[arg(long, value_name = "TIME")]
        at: Option<At>,
        /// For people or for pipelines
        #[arg(long, value_parser = ["text", "json"], default_value = "text")]
        format: String,
    },
    /// One request: how it is read, who is asking, which rules hit or miss and why, what is decided and until when
    Explain {
        #[command(flatten)]
        question: explain::Question,
    },
    /// Who may go where at a moment, and what changes later; or what differs between two policies
    Table {
        #[command(flatten)]
        wanted: table::TableArguments,
    },
    /// Print the JSON Schema of the policy files, with which editors complete and underline
    Schema,
    /// Print what a shell must know to complete commands and options
    Completions {
        /// bash, zsh or fish
        #[arg(value_parser = ["bash", "zsh", "fish"])]
        shell: String,
    },
    /// Write manual pages into a directory, one for each command
    Man {
        /// Directory, for example /usr/local/share/man/man1
        directory: PathBuf,
    },
    /// Replay recorded traffic through a policy directory: which decisions change, who would be locked out
    Replay(replay::ReplayArguments),
    /// The decision behind a support code, for a help desk
    Why(why::WhyArguments),
    /// Take somebody away at the running gate: a session, a person, a token, or everybody
    Revoke(revoke::RevokeArguments),
    /// The gate with the shipped policy in front of a small built-in portal: try it in a browser
    Demo,
}

/// Reads the arguments and does what they ask for.
pub fn main() -> ExitCode {
    // Clap exits with 2 for wrong usage, as promised.
    match Cli::parse().command {
        Command::Run { directory } => run::run(&directory),
        Command::Check { directory, at, format } => check::check(&directory, at, format == "json"),
        Command::Explain { question } => explain::explain(&question),
        Command::Table { wanted } => table::table(&wanted),
        Command::Schema => schema::schema(),
        Command::Completions { shell } => completions::completions(&shell),
        Command::Man { directory } => man::man(&directory),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Why(arguments) => why::why(&arguments),
        Command::Revoke(arguments) => revoke::revoke(&arguments),
        #[cfg(feature = "demo")]
        Command::Demo => demo::demo(),
        #[cfg(not(feature = "demo"))]
        Command::Demo => output::fail("this program was built without the demo, as images are: try it from a checkout"),
    }
}
