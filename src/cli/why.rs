//! `vneid-gate why CODE --log FILE…`: the decision behind a support code, for a help desk.

use super::NOT_FINE;
use super::output::{eprint, fail, print};
use crate::config::read_directory;
use crate::diagnostic::{render, summary};
use crate::replay::Logs;
use crate::replay::why::{self, Given};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct WhyArguments {
    /// What the person reads out, for example K7PM-2QXD
    code: String,
    /// Audit logs, packed with gzip or not; `-` is standard input
    #[arg(long = "log", value_name = "FILE", required = true, num_args = 1..)]
    logs: Vec<PathBuf>,
    /// Policy directory, to show what the rule says to people
    #[arg(long, value_name = "DIR")]
    policy: Option<PathBuf>,
    /// For people or for pipelines
    #[arg(long, value_parser = ["text", "json"], default_value = "text")]
    format: String,
}

pub(super) fn why(arguments: &WhyArguments) -> ExitCode {
    match explained(arguments) {
        Ok(code) => code,
        Err(error) => fail(error),
    }
}

fn explained(arguments: &WhyArguments) -> Result<ExitCode, String> {
    let code = why::support_code(&arguments.code)
        .ok_or_else(|| format!("`{}` is no support code: it has eight letters and digits", arguments.code))?;
    let loaded = arguments.policy.as_deref().map(read_directory);
    let given = match &loaded {
        None => None,
        Some(loaded) => match &loaded.settings {
            Some(settings) => Some(Given { settings, digest: &loaded.digest }),
            None => {
                eprint(render(&loaded.diagnostics, &loaded.sources));
                return Err(format!("the policy is not fine: {}", summary(&loaded.diagnostics)));
            }
        },
    };
    let logs = Logs::open(&arguments.logs).map_err(|e| e.to_string())?;
    let (found, marks) = why::find(&code, &logs, given.as_ref()).map_err(|e| e.to_string())?;
    for mark in &marks {
        eprint(format_args!("warning: {}:{}: {}\n", mark.file, mark.line, mark.why));
    }
    let text = match arguments.format.as_str() {
        "json" => serde_json::to_string_pretty(&found).map_err(|e| e.to_string())? + "\n",
        _ => why::text(&found),
    };
    if found.is_empty() {
        eprint(format_args!("no line with the support code {code}; older logs may hold it\n"));
    }
    Ok(print(text, if found.is_empty() { NOT_FINE } else { 0 }))
}
