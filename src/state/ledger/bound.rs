//! A session as it stands in memory. There may be a million: seconds are kept in 32 bits (good until 2106), and that it
//! has ended is a time of last use that no clock gives.

use super::{Birth, Start, TOUCH_S, Terms};
use crate::identity::Born;
use crate::identity::SessionFound;
use crate::identity::flow::FlowStamp;
use crate::identity::{Authenticated, Facts, Identifiers, SessionKey, SessionName};
use crate::state::record::{self, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// In `seen_s`: over, whatever is asked later. The greatest number, so that no later use wins over it.
const ENDED: u32 = u32::MAX;
/// In `until_s`: no end of its own.
pub(super) const FOR_GOOD: u32 = u32::MAX;

/// A session with its facts. It may have several names for a while.
#[derive(Debug)]
pub struct Bound {
    pub id: SessionId,
    pub facts: Facts,
    pub flow: FlowStamp,
    pub start: Start,
    called: SessionName,
    born_s: u32,
    idle_s: u32,
    lifetime_s: u32,
    seen_s: AtomicU32,
}

impl Bound {
    pub fn new(id: SessionId, session: record::Session) -> Self {
        let record::Session { birth, called, seen_s } = session;
        Bound {
            id,
            facts: birth.facts,
            flow: birth.flow,
            start: birth.start,
            called,
            born_s: short(birth.at_s),
            idle_s: short(birth.idle_s),
            lifetime_s: short(birth.lifetime_s),
            seen_s: AtomicU32::new(short(seen_s)),
        }
    }

    /// What is written down of it; `None` once it has ended.
    pub fn record(&self) -> Option<record::Session> {
        let seen_s = self.seen_s.load(Ordering::Relaxed);
        let birth = Birth {
            facts: self.facts.clone(),
            flow: self.flow,
            start: self.start,
            idle_s: self.idle_s.into(),
            lifetime_s: self.lifetime_s.into(),
            at_s: self.born_s.into(),
        };
        (seen_s != ENDED).then(|| record::Session { birth, called: self.called, seen_s: seen_s.into() })
    }

    pub fn end(&self) {
        self.seen_s.store(ENDED, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.seen_s.load(Ordering::Relaxed) == ENDED
    }

    pub fn touch(&self, now_s: i64) {
        self.seen_s.fetch_max(short(now_s), Ordering::Relaxed);
    }

    /// Notes a use; `true` when it is time to write it down.
    pub fn touch_is_due(&self, now_s: i64) -> bool {
        let before_s = i64::from(self.seen_s.fetch_max(short(now_s), Ordering::Relaxed));
        now_s.div_euclid(self.touch_s()) > before_s.div_euclid(self.touch_s())
    }

    /// How far apart uses are that are written down.
    pub fn touch_s(&self) -> i64 {
        (i64::from(self.idle_s) / 10).clamp(1, TOUCH_S)
    }

    fn born(&self) -> Born {
        Born::InLogIn { flow: self.flow, start: self.start, at_s: self.born_s.into() }
    }

    pub fn seen_s(&self) -> i64 {
        self.seen_s.load(Ordering::Relaxed).into()
    }

    pub fn lifetime_s(&self) -> i64 {
        self.lifetime_s.into()
    }

    /// By the terms in force, or by those of its birth.
    pub fn alive(&self, terms: Option<Terms<'_>>, now_s: i64) -> bool {
        let seen_s = self.seen_s.load(Ordering::Relaxed);
        let own = (i64::from(self.idle_s), i64::from(self.lifetime_s));
        let (idle_s, lifetime_s) = terms.map_or(own, |t| (t.idle_s, t.lifetime_s));
        seen_s != ENDED
            && now_s.saturating_sub(seen_s.into()) < idle_s
            && now_s.saturating_sub(self.born_s.into()) < lifetime_s
    }
}

/// One name of a session.
#[derive(Clone, Debug)]
pub struct Name {
    pub bound: Arc<Bound>,
    /// The bytes that were bound, as a keyed hash.
    pub exact: [u8; 16],
    pub until_s: u32,
}

impl Name {
    pub fn alive(&self, terms: Option<Terms<'_>>, now_s: i64) -> bool {
        (self.until_s == FOR_GOOD || now_s < i64::from(self.until_s)) && self.bound.alive(terms, now_s)
    }

    /// What this name says of a session value, but for its use being noted.
    pub fn judge(&self, key: SessionKey, terms: Terms<'_>, now_s: i64) -> SessionFound {
        if !self.alive(Some(terms), now_s) {
            SessionFound::Unknown
        } else if self.exact != key.exact {
            SessionFound::OtherSpelling
        } else if !terms.flows.contains(&self.bound.flow) {
            SessionFound::Unknown
        } else {
            let identifiers = Identifiers::of_session(self.bound.called, self.bound.born_s.into());
            let born = self.bound.born();
            SessionFound::Bound(Authenticated { facts: self.bound.facts.clone(), identifiers, born: Some(born) })
        }
    }

    pub fn record(&self) -> record::Name {
        let until_s = if self.until_s == FOR_GOOD { i64::MAX } else { self.until_s.into() };
        record::Name { session: self.bound.id, exact: self.exact, until_s }
    }
}

/// Seconds since 1970, or of a span, in 32 bits. What is before counts as 0, what is beyond as the last second that is
/// not [`ENDED`].
pub(super) fn short(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(ENDED - 1).min(ENDED - 1)
}

/// The same for the end of a name.
pub(super) fn until(until_s: i64) -> u32 {
    if until_s == i64::MAX { FOR_GOOD } else { short(until_s) }
}
