//! Everything that a policy can decide, cell by cell: what proofs, reports and series are made from.
//!
//! Principals are kinds, time falls into steps, and of the clients of a cell only those at which its outcome may change
//! need to be asked; so the enumeration is complete, and it ends.

use super::table::TableCell;
use super::{Bucket, Policy, Query, RouteId, Verdict, class};
use crate::identity::Principal;
use jiff::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of documentation (RFC 5737), in hardly anybody's network.
pub const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Before the first network of each kind there is room too.
pub(super) const LOWEST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

/// Routes that share their rules.
#[derive(Clone, Debug)]
pub struct Group {
    pub(super) row: usize,
    /// In the order of the policy; never empty.
    pub routes: Vec<RouteId>,
}

/// One verdict that can come about, and for whom, from when until when, from where and in which bucket it comes.
#[derive(Clone, Copy, Debug)]
pub struct PossibleVerdict<'w> {
    /// For whom.
    pub principal: &'w Principal,
    /// `None`: since ever.
    pub from: Option<Timestamp>,
    /// `None`: for ever.
    pub until: Option<Timestamp>,
    /// From where.
    pub client: IpAddr,
    /// In which part of the people.
    pub bucket: Bucket,
    /// What holds there and then.
    pub verdict: Verdict,
    /// What would hold if observed rules were enforced; `None` when none has a say.
    pub observed: Option<Verdict>,
}

impl PossibleVerdict<'_> {
    /// Whether any moment of from <= t < until lies in it.
    pub fn overlaps(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        let starts_before = |start: Option<Timestamp>, end: Option<Timestamp>| match (start, end) {
            (Some(start), Some(end)) => start < end,
            _ => true,
        };
        starts_before(self.from, until) && starts_before(from, self.until)
    }
}

impl Policy {
    /// All routes, put together where they are decided alike.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = (0..self.table().rows()).map(|row| Group { row, routes: Vec::new() }).collect();
        for (id, _) in self.routes() {
            if let Some(group) = self.table().row(id).and_then(|row| groups.get_mut(row)) {
                group.routes.push(id);
            }
        }
        groups.retain(|g| !g.routes.is_empty());
        groups
    }

    /// Calls `found` for everything that can be decided for a principal on the routes of a group, as if the gate were
    /// not observing. `clients` are addresses to ask about beside those that the rules name.
    pub fn enumerate<'w>(
        &self,
        group: &Group,
        principal: &'w Principal,
        clients: &[IpAddr],
        mut found: impl FnMut(PossibleVerdict<'w>),
    ) {
        let Some(route) = group.routes.first() else { return };
        let mut cells = self.table().cells(group.row, class::number(principal)).peekable();
        while let Some((start, cell)) = cells.next() {
            let from = (start > Timestamp::MIN).then_some(start);
            let until = cells.peek().map(|(next, _)| *next);
            let (more, buckets) = match cell {
                TableCell::Rule(_) => (Vec::new(), vec![Bucket::FIRST]),
                TableCell::List(list) => {
                    let buckets = Bucket::distinct(list.iter().map(|entry| entry.share));
                    (self.table().edges(list).chain(LOWEST).collect(), buckets)
                }
            };
            for client in more.iter().chain(clients).chain([&SOMEWHERE]) {
                for bucket in &buckets {
                    let query = Query { route: *route, client: *client, at: start };
                    let (verdict, observed) = self.judge(&query, (0, principal), bucket);
                    found(PossibleVerdict {
                        principal,
                        from,
                        until,
                        client: *client,
                        bucket: *bucket,
                        verdict,
                        observed,
                    });
                }
            }
        }
    }
}
