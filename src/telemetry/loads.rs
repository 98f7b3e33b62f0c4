//! How the last attempts to load the policy went: what `/status` shows and an operator must not miss.

use jiff::Timestamp;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};

/// The last attempt, and since when the policy in force is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub loaded: Timestamp,
    pub last_attempt: Timestamp,
    pub last_attempt_successful: bool,
    /// The diagnostics of a failed attempt, as `check` prints them.
    pub errors: Option<String>,
}

#[derive(Debug, Default)]
pub struct Loads(Mutex<Option<Report>>);

impl Loads {
    pub fn succeeded(&self, at: Timestamp) {
        let report = Report { loaded: at, last_attempt: at, last_attempt_successful: true, errors: None };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    pub fn failed(&self, at: Timestamp, errors: String) {
        if let Some(report) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            report.last_attempt = at;
            report.last_attempt_successful = false;
            report.errors = Some(errors);
        }
    }

    pub fn report(&self) -> Option<Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
