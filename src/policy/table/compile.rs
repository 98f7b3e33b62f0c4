//! From a list of rules to the compiled table.
//!
//! Kinds of principals are sorted into columns by the conditions that tell them apart; for each row and column the
//! rules that may hold are lined up in order, up to the first that surely does, and cut at every moment at which one of
//! them starts or ends.

use super::{
    BYTES_MAX, CASES_MAX, CellPart, DecisionTable, LIST, LIST_MAX, ListEntry, Networks, NetworksId, RuleId, Slot,
    TIMELINE, TimelineStep,
};
use crate::identity::Principal;
use crate::policy::rule::{Condition, Finite};
use crate::policy::{Route, Rule, class};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// Why a policy cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// Bytes that the table would need at least.
    Memory(usize),
    /// So many rules would be tried one after the other on this route.
    List {
        /// Its name.
        route: String,
        /// How many.
        rules: usize,
    },
    /// So many cases would have to be looked at to prove what holds on this route.
    Cases {
        /// Its name.
        route: String,
        /// How many.
        cases: usize,
    },
    /// More different lists of networks than can be numbered.
    Networks,
}

/// Rules in order with the default last.
pub fn compile(routes: &[Route], rules: &[Rule], credentials: usize) -> Result<DecisionTable, TooLarge> {
    let columns = Columns::of(rules, credentials);
    let mut maker = Maker { rules, table: DecisionTable::default(), lists: HashMap::new(), lines: HashMap::new() };
    let conditions = rules.iter().flat_map(|rule| std::iter::once(&rule.when).chain(&rule.unless));
    let networks = maker.number_networks(conditions)?;
    maker.table.width = columns.principals.len();
    let distinct: HashSet<&[RuleId]> = routes.iter().map(|r| r.rules.as_slice()).collect();
    let least = distinct.len().saturating_mul(maker.table.width).saturating_mul(size_of::<Slot>());
    if least > BYTES_MAX {
        return Err(TooLarge::Memory(least));
    }
    let fitting = columns.fitting(rules);
    let mut rows: HashMap<&[RuleId], u16> = HashMap::new();
    for route in routes {
        let next = u16::try_from(rows.len()).unwrap_or(u16::MAX);
        let row = *rows.entry(&route.rules).or_insert(next);
        maker.table.rows.push(row);
        if row == next {
            let mine = Bits::of(route.rules.iter().map(|id| usize::from(id.0)), rules.len());
            for (principal, fits) in columns.principals.iter().zip(&fitting) {
                let line = maker.line(mine.both(fits), principal, &networks);
                let slot = maker.slot(line, &route.name)?;
                maker.table.slots.push(slot);
            }
            maker.still_fits()?;
        }
    }
    maker.table.columns = columns.of_kind;
    Ok(maker.table)
}

/// Kinds of principals that no condition of the policy tells apart.
struct Columns {
    of_kind: Vec<u16>,
    /// One principal for each column.
    principals: Vec<Principal>,
}

impl Columns {
    fn of(rules: &[Rule], credentials: usize) -> Self {
        let kinds = class::all(credentials);
        let mut conditions: Vec<Finite> =
            rules.iter().flat_map(|r| std::iter::once(&r.when).chain(&r.unless)).map(|c| c.finite).collect();
        conditions.sort_unstable();
        conditions.dedup();
        let (mut of_kind, mut count) = (vec![0_u16; kinds.len()], 1_u16);
        for condition in conditions {
            // Each column falls into those who fit and those who do not; the first to be seen keeps the number.
            let mut halves: Vec<[Option<u16>; 2]> = vec![[None; 2]; usize::from(count)];
            for (kind, column) in kinds.iter().zip(&mut of_kind) {
                let Some(half) = halves.get_mut(usize::from(*column)) else { continue };
                let [out, fits] = half;
                let (mine, other) = if condition.fits(kind) { (fits, out) } else { (out, fits) };
                *column = *mine.get_or_insert_with(|| match other {
                    None => *column,
                    Some(_) => {
                        count += 1;
                        count - 1
                    }
                });
            }
        }
        let mut principals: Vec<Option<Principal>> = vec![None; usize::from(count)];
        for (kind, column) in kinds.into_iter().zip(&of_kind) {
            if let Some(place) = principals.get_mut(usize::from(*column)) {
                place.get_or_insert(kind);
            }
        }
        Columns { of_kind, principals: principals.into_iter().flatten().collect() }
    }

    /// For each column the rules that may hold there, if the client and the moment are right.
    fn fitting(&self, rules: &[Rule]) -> Vec<Bits> {
        let may = |rule: &Rule, principal: &Principal| {
            let unless = rule.unless.as_ref();
            let excluded = unless.is_some_and(|u| u.client.is_empty() && u.finite.fits(principal));
            rule.when.finite.fits(principal) && !excluded
        };
        let numbers = |p| rules.iter().enumerate().filter(move |(_, r)| may(r, p)).map(|(n, _)| n);
        self.principals.iter().map(|p| Bits::of(numbers(p), rules.len())).collect()
    }
}

/// A set of rules.
struct Bits(Vec<u64>);

impl Bits {
    fn of(numbers: impl Iterator<Item = usize>, count: usize) -> Self {
        let mut words = vec![0; count.div_ceil(64)];
        for n in numbers {
            if let Some(word) = words.get_mut(n / 64) {
                *word |= 1 << (n % 64);
            }
        }
        Bits(words)
    }

