//! `record`: called once a request, writes counters and the audit line from the same value.

use super::finished::Finished;
use super::{Telemetry, line};
use std::cell::RefCell;

impl Telemetry {
    /// Stop 7.
    pub fn record(&self, finished: &Finished<'_>) {
        self.count(finished, |shared| {
            LINE.with_borrow_mut(|out| {
                out.clear();
                line::write(out, finished, shared);
                self.audit.push(out, &self.metrics.audit_dropped);
            });
        });
    }
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
