//! `vneid-gate revoke DIR …`: revokes somebody at the gate that runs with this directory.
//!
//! Only `[admin]` and the time zone are read of it, whatever else is wrong there: a rule that is being edited must keep
//! nobody in. A person's name is never printed back.

mod call;

use super::at::{self, At};
use super::output::{eprint, fail, print};
use super::{COULD_NOT, NOT_FINE};
use crate::config;
use crate::config::files;
use crate::diagnostic::{Diagnostic, render};
use call::GateAnswer;
use clap::ArgGroup;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Of these, one is asked for; `--token-id` and `--credential` together mean one token.
const WAYS: [&str; 6] = ["session", "subject", "pseudonym", "token_id", "credential", "everything"];

/// Whom, and until when.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("whom").required(true).multiple(true).args(WAYS)))]
pub(super) struct RevokeArguments {
    /// Policy directory of the running gate: its admin address and token are read there
    directory: PathBuf,
    /// One session, as the audit line calls it: 16 hex digits
    #[arg(long, value_name = "NAME", conflicts_with_all = ["subject", "pseudonym", "token_id", "credential", "everything"])]
    session: Option<String>,
    /// Everything of one person, by the name that tokens and the portal give; `-` reads it from
    /// standard input, so that no ID number stands in the history of the shell
    #[arg(long, value_name = "NAME", conflicts_with_all = ["pseudonym", "token_id", "credential", "everything"])]
    subject: Option<String>,
    /// Everything of one person, as the audit line calls them: 16 hex digits
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_id", "credential", "everything"])]
    pseudonym: Option<String>,
    /// One token, by its `jti`; needs --credential
    #[arg(long, value_name = "ID", requires = "credential", conflicts_with_all = ["everything", "issued_before"])]
    token_id: Option<String>,
    /// Everything that this credential let in; with --token-id the credential that reads the token
    #[arg(long, value_name = "NAME", conflicts_with = "everything")]
    credential: Option<String>,
    /// Everybody: all who are in must log in again
    #[arg(long)]
    everything: bool,
    /// Only what was issued before, like 2024-07-01T00:00:00+07:00; without an offset in the time
    /// zone of the gate; now if absent
    #[arg(long, value_name = "TIME")]
    issued_before: Option<At>,
    /// For people or for pipelines
    #[arg(long, value_parser = ["text", "json"], default_value = "text")]
    format: String,
}

pub(super) fn revoke(arguments: &RevokeArguments) -> ExitCode {
    let gate = match GateAddress::of(&arguments.directory) {
        Ok(gate) => gate,
        Err(status) => return status,
    };
    match asked(arguments, &gate) {
        Ok(code) => code,
        Err(why) => fail(why),
    }
}

/// What the directory tells of the running gate.
struct GateAddress {
    address: std::net::SocketAddr,
    token: Option<String>,
    zone: Option<TimeZone>,
}

impl GateAddress {
    fn of(directory: &Path) -> Result<Self, ExitCode> {
        let told = |found: &[Diagnostic], sources: &[_]| {
            eprint(render(found, sources));
            eprint(format_args!("{}: `[admin]` cannot be read, so no gate was asked\n", directory.display()));
            ExitCode::from(COULD_NOT)
        };
        let sources = files::sources(directory).map_err(|finding| told(&[finding], &[]))?;
        let admin = config::admin(&sources, directory).map_err(|found| told(&found, &sources))?;
        let token = admin.token.and_then(|token| std::str::from_utf8(&token.0).ok().map(str::to_owned));
        Ok(GateAddress { address: admin.address, token, zone: config::time_zone(&sources) })
    }
}

fn asked(arguments: &RevokeArguments, gate: &GateAddress) -> Result<ExitCode, String> {
    let token = gate.token.as_deref().ok_or(
        "`[admin]` has no `token_file` and no `token_env`: set one (make it with `openssl rand -hex 32`) and restart \
         the gate",
    )?;
    let demand = demand(arguments, gate.zone.as_ref())?;
    let GateAnswer { status, body } = call::post(gate.address, "/revocations", token, &demand.to_string())?;
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status != 200 {
        let detail = told.get("detail").and_then(Value::as_str).unwrap_or("it does not say why");
        eprint(format_args!("error: the gate at {} answered {status}: {detail}\n", gate.address));
        return Ok(ExitCode::from(NOT_FINE));
    }
    let text = match arguments.format.as_str() {
        "json" => format!("{told:#}\n"),
        _ => text(&told, gate.zone.as_ref().unwrap_or(&TimeZone::UTC)),
    };
    Ok(print(text, 0))
}

/// The body of the question.
fn demand(arguments: &RevokeArguments, zone: Option<&TimeZone>) -> Result<Value, String> {
    let subject = arguments.subject.as_deref().map(|name| if name == "-" { read_name() } else { Ok(name.to_owned()) });
    let mut body = Map::new();
    let ways = [
        ("session", arguments.session.clone()),
        ("subject", subject.transpose()?),
        ("pseudonym", arguments.pseudonym.clone()),
        ("token_id", arguments.token_id.clone()),
        ("credential", arguments.credential.clone()),
    ];
    body.extend(ways.into_iter().filter_map(|(way, value)| Some((way.to_owned(), Value::String(value?)))));
    if arguments.everything {
        body.insert("everything".into(), true.into());
    }
    if let Some(at) = arguments.issued_before {
        let zone = zone.ok_or("the time zone in `[gate]` is none: write --issued-before with an offset")?;
        let moment = at.in_zone(zone).ok_or("--issued-before: no clock can show this moment")?;
        body.insert("issued_before".into(), json!(moment));
    }
    Ok(Value::Object(body))
}

fn read_name() -> Result<String, String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| format!("cannot read the name from standard input: {e}"))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err("there is no name on standard input".into()),
        name => Ok(name.to_owned()),
    }
}

fn text(told: &Value, zone: &TimeZone) -> String {
    let moment = |member: &str| {
        let at = told.get(member).and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
        at.map(|at| at::shown(at, zone))
    };
    let what = told.get("revoked").and_then(Value::as_object).and_then(|revoked| revoked.iter().next());
    let whom = match what.map(|(way, name)| (way.as_str(), name.as_str().unwrap_or_default())) {
        Some(("session", name)) => format!("session {name}"),
        Some(("pseudonym", name)) => format!("everything of the person {name}"),
        Some(("token_of", name)) => format!("that token of credential `{name}`"),
        Some(("credential", name)) => format!("everything of credential `{name}`"),
        _ => "everything".to_owned(),
    };
    let before = moment("issued_before").map_or_else(String::new, |at| format!(", if issued before {at}"));
    let until = moment("kept_until").map_or_else(String::new, |at| format!("remembered until {at}\n"));
    format!("revoked: {whom}{before}\n{until}")
}
