//! The policy: sites, routes, rules, decisions and proofs. Pure: no clock, no I/O, no pingora.
//!
//! A [`Policy`] is built once from meant values; a question is a [`Query`] and principals, the answer a [`Decision`].

#![deny(missing_docs)]

pub mod bucket;
pub mod case;
pub mod class;
pub mod decision;
pub mod effect;
pub mod enumerate;
pub mod invariant;
pub mod lint;
pub mod networks;
pub mod page;
pub mod reach;
pub mod reason;
pub mod route;
pub mod rule;
pub mod table;
pub mod trace;

pub use bucket::{Bucket, Buckets};
pub use decision::{Decision, Grant, Query, Verdict};
pub use page::Page;
pub use reason::Reason;
pub use route::{RouteId, RouteIndex};
pub use rule::{Action, Condition, Finite, Mode, Rule, RuleId};
pub use table::TooLarge;

use crate::identity::SiteId;
use crate::wire::target::Relaxed;
use http::{HeaderName, Method};
use std::collections::HashMap;
use table::DecisionTable;

/// The route of a path that no declared route covers.
pub const OTHER: &str = "other";

/// The usual methods by name.
/// CONNECT asks for no resource of a site; TRACE is the last, since only a route that lists it
/// takes it.
pub const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// One `[[site]]`.
#[derive(Clone, Debug)]
pub struct Site {
    /// Unique in the policy.
    pub name: String,
    /// In lower case, without port.
    pub hosts: Vec<String>,
    /// Index into the list of upstreams.
    pub upstream: usize,
    /// Where people are sent to log in.
    pub login_url: Option<String>,
    /// How its paths are matched.
    pub relaxed: Relaxed,
    /// Its declared routes, by path.
    pub routes: RouteIndex,
    /// The built-in route of this site.
    pub other: RouteId,
    /// Header fields that its portal is told otherwise than usual.
    pub headers: SiteHeaders,
}

/// What a site adds to the header fields that only the gate may set, and what it takes away from them.
#[derive(Clone, Debug, Default)]
pub struct SiteHeaders {
    /// Not from clients either.
    pub private_headers: Vec<HeaderName>,
    /// From clients too, although products are told things by them.
    pub allow_headers: Vec<HeaderName>,
}

/// One `[[route]]`, or the built-in `other` of a site.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique in the policy, but for the built-in ones.
    pub name: String,
    /// The site that it is on.
    pub site: SiteId,
    /// `None`: any method but TRACE and CONNECT.
    pub methods: Option<Vec<Method>>,
    /// Largest request body in bytes.
    pub body_max: u64,
    /// The rules that may apply here, in order; the default is not among them.
    pub rules: Vec<RuleId>,
}

impl Route {
    /// HEAD counts as GET.
    pub fn allows(&self, method: &Method) -> bool {
        match &self.methods {
            None => *method != Method::TRACE && *method != Method::CONNECT,
            Some(list) => list.contains(method) || (*method == Method::HEAD && list.contains(&Method::GET)),
        }
    }
}

/// Sites, routes and rules, indexed.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    sites: Vec<Site>,
    hosts: HashMap<String, SiteId>,
    routes: Vec<Route>,
    /// The default is the last.
    rules: Vec<Rule>,
    table: DecisionTable,
    /// What each rule says and the site of each route, apart from the rest, so that a decision touches little memory.
    says: Vec<(Action, Option<Page>)>,
    site_of: Vec<SiteId>,
    /// Whether everything is forwarded, whatever was decided.
    observing: bool,
}

impl Policy {
    /// `rules` in order, the default last; `credentials` is how many are declared.
    pub fn new(sites: Vec<Site>, routes: Vec<Route>, rules: Vec<Rule>, credentials: usize) -> Result<Self, TooLarge> {
        let ids = (0_u16..).map(SiteId);
        let hosts = sites.iter().zip(ids).flat_map(|(s, id)| s.hosts.iter().map(move |h| (h.clone(), id))).collect();
        let table = table::compile(&routes, &rules, credentials)?;
        let says = rules.iter().map(|rule| (rule.then, rule.page)).collect();
        let site_of = routes.iter().map(|route| route.site).collect();
        Ok(Policy { sites, hosts, routes, rules, table, says, site_of, observing: false })
    }

    /// Decides and counts as before, and forwards whatever was decided: `[gate] mode = "observe"`.
    pub fn observing(self, observing: bool) -> Self {
        Policy { observing, ..self }
    }

    /// See [`Policy::observing`].
    pub fn is_observing(&self) -> bool {
        self.observing
    }

    /// The compiled table.
    pub fn table(&self) -> &DecisionTable {
        &self.table
    }

    /// `host` in lower case, without port.
    pub fn site_of(&self, host: &str) -> Option<(SiteId, &Site)> {
        let id = *self.hosts.get(host)?;
        self.site(id).map(|s| (id, s))
    }

    /// The site of that number.
    pub fn site(&self, id: SiteId) -> Option<&Site> {
        self.sites.get(usize::from(id.0))
    }

    /// All sites, in order.
    pub fn sites(&self) -> impl Iterator<Item = (SiteId, &Site)> {
        (0_u16..).map(SiteId).zip(self.sites.iter())
    }

    /// The route of that number.
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(usize::from(id.0))
    }

    /// All routes, in order.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, &Route)> {
        (0_u16..).map(RouteId).zip(self.routes.iter())
    }

    /// The rule of that number, or the default.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(usize::from(id.0))
    }

    /// One bucket of each kind that the shares of rules tell apart; at least the first.
    pub fn buckets(&self) -> Vec<Bucket> {
        Bucket::distinct(self.rules.iter().map(|rule| rule.share))
    }

    /// All rules with the default at the end.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The number of the default, which is the last of the rules.
    pub fn default_id(&self) -> RuleId {
        RuleId(u16::try_from(self.rules.len().saturating_sub(1)).unwrap_or(u16::MAX))
    }
}
