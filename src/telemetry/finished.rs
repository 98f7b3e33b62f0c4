//! What is told of a request at its end: one value, from which counters and the audit line are written.

use super::labels;
use crate::identity::{Presented, SiteId};
use crate::policy::{Decision, Reason, RouteId};
use crate::snapshot::Snapshot;
use crate::state::keyed::Keyed;
use http::Method;
use jiff::Timestamp;
use std::net::SocketAddr;

/// Who made the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    Gate,
    Upstream,
}

impl Origin {
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Gate => "gate",
            Origin::Upstream => "upstream",
        }
    }
}

/// A log-in or log-out seen on the way.
#[derive(Clone, Debug)]
pub struct LoginSeen {
    pub flow: String,
    /// One of [`super::series::LOGIN_RESULTS`].
    pub result: &'static str,
}

/// One request that came to its end, however it ended.
#[derive(Debug)]
pub struct Finished<'f> {
    pub snapshot: &'f Snapshot,
    pub keyed: &'f Keyed,
    pub at: Timestamp,
    pub support_code: &'f str,
    pub request_id: &'f str,
    pub site: Option<SiteId>,
    pub route: Option<RouteId>,
    pub method: &'f Method,
    pub host: &'f str,
    /// As it came, without the query.
    pub path: &'f str,
    pub client: SocketAddr,
    pub presented: &'f [Presented],
    pub decision: Option<&'f Decision>,
    pub reason: Reason,
    /// What exactly made a refused request ambiguous.
    pub detail: Option<&'static str>,
    pub status: u16,
    pub origin: Origin,
    pub logins: &'f [LoginSeen],
    /// Whether the client stayed to the end.
    pub complete: bool,
    pub decision_s: Option<f64>,
    pub upstream_s: Option<f64>,
    pub total_s: f64,
}

impl Finished<'_> {
    /// Site and route as labels; a request that was refused before it had them says `none`.
    pub(super) fn site_and_route(&self) -> (&str, &str) {
        labels::place(&self.snapshot.settings.policy, self.site, self.route)
    }
}
