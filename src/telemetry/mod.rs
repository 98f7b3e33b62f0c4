//! Metrics and audit: every metric in one table, one audit line a request, both written from the same value.

pub mod audit;
mod count;
pub mod finished;
mod labels;
mod line;
pub mod loads;
pub mod metrics;
pub mod past;
mod record;
pub mod series;

pub use audit::Audit;
pub use finished::{Finished, LoginSeen, Origin};
pub use line::quoted;
pub use loads::Loads;
pub use metrics::Metrics;
pub use past::Past;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the same habit of a portal is logged.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Counters and the audit trail, handed to whoever has something to report.
#[derive(Debug)]
pub struct Telemetry {
    pub metrics: Metrics,
    pub audit: Audit,
    pub loads: Loads,
    reported_replaced: Mutex<Option<Instant>>,
}

impl Telemetry {
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Telemetry {
            metrics: Metrics::new()?,
            audit: Audit::default(),
            loads: Loads::default(),
            reported_replaced: Mutex::default(),
        })
    }

    /// The portal gave a known session another value outside of a log-in, and it was not followed: told once a minute.
    pub fn report_replaced(&self, credential: &str) {
        let mut reported = self.reported_replaced.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            *reported = Some(Instant::now());
            log::warn!(
                "credential `{credential}`: the portal changes the cookie of known sessions outside of log-ins, and they \
                 are unbound then; if that is its habit, `follow = \"always\"` follows it"
            );
        }
    }
}
