//! What may be shown as a credential, where it is looked for, and what it can prove.
//!
//! Built once from the policy; [`Identity`] answers per site which headers and cookies matter.

use super::claims::ClaimRule;
use super::flow::{Fit, Flow, FlowStamp, RequestShape};
use super::introspection::Introspection;
use super::logout_token::Logout;
use super::principal::CredentialId;
use super::probe::Probe;
use super::token::Jwt;
use super::username::Shape;
use crate::wire::words::words;
use http::header::AUTHORIZATION;
use http::{HeaderName, Method};
use std::sync::Arc;

/// The number of a site: its place in the merged policy files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub u16);

/// Where a credential stands on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Header(HeaderName),
    Cookie(String),
}

/// How a credential is judged.
#[derive(Clone, Debug)]
pub enum Kind {
    Jwt(Box<Jwt>),
    Session(Session),
    Introspection(Arc<Introspection>),
}

words! {
    /// When a new value of the session cookie is the same session.
    pub enum Follow {
        /// Only where the answer to a log-in sets it.
        LogIns = "log-ins",
        /// On every page: the portal's habit.
        Always = "always",
    }
}

/// An opaque session, known only through the ledger.
#[derive(Clone, Debug)]
pub struct Session {
    /// Seconds without a request after which the session is forgotten.
    pub idle_s: i64,
    /// Seconds after its log-in when it is forgotten in any case.
    pub lifetime_s: i64,
    /// A log-in by redirect begins on a session that nobody has seen before.
    pub clean_start: bool,
    pub follow: Follow,
    /// Cookies by which the portal logs somebody in by itself.
    pub remembers: Vec<String>,
    /// The log-ins that this policy describes.
    pub flows: Vec<FlowStamp>,
    /// How the portal is asked who is signed in.
    pub probe: Option<Arc<Probe>>,
}

impl Session {
    /// What holds where the policy says nothing else.
    pub fn new(idle_s: i64, lifetime_s: i64) -> Self {
        Session {
            idle_s,
            lifetime_s,
            clean_start: true,
            follow: Follow::LogIns,
            remembers: vec![],
            flows: vec![],
            probe: None,
        }
    }
}

/// One `[[credential]]`.
#[derive(Clone, Debug)]
pub struct Credential {
    pub id: CredentialId,
    pub name: String,
    pub sources: Vec<Source>,
    /// Empty: every site.
    pub sites: Vec<SiteId>,
    pub kind: Kind,
    pub flows: Vec<Flow>,
    pub logouts: Vec<RequestShape>,
    /// Where the issuer of its tokens says that a log-in has ended, if it does.
    pub logout_door: Option<Logout>,
}

impl Credential {
    pub fn covers(&self, site: SiteId) -> bool {
        self.sites.is_empty() || self.sites.contains(&site)
    }

    pub fn session(&self) -> Option<&Session> {
        match &self.kind {
            Kind::Session(session) => Some(session),
            Kind::Jwt(_) | Kind::Introspection(_) => None,
        }
    }

    /// The issuer whose tokens this credential judges, where it names one.
    pub fn issuer(&self) -> Option<&str> {
        match &self.kind {
            Kind::Jwt(jwt) => Some(&jwt.issuer),
            Kind::Introspection(introspection) => introspection.issuer.as_deref(),
            Kind::Session(_) => None,
        }
    }

    /// The log-in that a session was born of, if the policy still describes it so.
    pub fn flow_of(&self, stamp: FlowStamp) -> Option<&Flow> {
        let nth = self.session()?.flows.iter().position(|flow| *flow == stamp)?;
        self.flows.get(nth)
    }

    /// What the claims of a good token prove.
    pub fn principals(&self) -> &[ClaimRule] {
        match &self.kind {
            Kind::Jwt(jwt) => &jwt.principals,
            Kind::Introspection(introspection) => &introspection.principals,
            Kind::Session(_) => &[],
        }
    }

    /// Cookies that carry this credential.
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter_map(|s| match s {
            Source::Cookie(name) => Some(name.as_str()),
            Source::Header(_) => None,
        })
    }
}

/// Everything about who may be asking, as the policy declares it.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub credentials: Vec<Credential>,
    pub shapes: Vec<Shape>,
    plans: Vec<SitePlan>,
}

