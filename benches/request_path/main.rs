//! The cost of a request in the gate, beside bare pingora and what else could stand in front of a portal.
//!
//! Every proxy has one worker thread on one core of its own; the load (wrk) and the upstream
//! (nginx) share another.
//! Short runs in turn, A B C A B C, so that a noisy minute hits all alike.
//! Knows the gate only as its release binary, its policy directory and its listener.
//!
//! `cargo bench --locked --bench request_path -- --help` lists the options.

mod bare;
mod client;
mod compare;
mod gate;
mod instructions;
mod load;
mod options;
mod peers;
mod processes;
mod report;
mod scene;
mod tokens;
mod variants;

use clap::Parser;
use options::{Command, Options};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Anything that stops a comparison, told to the person who started it.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T> = Result<T, Failure>;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.command {
        Some(Command::Bare(bare)) => bare::serve(bare),
        None if options.instructions => instructions::count(&options),
        None => compare::compare(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("request_path: {failure}");
            ExitCode::from(2)
        }
    }
}
