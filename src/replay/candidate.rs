//! The policy under trial, asked about one recorded request.
//!
//! Finds site and route, builds the principals again from what the line says of them, and asks the policy. What the
//! candidate has no place for is told by its cause, never guessed. The claims of a token, the cookie and the name typed
//! are not in a log, so what identified the person then is taken as it was.

use super::masked::Masked;
use crate::config::Settings;
use crate::identity::{Account, CredentialId, Evidence, Facts, Level, Login, Principal, SiteId};
use crate::policy::{Action, Bucket, Buckets, Policy, Query, RouteId, RuleId};
use crate::telemetry::past::{Past, PastPrincipal};
use crate::wire::target::{canonical_path, host_name};
use crate::wire::words::words;
use http::Method;
use jiff::Timestamp;
use std::cell::Cell;
use std::net::SocketAddr;

words! {
    /// Why the candidate cannot decide a recorded request.
    pub enum Unplaced {
        UnknownHost = "unknown-host",
        UnclearPath = "unclear-path",
        /// The log cuts long paths.
        ShortenedPath = "shortened-path",
        /// The log masks a part of the path, and without it the path leads to another route than the recorded one.
        MaskedPath = "masked-path",
        /// The log folds rare methods into `other`, and the route lists its methods.
        RareMethod = "rare-method",
        UnknownCredential = "unknown-credential",
        CredentialNotOnSite = "credential-not-on-site",
        /// A word of another version.
        UnknownWord = "unknown-word",
        UnreadableClient = "unreadable-client",
        /// A rule with `percent` asks which share somebody belongs to whom the log does not name.
        UnknownShare = "unknown-share",
    }
}

/// Which decisions are compared; like with like, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What happened, and what would happen.
    Enforced,
    /// What would have happened if every observed rule had been enforced, then and now.
    Observed,
}

/// The rule that a method outside the route's list meets.
pub(super) const METHODS: &str = "(methods of the route)";

/// What the candidate decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    pub site: SiteId,
    pub route: RouteId,
    pub action: Action,
    /// `None`: the route does not take the method.
    pub rule: Option<RuleId>,
    pub account: Account,
    pub login: Login,
}

/// A policy that is tried on recorded traffic.
pub struct Candidate<'s> {
    pub settings: &'s Settings,
    /// Everything is decided as of this instant; `None`: each request as of its own.
    pub at: Option<Timestamp>,
    pub view: View,
    masked: Masked,
    /// The principals of the line at hand.
    principals: Vec<Principal>,
}

impl<'s> Candidate<'s> {
    pub fn new(settings: &'s Settings, at: Option<Timestamp>, view: View) -> Self {
        Candidate { settings, at, view, masked: Masked::new(settings), principals: Vec::new() }
    }

    pub fn decide(&mut self, line: &Past<'_>, arrived: Timestamp) -> Result<Decided, Unplaced> {
        let policy = &self.settings.policy;
        let host = host_name(&line.host).map_err(|_| Unplaced::UnknownHost)?;
        let (site, meant) = policy.site_of(&host).ok_or(Unplaced::UnknownHost)?;
        if line.path.ends_with('…') {
            return Err(Unplaced::ShortenedPath);
        }
        let path = canonical_path(&line.path, meant.relaxed).map_err(|_| Unplaced::UnclearPath)?;
        let found = meant.routes.find(&path).unwrap_or(meant.other);
        let route = self.masked.route(policy, found, &path, &line.route).ok_or(Unplaced::MaskedPath)?;
        let takes = policy.route(route).ok_or(Unplaced::UnclearPath)?;
        let method = Method::from_bytes(line.method.as_bytes()).map_err(|_| Unplaced::UnknownWord)?;
        if line.method == "other" && takes.methods.is_some() {
            return Err(Unplaced::RareMethod);
        }
        self.principals.clear();
        for shown in &line.principals {
            self.principals.push(principal(self.settings, site, shown)?);
        }
        let client = line.client.parse::<SocketAddr>().map_err(|_| Unplaced::UnreadableClient)?.ip();
        let query = Query { route, client, at: self.at.unwrap_or(arrived) };
        let decided = |action, rule, deciding: usize| {
            let who = self.principals.get(deciding);
            let (account, login) = who.map_or((Account::Anonymous, Login::None), |p| (p.account(), p.login()));
            Decided { site, route, action, rule, account, login }
        };
        if !takes.allows(&method) {
            return Ok(decided(Action::Reject, None, 0));
        }
        let buckets = LoggedBuckets { principals: &line.principals, in_vain: Cell::new(false) };
        let (action, rule, deciding) = decide_line(policy, &query, &self.principals, &buckets, self.view);
        if buckets.in_vain.get() { Err(Unplaced::UnknownShare) } else { Ok(decided(action, Some(rule), deciding)) }
    }
}

