//! What must stand before anything can be measured: policy, upstream, certificates.
//!
//! The upstream, the log-in server's key and tokens, and each proxy with the requests it is sent. A proxy whose answers
//! are not the expected ones is never measured.

use crate::client::{self, Connection};
use crate::gate::{self, Gate, HOST, Policy};
use crate::load::Requests;
use crate::options::{BareAnswer, Options};
use crate::peers::{UPSTREAM_MARK, Upstream, start_haproxy, start_nginx_proxy};
use crate::processes::{Running, find_program, free_address};
use crate::tokens::{Born, Issuer};
use crate::variants::{Carries, Program, Variant};
use crate::{Failure, Outcome};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Checked by hand before each run.
const CHECKED_REQUESTS: usize = 8;
const BEARER: &str = "Authorization: Bearer ";

pub(crate) struct Scene {
    folder: tempfile::TempDir,
    core: usize,
    pub upstream: Upstream,
    policy: Policy,
    public_key: PathBuf,
    vneid_tokens: Vec<String>,
    password_token: Vec<String>,
}

/// A proxy in its place.
pub(crate) struct Stand {
    pub variant: Variant,
    pub address: SocketAddr,
    pub requests: Requests,
    pub running: Running,
    /// The gate's own record of each request.
    pub audit: Option<PathBuf>,
}

/// A program that runs another one and watches it.
pub(crate) struct Under {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

impl Scene {
    pub(crate) fn new(options: &Options, variants: &[Variant]) -> Outcome<Scene> {
        if std::thread::available_parallelism()?.get() < 2 {
            return Err("two cores are needed: one for the proxy, one for the load and the upstream".into());
        }
        let folder = tempfile::tempdir()?;
        let issuer = Issuer::new()?;
        let public_key = folder.path().join("issuer.pem");
        fs::write(&public_key, issuer.public_pem()?)?;
        let upstream = Upstream::start(folder.path(), options.load_core)?;
        let binary = options.gate.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_vneid-gate").into());
        let policy = Policy { binary, key_set: issuer.key_set()?, upstream: upstream.address };
        let count = variants.iter().map(|variant| match variant.carries {
            Carries::VneidTokens(count) => count,
            Carries::Nothing | Carries::PasswordToken | Carries::Session => 0,
        });
        let count = count.max().unwrap_or(0);
        eprintln!("signing {count} tokens");
        let vneid_tokens = issuer.tokens(Born::Vneid, count)?;
        let password_token = issuer.tokens(Born::Password, 1)?;
        Ok(Scene { folder, core: options.proxy_core, upstream, policy, public_key, vneid_tokens, password_token })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Bytes of one token.
    pub(crate) fn token_length(&self) -> Option<usize> {
        self.vneid_tokens.first().map(String::len)
    }

    /// Starts the proxy of a variant; `None` with a word to the reader when it is not installed.
    pub(crate) fn stand(&self, variant: Variant, under: Option<&Under>) -> Outcome<Option<Stand>> {
        let missing = match variant.program {
            Program::Haproxy | Program::HaproxyJwt if find_program("haproxy").is_none() => Some("haproxy"),
            _ => None,
        };
        if let Some(program) = missing {
            eprintln!(
                "left out: `{}`, since {program} is not installed (Debian: apt-get install {program})",
                variant.name
            );
            return Ok(None);
        }
        let folder = self.path();
        let (running, address, audit) = match variant.program {
            Program::Bare(answer) => self.start_bare(answer, variant.name, under).map(|(r, a)| (r, a, None))?,
            Program::Gate => self.start_gate(variant.name, under)?,
            Program::Nginx => start_nginx_proxy(folder, self.core, self.upstream.address).map(|(r, a)| (r, a, None))?,
            Program::Haproxy => {
                start_haproxy(folder, self.core, self.upstream.address, None).map(|(r, a)| (r, a, None))?
            }
            Program::HaproxyJwt => start_haproxy(folder, self.core, self.upstream.address, Some(&self.public_key))
                .map(|(r, a)| (r, a, None))?,
        };
        let requests = self.requests(&variant, address)?;
        Ok(Some(Stand { variant, address, requests, running, audit }))
    }

    fn start_bare(&self, answer: BareAnswer, name: &str, under: Option<&Under>) -> Outcome<(Running, SocketAddr)> {
        let address = free_address()?;
        let word = if answer == BareAnswer::Forward { "forward" } else { "refuse" };
        let (listen, upstream) = (address.to_string(), self.upstream.address.to_string());
        let args = ["bare", "--answer", word, "--listen", &listen, "--upstream", &upstream].map(OsString::from);
        let this = std::env::current_exe()?;
        let (program, args) = under_or(under, this, &args);
        let mut running = Running::start(name, self.core, &program, &args, &self.path().join(format!("{name}.log")))?;
        running.wait_listening(address, Duration::from_secs(60))?;
        Ok((running, address))
    }

    fn start_gate(&self, name: &str, under: Option<&Under>) -> Outcome<(Running, SocketAddr, Option<PathBuf>)> {
        let gate = Gate::prepare(&self.path().join(name), &self.policy)?;
        let (program, args) = under_or(under, self.policy.binary.clone(), &gate.arguments);
        let running = gate.start(self.core, &program, &args)?;
        Ok((running, gate.address, Some(gate.audit)))
    }

    fn requests(&self, variant: &Variant, address: SocketAddr) -> Outcome<Requests> {
        let start = format!("GET {} HTTP/1.1\r\nHost: {HOST}\r\n", variant.path);
        let bearer = |token: &str| format!("{start}{BEARER}{token}\r\n\r\n");
        let name = variant.name;
        match variant.carries {
            Carries::Nothing => Requests::new(self.path(), name, |_| format!("{start}\r\n"), &[String::new()]),
            Carries::VneidTokens(count) => {
                let tokens = self.vneid_tokens.get(..count).ok_or("too few tokens were signed")?;
                Requests::new(self.path(), name, bearer, tokens)
            }
            Carries::PasswordToken => Requests::new(self.path(), name, bearer, &self.password_token),
            Carries::Session => {
                let cookie = gate::log_in(address)?;
                Requests::new(self.path(), name, |cookie| format!("{start}Cookie: {cookie}\r\n\r\n"), &[cookie])
            }
        }
    }
}

impl Stand {
    /// Does a proxy that should judge tokens turn away one whose signature was changed?
    pub(crate) fn check_judges(&self) -> Outcome<()> {
        let judges = matches!(self.variant.program, Program::Gate | Program::HaproxyJwt);
        let Some(head) = self.requests.heads().first().filter(|head| judges && head.contains(BEARER)) else {
            return Ok(());
        };
        let swapped = |byte| if byte == 'A' { 'B' } else { 'A' };
        let (kept, changed) = head.split_at(head.trim_end().len() - 8);
        let changed: String =
            changed.chars().enumerate().map(|(at, byte)| if at == 0 { swapped(byte) } else { byte }).collect();
        let answer = client::ask(self.address, &format!("{kept}{changed}"))?;
        if answer.body.contains(UPSTREAM_MARK) {
            return Err(format!("`{}` forwards a token with a wrong signature", self.variant.name).into());
        }
        Ok(())
    }

