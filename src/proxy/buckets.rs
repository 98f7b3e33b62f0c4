//! The bucket of a person for rules with `percent`: by subject, else by session, else by the client's address.
//!
//! Where the audit line has a pseudonym, the bucket is that of the pseudonym: a replay of the log comes to the same.

use crate::identity::{Presented, Principal};
use crate::policy::{Bucket, Buckets};
use crate::state::keyed::Keyed;
use std::net::IpAddr;

/// What names the people behind one request.
pub struct PseudonymBuckets<'r> {
    pub presented: &'r [Presented],
    pub keyed: &'r Keyed,
    pub client: IpAddr,
}

impl Buckets for PseudonymBuckets<'_> {
    fn of(&self, nth: usize, principal: &Principal) -> Bucket {
        if let Some(subject) = principal.subject() {
            return Bucket::from_bits(subject.pseudonym(|name| self.keyed.person(name)).0);
        }
        let shown = self.presented.get(nth);
        if let Some(name) = shown.and_then(Presented::session_name) {
            return Bucket::from_bits(name.0);
        }
        match shown.and_then(|shown| shown.session) {
            Some(session) => {
                Bucket::from_bits(session.alias.iter().take(8).fold(0, |bits, b| bits << 8 | u64::from(*b)))
            }
            None => Bucket::from_bits(self.keyed.person(&self.client.to_string()).0),
        }
    }
}
