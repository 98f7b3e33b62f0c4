//! The compiled table: the rules that may hold for somebody on a route at a moment, looked up and never searched.
//!
//! ```text
//! kind of principal -> column ┐
//! route             -> row    ┴-> slot -> one rule, a short list of rules, or a timeline of these
//! ```
//!
//! Kinds that no rule tells apart share a column, routes with the same rules a row, equal lists and timelines are kept
//! once. So a decision costs the same with 10 rules and with 10,000. [`compile`] builds the table.

mod compile;
#[cfg(test)]
pub(super) mod tests;

pub use compile::{TooLarge, compile};

use super::networks::Networks;
use super::{RouteId, RuleId};
use jiff::Timestamp;
use std::net::IpAddr;

/// No more memory than this for one policy, in bytes.
pub const BYTES_MAX: usize = 48 << 20;
/// No more rules than this to be tried one after the other in a decision.
pub const LIST_MAX: usize = 256;
/// No more cases than this to be looked at in a proof of one list: rules, edges of networks and shares multiplied.
pub const CASES_MAX: usize = 1 << 18;

/// A rule that still depends on something that is no closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListEntry {
    /// The rule that hits if client and share let it.
    pub rule: RuleId,
    /// Percent of the people for whom it is enforced; it is observed for the others.
    pub share: u8,
    /// The client must be in these networks.
    within: Option<NetworksId>,
    /// The client must not be in these.
    outside: Option<NetworksId>,
}

impl ListEntry {
    /// Whether only clients from the networks of its `when` are meant.
    pub fn asks_within(&self) -> bool {
        self.within.is_some()
    }

    /// Whether clients from the networks of its `unless` are not meant.
    pub fn asks_outside(&self) -> bool {
        self.outside.is_some()
    }

    /// Whether no rule after this one matters.
    fn ends(&self) -> bool {
        self.share >= 100 && self.within.is_none() && self.outside.is_none()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct NetworksId(u16);

/// What may hold somewhere, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableCell<'t> {
    /// This rule, whatever the client.
    Rule(RuleId),
    /// The first of these that admits the client and is enforced. The last always is.
    List(&'t [ListEntry]),
}

/// Packed, since there is one for each row and column: the two highest bits say what the rest is the number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Slot(u32);

const KIND: u32 = 0b11 << 30;
const LIST: u32 = 1 << 30;
const TIMELINE: u32 = 1 << 31;

/// Where a list or a timeline lies in its pool.
#[derive(Clone, Copy, Debug)]
struct CellPart {
    start: u32,
    len: u32,
}

impl CellPart {
    fn of<T>(self, pool: &[T]) -> &[T] {
        let start = self.start as usize;
        pool.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// From a moment on; the first step of a timeline begins before all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TimelineStep {
    from: Timestamp,
    slot: Slot,
}

/// A compiled policy. Immutable.
#[derive(Clone, Debug, Default)]
pub struct DecisionTable {
    /// Kind of principal -> column.
    columns: Vec<u16>,
    width: usize,
    /// Route -> row.
    rows: Vec<u16>,
    /// Row by row, one for each column.
    slots: Vec<Slot>,
    lists: Vec<CellPart>,
    entries: Vec<ListEntry>,
    timelines: Vec<CellPart>,
    steps: Vec<TimelineStep>,
    networks: Vec<Networks>,
    network_bytes: usize,
}

impl DecisionTable {
    /// `None` for a route or a kind of principal that the policy does not have.
    pub fn cell(&self, route: RouteId, kind: usize, at: Timestamp) -> Option<TableCell<'_>> {
        let mut slot = self.slot(self.row(route)?, kind)?;
        if slot.0 & KIND == TIMELINE {
            let steps = self.timeline(slot);
            let passed = steps.partition_point(|step| step.from <= at);
            slot = steps.get(passed.saturating_sub(1))?.slot;
        }
        self.plain(slot)
    }

    /// Every cell of a row for a kind of principal, each with the moment from which it holds; the first holds from the
    /// beginning of time.
    pub fn cells(&self, row: usize, kind: usize) -> impl Iterator<Item = (Timestamp, TableCell<'_>)> {
        let slot = self.slot(row, kind);
        let timed = slot.filter(|s| s.0 & KIND == TIMELINE);
        let always = slot.filter(|_| timed.is_none()).and_then(|s| self.plain(s)).map(|cell| (Timestamp::MIN, cell));
        let steps = timed.map_or(&[][..], |s| self.timeline(s));
        always.into_iter().chain(steps.iter().filter_map(|step| Some((step.from, self.plain(step.slot)?))))
    }

    /// Routes with the same row are decided alike.
    pub fn row(&self, route: RouteId) -> Option<usize> {
        self.rows.get(usize::from(route.0)).map(|row| usize::from(*row))
    }

    /// Number of kinds of routes.
    pub fn rows(&self) -> usize {
        self.slots.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether an entry speaks of that client.
    pub fn admits(&self, entry: &ListEntry, client: IpAddr) -> bool {
        let is_in = |id: NetworksId| self.networks.get(usize::from(id.0)).is_some_and(|n| n.contains(client));
        entry.within.is_none_or(is_in) && !entry.outside.is_some_and(is_in)
    }

    /// Addresses at which the outcome of a list may change.
    pub fn edges<'t>(&'t self, list: &'t [ListEntry]) -> impl Iterator<Item = IpAddr> + 't {
        let sets = list.iter().flat_map(|e| [e.within, e.outside]).flatten();
        sets.filter_map(|id| self.networks.get(usize::from(id.0))).flat_map(Networks::edges)
    }

    /// Memory in bytes: 4 for each row and column, 24 for each step of a timeline, 8 for each rule
    /// in a list, 8 for each list and timeline, 2 for each route and kind of principal, and the
    /// networks.
    pub fn bytes(&self) -> usize {
        size_of_val(self.slots.as_slice())
            + size_of_val(self.steps.as_slice())
            + size_of_val(self.entries.as_slice())
            + size_of_val(self.lists.as_slice())
            + size_of_val(self.timelines.as_slice())
            + size_of_val(self.rows.as_slice())
            + size_of_val(self.columns.as_slice())
            + self.network_bytes
    }

    fn slot(&self, row: usize, kind: usize) -> Option<Slot> {
        let column = usize::from(*self.columns.get(kind)?);
        self.slots.get(row * self.width + column).copied()
    }

    fn timeline(&self, slot: Slot) -> &[TimelineStep] {
        self.timelines.get((slot.0 & !KIND) as usize).map_or(&[], |piece| piece.of(&self.steps))
    }

    /// `None` for a timeline: one does not lead to another.
    fn plain(&self, slot: Slot) -> Option<TableCell<'_>> {
        let number = slot.0 & !KIND;
        match slot.0 & KIND {
            0 => u16::try_from(number).ok().map(|n| TableCell::Rule(RuleId(n))),
            LIST => self.lists.get(number as usize).map(|piece| TableCell::List(piece.of(&self.entries))),
            _ => None,
        }
    }
}