    /// A handful of requests, each with the expected answer, from the expected place.
    pub(crate) fn check(&self, upstream: &Upstream) -> Outcome<()> {
        let wrong = |what: String| Failure::from(format!("`{}`: {what}", self.variant.name));
        let heads = self.requests.heads();
        let step = heads.len().div_ceil(CHECKED_REQUESTS);
        let sample: Vec<&String> = heads.iter().cycle().step_by(step).take(CHECKED_REQUESTS).collect();
        let ((), asked) = upstream.asked_during(|| {
            let mut connection = Connection::open(self.address)?;
            for head in sample {
                let answer = connection.ask(head)?;
                let from_upstream = answer.body.contains(UPSTREAM_MARK);
                if answer.status != self.variant.status || from_upstream != self.variant.is_forwarded() {
                    return Err(wrong(format!("answered {} `{:.200}`", answer.status, answer.body)));
                }
            }
            Ok(())
        })?;
        self.judge_asked(CHECKED_REQUESTS as u64, asked, 0).map_err(wrong)
    }

    /// Did the upstream see as many requests as it should? `under_way`: requests that a run may leave unanswered.
    pub(crate) fn judge_asked(&self, answered: u64, asked: u64, under_way: u64) -> Result<(), String> {
        // a look at the upstream's health may fall into a run
        let expected = if self.variant.is_forwarded() { answered..=answered + under_way + 8 } else { 0..=8 };
        if expected.contains(&asked) {
            return Ok(());
        }
        Err(format!("of {answered} answered requests {asked} reached the upstream"))
    }
}

fn under_or(under: Option<&Under>, program: PathBuf, args: &[OsString]) -> (PathBuf, Vec<OsString>) {
    let Some(under) = under else { return (program, args.to_vec()) };
    let args = under.args.iter().chain([&OsString::from(program)]).chain(args).cloned().collect();
    (under.program.clone(), args)
}
