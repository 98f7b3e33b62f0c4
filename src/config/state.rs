//! The table about what is learned while running: which store keeps the ledger, and where.
//!
//! A key of one store is an error beside another: whoever writes it believes that it does something.

use super::Files;
use super::reader::Table;
use super::settings::{Gate, State, Store};
use super::values;
use crate::diagnostic::{At, Diagnostic, code};

/// Where the embedded store lies unless `path` says otherwise.
const PATH: &str = "/var/lib/vneid-gate/state";
const SESSIONS: usize = 1_000_000;
/// Keys that only one store has.
const OWN_KEYS: [(&str, Kind); 1] = [("path", Kind::Embedded)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Embedded,
}

impl Kind {
    const WORDS: [&str; 2] = ["memory", "embedded"];

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().zip([Kind::Memory, Kind::Embedded]).find(|(w, _)| **w == word).map(|(_, kind)| kind)
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Embedded => "embedded",
        }
    }
}

pub(super) fn state(files: &Files<'_>, gate: Option<&Gate>) -> State {
    let embedded = |path| Store::Embedded { path: files.base.join(path) };
    let Some(t) = files.single("state") else {
        if gate.is_some_and(|g| g.secret.is_none()) {
            let finding = Diagnostic::error(code::MISSING_KEY, "the embedded store needs a secret to seal it");
            files.findings.borrow_mut().push(finding.help(NO_SECRET));
        }
        return State { store: embedded(PATH.to_owned()), sessions: SESSIONS };
    };
    let kind = t.optional("store", |v| values::word(v, &Kind::WORDS, Kind::parse));
    let kind_meant = kind.as_ref().map_or(Kind::Embedded, |k| k.value);
    let path = t.optional("path", values::text);
    let sessions = t.optional("sessions", |v| values::integer(v, 1..=100_000_000));
    foreign_keys(&t, kind_meant);
    if kind_meant != Kind::Memory && gate.is_some_and(|g| g.secret.is_none()) {
        let message = format!("`store = \"{}\"` needs a secret to seal what it keeps", kind_meant.word());
        t.report(code::MISSING_KEY, message, Some(NO_SECRET.into()));
    }
    t.done();
    State {
        store: match kind_meant {
            Kind::Memory => Store::Memory,
            Kind::Embedded => embedded(path.map_or(PATH.to_owned(), |p: At<String>| p.value)),
        },
        sessions: sessions.and_then(|n| usize::try_from(n.value).ok()).unwrap_or(SESSIONS),
    }
}

const NO_SECRET: &str = "set `secret_file` or `secret_env` in `[gate]` (make one with `openssl rand -hex 32`), or take \
                         `store = \"memory\"`, which forgets everybody at a restart";

fn foreign_keys(t: &Table<'_>, kind: Kind) {
    for (key, of) in OWN_KEYS {
        if t.toml.contains_key(key) && of != kind {
            let help = format!("take it out, or write `store = \"{}\"`", of.word());
            let message = format!("`{key}` says nothing to `store = \"{}\"`", kind.word());
            t.report(code::CONFLICTING_KEYS, message, Some(help));
        }
    }
}
