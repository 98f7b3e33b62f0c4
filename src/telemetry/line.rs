//! The writer of one audit line.
//!
//! As JSON by hand, since it is written on every request: texts from outside are escaped, words of the gate are copied,
//! and the calendar is looked at once a second. Decides nothing; the members and their order are a contract (handbook,
//! `replay`, `why`).

use super::finished::Finished;
use super::labels::MethodLabel;
use crate::identity::check::check_word;
use crate::identity::{Born, Presented};
use crate::policy::Verdict;
use crate::wire::redact;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::net::SocketAddr;

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Room for a line with two principals and a long path.
const USUAL_BYTES: usize = 1024;

/// A member's name with the comma before it; `past` reads what is written with it.
macro_rules! member {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}
pub(super) use member;

/// The members that every line of one combination of route, decision and answer shares (see `count`).
pub(super) struct Shared {
    place: Box<[u8]>,
    decision: Box<[u8]>,
    answer: Box<[u8]>,
}

impl Shared {
    pub(super) fn of(f: &Finished<'_>) -> Self {
        let (site, route) = f.site_and_route();
        Shared {
            place: piece(|line| {
                line.word(member!("site"), site);
                line.word(member!("route"), route);
                line.word(member!("method"), MethodLabel::of(f.method).as_str());
            }),
            decision: piece(|line| {
                if let Some(decision) = f.decision {
                    line.verdict(member!("decision"), f, decision.verdict);
                }
            }),
            answer: piece(|line| {
                line.number(member!("status"), u64::from(f.status));
                line.word(member!("source"), f.origin.as_str());
            }),
        }
    }
}

