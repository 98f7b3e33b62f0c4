//! Many lines out of few: the same visits again and again, of other people at other times.
//!
//! Only the time, the codes and the pseudonyms of a line are changed, each in its place and to its length.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A week, so that hours and visits look like those of one.
const SPAN_S: u64 = 7 * 86_400;
/// Visits of one person over that time.
const VISITS: u64 = 4;

/// Writes so many lines to `log`, and says of how many people.
pub(crate) fn multiply(recorded: &[String], lines: u64, log: &Path) -> u64 {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(log).unwrap());
    let zone = TimeZone::fixed(Offset::constant(7));
    let start: Timestamp = "2026-11-16T00:00:00+07:00".parse().unwrap();
    let copies = lines.div_ceil(recorded.len() as u64);
    // Names of one recorded person and one copy make a new person; few copies later they come again.
    let people = (copies / VISITS).max(1);
    for nth in 0..lines {
        let (copy, line) = (nth / recorded.len() as u64, &recorded[nth as usize % recorded.len()]);
        let at = start + jiff::SignedDuration::from_millis((nth * SPAN_S * 1_000 / lines) as i64);
        let time = at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
        let mut text = line.clone();
        put(&mut text, "\"time\":\"", &time);
        put(&mut text, "\"request_id\":\"", &format!("{:016x}", mixed(nth)));
        for member in ["\"subject\":\"", "\"session\":\""] {
            if let Some(at) = text.find(member) {
                let name = text[at + member.len()..].get(..16).and_then(|n| u64::from_str_radix(n, 16).ok()).unwrap();
                put(&mut text, member, &format!("{:016x}", mixed(name ^ (copy % people))));
            }
        }
        out.write_all(text.as_bytes()).unwrap();
        out.write_all(b"\n").unwrap();
    }
    out.flush().unwrap();
    people * 10
}

fn put(text: &mut String, member: &str, value: &str) {
    if let Some(at) = text.find(member).map(|at| at + member.len()) {
        text.replace_range(at..at + value.len(), value);
    }
}

/// Spreads numbers over all bits (the finisher of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