/// The one place where recorded requests meet the policy.
fn decide_line(
    policy: &Policy,
    query: &Query,
    principals: &[Principal],
    buckets: &LoggedBuckets<'_>,
    view: View,
) -> (Action, RuleId, usize) {
    let decision = policy.decide(query, principals.iter(), buckets);
    let verdict = match view {
        View::Enforced => decision.verdict,
        View::Observed => decision.observed.unwrap_or(decision.verdict),
    };
    (verdict.action, verdict.rule, decision.deciding)
}

/// Buckets by the pseudonyms of a line, as the gate finds them.
/// The gate goes by the client's address or by an unbound session where there is no pseudonym; the
/// log does not tell enough for that.
struct LoggedBuckets<'l> {
    principals: &'l [PastPrincipal<'l>],
    in_vain: Cell<bool>,
}

impl Buckets for LoggedBuckets<'_> {
    fn of(&self, nth: usize, _: &Principal) -> Bucket {
        let names = self.principals.get(nth).map(|p| [&*p.subject, &*p.session]);
        match names.into_iter().flatten().find(|name| !name.is_empty()) {
            Some(name) => Bucket::of_pseudonym(name),
            None => {
                self.in_vain.set(true);
                Bucket::FIRST
            }
        }
    }
}

/// Facts exist with evidence `valid` and `attempt` only, here as there.
fn principal(settings: &Settings, site: SiteId, shown: &PastPrincipal<'_>) -> Result<Principal, Unplaced> {
    let evidence = Evidence::parse(&shown.evidence).ok_or(Unplaced::UnknownWord)?;
    let credential = credential(settings, site, &shown.credential)?;
    let account = || Account::parse(&shown.account).ok_or(Unplaced::UnknownWord);
    match (evidence, credential) {
        (Evidence::None, _) => Ok(Principal::anonymous()),
        (Evidence::Valid, Some(id)) => {
            let login = Login::parse(&shown.login).ok_or(Unplaced::UnknownWord)?;
            let level = Level::new(shown.level).ok_or(Unplaced::UnknownWord)?;
            Ok(Principal::valid(id, Facts { account: account()?, login, level, subject: None }))
        }
        (Evidence::Attempt, Some(id)) => Ok(Principal::attempt(id, account()?)),
        (Evidence::Valid | Evidence::Attempt, None) => Err(Unplaced::UnknownCredential),
        (unproved, credential) => Ok(Principal::unproved(credential, unproved)),
    }
}

/// `None` is what no declared credential explains.
fn credential(settings: &Settings, site: SiteId, name: &str) -> Result<Option<CredentialId>, Unplaced> {
    if name == "none" {
        return Ok(None);
    }
    let known = settings.identity.credentials.iter().find(|c| c.name == name).ok_or(Unplaced::UnknownCredential)?;
    if known.covers(site) { Ok(Some(known.id)) } else { Err(Unplaced::CredentialNotOnSite) }
}
