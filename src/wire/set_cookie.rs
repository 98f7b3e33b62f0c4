//! Set-Cookie fields of an answer (RFC 6265 §5.2), as far as the ledger needs them: name, value, and whether the portal
//! sets the cookie or takes it back.

use http::HeaderMap;
use http::header::SET_COOKIE;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

#[derive(Debug, PartialEq, Eq)]
pub struct SetCookie<'h> {
    pub name: &'h str,
    pub value: &'h str,
    /// Taken back: no value, Max-Age of nothing, or a date that has passed.
    pub expired: bool,
}

impl SetCookie<'_> {
    pub fn sets(&self) -> bool {
        !self.expired
    }
}

/// Every readable Set-Cookie of an answer.
pub fn set_cookies(headers: &HeaderMap, now_s: i64) -> impl Iterator<Item = SetCookie<'_>> {
    headers.get_all(SET_COOKIE).iter().filter_map(move |field| parse(field.to_str().ok()?, now_s))
}

/// `None` when there is no `name=`. Max-Age wins over Expires; a date that cannot be read says nothing (§5.2.1).
pub fn parse(field: &str, now_s: i64) -> Option<SetCookie<'_>> {
    let mut parts = field.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (mut age, mut date) = (None, None);
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "max-age" => age = value.trim().parse::<i64>().ok().or(age),
            "expires" => date = date_s(value).or(date),
            _ => {}
        }
    }
    let past = match (age, date) {
        (Some(age), _) => age <= 0,
        (None, Some(date)) => date <= now_s,
        (None, None) => false,
    };
    // Quotes are part of the value: a browser sends them back (RFC 6265 §5.2).
    let value = value.trim();
    let empty = matches!(value.trim_matches('"'), "" | "deleted");
    Some(SetCookie { name: name.trim(), value, expired: past || empty })
}

/// Any of the date forms in use (RFC 6265 §5.1.1): a time, a day, a month and a year in whatever order and dress.
fn date_s(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split([' ', ',', '-', '\t']).filter(|t| !t.is_empty()) {
        let parts: Vec<&str> = token.split(':').collect();
        if let (None, [h, m, s]) = (time, parts.as_slice()) {
            time = Some((h.parse::<i8>().ok()?, m.parse::<i8>().ok()?, s.parse::<i8>().ok()?));
        } else if let (None, Some(n)) = (month, token.get(..3).and_then(|t| place(&MONTHS, t))) {
            month = Some(n);
        } else if let Ok(number) = token.parse::<i16>() {
            match (day, year) {
                (None, _) if token.len() <= 2 => day = i8::try_from(number).ok(),
                (_, None) => year = Some(number),
                _ => {}
            }
        }
    }
    let year = match year? {
        short @ 0..70 => short + 2000,
        short @ 70..100 => short + 1900,
        long => long,
    };
    let (hour, minute, second) = time?;
    let moment = DateTime::new(year, month?, day?, hour, minute, second.min(59), 0).ok()?;
    moment.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp().as_second())
}

fn place(months: &[&str], word: &str) -> Option<i8> {
    months.iter().position(|m| m.eq_ignore_ascii_case(word)).and_then(|n| i8::try_from(n + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T00:00:00Z
    const NOW: i64 = 1_795_392_000;

    #[test]
    fn a_cookie_that_is_meant_to_live_is_set() {
        for alive in [
            "S=abc; path=/; HttpOnly",
            "S=abc; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
            "S=abc; Expires=Wednesday, 21-Oct-39 07:28:00 GMT",
            "S=abc; Expires=Wed, 21-Oct-2039 07:28:00 +0000",
            "S=abc; Expires=soon",
            "S=abc; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            let cookie = parse(alive, NOW).unwrap();
            assert!(cookie.sets(), "{alive}");
            assert_eq!(cookie.value, "abc");
        }
    }

    #[test]
    fn a_cookie_taken_back_is_not_set() {
        for gone in [
            "S=; path=/",
            "S=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0",
            "S=x; Max-Age=0",
            "S=x; Max-Age=-5; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
            "S=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "S=loggedout; expires=Sun, 22-Nov-2026 00:00:00 GMT; path=/",
            "S=x; Expires=Sun Nov 22 12:00:00 2026",
        ] {
            assert!(!parse(gone, NOW).unwrap().sets(), "{gone}");
        }
    }
}
