//! A moment on the command line, and moments for people: what is written without an offset is in `[gate] time_zone`.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::str::FromStr;

/// The value of `--at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Moment(Timestamp),
    Local(DateTime),
}

#[derive(Debug, thiserror::Error)]
#[error("write it like 2024-07-01T00:00:00+07:00, 2024-07-01T00:00 or 2024-07-01")]
pub(super) struct NoMoment;

impl FromStr for At {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        if let Ok(moment) = text.parse() {
            return Ok(At::Moment(moment));
        }
        // The calendar would pass over an offset or a zone that the clock could not use.
        if text.split_once(['T', 't', ' ']).is_some_and(|(_, time)| time.contains(['+', '-', '['])) {
            return Err(NoMoment);
        }
        let local = text.parse::<DateTime>().map(At::Local);
        local.or_else(|_| text.parse::<Date>().map(|date| At::Local(date.into()))).map_err(|_| NoMoment)
    }
}

impl At {
    /// `None` for what the calendar has, but no clock: the very ends of time.
    pub(super) fn in_zone(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            At::Moment(moment) => Some(moment),
            At::Local(local) => local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp()),
        }
    }
}

/// `2024-07-01 00:00 +07:00`; seconds only where there are any.
pub(super) fn shown(moment: Timestamp, zone: &TimeZone) -> String {
    let zoned = moment.to_zoned(zone.clone());
    let form = if zoned.second() == 0 { "%Y-%m-%d %H:%M %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
    zoned.strftime(form).to_string()
}

/// The same for programs (RFC 3339).
pub(super) fn written(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_without_an_offset_is_in_the_zone_of_the_gate() {
        let zone = TimeZone::fixed(jiff::tz::offset(7));
        let read = |text: &str| text.parse::<At>().ok().and_then(|at| at.in_zone(&zone)).map(|t| shown(t, &zone));
        let midnight = Some("2024-07-01 00:00 +07:00".to_owned());
        for text in ["2024-07-01", "2024-07-01T00:00", "2024-07-01 00:00:00", "2024-06-30T17:00:00Z"] {
            assert_eq!(read(text), midnight, "{text}");
        }
        assert_eq!(read("2024-06-30T23:59:59+07:00").as_deref(), Some("2024-06-30 23:59:59 +07:00"));
        assert_eq!(written(Timestamp::UNIX_EPOCH, &zone), "1970-01-01T07:00:00+07:00");
        let no_moments =
            ["", "yesterday", "2024-13-01", "01.07.2024", "9999-12-31T23:59:59-09:00", "2024-07-01T00:00[Asia/Tokyo]"];
        for text in no_moments {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
