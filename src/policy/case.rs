//! `[[test]]` tables: a request, a person and a moment, and what is expected to be decided.

use super::reason::Reason;
use super::rule::Action;
use super::{Bucket, OTHER, Policy, Query, RuleId};
use crate::diagnostic::Place;
use crate::identity::Principal;
use crate::wire::target::{self, RawTarget};
use http::Method;
use jiff::Timestamp;
use std::net::IpAddr;

/// One `[[test]]`.
#[derive(Clone, Debug)]
pub struct Case {
    /// As written; shown when the test fails.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The moment of the request.
    pub at: Timestamp,
    /// The method of the request.
    pub method: Method,
    /// Absolute, with the host of a site.
    pub url: String,
    /// Where the request comes from.
    pub client: IpAddr,
    /// The only principal of the request.
    pub who: Principal,
    /// `None`: whatever part of the people they belong to, the same is expected.
    pub bucket: Option<Bucket>,
    /// What must be decided.
    pub expect: Expect,
}

/// Absent parts are not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The action.
    pub then: Option<Action>,
    /// The name of the rule.
    pub rule: Option<String>,
    /// The reason.
    pub reason: Option<Reason>,
    /// The name of the route that the URL is on.
    pub route: Option<String>,
}

impl Policy {
    /// `Err` says what came out instead, in one sentence. A gate that only observes is tested as if it did not.
    pub fn run(&self, case: &Case) -> Result<(), String> {
        let query = self.question(case)?;
        self.buckets_of(case).into_iter().try_for_each(|bucket| self.expect(case, &query, bucket))
    }

    /// The rules that decide a test, and those that it sees observed.
    pub fn deciders(&self, case: &Case) -> Vec<RuleId> {
        let Ok(query) = self.question(case) else { return Vec::new() };
        let judged = self.buckets_of(case).into_iter().map(|bucket| self.judge(&query, (0, &case.who), &bucket));
        judged.flat_map(|(verdict, observed)| std::iter::once(verdict).chain(observed)).map(|v| v.rule).collect()
    }

    fn buckets_of(&self, case: &Case) -> Vec<Bucket> {
        case.bucket.map_or_else(|| self.buckets(), |bucket| vec![bucket])
    }

    fn question(&self, case: &Case) -> Result<Query, String> {
        let raw = RawTarget::split(case.url.as_bytes()).map_err(|a| format!("the url is refused as {a}"))?;
        let authority = raw.authority.ok_or("the url lacks scheme and host")?;
        let host = target::host_name(authority).map_err(|a| format!("the host is refused as {a}"))?;
        let (_, site) = self.site_of(&host).ok_or_else(|| format!("no site has the host `{host}`"))?;
        let path = target::canonical_path(raw.path, site.relaxed).map_err(|a| format!("the path is refused as {a}"))?;
        let id = site.routes.find(&path).unwrap_or(site.other);
        let route = self.route(id).ok_or("the route is missing")?;
        if !route.allows(&case.method) {
            return Err(format!("route `{}` does not allow {}", route.name, case.method));
        }
        Ok(Query { route: id, client: case.client, at: case.at })
    }

    fn expect(&self, case: &Case, query: &Query, bucket: Bucket) -> Result<(), String> {
        let (verdict, _) = self.judge(query, (0, &case.who), &bucket);
        let route = self.route(query.route).map_or(OTHER, |r| r.name.as_str());
        let rule = self.rule(verdict.rule).map_or(OTHER, |r| r.name.as_str());
        let fits = case.expect.then.is_none_or(|a| a == verdict.action)
            && case.expect.rule.as_deref().is_none_or(|r| r == rule)
            && case.expect.reason.is_none_or(|r| r == verdict.reason)
            && case.expect.route.as_deref().is_none_or(|r| r == route);
        if fits {
            return Ok(());
        }
        let of_bucket = if bucket == Bucket::FIRST { String::new() } else { format!(" for lot {}", bucket.number()) };
        Err(format!("got `{}` by rule `{rule}` ({}) on route `{route}`{of_bucket}", verdict.action, verdict.reason))
    }
}
