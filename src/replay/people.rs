//! The people behind changed decisions: how many they are, and which routes they visited.
//!
//! A person is a pseudonym under one key: of the subject where there is one, else of the session. Memory is bounded:
//! at most [`PEOPLE_MAX`] people at about 100 bytes each, and [`JOURNEYS_MAX`] journeys; what comes later is counted as
//! not told apart.

use crate::identity::{Account, Login};
use crate::policy::RouteId;
use crate::telemetry::past::Past;
use std::collections::{HashMap, HashSet};

const PEOPLE_MAX: usize = 4_000_000;
const JOURNEYS_MAX: usize = 50_000;
/// Routes of a visit that are kept, the latest.
const STEPS: usize = 6;
/// A pause after which a person's next request begins another visit.
const VISIT_GAP_S: i64 = 1_800;

/// A pseudonym and the number of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonKey {
    name: u64,
    key: u16,
}

impl PersonKey {
    /// Who stands behind the line: the first subject, else the first session.
    pub fn of(line: &Past<'_>, key: u16) -> Option<PersonKey> {
        let names = |name: &str| (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok()).flatten();
        let subject = line.principals.iter().find_map(|p| names(&p.subject));
        let name = subject.or_else(|| line.principals.iter().find_map(|p| names(&p.session)))?;
        Some(PersonKey { name, key })
    }
}

/// How a changed decision meets a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    LockedOut,
    LetIn,
    /// The same, or a change between two ways of one of them.
    Neither,
}

/// What one request adds to what is known of a person.
#[derive(Clone, Copy, Debug)]
pub struct PersonRequest {
    pub account: Account,
    pub login: Login,
    pub route: RouteId,
    /// Unix seconds.
    pub at_s: i64,
    pub turn: Turn,
}

/// What is known of a person: the visit under way.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    last_s: i64,
    steps: [u16; STEPS],
    count: u8,
    locked_out: bool,
    let_in: bool,
    /// This visit has met its first refusal.
    refused: bool,
}

/// The routes of a visit, each where it first appeared, and the one that would have refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Journey {
    pub account: Account,
    pub login: Login,
    steps: [u16; STEPS],
    count: u8,
    pub refused: RouteId,
}

impl Journey {
    pub fn steps(&self) -> impl Iterator<Item = RouteId> {
        self.steps.into_iter().take(usize::from(self.count)).map(RouteId)
    }
}

/// Everyone seen so far.
#[derive(Default)]
pub struct People {
    visits: HashMap<PersonKey, Visit>,
    /// People by the numbers of the changes that concern them.
    concerned: HashSet<(u32, PersonKey)>,
    pub journeys: HashMap<Journey, u64>,
    /// Requests of people beyond the limit.
    pub beyond: u64,
    pub locked_out: u64,
    pub let_in: u64,
}

impl People {
    pub fn seen(&self) -> usize {
        self.visits.len()
    }

    /// One request of a person. `false`: there is no room to tell them apart.
    pub fn visit(&mut self, person: PersonKey, request: &PersonRequest) -> bool {
        let PersonRequest { account, login, route, at_s, turn } = *request;
        if self.visits.len() >= PEOPLE_MAX && !self.visits.contains_key(&person) {
            self.beyond += 1;
            return false;
        }
        let visit = self.visits.entry(person).or_default();
        if at_s.abs_diff(visit.last_s) > VISIT_GAP_S.unsigned_abs() {
            (visit.steps, visit.count, visit.refused) = ([0; STEPS], 0, false);
        }
        visit.last_s = at_s;
        match turn {
            Turn::LockedOut => {
                self.locked_out += u64::from(!std::mem::replace(&mut visit.locked_out, true));
                if !std::mem::replace(&mut visit.refused, true) {
                    let journey = Journey { account, login, steps: visit.steps, count: visit.count, refused: route };
                    if self.journeys.len() < JOURNEYS_MAX || self.journeys.contains_key(&journey) {
                        *self.journeys.entry(journey).or_default() += 1;
                    }
                }
            }
            Turn::LetIn => self.let_in += u64::from(!std::mem::replace(&mut visit.let_in, true)),
            Turn::Neither => {}
        }
        visit.step(route.0);
        true
    }

    /// Whether this person was not yet concerned by that change.
    pub fn concern(&mut self, change: u32, person: PersonKey) -> bool {
        self.concerned.len() < PEOPLE_MAX && self.concerned.insert((change, person))
    }
}

impl Visit {
    /// A route is noted where it first appears: pages and what they load would fill a visit otherwise.
    fn step(&mut self, route: u16) {
        let count = usize::from(self.count);
        if self.steps.iter().take(count).any(|known| *known == route) {
            return;
        }
        if count == STEPS {
            self.steps.rotate_left(1);
            if let Some(last) = self.steps.last_mut() {
                *last = route;
            }
        } else if let Some(next) = self.steps.get_mut(count) {
            *next = route;
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(route: RouteId, at_s: i64, turn: Turn) -> PersonRequest {
        PersonRequest { account: Account::Citizen, login: Login::Password, route, at_s, turn }
    }

    fn person(name: u64) -> PersonKey {
        PersonKey { name, key: 0 }
    }

    fn walked(people: &mut People, routes: &[u16], start_s: i64, refused: u16) {
        for (route, at_s) in routes.iter().zip(start_s..) {
            people.visit(person(1), &request(RouteId(*route), at_s, Turn::Neither));
        }
        people.visit(person(1), &request(RouteId(refused), start_s + 60, Turn::LockedOut));
    }

    #[test]
    fn a_journey_is_the_way_to_the_first_refusal_of_a_visit() {
        let mut people = People::default();
        walked(&mut people, &[1, 2, 1, 2, 3], 0, 9);
        people.visit(person(1), &request(RouteId(9), 61, Turn::LockedOut));
        walked(&mut people, &[1, 2, 3], 10_000, 9);
        walked(&mut people, &[1, 2, 3, 4, 5, 6, 7, 8], 20_000, 9);
        let mut journeys: Vec<_> =
            people.journeys.iter().map(|(j, n)| (j.steps().map(|r| r.0).collect::<Vec<_>>(), *n)).collect();
        journeys.sort();
        assert_eq!(journeys, [(vec![1, 2, 3], 2), (vec![3, 4, 5, 6, 7, 8], 1)]);
        assert_eq!((people.seen(), people.locked_out, people.let_in), (1, 1, 0));
    }

    #[test]
    fn people_under_two_keys_are_two() {
        let mut people = People::default();
        for key in [0, 1, 1] {
            people.visit(PersonKey { name: 7, key }, &request(RouteId(0), 0, Turn::LetIn));
        }
        assert_eq!((people.seen(), people.let_in), (2, 2));
        assert!(people.concern(3, person(1)) && !people.concern(3, person(1)) && people.concern(4, person(1)));
    }
}
