//! What the embedded store promises to the next process, and what it does when it cannot keep it.

mod revoked;

use super::embedded::Embedded;
use super::journal::{Change, Disk, DiskError, Journal};
use super::*;
use crate::identity::SessionFound;
use crate::identity::flow::FlowStamp;
use crate::identity::{Account, Facts, Level, Login, SessionKey};
use crate::state::keyed::Keyed;
use crate::state::ledger::{BEGUN_S, Birth, Local, Outcome, Proof, Start, StoreLost, Terms};
use prometheus::HistogramOpts;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const SECRET: &[u8] = b"a synthetic secret of thirty-two b";
const SUBJECT: &str = "079203001234";
const FLOWS: [FlowStamp; 1] = [FlowStamp(7)];
const TERMS: Terms<'static> = Terms { idle_s: 600, lifetime_s: 6_000, flows: &FLOWS };

fn meters() -> Meters {
    Meters {
        evicted: IntCounter::new("evicted", "evicted").unwrap(),
        errors: IntCounter::new("errors", "errors").unwrap(),
        seconds: Histogram::with_opts(HistogramOpts::new("seconds", "seconds")).unwrap(),
    }
}

fn key(name: &str) -> SessionKey {
    Keyed::new(SECRET).session("portal", "cookie", name.as_bytes())
}

fn birth(at_s: i64) -> Birth {
    let facts =
        Facts { account: Account::Citizen, login: Login::Vneid, level: Level::MAX, subject: Some(SUBJECT.into()) };
    Birth { facts, flow: FlowStamp(7), start: Start::Clean, idle_s: 600, lifetime_s: 6_000, at_s }
}

fn open(folder: &Path, now_s: i64) -> Local {
    open_under(folder, SECRET, 1_000, now_s).unwrap()
}

fn open_under(folder: &Path, secret: &[u8], capacity: usize, now_s: i64) -> Result<Local, StoreError> {
    let (disk, loaded) = Embedded::open(folder, &Keyed::new(secret))?;
    let journal = Arc::new(Journal::new(disk, meters()).unwrap());
    Ok(Local::new(capacity, meters().evicted).with_journal(loaded, journal, now_s))
}

#[track_caller]
fn expect_bound(ledger: &Local, name: &str, now_s: i64) {
    match ledger.look_up(key(name), TERMS, now_s) {
        SessionFound::Bound(accepted) => assert_eq!(accepted.facts, birth(0).facts),
        other => panic!("`{name}`: {other:?}"),
    }
}

#[track_caller]
fn expect_unknown(ledger: &Local, name: &str, now_s: i64) {
    let found = ledger.look_up(key(name), TERMS, now_s);
    assert!(matches!(found, SessionFound::Unknown), "`{name}`: {found:?}");
}

#[tokio::test]
async fn the_next_process_knows_who_was_bound_and_nobody_else() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path(), 0);
    for name in ["stays", "leaves", "renamed", "leaves-by-its-new-name"] {
        ledger.bind(key(name), birth(0), Proof::default()).await.unwrap();
    }
    ledger.forget(key("leaves")).await.unwrap();
    ledger.rename(key("renamed"), key("new"), 1).await.unwrap();
    ledger.rename(key("leaves-by-its-new-name"), key("short-lived"), 1).await.unwrap();
    ledger.forget(key("short-lived")).await.unwrap();
    let used = || Proof { departure: None, login: Some([9; 16]) };
    ledger.bind(key("guest"), birth(1), used()).await.unwrap();
    ledger.forget(key("guest")).await.unwrap();
    drop(ledger);

    let ledger = open(folder.path(), 2);
    for name in ["stays", "renamed", "new"] {
        expect_bound(&ledger, name, 3);
    }
    for name in ["leaves", "leaves-by-its-new-name", "short-lived"] {
        expect_unknown(&ledger, name, 3);
    }
    assert_eq!(ledger.bind(key("guest"), birth(3), used()).await, Ok(Outcome::Replayed));
    ledger.forget(key("new")).await.unwrap();
    expect_unknown(&ledger, "renamed", 4);
    drop(ledger);
    let ledger = open(folder.path(), 5);
    expect_unknown(&ledger, "renamed", 5);
    drop(ledger);
    let ledger = open(folder.path(), 1 + BEGUN_S);
    assert_eq!(ledger.bind(key("guest"), birth(3), used()).await, Ok(Outcome::Bound), "not kept for ever");
}

#[tokio::test]
async fn what_is_over_stays_behind_and_what_is_used_does_not() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path(), 0);
    ledger.bind(key("idle"), birth(0), Proof::default()).await.unwrap();
    ledger.bind(key("used"), birth(0), Proof::default()).await.unwrap();
    expect_bound(&ledger, "used", 500);
    drop(ledger);
    let ledger = open(folder.path(), 700);
    expect_unknown(&ledger, "idle", 700);
    expect_bound(&ledger, "used", 700);
    assert_eq!(ledger.count(), 1);
    drop(ledger);
    let (_, loaded) = Embedded::open(folder.path(), &Keyed::new(SECRET)).unwrap();
    assert_eq!((loaded.sessions.len(), loaded.names.len()), (1, 1), "it is taken out of the file as well");
}

