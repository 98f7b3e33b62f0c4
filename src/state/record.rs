//! Sessions, their names, log-ins that were bound and revocations as bytes: what the embedded and
//! the shared store keep, one form for both.
//!
//! Fields of fixed width in network order, then the subject. The first byte is the version; what does not read to its
//! last byte is no record. Accounts and log-ins are written as their words' numbers, which [`Account::ALL`] and
//! [`Login::ALL`] fix: new words go to their ends.

use super::ledger::{Birth, LoginId, Start};
use super::seal::Seal;
use crate::identity::flow::FlowStamp;
use crate::identity::{Account, Facts, Level, Login, SessionName};

const VERSION: u8 = 1;
/// Of a session, since it says on what value it was bound.
const SESSION_VERSION: u8 = 2;

/// A session as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub birth: Birth,
    /// What the log calls it.
    pub called: SessionName,
    pub seen_s: i64,
}

/// One name of a session: an alias points at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub session: SessionId,
    pub exact: [u8; 16],
    pub until_s: i64,
}

/// The number of a session within one store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Until when what a name stands for counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Unix seconds: what is not younger counts no more.
    pub before_s: i64,
    /// Unix seconds: how long this is kept.
    pub until_s: i64,
}

/// A kind and a keyed hash: whom a revocation names.
pub type RevokedName = [u8; 9];

impl Session {
    pub fn close(&self, seal: &Seal, id: SessionId) -> Option<Vec<u8>> {
        let b = &self.birth;
        let subject = b.facts.subject.as_ref().map(|s| s.name().as_bytes());
        let mut out = Vec::with_capacity(64);
        out.extend([
            SESSION_VERSION,
            place_of(Account::ALL, b.facts.account)?,
            place_of(Login::ALL, b.facts.login)?,
            b.facts.level.number(),
            u8::from(subject.is_some()),
            place_of(Start::ALL, b.start)?,
        ]);
        out.extend(b.flow.0.to_be_bytes());
        out.extend(self.called.0.to_be_bytes());
        for time in [b.idle_s, b.lifetime_s, b.at_s, self.seen_s] {
            out.extend(time.to_be_bytes());
        }
        out.extend_from_slice(subject.unwrap_or_default());
        seal.close(&place(b"session", &id.0.to_be_bytes()), &out)
    }

    pub fn open(seal: &Seal, id: SessionId, sealed: &[u8]) -> Option<Self> {
        let bytes = seal.open(&place(b"session", &id.0.to_be_bytes()), sealed)?;
        let mut rest = Reader(&bytes);
        let [version, account, login, level, has_subject] = rest.array()?;
        let start = match version {
            // Written before this was told apart.
            VERSION => Start::Kept,
            SESSION_VERSION => {
                let [start] = rest.array()?;
                *Start::ALL.get(usize::from(start))?
            }
            _ => return None,
        };
        let flow = FlowStamp(u64::from_be_bytes(rest.array()?));
        let called = SessionName(u64::from_be_bytes(rest.array()?));
        let mut time = || rest.array().map(i64::from_be_bytes);
        let (idle_s, lifetime_s, at_s, seen_s) = (time()?, time()?, time()?, time()?);
        let subject = std::str::from_utf8(rest.0).ok()?;
        let facts = Facts {
            account: *Account::ALL.get(usize::from(account))?,
            login: *Login::ALL.get(usize::from(login))?,
            level: Level::new(level)?,
            subject: (has_subject == 1).then(|| subject.into()),
        };
        Some(Session { birth: Birth { facts, flow, start, idle_s, lifetime_s, at_s }, called, seen_s })
    }
}

impl Name {
    pub fn close(&self, seal: &Seal, alias: &[u8; 16]) -> Option<Vec<u8>> {
        let mut out = vec![VERSION];
        out.extend(self.session.0.to_be_bytes());
        out.extend(self.exact);
        out.extend(self.until_s.to_be_bytes());
        seal.close(&place(b"name", alias), &out)
    }

    pub fn open(seal: &Seal, alias: &[u8; 16], sealed: &[u8]) -> Option<Self> {
        let bytes = seal.open(&place(b"name", alias), sealed)?;
        let mut rest = Reader(&bytes);
        let [VERSION] = rest.array()? else { return None };
        let session = SessionId(u64::from_be_bytes(rest.array()?));
        let exact = rest.array()?;
        let until_s = i64::from_be_bytes(rest.array()?);
        rest.0.is_empty().then_some(Name { session, exact, until_s })
    }
}

