//! Readers of single values: each takes a TOML value and gives a meant value or a finding that says what was expected.

use super::reader::Value;
use crate::diagnostic::{code, did_you_mean};
use crate::identity::Level;
use crate::policy::METHODS;
use http::{HeaderName, Method};
use ipnet::IpNet;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use toml::de::DeValue;

const PATTERN_BYTES_MAX: usize = 1_024;

pub(super) fn text(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    if text.trim().is_empty() {
        return v.fail(code::BAD_VALUE, "empty text", "write a value or take the key out");
    }
    Some(text.to_owned())
}

/// A name: it becomes a metric label and a word in the log.
pub(super) fn name(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if !fits {
        return v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not a name"),
            "names are 1 to 64 lower-case letters, digits, `-`, `_` and `.`",
        );
    }
    Some(text.to_owned())
}

pub(super) fn boolean(v: Value<'_>) -> Option<bool> {
    match v.toml {
        DeValue::Boolean(b) => Some(*b),
        _ => v.wrong_type("true or false"),
    }
}

pub(super) fn integer(v: Value<'_>, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let DeValue::Integer(digits) = v.toml else { return v.wrong_type("a whole number") };
    let parsed = u64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok();
    match parsed.filter(|n| range.contains(n)) {
        Some(number) => Some(number),
        None => v.fail(
            code::BAD_VALUE,
            format!("`{}` is out of range", digits.as_str()),
            format!("a whole number from {} to {}", range.start(), range.end()),
        ),
    }
}

/// `"30s"`, `"5m"`, `"2h"`, `"500ms"`: more than nothing, at most a year.
pub(super) fn duration(v: Value<'_>) -> Option<Duration> {
    let text = v.text()?;
    match text.parse::<SignedDuration>().map(Duration::try_from) {
        Ok(Ok(duration)) if !duration.is_zero() && duration.as_secs() <= 366 * 86_400 => Some(duration),
        Ok(_) => v.fail(code::BAD_VALUE, format!("`{text}` is out of range"), "more than nothing, at most 366 days"),
        Err(_) => v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not a duration"),
            "write it like \"30s\", \"5m\", \"2h\" or \"500ms\"",
        ),
    }
}

/// `"200MB"`, `"64KiB"`, `"512"`: bytes; MB is 1,000,000 and MiB is 1,048,576.
pub(super) fn size(v: Value<'_>) -> Option<u64> {
    let text = v.text()?;
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match text.get(digits.len()..).unwrap_or_default().trim() {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "KiB" => Some(1 << 10),
        "MB" => Some(1_000_000),
        "MiB" => Some(1 << 20),
        "GB" => Some(1_000_000_000),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = unit.zip(digits.parse::<u64>().ok()).and_then(|(u, n)| n.checked_mul(u));
    match bytes {
        Some(bytes) => Some(bytes),
        None => v.fail(code::BAD_VALUE, format!("`{text}` is not a size"), "write it like \"200MB\" or \"64KiB\""),
    }
}

/// One word of a closed list.
pub(super) fn word<T: Copy>(v: Value<'_>, words: &[&'static str], parse: fn(&str) -> Option<T>) -> Option<T> {
    let text = v.text()?;
    if let Some(found) = parse(text) {
        return Some(found);
    }
    let help = match did_you_mean(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", words.join(", ")),
    };
    v.fail(code::UNKNOWN_WORD, format!("unknown word `{text}`"), help)
}

pub(super) fn address(v: Value<'_>) -> Option<SocketAddr> {
    let text = v.text()?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not an address to listen on"),
            "write IP and port, like \"0.0.0.0:443\" or \"[::]:443\"",
        ),
    }
}

/// `host:port`; the host may be a name, which is resolved when the pool is built.
pub(super) fn server(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) && !text.contains('/')
    });
    if !fits {
        return v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not a server"),
            "write host and port, like \"10.0.10.11:8080\"; TLS is set with `tls`, not with https://",
        );
    }
    Some(text.to_owned())
}

/// A network in CIDR form, or one address.
pub(super) fn network(v: Value<'_>) -> Option<IpNet> {
    let text = v.text()?;
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match parsed {
        Some(net) if net.trunc() != net => v.fail(
            code::BAD_VALUE,
            format!("`{text}` has bits set behind its prefix"),
            format!("did you mean `{}`?", net.trunc()),
        ),
        Some(IpNet::V6(net)) if net.prefix_len() >= 96 && net.network().to_ipv4_mapped().is_some() => v.fail(
            code::BAD_VALUE,
            format!(
                "`{text}` is a network of IPv4 in IPv6 (RFC 4291 §2.5.5.2), and no client has such an address here"
            ),
            format!(
                "write it as IPv4: `{}/{}`",
                net.network().to_ipv4_mapped().map_or_else(String::new, |v4| v4.to_string()),
                net.prefix_len() - 96
            ),
        ),
        Some(net) => Some(net),
        None => v.fail(code::BAD_VALUE, format!("`{text}` is not a network"), "write it like \"10.20.0.0/16\""),
    }
}

/// A host name in lower case, without port.
pub(super) fn host(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let fits = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._[]:".contains(&b))
        && (!text.contains(':') || text.starts_with('['));
    if !fits {
        return v.fail(
            code::BAD_VALUE,
            format!("`{text}` is not a host name"),
            "lower case, without scheme, port or path, like \"dichvucong.daknong.gov.vn\"",
        );
    }
    Some(text.to_owned())
}