    /// The numbers that are in both, in order.
    fn both<'b>(&'b self, other: &'b Bits) -> impl Iterator<Item = usize> + 'b {
        self.0.iter().zip(&other.0).enumerate().flat_map(|(place, (a, b))| {
            let mut word = a & b;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.checked_sub(1)?;
                Some(place * 64 + bit as usize)
            })
        })
    }
}

/// The table as far as it is made, and what in it can be used again.
struct Maker<'r> {
    rules: &'r [Rule],
    table: DecisionTable,
    lists: HashMap<Vec<ListEntry>, Slot>,
    lines: HashMap<Vec<ListEntry>, Slot>,
}

impl Maker<'_> {
    fn number_networks<'c>(
        &mut self,
        conditions: impl Iterator<Item = &'c Condition>,
    ) -> Result<HashMap<&'c [ipnet::IpNet], NetworksId>, TooLarge> {
        let mut ids = HashMap::new();
        for condition in conditions.filter(|c| !c.client.is_empty()) {
            if !ids.contains_key(condition.client.as_slice()) {
                let id = u16::try_from(self.table.networks.len()).map_err(|_| TooLarge::Networks)?;
                self.table.networks.push(Networks::new(&condition.client));
                ids.insert(condition.client.as_slice(), NetworksId(id));
            }
        }
        self.table.network_bytes = self.table.networks.iter().map(Networks::bytes).sum();
        Ok(ids)
    }

    /// The rules that may hold, in order, up to the first that surely does; at the end the default.
    fn line(
        &self,
        fitting: impl Iterator<Item = usize>,
        principal: &Principal,
        networks: &HashMap<&[ipnet::IpNet], NetworksId>,
    ) -> Vec<ListEntry> {
        let default = self.rules.len().saturating_sub(1);
        let mut line = Vec::new();
        for number in fitting.chain([default]) {
            let (Some(rule), Ok(id)) = (self.rules.get(number), u16::try_from(number)) else { continue };
            let unless = rule.unless.as_ref().filter(|u| u.finite.fits(principal));
            let entry = ListEntry {
                rule: RuleId(id),
                share: rule.share,
                within: networks.get(rule.when.client.as_slice()).copied(),
                outside: unless.and_then(|u| networks.get(u.client.as_slice())).copied(),
            };
            line.push(entry);
            if entry.ends() && rule.from.is_none() && rule.until.is_none() {
                break;
            }
        }
        line
    }

    /// Cuts the line at every moment at which one of its rules starts or ends.
    fn slot(&mut self, line: Vec<ListEntry>, route: &str) -> Result<Slot, TooLarge> {
        if let Some(known) = self.lines.get(&line) {
            return Ok(*known);
        }
        let dates = |e: &ListEntry| self.rules.get(usize::from(e.rule.0)).map(|r| [r.from, r.until]);
        let mut edges: Vec<Timestamp> = line.iter().filter_map(dates).flatten().flatten().collect();
        edges.push(Timestamp::MIN);
        edges.sort_unstable();
        edges.dedup();
        let mut steps: Vec<TimelineStep> = Vec::new();
        for from in edges {
            let slot = self.list(&line, from, route)?;
            if steps.last().is_none_or(|last| last.slot != slot) {
                steps.push(TimelineStep { from, slot });
            }
        }
        let slot = match steps.as_slice() {
            [only] => only.slot,
            _ => {
                let number = u32::try_from(self.table.timelines.len()).unwrap_or(u32::MAX);
                let piece = append(&mut self.table.steps, &steps);
                self.table.timelines.push(piece);
                self.still_fits()?;
                Slot(TIMELINE | number)
            }
        };
        self.lines.insert(line, slot);
        Ok(slot)
    }

    /// What of the line is in force at a moment, up to the first that surely holds.
    fn list(&mut self, line: &[ListEntry], at: Timestamp, route: &str) -> Result<Slot, TooLarge> {
        let in_force = |e: &&ListEntry| self.rules.get(usize::from(e.rule.0)).is_some_and(|r| r.in_force(at));
        let mut list = Vec::new();
        for entry in line.iter().filter(in_force) {
            list.push(*entry);
            if entry.ends() {
                break;
            }
        }
        if let [only] = list.as_slice() {
            return Ok(Slot(u32::from(only.rule.0)));
        }
        if list.len() > LIST_MAX {
            return Err(TooLarge::List { route: route.to_owned(), rules: list.len() });
        }
        if let Some(known) = self.lists.get(&list) {
            return Ok(*known);
        }
        let shares: HashSet<u8> = list.iter().map(|entry| entry.share).collect();
        let cases = list.len() * shares.len() * (1 + self.table.edges(&list).count());
        if cases > CASES_MAX {
            return Err(TooLarge::Cases { route: route.to_owned(), cases });
        }
        let slot = Slot(LIST | u32::try_from(self.table.lists.len()).unwrap_or(u32::MAX));
        let piece = append(&mut self.table.entries, &list);
        self.table.lists.push(piece);
        self.lists.insert(list, slot);
        Ok(slot)
    }

    fn still_fits(&self) -> Result<(), TooLarge> {
        let bytes = self.table.bytes();
        if bytes > BYTES_MAX { Err(TooLarge::Memory(bytes)) } else { Ok(()) }
    }
}

fn append<T: Copy>(pool: &mut Vec<T>, more: &[T]) -> CellPart {
    let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let piece = CellPart { start: place(pool.len()), len: place(more.len()) };
    pool.extend_from_slice(more);
    piece
}