impl Revocation {
    /// Whether what exists since then (Unix seconds) counts no more.
    pub fn covers(self, since_s: i64) -> bool {
        since_s <= self.before_s
    }

    /// Of two under one name.
    pub fn furthest(self, other: Self) -> Self {
        Revocation { before_s: self.before_s.max(other.before_s), until_s: self.until_s.max(other.until_s) }
    }

    pub fn close(&self, seal: &Seal, name: &RevokedName) -> Option<Vec<u8>> {
        let mut out = vec![VERSION];
        out.extend(self.before_s.to_be_bytes());
        out.extend(self.until_s.to_be_bytes());
        seal.close(&place(b"revoked", name), &out)
    }

    pub fn open(seal: &Seal, name: &RevokedName, sealed: &[u8]) -> Option<Self> {
        let bytes = seal.open(&place(b"revoked", name), sealed)?;
        let mut rest = Reader(&bytes);
        let [VERSION] = rest.array()? else { return None };
        let before_s = i64::from_be_bytes(rest.array()?);
        let until_s = i64::from_be_bytes(rest.array()?);
        rest.0.is_empty().then_some(Revocation { before_s, until_s })
    }
}

/// Until when (Unix seconds) a log-in that was bound is remembered.
pub fn close_used(seal: &Seal, id: &LoginId, until_s: i64) -> Option<Vec<u8>> {
    let out = [&[VERSION][..], &until_s.to_be_bytes()].concat();
    seal.close(&place(b"used", id), &out)
}

pub fn open_used(seal: &Seal, id: &LoginId, sealed: &[u8]) -> Option<i64> {
    let bytes = seal.open(&place(b"used", id), sealed)?;
    let mut rest = Reader(&bytes);
    let [VERSION] = rest.array()? else { return None };
    let until_s = i64::from_be_bytes(rest.array()?);
    rest.0.is_empty().then_some(until_s)
}

fn place(kind: &[u8], key: &[u8]) -> Vec<u8> {
    [kind, b"\0", key].concat()
}

fn place_of<T: PartialEq>(all: &[T], one: T) -> Option<u8> {
    all.iter().position(|w| *w == one).and_then(|at| u8::try_from(at).ok())
}

/// Takes fields off the front.
struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let seal = Seal::new(&[7; 32]).unwrap();
        for subject in [None, Some(""), Some("079203001234"), Some("Nguyễn Thị Ví Dụ")] {
            let facts = Facts {
                account: Account::Organization,
                login: Login::NationalPortal,
                level: Level::MAX,
                subject: subject.map(Into::into),
            };
            let birth = Birth {
                facts,
                flow: FlowStamp(u64::MAX),
                start: Start::Rotated,
                idle_s: 1_800,
                lifetime_s: 43_200,
                at_s: 1,
            };
            let session = Session { birth, called: SessionName(9), seen_s: 2 };
            let closed = session.close(&seal, SessionId(3)).unwrap();
            assert_eq!(Session::open(&seal, SessionId(3), &closed), Some(session));
            assert_eq!(Session::open(&seal, SessionId(4), &closed), None, "not in another session's place");
        }
        let name = Name { session: SessionId(3), exact: [9; 16], until_s: i64::MAX };
        let closed = name.close(&seal, &[1; 16]).unwrap();
        assert_eq!(Name::open(&seal, &[1; 16], &closed), Some(name));
        assert_eq!(Name::open(&seal, &[2; 16], &closed), None, "not under another alias");
        assert_eq!(open_used(&seal, &[1; 16], &closed), None, "not as another kind");
        let revocation = Revocation { before_s: i64::MAX, until_s: 7 };
        let closed = revocation.close(&seal, &[1; 9]).unwrap();
        assert_eq!(Revocation::open(&seal, &[1; 9], &closed), Some(revocation));
        assert_eq!(Revocation::open(&seal, &[2; 9], &closed), None, "nobody else is taken away by it");
        let closed = close_used(&seal, &[1; 16], 5).unwrap();
        assert_eq!(open_used(&seal, &[1; 16], &closed), Some(5));
        assert_eq!(open_used(&seal, &[2; 16], &closed), None, "no other log-in is used up by it");
    }

    #[test]
    fn words_keep_their_numbers() {
        let accounts = ["citizen", "organization", "official", "service", "anonymous", "unknown"];
        let logins = ["vneid", "national-portal", "password", "client-credentials", "none", "unknown"];
        assert_eq!((Account::WORDS, Login::WORDS), (&accounts[..], &logins[..]), "add to the ends, or raise VERSION");
        assert_eq!(Start::WORDS, ["clean", "rotated", "kept"], "the same");
    }
}
