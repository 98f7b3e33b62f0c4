//! Lines a second of a replay on one core.
//!
//! A gate serves the shipped policy as it was on the eve of the cut-over; people with VNeID and
//! with passwords visit it.
//! Its own log is multiplied, with other times and other people, and replayed through the policy as
//! shipped.
//! Controls: the lines cut and nothing else, and the lines read and nothing else.
//!
//! `cargo bench --locked --bench replay -- 5000000` takes so many lines (default a million, 0.7 KB each on disk).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise, and prints"
)]

mod recording;
mod traffic;

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use vneid_gate::config::read_directory;
use vneid_gate::replay::{Logs, ReplayReport, Trial, View, replay};
use vneid_gate::telemetry::Past;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LINES: u64 = 1_000_000;
const ROUNDS: usize = 3;
/// Lines under callgrind; twice as many for the difference.
const COUNTED: u64 = 20_000;

fn main() {
    let wanted = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(LINES);
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = recording::record(folder.path());
    let log = folder.path().join("multiplied.jsonl");
    let people = traffic::multiply(&recorded, wanted, &log);
    let bytes = fs::metadata(&log).unwrap().len();
    println!("{wanted} lines of {} bytes, {people} people, from {} recorded", bytes / wanted, recorded.len());

    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/daknong");
    measure("control: cut into lines", wanted, || {
        let mut from = BufReader::with_capacity(256 << 10, fs::File::open(&log).unwrap());
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).unwrap() > 0 {
            black_box(&line);
            line.clear();
        }
    });
    measure("control: cut and read", wanted, || {
        let mut from = BufReader::with_capacity(256 << 10, fs::File::open(&log).unwrap());
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).unwrap() > 0 {
            black_box(Past::read(line.trim_ascii_end()).unwrap());
            line.clear();
        }
    });
    let mut report = None;
    measure("replay", wanted, || report = Some(replayed(&shipped, &log)));
    let report = report.unwrap();
    assert_eq!((report.lines.read, report.lines.unreadable), (wanted, 0));
    assert!(report.people.locked_out > 0, "the cut-over locks people out");
    println!(
        "{} of {} people locked out, {} requests",
        report.people.locked_out, report.people.seen, report.locked_out
    );
    println!("most memory of this process: {} MiB", memory_kib() / 1024);
    instructions(&recorded, &shipped, folder.path());
    if let Some(kept) = std::env::args().skip_while(|a| a != "--keep").nth(1) {
        fs::rename(&log, kept).unwrap();
    }
}

fn replayed(shipped: &Path, log: &Path) -> ReplayReport {
    let loaded = read_directory(shipped);
    let settings = loaded.settings.expect("the shipped policy is fine");
    let trial = Trial { settings: &settings, directory: "", digest: "", at: None, view: View::Enforced };
    replay(&trial, &Logs::open(&[log.to_owned()]).unwrap(), Vec::new(), |_| {}).unwrap()
}

/// The best of a few rounds, by the clock and by the time that this thread had a core: on a busy machine they differ.
fn measure(what: &str, lines: u64, mut run: impl FnMut()) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let (start, on_core) = (Instant::now(), on_core_s());
        run();
        best = (best.0.min(start.elapsed().as_secs_f64()), best.1.min(on_core_s() - on_core));
    }
    let each_s = |seconds: f64| lines as f64 / seconds;
    let nanos = best.1 * 1e9 / lines as f64;
    println!(
        "{what:<28} {:>10.0} lines/s {:>10.0} lines/s of core time {nanos:>6.0} ns/line",
        each_s(best.0),
        each_s(best.1)
    );
}

/// Seconds that this thread has run so far.
fn on_core_s() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Of the command itself, whatever else the machine does; the difference of two lengths leaves the start out.
fn instructions(recorded: &[String], shipped: &Path, folder: &Path) {
    let valgrind = PathBuf::from("/usr/bin/valgrind");
    if !valgrind.exists() {
        println!("instructions: valgrind is not installed");
        return;
    }
    let [few, more] = [COUNTED, COUNTED * 2].map(|lines| {
        let log = folder.join("counted.jsonl");
        traffic::multiply(recorded, lines, &log);
        let profile = folder.join("callgrind.out");
        let output = Command::new(&valgrind)
            .args(["--tool=callgrind", &format!("--callgrind-out-file={}", profile.display())])
            .args([env!("CARGO_BIN_EXE_vneid-gate").as_ref(), "replay".as_ref(), shipped.as_os_str()])
            .args(["--log".as_ref(), log.as_os_str()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = fs::read_to_string(profile).unwrap();
        let total = written.lines().find_map(|l| l.strip_prefix("totals: ").or_else(|| l.strip_prefix("summary: ")));
        total.expect("a total").trim().parse::<u64>().unwrap()
    });
    println!("{:<28} {:>12} instructions/line", "replay, whole command", (more - few) / COUNTED);
}
