//! The command line of the comparison.
//!
//! Defaults finish in about five minutes on two cores. Holds no measurement.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Parser)]
#[command(name = "request_path", about = "Cost of one request: the gate beside bare pingora, nginx and HAProxy")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How often each proxy has its turn
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of one measured run
    #[arg(long, default_value_t = 2)]
    pub seconds: u64,
    /// Connections kept open by the load generator
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Distinct tokens of the largest run
    #[arg(long, default_value_t = 50_000)]
    pub tokens: usize,
    /// Only the variants whose name contains this, and their controls; may be given again
    #[arg(long)]
    pub only: Vec<String>,
    /// The core of the load generator and the upstream
    #[arg(long, default_value_t = 0)]
    pub load_core: usize,
    /// The core of the proxy
    #[arg(long, default_value_t = 1)]
    pub proxy_core: usize,
    /// Also write the figures, run by run, to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Count instructions under valgrind instead of measuring time
    #[arg(long)]
    pub instructions: bool,
    /// Requests of one counted run
    #[arg(long, default_value_t = 4_000)]
    pub requests: usize,
    /// Leave callgrind's own files in this folder
    #[arg(long, requires = "instructions")]
    pub profiles: Option<PathBuf>,
    /// Another gate binary than the one built with this program
    #[arg(long)]
    pub gate: Option<PathBuf>,

    /// Given by cargo
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    /// Serve the control: bare pingora, built with this program
    #[command(hide = true)]
    Bare(Bare),
}

#[derive(Clone, Args)]
pub(crate) struct Bare {
    #[arg(long)]
    pub answer: BareAnswer,
    #[arg(long)]
    pub listen: SocketAddr,
    #[arg(long)]
    pub upstream: SocketAddr,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BareAnswer {
    Forward,
    Refuse,
}
