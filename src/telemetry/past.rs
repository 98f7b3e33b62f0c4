//! The reader of an audit line.
//!
//! Stands beside its writer. A line of this version is read in one pass along the order in which `line` writes it, and
//! borrows everything from the text; any other line (another version, another writer, escapes) is read as the JSON that
//! it is. Knows words only as text: what they mean to a policy is for whoever reads.

mod written;

use serde::Deserialize;
use std::borrow::Cow;

/// One audit line. Members that a line lacks are empty; members that nobody knows are passed over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Past<'l> {
    /// RFC 3339 with the offset of the gate that wrote it.
    #[serde(borrow)]
    pub time: Cow<'l, str>,
    #[serde(borrow)]
    pub support_code: Cow<'l, str>,
    #[serde(borrow)]
    pub request_id: Cow<'l, str>,
    #[serde(borrow)]
    pub site: Cow<'l, str>,
    #[serde(borrow)]
    pub route: Cow<'l, str>,
    #[serde(borrow)]
    pub method: Cow<'l, str>,
    #[serde(borrow)]
    pub host: Cow<'l, str>,
    /// Redacted.
    #[serde(borrow)]
    pub path: Cow<'l, str>,
    /// Address and port.
    #[serde(borrow)]
    pub client: Cow<'l, str>,
    #[serde(borrow)]
    pub principals: Vec<PastPrincipal<'l>>,
    #[serde(borrow)]
    pub decision: Option<PastVerdict<'l>>,
    #[serde(borrow)]
    pub observed: Option<PastVerdict<'l>>,
    #[serde(borrow)]
    pub reason: Cow<'l, str>,
    #[serde(borrow)]
    pub detail: Cow<'l, str>,
    pub status: u16,
    #[serde(borrow)]
    pub source: Cow<'l, str>,
    #[serde(borrow)]
    pub logins: Vec<PastLogin<'l>>,
    pub complete: bool,
    pub decision_us: Option<u64>,
    pub upstream_us: Option<u64>,
    pub total_us: Option<u64>,
    /// Digest of the policy that judged it.
    #[serde(borrow)]
    pub policy: Cow<'l, str>,
    #[serde(borrow)]
    pub key_id: Cow<'l, str>,
}

/// One credential of a recorded request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PastPrincipal<'l> {
    #[serde(borrow)]
    pub credential: Cow<'l, str>,
    #[serde(borrow)]
    pub evidence: Cow<'l, str>,
    #[serde(borrow)]
    pub account: Cow<'l, str>,
    #[serde(borrow)]
    pub login: Cow<'l, str>,
    pub level: u8,
    #[serde(borrow)]
    pub check: Cow<'l, str>,
    /// Pseudonyms; empty where there is none.
    #[serde(borrow)]
    pub subject: Cow<'l, str>,
    #[serde(borrow)]
    pub session: Cow<'l, str>,
    /// How the session was born; empty where that is not told.
    #[serde(borrow)]
    pub born: Cow<'l, str>,
    /// The log-in that it was born in.
    #[serde(borrow)]
    pub flow: Cow<'l, str>,
    /// Unix seconds.
    pub born_at: Option<u64>,
    /// Whether the portal said that somebody was signed in.
    pub confirmed: bool,
}

/// A recorded decision.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PastVerdict<'l> {
    #[serde(borrow)]
    pub action: Cow<'l, str>,
    #[serde(borrow)]
    pub rule: Cow<'l, str>,
    #[serde(borrow)]
    pub reason: Cow<'l, str>,
}

/// A log-in or log-out that was seen.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PastLogin<'l> {
    #[serde(borrow)]
    pub flow: Cow<'l, str>,
    #[serde(borrow)]
    pub result: Cow<'l, str>,
}

/// Why a line cannot be read. Holds nothing of the line.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("not UTF-8 text")]
    NotText,
    #[error("not JSON, or of another shape (column {0})")]
    NotJson(usize),
    #[error("broken off")]
    BrokenOff,
    #[error("JSON, but no audit line: it has no `time`")]
    NoTime,
}

impl<'l> Past<'l> {
    /// Reads one line without its newline.
    pub fn read(line: &'l [u8]) -> Result<Past<'l>, Unreadable> {
        let text = std::str::from_utf8(line).map_err(|_| Unreadable::NotText)?;
        match written::read(text) {
            Some(past) => Ok(past),
            None => Past::of_any_json(text),
        }
    }

    fn of_any_json(text: &'l str) -> Result<Past<'l>, Unreadable> {
        let past: Past<'l> = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => Unreadable::BrokenOff,
            _ => Unreadable::NotJson(error.column()),
        })?;
        if past.time.is_empty() { Err(Unreadable::NoTime) } else { Ok(past) }
    }
}

#[cfg(test)]
mod tests;
