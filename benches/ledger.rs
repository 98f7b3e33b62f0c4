//! The ledger with a million sessions: memory, time to find one, time to write one down, time to start.
//!
//! Memory is what the allocator was asked for and has not got back.
//! Look-ups walk through all sessions in an order that no cache guesses.
//! A log-in is a log-out and a bind, each waited for until it is on the disk; several at a time
//! share a commit.
//! Disk figures are those of the folder for temporary files, or of the one named in
//! `LEDGER_BENCH_DIR`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench stops at the first surprise, and prints"
)]

use allocation_counter::measure;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use vneid_gate::identity::SessionFound;
use vneid_gate::identity::flow::FlowStamp;
use vneid_gate::identity::{Account, Facts, Level, Login, SessionKey};
use vneid_gate::state::keyed::Keyed;
use vneid_gate::state::ledger::{Birth, Local, Proof, Start, Terms};
use vneid_gate::state::store::embedded::Embedded;
use vneid_gate::state::store::journal::Journal;
use vneid_gate::telemetry::Telemetry;

const SESSIONS: usize = 1_000_000;
const LOG_INS: usize = 400;
const FLOWS: [FlowStamp; 1] = [FlowStamp(7)];
const TERMS: Terms<'static> = Terms { idle_s: 1_800, lifetime_s: 43_200, flows: &FLOWS };

fn main() {
    let keyed = Keyed::new(b"a synthetic secret of thirty-two b");
    let keys: Vec<SessionKey> =
        (0..SESSIONS).map(|n| keyed.session("portal", "cookie", format!("{n:016x}").as_bytes())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    for (what, subject) in [("without a subject", None), ("with a subject of 12 digits", Some("079203001234"))] {
        let ledger = Local::new(SESSIONS + SESSIONS / 8, meters().evicted);
        let bind_all = async {
            for key in &keys {
                ledger.bind(*key, birth(subject), Proof::default()).await.unwrap();
            }
        };
        let each = measure(|| runtime.block_on(bind_all)).bytes_current as f64 / SESSIONS as f64;
        println!("{:<64} {each:>9.1} bytes", format!("memory, a session {what}"));
        look_ups(&format!("look-up among 1,000,000 in memory, {what}"), &ledger, &keys);
    }

    let parent = std::env::var_os("LEDGER_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let ledger = Arc::new(open(folder.path(), &keyed));
    let began = Instant::now();
    runtime.block_on(fill(&ledger, &keys));
    println!("{:<64} {:>9.1} s", "binding 1,000,000, 2,000 at a time, all on the disk", began.elapsed().as_secs_f64());
    look_ups("look-up among 1,000,000 with the embedded store", &ledger, &keys);
    for at_once in [1, 16] {
        log_ins(&runtime, &ledger, &keys, at_once);
    }
    drop(ledger);
    let size = std::fs::metadata(folder.path().join("ledger.redb")).unwrap().len();
    println!("{:<64} {:>9.1} bytes", "on the disk, a session", size as f64 / SESSIONS as f64);
    let began = Instant::now();
    let ledger = open(folder.path(), &keyed);
    println!("{:<64} {:>9.2} s", "start with 1,000,000 sessions", began.elapsed().as_secs_f64());
    assert_eq!(ledger.count(), SESSIONS);
    look_ups("look-up after the start", &ledger, &keys);
}

fn meters() -> vneid_gate::state::store::Meters {
    Telemetry::new().unwrap().metrics.store
}

fn open(folder: &std::path::Path, keyed: &Keyed) -> Local {
    let (disk, loaded) = Embedded::open(folder, keyed).unwrap();
    let journal = Arc::new(Journal::new(disk, meters()).unwrap());
    Local::new(SESSIONS + SESSIONS / 8, meters().evicted).with_journal(loaded, journal, 1_000)
}

fn birth(subject: Option<&str>) -> Birth {
    let level = Level::new(2).unwrap();
    let facts = Facts { account: Account::Citizen, login: Login::Vneid, level, subject: subject.map(Into::into) };
    Birth { facts, flow: FlowStamp(7), start: Start::Clean, idle_s: 1_800, lifetime_s: 43_200, at_s: 1_000 }
}

async fn fill(ledger: &Arc<Local>, keys: &[SessionKey]) {
    for some in keys.chunks(2_000) {
        let mut all = tokio::task::JoinSet::new();
        for key in some.iter().copied() {
            let ledger = ledger.clone();
            all.spawn(async move { ledger.bind(key, birth(Some("079203001234")), Proof::default()).await.unwrap() });
        }
        all.join_all().await;
    }
}

/// Times single look-ups; the clock itself is measured and taken off.
fn look_ups(what: &str, ledger: &Local, keys: &[SessionKey]) {
    let clock = median((0..10_000).map(|_| Instant::now().elapsed().as_nanos() as f64).collect());
    let mut at = 0;
    let mut taken: Vec<f64> = (0..1_000_000)
        .map(|_| {
            at = (at + 611_953) % keys.len();
            // A request has just made its key; here it comes from a list that no cache holds.
            let key = black_box(keys[at]);
            let began = Instant::now();
            let found = black_box(ledger.look_up(key, TERMS, 1_001));
            let took = began.elapsed().as_nanos() as f64 - clock;
            assert!(matches!(found, SessionFound::Bound(..)));
            took.max(0.0)
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    let share = |of: f64| taken[(taken.len() as f64 * of) as usize];
    println!("{what:<64} {:>9.0} ns median {:>7.0} p99 {:>7.0} p99.9", share(0.5), share(0.99), share(0.999));
}

fn log_ins(runtime: &tokio::runtime::Runtime, ledger: &Arc<Local>, keys: &[SessionKey], at_once: usize) {
    let began = Instant::now();
    let taken = runtime.block_on(async {
        let mut taken = Vec::new();
        for some in keys[..LOG_INS].chunks(at_once) {
            let mut all = tokio::task::JoinSet::new();
            for key in some.iter().copied() {
                let ledger = ledger.clone();
                all.spawn(async move {
                    let began = Instant::now();
                    let last = ledger.depart(key).await.unwrap();
                    let proof = Proof { departure: Some(&last), login: None };
                    ledger.bind(key, birth(None), proof).await.unwrap();
                    began.elapsed().as_secs_f64() * 1e3
                });
            }
            taken.extend(all.join_all().await);
        }
        taken
    });
    let rate = LOG_INS as f64 / began.elapsed().as_secs_f64();
    let what = format!("a log-in of a known session, durable, {at_once} at once");
    println!("{what:<64} {:>9.2} ms median {rate:>9.0} a second", median(taken));
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