fn piece(write: impl FnOnce(&mut Line<'_>)) -> Box<[u8]> {
    let mut out = Vec::new();
    write(&mut Line(&mut out));
    out.into_boxed_slice()
}

/// Writes the line of a request, without its newline, behind what `out` holds.
pub(super) fn write(out: &mut Vec<u8>, f: &Finished<'_>, shared: &Shared) {
    out.reserve(USUAL_BYTES);
    let mut line = Line(out);
    line.raw("{\"time\":\"");
    line.time(f.at, f.snapshot.generation, &f.snapshot.settings.gate.zone);
    line.raw("\"");
    line.word(member!("support_code"), f.support_code);
    line.word(member!("request_id"), f.request_id);
    line.0.extend_from_slice(&shared.place);
    line.word(member!("host"), f.host);
    line.text(member!("path"), &redact::path(f.path));
    line.raw(member!("client"));
    line.address(f.client);
    line.raw(member!("principals"));
    line.list(f.presented, |line, shown| line.principal(f, shown));
    line.0.extend_from_slice(&shared.decision);
    if let Some(observed) = f.decision.and_then(|decision| decision.observed) {
        line.verdict(member!("observed"), f, observed);
    }
    line.word(member!("reason"), f.reason.as_str());
    if let Some(detail) = f.detail {
        line.word(member!("detail"), detail);
    }
    line.0.extend_from_slice(&shared.answer);
    if !f.logins.is_empty() {
        line.raw(member!("logins"));
        line.list(f.logins, |line, seen| {
            line.raw("{\"flow\":");
            line.quoted(&seen.flow);
            line.word(member!("result"), seen.result);
            line.raw("}");
        });
    }
    line.raw(if f.complete { ",\"complete\":true" } else { ",\"complete\":false" });
    let times = [(member!("decision_us"), f.decision_s), (member!("upstream_us"), f.upstream_s)];
    for (name, seconds) in times.into_iter().chain([(member!("total_us"), Some(f.total_s))]) {
        if let Some(seconds) = seconds {
            line.number(name, micros(seconds));
        }
    }
    line.word(member!("policy"), &f.snapshot.digest);
    line.word(member!("key_id"), f.keyed.id());
    line.raw("}");
}

/// Writes a JSON string (RFC 8259 §7).
pub fn quoted(out: &mut Vec<u8>, text: &str) {
    if needs_escapes(text) {
        // writing into memory cannot fail
        let _ = serde_json::to_writer(out, text);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// A line as far as it is written.
struct Line<'o>(&'o mut Vec<u8>);

impl Line<'_> {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A member whose value needs no escapes: a word of the gate, a name of the policy, a host name
    /// that was read, digits.
    fn word(&mut self, name: &'static str, word: &str) {
        debug_assert!(!needs_escapes(word));
        self.raw(name);
        self.0.push(b'"');
        self.raw(word);
        self.0.push(b'"');
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.raw(name);
        self.quoted(text);
    }

    fn quoted(&mut self, text: &str) {
        quoted(self.0, text);
    }

    fn number(&mut self, name: &'static str, number: u64) {
        self.raw(name);
        self.digits(number, 1);
    }

    /// Decimal, with zeros in front up to `width`, 20 at the most.
    fn digits(&mut self, number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let (mut rest, mut used) = (number, 0);
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            (rest, used) = (rest / 10, used + 1);
            if rest == 0 && used >= width {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
    }

    /// 16 digits in quotes.
    fn hex(&mut self, number: u64) {
        let (mut text, mut rest) = ([b'"'; 18], number);
        for place in text.iter_mut().skip(1).take(16) {
            rest = rest.rotate_left(4);
            *place = HEX.get((rest & 15) as usize).copied().unwrap_or(b'0');
        }
        self.0.extend_from_slice(&text);
    }

    fn list<T>(&mut self, all: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.raw("[");
        for (nth, one) in all.iter().enumerate() {
            if nth > 0 {
                self.raw(",");
            }
            each(self, one);
        }
        self.raw("]");
    }

    fn principal(&mut self, f: &Finished<'_>, shown: &Presented) {
        let p = &shown.principal;
        let credential = p.credential().and_then(|c| f.snapshot.settings.identity.credential(c));
        self.raw("{\"credential\":\"");
        self.raw(credential.map_or("none", |c| c.name.as_str()));
        self.raw("\"");
        self.word(member!("evidence"), p.evidence().as_str());
        self.word(member!("account"), p.account().as_str());
        self.word(member!("login"), p.login().as_str());
        self.number(member!("level"), u64::from(p.level().number()));
        self.word(member!("check"), check_word(shown.check));
        if let Some(subject) = p.subject() {
            self.raw(member!("subject"));
            self.hex(subject.pseudonym(|name| f.keyed.person(name)).0);
        }
        if let Some(name) = shown.session_name() {
            self.raw(member!("session"));
            self.hex(name.0);
        }
        if let (Some(born), Some(credential)) = (shown.born, credential) {
            self.word(member!("born"), born.word());
            if let Born::InLogIn { flow, at_s, .. } = born {
                self.word(member!("flow"), credential.flow_of(flow).map_or("", |flow| flow.name.as_str()));
                self.number(member!("born_at"), u64::try_from(at_s).unwrap_or(0));
                if credential.session().is_some_and(|session| session.probe.is_some()) {
                    self.raw(member!("confirmed"));
                    self.raw("true");
                }
            }
        }
        self.raw("}");
    }

    fn verdict(&mut self, name: &'static str, f: &Finished<'_>, verdict: Verdict) {
        self.raw(name);
        self.raw("{\"action\":\"");
        self.raw(verdict.action.as_str());
        self.raw("\"");
        self.word(member!("rule"), f.snapshot.settings.policy.rule(verdict.rule).map_or("", |r| r.name.as_str()));
        self.word(member!("reason"), verdict.reason.as_str());
        self.raw("}");
    }

    fn address(&mut self, address: SocketAddr) {
        let SocketAddr::V4(v4) = address else {
            self.quoted(&address.to_string());
            return;
        };
        for (nth, byte) in v4.ip().octets().into_iter().enumerate() {
            self.raw(if nth == 0 { "\"" } else { "." });
            self.digits(u64::from(byte), 1);
        }
        self.raw(":");
        self.digits(u64::from(v4.port()), 1);
        self.raw("\"");
    }

    /// RFC 3339 with the offset of the gate's time zone, to the millisecond.
    fn time(&mut self, at: Timestamp, generation: u64, zone: &TimeZone) {
        CALENDAR.with_borrow_mut(|known| {
            if (known.second, known.generation) != (at.as_second(), generation) {
                *known = Second::of(at, generation, zone);
            }
            self.raw(&known.date_and_time);
            self.raw(".");
            self.digits(u64::try_from(at.subsec_millisecond()).unwrap_or(0), 3);
            self.raw(&known.offset);
        });
    }
}

/// The texts of a second, which all its requests share.
struct Second {
    second: i64,
    /// The policy whose time zone it is.
    generation: u64,
    date_and_time: String,
    offset: String,
}

thread_local! {
    static CALENDAR: RefCell<Second> = const {
        RefCell::new(Second { second: i64::MIN, generation: 0, date_and_time: String::new(), offset: String::new() })
    };
}

impl Second {
    fn of(at: Timestamp, generation: u64, zone: &TimeZone) -> Second {
        let offset = zone.to_offset(at);
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        Second {
            second: at.as_second(),
            generation,
            date_and_time: offset.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            offset: format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60),
        }
    }
}

/// Without an early way out, so that the compiler looks at many bytes at once.
fn needs_escapes(text: &str) -> bool {
    text.bytes().fold(false, |odd, byte| odd | (byte < 0x20) | (byte == b'"') | (byte == b'\\'))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are small and positive")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Line<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Line(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_and_numbers_are_written_as_any_json_writer_would() {
        for text in ["", "portal", "a\"b\\c", "tab\tnull\0", "tên hồ sơ", "\u{7f}\u{2028}"] {
            assert_eq!(written(|l| l.quoted(text)), serde_json::to_string(text).unwrap());
        }
        for number in [0, 7, 10, 999, 65_535, u64::MAX] {
            assert_eq!(written(|l| l.digits(number, 1)), number.to_string());
        }
        for number in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(written(|l| l.hex(number)), format!("\"{number:016x}\""));
        }
        for address in ["127.0.0.1:80", "255.10.0.3:65535", "[2001:db8::1]:443"] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(written(|l| l.address(address)), serde_json::to_string(&address).unwrap());
        }
    }

    #[test]
    fn times_carry_milliseconds_and_the_offset_of_the_zone() {
        let hanoi = TimeZone::fixed(jiff::tz::offset(7));
        let west = TimeZone::fixed(jiff::tz::Offset::from_seconds(-(3 * 3_600 + 1_800)).unwrap());
        let at: Timestamp = "2024-06-30T17:00:00.007Z".parse().unwrap();
        assert_eq!(written(|l| l.time(at, 1, &hanoi)), "2024-07-01T00:00:00.007+07:00");
        assert_eq!(written(|l| l.time(at, 2, &west)), "2024-06-30T13:30:00.007-03:30");
        let later: Timestamp = "2024-06-30T17:00:00.999Z".parse().unwrap();
        assert_eq!(written(|l| l.time(later, 2, &west)), "2024-06-30T13:30:00.999-03:30");
    }
}
