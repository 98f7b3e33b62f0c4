//! Counts of what the candidate changes, kept while the lines go by.
//!
//! Each line is decided on its own: a log-in that the candidate refuses does not take the sessions away that it led to.
//! Everything counted here is as long as a list of the policy, or has a limit; people have theirs in `people`.

use super::candidate::{Candidate, Decided, Unplaced, View};
use super::people::{People, PersonKey, PersonRequest, Turn};
use crate::identity::{Account, Evidence, Login};
use crate::policy::{Action, RuleId};
use crate::telemetry::past::Past;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Names of the recorded side: rules, digests, keys, reasons.
const NAMES_MAX: usize = 20_000;
/// More than eleven years.
const HOURS_MAX: usize = 100_000;
/// Places that are told one by one.
const MARKS_MAX: usize = 5;

/// Requests, and what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub decided: u64,
    pub locked_out: u64,
    pub let_in: u64,
    /// Another action of the same kind: `login` for `reject`, `anonymous` for `forward`.
    pub otherwise: u64,
}

impl Counts {
    pub fn changed(&self) -> u64 {
        self.locked_out + self.let_in + self.otherwise
    }

    fn add(&mut self, change: Option<Turn>) {
        self.decided += 1;
        match change {
            Some(Turn::LockedOut) => self.locked_out += 1,
            Some(Turn::LetIn) => self.let_in += 1,
            Some(Turn::Neither) => self.otherwise += 1,
            None => {}
        }
    }
}

/// From which rule and action to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleChange {
    /// Number in [`Tally::rules_then`].
    pub rule_then: u32,
    pub action_then: Action,
    pub rule_now: Option<RuleId>,
    pub action_now: Action,
}

#[derive(Clone, Copy, Debug)]
pub struct Changed {
    pub number: u32,
    pub requests: u64,
    pub people: u64,
}

/// Changed requests behind which no person can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nameless {
    /// Password log-ins on their way: the name typed is not in a log.
    pub attempts: u64,
    /// Credentials that proved facts and have no pseudonym: lines of an older version.
    pub untold: u64,
    /// Nobody was logged in.
    pub nobody: u64,
}

/// A place in a log, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableLine {
    pub file: String,
    pub line: u64,
    pub why: String,
}

#[derive(Default)]
pub struct Tally {
    pub lines: u64,
    pub unreadable: u64,
    pub marks: Vec<UnreadableLine>,
    /// Requests that never came to a decision, by reason.
    pub undecided: NameCounts,
    pub not_placed: BTreeMap<Unplaced, u64>,
    pub all: Counts,
    /// The same action by another rule.
    pub other_rule: u64,
    pub actions: BTreeMap<(Action, Action), u64>,
    pub rules_then: NameCounts,
    pub changes: HashMap<RuleChange, Changed>,
    /// By the number of the route.
    pub routes: Vec<Counts>,
    pub accounts: BTreeMap<(Account, Login), Counts>,
    /// By year, month, day and hour as logged: `2026112307`.
    pub hours: BTreeMap<u32, Counts>,
    pub people: People,
    pub nameless: Nameless,
    pub keys: NameCounts,
    pub policies: NameCounts,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

impl Tally {
    pub fn unreadable(&mut self, file: &str, line: u64, why: &str) {
        self.unreadable += 1;
        if self.marks.len() < MARKS_MAX {
            self.marks.push(UnreadableLine { file: file.to_owned(), line, why: why.to_owned() });
        }
    }

    /// One readable line. `Err` says why it is none after all.
    pub fn line(&mut self, candidate: &mut Candidate<'_>, line: &Past<'_>) -> Result<(), &'static str> {
        let at: Timestamp = line.time.parse().map_err(|_| "`time` is no time with an offset")?;
        let hour = hour(&line.time).ok_or("`time` is no time with an offset")?;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        self.policies.count(&line.policy);
        let key = u16::try_from(self.keys.count(&line.key_id)).unwrap_or(u16::MAX);
        let Some(then) = &line.decision else {
            self.undecided.count(&line.reason);
            return Ok(());
        };
        let then = line.observed.as_ref().filter(|_| candidate.view == View::Observed).unwrap_or(then);
        let placed = match Action::parse(&then.action) {
            Some(action) => candidate.decide(line, at).map(|now| (action, now)),
            None => Err(Unplaced::UnknownWord),
        };
        let (action, now) = match placed {
            Ok(placed) => placed,
            Err(cause) => {
                *self.not_placed.entry(cause).or_default() += 1;
                return Ok(());
            }
        };
        let turn = turn(action, now.action);
        let change = (action != now.action).then_some(turn);
        self.count(&now, hour, change);
        let Decided { account, login, route, .. } = now;
        let request = PersonRequest { account, login, route, at_s: at.as_second(), turn };
        let person = PersonKey::of(line, key).filter(|person| self.people.visit(*person, &request));
        if change.is_some() {
            self.changed(&then.rule, action, &now, person);
            if person.is_none() {
                self.nameless.add(line);
            }
        } else if now.rule.and_then(|id| candidate.settings.policy.rule(id)).is_some_and(|r| r.name != then.rule) {
            self.other_rule += 1;
        }
        Ok(())
    }