#[tokio::test]
async fn of_more_sessions_than_there_is_room_for_the_youngest_are_known_again() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path(), 0);
    for n in 0..64 {
        ledger.bind(key(&format!("{n}")), birth(n), Proof::default()).await.unwrap();
    }
    drop(ledger);
    let ledger = open_under(folder.path(), SECRET, 16, 64).unwrap();
    assert_eq!(ledger.count(), 16);
    expect_bound(&ledger, "63", 64);
}

#[tokio::test]
async fn the_file_shows_nobody_and_is_for_the_gate_alone() {
    let folder = TempDir::new().unwrap();
    let inside = folder.path().join("state");
    let ledger = open(&inside, 0);
    ledger.bind(key("a"), birth(0), Proof::default()).await.unwrap();
    drop(ledger);
    let file = inside.join("ledger.redb");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inside), mode(&file)), (0o700, 0o600));
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(SUBJECT.len()).any(|w| w == SUBJECT.as_bytes()));
    assert!(!bytes.windows(16).any(|w| w == key("a").exact && w != key("a").alias));
}

#[tokio::test]
async fn a_store_that_cannot_be_believed_is_refused_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.redb");
    let ledger = open(folder.path(), 0);
    let locked = Embedded::open(folder.path(), &Keyed::new(SECRET)).map(drop).unwrap_err();
    assert!(matches!(locked, StoreError::Locked(_)), "{locked}");
    for n in 0..200 {
        ledger.bind(key(&format!("{n}")), birth(0), Proof::default()).await.unwrap();
    }
    drop(ledger);
    let other = b"another secret of more than thirty-two bytes";
    let error = Embedded::open(folder.path(), &Keyed::new(other)).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::OtherSecret(_)), "{error}");

    let whole = fs::read(&file).unwrap();
    let full = (0..whole.len() / 4096).filter(|n| whole[n * 4096..(n + 1) * 4096].iter().any(|b| *b != 0));
    let middle = full.clone().nth(full.count() / 2).unwrap() * 4096;
    let mut flipped = whole.clone();
    flipped[middle..middle + 4096].iter_mut().for_each(|b| *b = !*b);
    for (what, bytes) in [
        ("empty", &b""[..]),
        ("cut in half", &whole[..whole.len() / 2]),
        ("overwritten", b"<html>no space left on device</html>"),
        ("a page flipped", &flipped),
    ] {
        fs::write(&file, bytes).unwrap();
        let error = Embedded::open(folder.path(), &Keyed::new(SECRET)).map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
        assert!(!folder.path().join("ledger.redb.new").exists(), "{what}");
    }
    fs::write(&file, &whole).unwrap();
    let ledger = open(folder.path(), 1);
    (0..200).for_each(|n| expect_bound(&ledger, &format!("{n}"), 1));
}

/// A disk that can be pulled out.
struct Loose {
    out: Arc<AtomicBool>,
    disk: Embedded,
}

impl Disk for Loose {
    fn write(&mut self, changes: &[Change]) -> Result<(), DiskError> {
        if self.out.load(Ordering::Relaxed) {
            return Err(DiskError("no space left on device".into()));
        }
        self.disk.write(changes)
    }
}

#[tokio::test]
async fn without_its_disk_the_ledger_vouches_for_nobody_new_and_recovers_by_itself() {
    let folder = TempDir::new().unwrap();
    let (disk, loaded) = Embedded::open(folder.path(), &Keyed::new(SECRET)).unwrap();
    let out = Arc::new(AtomicBool::new(false));
    let meters = meters();
    let journal = Arc::new(Journal::new(Loose { out: out.clone(), disk }, meters.clone()).unwrap());
    let ledger = Local::new(1_000, meters.evicted.clone()).with_journal(loaded, journal, 0);
    ledger.bind(key("before"), birth(0), Proof::default()).await.unwrap();

    out.store(true, Ordering::Relaxed);
    assert_eq!(ledger.bind(key("during"), birth(0), Proof::default()).await, Err(StoreLost));
    expect_bound(&ledger, "before", 1);
    expect_unknown(&ledger, "during", 1);
    assert_eq!(ledger.depart(key("before")).await.map(drop), Err(StoreLost), "and at once, without another wait");
    expect_bound(&ledger, "before", 1);
    assert_eq!(ledger.trouble().as_deref(), Some("no space left on device"));
    assert!(meters.errors.get() > 0);

    out.store(false, Ordering::Relaxed);
    while ledger.trouble().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    ledger.bind(key("after"), birth(0), Proof::default()).await.unwrap();
    drop(ledger);
    let ledger = open(folder.path(), 2);
    expect_bound(&ledger, "before", 2);
    expect_bound(&ledger, "after", 2);
    expect_unknown(&ledger, "during", 2);
}