/// What to look for on the requests of one site.
#[derive(Clone, Debug, Default)]
pub struct SitePlan {
    /// The site's name.
    pub site: String,
    pub cookie_names: Vec<String>,
    /// Names of credentials that must not stand in a query.
    pub query_names: Vec<String>,
    /// For each cookie name, the credentials that may be in it.
    pub cookies: Vec<Vec<CredentialId>>,
    pub headers: Vec<(HeaderName, Vec<CredentialId>)>,
    /// Cookies by which a portal logs somebody in by itself, with the credential of their sessions.
    pub remembers: Vec<(String, CredentialId)>,
    /// Answer headers that only the gate may see.
    pub trusted_headers: Vec<HeaderName>,
    /// Paths to which issuers post log-outs, with their credentials.
    pub logout_doors: Vec<(String, CredentialId)>,
}

impl Identity {
    pub fn new(mut credentials: Vec<Credential>, shapes: Vec<Shape>, sites: &[String]) -> Self {
        for credential in &mut credentials {
            if let Kind::Session(session) = &mut credential.kind {
                let probe = session.probe.as_deref();
                session.flows = credential.flows.iter().map(|flow| flow.stamp(&shapes, probe)).collect();
            }
        }
        let plans = (0_u16..).zip(sites).map(|(n, name)| plan(&credentials, SiteId(n), name)).collect();
        Identity { credentials, shapes, plans }
    }

    pub fn credential(&self, id: CredentialId) -> Option<&Credential> {
        self.credentials.get(usize::from(id.0))
    }

    pub fn plan(&self, site: SiteId) -> Option<&SitePlan> {
        self.plans.get(usize::from(site.0))
    }

    /// Every log-in flow of the site with how the request stands to it.
    pub fn flows<'i>(
        &'i self,
        site: SiteId,
        method: &Method,
        path: &str,
        query: Option<&str>,
    ) -> Vec<(&'i Credential, &'i Flow, Fit)> {
        let all = self.of_site(site).flat_map(|c| c.flows.iter().map(move |f| (c, f)));
        let fits = all.map(|(c, f)| (c, f, f.request.fit(method, path, query)));
        fits.filter(|(_, _, fit)| *fit != Fit::None).collect()
    }

    pub fn of_site(&self, site: SiteId) -> impl Iterator<Item = &Credential> {
        self.credentials.iter().filter(move |c| c.covers(site))
    }
}

fn plan(credentials: &[Credential], site: SiteId, name: &str) -> SitePlan {
    let mut plan = SitePlan { site: name.to_owned(), ..SitePlan::default() };
    for credential in credentials.iter().filter(|c| c.covers(site)) {
        for source in &credential.sources {
            match source {
                Source::Cookie(name) => {
                    match plan.cookie_names.iter().position(|n| n == name).and_then(|at| plan.cookies.get_mut(at)) {
                        Some(readers) => readers.push(credential.id),
                        None => {
                            plan.cookie_names.push(name.clone());
                            plan.cookies.push(vec![credential.id]);
                        }
                    }
                }
                Source::Header(name) => match plan.headers.iter_mut().find(|(n, _)| n == name) {
                    Some((_, readers)) => readers.push(credential.id),
                    None => plan.headers.push((name.clone(), vec![credential.id])),
                },
            }
        }
        if credential.sources.iter().any(|source| matches!(source, Source::Header(name) if name == AUTHORIZATION)) {
            plan.query_names.push("access_token".to_owned());
        }
        let remembers = credential.session().map_or(&[][..], |session| session.remembers.as_slice());
        plan.remembers.extend(remembers.iter().map(|name| (name.clone(), credential.id)));
        plan.logout_doors.extend(credential.logout_door.as_ref().map(|door| (door.path.clone(), credential.id)));
        for name in credential.flows.iter().flat_map(|f| f.headers.names()) {
            if !plan.trusted_headers.contains(name) {
                plan.trusted_headers.push(name.clone());
            }
        }
    }
    plan.query_names.extend(plan.cookie_names.iter().cloned());
    plan.query_names.sort_unstable();
    plan.query_names.dedup();
    plan
}
