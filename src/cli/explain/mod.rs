//! `vneid-gate explain DIR --url URL`: one request, every credential on it and every rule, hit or miss, and why.
//!
//! Judged by the code that serves, on bytes that came by no connection. Tokens, cookies, names typed and subjects are
//! never printed back.

mod answer;
mod asker;
mod given;
mod json;
mod offline;
mod person;
mod shown;
mod text;

use super::at::At;
use super::directory::{self, Fine};
use super::output::{eprint, print};
use super::{COULD_NOT, NOT_FINE};
use crate::config::Settings;
use crate::config::settings::Limits;
use crate::policy::Bucket;
use crate::policy::enumerate::SOMEWHERE;
use crate::proxy::rehearsal::{NoRequest, Request};
use crate::proxy::rejection::Rejection;
use crate::wire::target::{Ambiguous, RawTarget};
use answer::Explanation;
use asker::Terms;
use given::NotGiven;
use jiff::Timestamp;
use offline::Offline;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is asked.
#[derive(clap::Args)]
pub(super) struct Question {
    /// Policy directory, for example policies/daknong
    directory: PathBuf,
    /// What the request asks for, with scheme and host
    #[arg(long, required_unless_present = "request")]
    url: Option<String>,
    #[arg(long, default_value = "GET")]
    method: String,
    /// A header of the request, such as 'Authorization: Bearer …'; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A whole HTTP/1.1 request in a file, or on standard input with `-`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "method", "headers"])]
    request: Option<PathBuf>,
    /// Who is asking, in place of what the request shows: account, login, level, evidence,
    /// credential; may be given several times
    #[arg(long = "as", value_name = "KEY=VALUE,…")]
    people: Vec<String>,
    /// Where the request comes from
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// To which of the hundred parts of the people they belong, 0 to 99: for rules with `percent`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..100))]
    lot: Option<u8>,
    /// When, like 2024-07-01T00:00:00+07:00; without an offset in the time zone of the gate
    #[arg(long, value_name = "TIME")]
    at: Option<At>,
    /// Get key sets that are at a URL, as the gate does
    #[arg(long)]
    fetch: bool,
    /// For people or for pipelines
    #[arg(long, value_parser = ["text", "json"], default_value = "text")]
    format: String,
}

pub(super) fn explain(question: &Question) -> ExitCode {
    let Fine { settings, at, .. } = match directory::fine_as_of(&question.directory, question.at) {
        Ok(fine) => fine,
        Err(status) => return status,
    };
    let asked = match Asked::of(question, &settings, at) {
        Ok(asked) => asked,
        Err(Unanswered { why, status }) => {
            eprint(format_args!("error: {why}\n"));
            return ExitCode::from(status);
        }
    };
    let known = match Offline::new(&settings, question.fetch, at.as_second()) {
        Ok(known) => known,
        Err(why) => {
            eprint(format_args!("error: {why}\n"));
            return ExitCode::from(COULD_NOT);
        }
    };
    let explanation = asked.explain(&settings, &known);
    let text = match question.format.as_str() {
        "json" => format!("{:#}\n", json::report(&explanation, &settings)),
        _ => text::report(&explanation, &settings),
    };
    print(text, if explanation.refused.is_none() { 0 } else { NOT_FINE })
}

/// Why a question has no answer, and the exit status for it.
struct Unanswered {
    why: String,
    status: u8,
}

impl From<String> for Unanswered {
    fn from(why: String) -> Self {
        Unanswered { why, status: COULD_NOT }
    }
}

/// A question that can be answered.
struct Asked {
    /// Or why the target cannot be sent in one reading.
    request: Result<Request, Ambiguous>,
    people: Vec<crate::identity::Principal>,
    client: Option<IpAddr>,
    lot: Option<Bucket>,
    at: Timestamp,
    https: bool,
}

impl Asked {
    fn of(question: &Question, settings: &Settings, at: Timestamp) -> Result<Self, Unanswered> {
        let people = question.people.iter().map(|text| person::person(text, settings));
        let people = people.collect::<Result<_, _>>().map_err(|e| format!("--as: {e}"))?;
        let bytes =
            match (&question.request, &question.url) {
                (Some(file), _) => Ok(bytes_of(file, &settings.gate.limits)
                    .map_err(|e| format!("cannot read `{}`: {e}", file.display()))?),
                (None, Some(url)) => written(url, &question.method, &question.headers)?,
                (None, None) => return Err("there is no request".to_owned().into()),
            };
        let parsed = bytes.map(|bytes| Request::parse(&bytes));
        // What is no request is answered 400 before the gate has a say.
        let unread = |e: NoRequest| Unanswered { why: e.to_string(), status: NOT_FINE };
        let request = match parsed {
            Ok(request) => Ok(request.map_err(unread)?),
            Err(what) => Err(what),
        };
        Ok(Asked {
            request,
            people,
            client: question.client.map(|ip| ip.to_canonical()),
            lot: question.lot.and_then(Bucket::new),
            at,
            https: question.url.as_ref().is_none_or(|url| url.starts_with("https:")),
        })
    }

    fn explain<'s>(&'s self, settings: &'s Settings, known: &Offline) -> Explanation<'s> {
        let terms = Terms {
            people: &self.people,
            client: self.client.unwrap_or(SOMEWHERE),
            client_is_given: self.client.is_some(),
            lot: self.lot,
            at: self.at,
            https: self.https,
        };
        match &self.request {
            Ok(request) => Explanation::of(settings, request, &terms, known),
            Err(what) => Explanation::unread(&terms, Rejection::Target(*what)),
        }
    }
}

fn bytes_of(file: &Path, limits: &Limits) -> Result<Vec<u8>, NotGiven> {
    match file.as_os_str() == "-" {
        true => given::request(std::io::stdin().lock(), limits),
        false => given::request(std::fs::File::open(file)?, limits),
    }
}

/// The request as a client would write it. A `Host` among the headers stands beside the one of the URL.
fn written(url: &str, method: &str, headers: &[String]) -> Result<Result<Vec<u8>, Ambiguous>, String> {
    let begins = |scheme: &str| url.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    if !begins("https://") && !begins("http://") {
        return Err("--url is written with scheme and host, like https://dichvucong.daknong.gov.vn/".to_owned());
    }
    let raw = match RawTarget::split(url.as_bytes()) {
        Ok(raw) => raw,
        Err(what) => return Ok(Err(what)),
    };
    let authority = raw.authority.ok_or("--url lacks scheme and host")?;
    let path = raw.query.map_or(raw.path.to_owned(), |query| [raw.path, "?", query].concat());
    let has_host = headers.iter().any(|h| h.split(':').next().is_some_and(|n| n.trim().eq_ignore_ascii_case("host")));
    let mut text = match has_host {
        true => format!("{method} http://{authority}{path} HTTP/1.1\r\n"),
        false => format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\n"),
    };
    for header in headers {
        let (name, value) = header.split_once(':').ok_or("--header is written as 'Name: value'")?;
        text.push_str(&format!("{}: {}\r\n", name.trim(), value.trim()));
    }
    text.push_str("\r\n");
    Ok(Ok(text.into_bytes()))
}