    fn count(&mut self, now: &Decided, hour: u32, change: Option<Turn>) {
        self.all.add(change);
        let route = usize::from(now.route.0);
        if self.routes.len() <= route {
            self.routes.resize(route + 1, Counts::default());
        }
        if let Some(counts) = self.routes.get_mut(route) {
            counts.add(change);
        }
        self.accounts.entry((now.account, now.login)).or_default().add(change);
        if self.hours.len() < HOURS_MAX || self.hours.contains_key(&hour) {
            self.hours.entry(hour).or_default().add(change);
        }
    }

    fn changed(&mut self, rule: &str, then: Action, now: &Decided, who: Option<PersonKey>) {
        *self.actions.entry((then, now.action)).or_default() += 1;
        let rule_then = self.rules_then.count(rule);
        let change = RuleChange { rule_then, action_then: then, rule_now: now.rule, action_now: now.action };
        let number = u32::try_from(self.changes.len()).unwrap_or(u32::MAX);
        let changed = self.changes.entry(change).or_insert(Changed { number, requests: 0, people: 0 });
        changed.requests += 1;
        if who.is_some_and(|person| self.people.concern(changed.number, person)) {
            changed.people += 1;
        }
    }
}

impl Nameless {
    fn add(&mut self, line: &Past<'_>) {
        let shows = |evidence: Evidence| line.principals.iter().any(|p| p.evidence == evidence.as_str());
        if shows(Evidence::Attempt) {
            self.attempts += 1;
        } else if shows(Evidence::Valid) {
            self.untold += 1;
        } else {
            self.nobody += 1;
        }
    }
}

/// Whether the request is let in then and now.
fn turn(then: Action, now: Action) -> Turn {
    match (then.severity() == 0, now.severity() == 0) {
        (true, false) => Turn::LockedOut,
        (false, true) => Turn::LetIn,
        (true, true) | (false, false) => Turn::Neither,
    }
}

/// `2026-11-23T07:…` as 2026112307.
fn hour(time: &str) -> Option<u32> {
    let digits = time.get(..13)?.bytes().filter(u8::is_ascii_digit);
    let (count, number) = digits.fold((0, 0_u64), |(n, sum), d| (n + 1, sum * 10 + u64::from(d - b'0')));
    u32::try_from(number).ok().filter(|_| count == 10)
}

/// Names as they come, each with a number and a count.
#[derive(Debug, Default)]
pub struct NameCounts {
    numbers: HashMap<Box<str>, u32>,
    known: Vec<(Box<str>, u64)>,
    last: usize,
}

impl NameCounts {
    /// Beyond the limit all are one.
    const OTHERS: &'static str = "(others)";

    /// Counts it and says its number. The name of the line before is found without a search.
    pub fn count(&mut self, name: &str) -> u32 {
        let number = match self.known.get(self.last) {
            Some((known, _)) if **known == *name => self.last,
            _ => self.find(name),
        };
        self.last = number;
        if let Some((_, count)) = self.known.get_mut(number) {
            *count += 1;
        }
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn find(&mut self, name: &str) -> usize {
        let name = if self.known.len() < NAMES_MAX || self.numbers.contains_key(name) { name } else { Self::OTHERS };
        if let Some(number) = self.numbers.get(name) {
            return *number as usize;
        }
        let number = self.known.len();
        self.numbers.insert(name.into(), u32::try_from(number).unwrap_or(u32::MAX));
        self.known.push((name.into(), 0));
        number
    }

    pub fn name(&self, number: u32) -> &str {
        self.known.get(number as usize).map_or("", |(name, _)| name)
    }

    /// In the order of their first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.known.iter().map(|(name, count)| (&**name, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_read_as_it_was_logged() {
        assert_eq!(hour("2026-11-23T07:59:59.999+07:00"), Some(2_026_112_307));
        assert_eq!(hour("2026-11-23"), None);
        assert_eq!(hour("yesterday, noon"), None);
    }

    #[test]
    fn names_keep_their_numbers() {
        let mut names = NameCounts::default();
        assert_eq!(["a", "b", "a", "b", "b"].map(|n| names.count(n)), [0, 1, 0, 1, 1]);
        assert_eq!(names.iter().collect::<Vec<_>>(), [("a", 2), ("b", 3)]);
    }
}
