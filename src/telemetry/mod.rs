//! Metrics and audit: every metric in one table, one audit line a request, both written from the same value.

pub mod audit;
mod count;
pub mod finished;
mod line;
pub mod loads;
pub mod metrics;
pub mod past;
mod record;
pub mod redact;
pub mod series;

pub use audit::Audit;
pub use finished::{Finished, LoginSeen, Origin};
pub use line::quoted;
pub use loads::Loads;
pub use metrics::Metrics;
pub use past::Past;

/// Counters and the audit trail, handed to whoever has something to report.
#[derive(Debug)]
pub struct Telemetry {
    pub metrics: Metrics,
    pub audit: Audit,
    pub loads: Loads,
}

impl Telemetry {
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Telemetry { metrics: Metrics::new()?, audit: Audit::default(), loads: Loads::default() })
    }
}