pub(super) fn method(v: Value<'_>) -> Option<Method> {
    let text = v.text()?;
    if let Some(near) = did_you_mean(&text.to_ascii_uppercase(), METHODS).filter(|near| *near != text) {
        return v.fail(code::UNKNOWN_WORD, format!("unknown method `{text}`"), format!("did you mean `{near}`?"));
    }
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) | Err(_) => {
            v.fail(code::UNKNOWN_WORD, format!("unknown method `{text}`"), format!("one of: {}", METHODS.join(", ")))
        }
        Ok(method) => Some(method),
    }
}

pub(super) fn header(v: Value<'_>) -> Option<HeaderName> {
    header_name(v.text()?, v)
}

/// The same as the key of a table; `at` is where it stands.
pub(super) fn header_name(text: &str, at: Value<'_>) -> Option<HeaderName> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => at.fail(code::BAD_VALUE, format!("`{text}` is not a header name"), "like \"authorization\""),
    }
}

pub(super) fn cookie(v: Value<'_>) -> Option<String> {
    let text = v.text()?;
    let fits =
        !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !fits {
        return v.fail(code::BAD_VALUE, format!("`{text}` is not a cookie name"), "letters, digits, `-`, `_` and `.`");
    }
    Some(text.to_owned())
}

pub(super) fn pattern(v: Value<'_>) -> Option<Regex> {
    let text = v.text()?;
    // The size of what is compiled is bounded below; reading a text of great length takes seconds before that.
    if text.len() > PATTERN_BYTES_MAX {
        let message = format!("a regular expression of {} bytes is too long", text.len());
        return v.fail(
            code::BAD_VALUE,
            message,
            format!("at most {PATTERN_BYTES_MAX}; several tables can share the work"),
        );
    }
    match regex::RegexBuilder::new(text).size_limit(1 << 20).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let why = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            v.fail(code::BAD_VALUE, format!("`{text}` is not a regular expression"), why)
        }
    }
}

/// A JSON pointer (RFC 6901) that starts with `/`.
pub(super) fn json_pointer(v: Value<'_>) -> Option<String> {
    pointer(v.text()?, v).map(str::to_owned)
}

/// The same as the key of a table; `at` is where it stands.
pub(super) fn pointer<'w>(text: &'w str, at: Value<'_>) -> Option<&'w str> {
    if text.starts_with('/') {
        return Some(text);
    }
    at.fail(code::BAD_VALUE, format!("`{text}` is not a JSON pointer"), format!("did you mean `/{text}`? (RFC 6901)"))
}

/// A moment: with its own offset, or local in `zone`; a bare date is its midnight.
pub(super) fn moment(v: Value<'_>, zone: &TimeZone) -> Option<Timestamp> {
    let DeValue::Datetime(written) = v.toml else { return v.wrong_type("a date-time without quotes") };
    if written.date.is_none() {
        // Neither date nor time is what the parser leaves of a value that it has refused already.
        return written
            .time
            .and_then(|_| v.fail(code::WRONG_TYPE, "expected a date, found only a time", "like 2024-07-01"));
    }
    let Some(civil) = civil(written) else {
        return v.fail(code::BAD_VALUE, "this moment does not exist", "there are 60 seconds in a minute, from 0 to 59");
    };
    let moment = match written.offset {
        Some(toml::value::Offset::Z) => civil.to_zoned(TimeZone::UTC),
        Some(toml::value::Offset::Custom { minutes }) => {
            let offset = jiff::tz::Offset::from_seconds(i32::from(minutes) * 60).ok()?;
            civil.to_zoned(TimeZone::fixed(offset))
        }
        None => civil.to_zoned(zone.clone()),
    };
    match moment {
        Ok(zoned) => Some(zoned.timestamp()),
        Err(_) => v.fail(code::BAD_VALUE, "this moment is out of range", "it ends with the year 9999, seen from UTC"),
    }
}

/// A TOML scalar as the JSON value that a claim or an answer must equal.
pub(super) fn json(v: Value<'_>) -> Option<serde_json::Value> {
    match v.toml {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(b) => Some((*b).into()),
        DeValue::Integer(digits) => match i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()) {
            Ok(number) => Some(number.into()),
            Err(_) => {
                v.fail(code::BAD_VALUE, format!("`{}` is out of range", digits.as_str()), "a whole number of 64 bits")
            }
        },
        _ => v.wrong_type("a string, a whole number, or true or false"),
    }
}

/// 0 to 3.
pub(super) fn level(v: Value<'_>) -> Option<Level> {
    integer(v, 0..=u64::from(Level::MAX.number())).and_then(|n| u8::try_from(n).ok()).and_then(Level::new)
}

fn civil(written: &toml::value::Datetime) -> Option<DateTime> {
    let date = written.date?;
    let date = Date::new(i16::try_from(date.year).ok()?, date.month.cast_signed(), date.day.cast_signed()).ok()?;
    let time = match written.time {
        Some(t) => Time::new(
            t.hour.cast_signed(),
            t.minute.cast_signed(),
            t.second.unwrap_or(0).cast_signed(),
            i32::try_from(t.nanosecond.unwrap_or(0)).ok()?,
        )
        .ok()?,
        None => Time::midnight(),
    };
    Some(DateTime::from_parts(date, time))
}
