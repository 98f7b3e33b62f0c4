//! The requests that are compared, and the answers they must get.
//!
//! One list, in the order of the turns: each control stands before its subjects. Starts and sends nothing.

use crate::gate::{FILING_PATH, PUBLIC_PATH};
use crate::options::{BareAnswer, Options};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Bare(BareAnswer),
    Gate,
    Nginx,
    Haproxy,
    HaproxyJwt,
}

/// What a request claims.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    Nothing,
    /// So many distinct tokens of people who came by VNeID, in turn.
    VneidTokens(usize),
    /// A token of somebody who typed a password.
    PasswordToken,
    /// The cookie of a session that the gate saw being born.
    Session,
}

#[derive(Clone, Copy)]
pub(crate) struct Variant {
    pub name: &'static str,
    pub program: Program,
    pub carries: Carries,
    pub path: &'static str,
    /// 200 is the upstream's own answer, anything else is the proxy's.
    pub status: u16,
    /// Bare pingora passing the like request on.
    pub control: &'static str,
}

const PLAIN: &str = "pingora";
const WITH_TOKEN: &str = "pingora, token";

impl Variant {
    pub(crate) fn is_forwarded(&self) -> bool {
        self.status == 200
    }
}

/// What is compared, as far as it was asked for.
pub(crate) fn variants(options: &Options) -> Vec<Variant> {
    let many = options.tokens;
    let forward = |name, program, carries, control| {
        let path = if carries == Carries::Nothing { PUBLIC_PATH } else { FILING_PATH };
        Variant { name, program, carries, path, status: 200, control }
    };
    let refuse = |name, program| {
        let (carries, path) = (Carries::PasswordToken, FILING_PATH);
        Variant { name, program, carries, path, status: 403, control: WITH_TOKEN }
    };
    let (pass, stop) = (Program::Bare(BareAnswer::Forward), Program::Bare(BareAnswer::Refuse));
    let all = [
        forward(PLAIN, pass, Carries::Nothing, PLAIN),
        forward("gate, no credential", Program::Gate, Carries::Nothing, PLAIN),
        forward("gate, session", Program::Gate, Carries::Session, PLAIN),
        forward(WITH_TOKEN, pass, Carries::VneidTokens(1_000), WITH_TOKEN),
        forward("gate, 1 token", Program::Gate, Carries::VneidTokens(1), WITH_TOKEN),
        forward("gate, 1000 tokens", Program::Gate, Carries::VneidTokens(1_000), WITH_TOKEN),
        forward("gate, many tokens", Program::Gate, Carries::VneidTokens(many), WITH_TOKEN),
        refuse("pingora, refusing", stop),
        refuse("gate, refusing", Program::Gate),
        forward("nginx, token", Program::Nginx, Carries::VneidTokens(1_000), WITH_TOKEN),
        forward("haproxy, token", Program::Haproxy, Carries::VneidTokens(1_000), WITH_TOKEN),
        forward("haproxy, jwt_verify", Program::HaproxyJwt, Carries::VneidTokens(1_000), WITH_TOKEN),
    ];
    let asked =
        |variant: &Variant| options.only.is_empty() || options.only.iter().any(|word| variant.name.contains(word));
    let controls: Vec<&str> = all.iter().filter(|variant| asked(variant)).map(|variant| variant.control).collect();
    all.into_iter().filter(|variant| asked(variant) || controls.contains(&variant.name)).collect()
}
