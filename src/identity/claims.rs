//! From the claims of a verified token to the facts about its bearer.
//!
//! The mapping is data: an ordered list of rules over JSON pointers (RFC 6901), first match wins, no match is
//! `unknown`. Judges only claims whose token was proved; knows no signature, no time and no policy.

use super::principal::{Facts, Subject};
use super::words::{Account, Level, Login};
use regex::Regex;
use serde_json::Value;

/// One `[[credential.principal]]`: all its conditions hold, or it does not match. Every key is a JSON pointer.
#[derive(Clone, Debug)]
pub struct ClaimRule {
    /// The claim is this whole JSON value: a string never equals a number, an array never one of its members.
    pub equals: Vec<(String, Value)>,
    /// The claim is a string and the expression finds a match in it.
    pub matches: Vec<(String, Regex)>,
    /// The claim is there and not null.
    pub present: Vec<String>,
    /// The claim is missing or null.
    pub absent: Vec<String>,
    pub is: Is,
}

/// What a rule that matches establishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Is {
    pub account: Account,
    pub login: Login,
    pub level: LevelFrom,
}

/// Where the assurance level comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelFrom {
    Constant(Level),
    /// JSON pointer to a claim that holds 0 to 3, as an integer or as a string of one digit; anything else is level 0.
    Claim(String),
}

impl Is {
    /// The account, where the rule says one.
    pub fn says_account(&self) -> Option<Account> {
        Some(self.account).filter(|account| *account != Account::Unknown)
    }

    /// The log-in, where the rule says one.
    pub fn says_login(&self) -> Option<Login> {
        Some(self.login).filter(|login| *login != Login::Unknown)
    }

    /// The level, where the rule says one; what its claim does not hold is level 0.
    pub fn says_level(&self, claims: &Value) -> Option<Level> {
        (self.level != LevelFrom::Constant(Level::UNKNOWN)).then(|| self.level.read(claims))
    }
}

/// The facts of the first rule that matches; without one, only the subject is known.
pub fn facts(rules: &[ClaimRule], claims: &Value, subject: Subject) -> Facts {
    let subject = Some(subject);
    match matching(rules, claims) {
        Some(is) => Facts { account: is.account, login: is.login, level: is.level.read(claims), subject },
        None => Facts { subject, ..Facts::UNKNOWN },
    }
}

/// What the first rule that matches establishes.
pub fn matching<'r>(rules: &'r [ClaimRule], claims: &Value) -> Option<&'r Is> {
    rules.iter().find(|rule| rule.holds(claims)).map(|rule| &rule.is)
}

impl ClaimRule {
    fn holds(&self, claims: &Value) -> bool {
        let is_there = |pointer: &String| claims.pointer(pointer).is_some_and(|claim| !claim.is_null());
        self.equals.iter().all(|(pointer, value)| claims.pointer(pointer) == Some(value))
            && self.present.iter().all(is_there)
            && !self.absent.iter().any(is_there)
            && self.matches.iter().all(|(pointer, shape)| {
                claims.pointer(pointer).and_then(Value::as_str).is_some_and(|claim| shape.is_match(claim))
            })
    }
}

impl LevelFrom {
    pub fn read(&self, claims: &Value) -> Level {
        match self {
            LevelFrom::Constant(level) => *level,
            LevelFrom::Claim(pointer) => claims.pointer(pointer).and_then(level).unwrap_or(Level::UNKNOWN),
        }
    }
}

fn level(claim: &Value) -> Option<Level> {
    match claim {
        Value::Number(number) => Level::new(u8::try_from(number.as_u64()?).ok()?),
        Value::String(digit) => match digit.as_bytes() {
            [digit] => Level::new(digit.checked_sub(b'0')?),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
