//! Draws a person's lot for rules with `percent`: by subject, else by session, else by the client's address.
//!
//! Where the audit line has a pseudonym, the lot is that of the pseudonym: a replay of the log draws the same.

use crate::identity::{Presented, Principal};
use crate::policy::{Lot, Lots};
use crate::state::keyed::Keyed;
use std::net::IpAddr;

/// What names the people behind one request.
pub struct Drawn<'r> {
    pub presented: &'r [Presented],
    pub keyed: &'r Keyed,
    pub client: IpAddr,
}

impl Lots for Drawn<'_> {
    fn of(&self, nth: usize, principal: &Principal) -> Lot {
        if let Some(subject) = principal.subject() {
            return Lot::drawn(subject.pseudonym(|name| self.keyed.person(name)).0);
        }
        let shown = self.presented.get(nth);
        if let Some(name) = shown.and_then(Presented::session_name) {
            return Lot::drawn(name.0);
        }
        match shown.and_then(|shown| shown.session) {
            Some(session) => Lot::drawn(session.alias.iter().take(8).fold(0, |bits, b| bits << 8 | u64::from(*b))),
            None => Lot::drawn(self.keyed.person(&self.client.to_string()).0),
        }
    }
}
