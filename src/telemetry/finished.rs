//! What is told of a request at its end: one value, from which counters and the audit line are written.

use crate::identity::{Presented, SiteId};
use crate::policy::{Decision, Policy, Reason, RouteId};
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
        place(&self.snapshot.settings.policy, self.site, self.route)
    }
}

/// What a request has for a site or a route that was refused before it had them.
const NONE: &str = "none";

/// Names of site and route; a route says its site.
pub(super) fn place(policy: &Policy, site: Option<SiteId>, route: Option<RouteId>) -> (&str, &str) {
    let route = route.and_then(|id| policy.route(id));
    let site = route.map(|route| route.site).or(site).and_then(|id| policy.site(id));
    (site.map_or(NONE, |site| site.name.as_str()), route.map_or(NONE, |route| route.name.as_str()))
}
