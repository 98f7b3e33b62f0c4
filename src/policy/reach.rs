//! Who can stand before a rule at all, and at which moments anything changes.
//!
//! Used to prove the log-in page open at load, and to start every reachable series at 0.

use super::{Policy, Query, RouteId, Rule, Verdict};
use crate::identity::{Account, CredentialId, Evidence, Facts, Identity, Level, Login, Principal};
use jiff::{Timestamp, ToSpan};
use std::net::{IpAddr, Ipv4Addr};

/// Every principal that the declared credentials can make, without subjects.
pub fn principals(identity: &Identity) -> Vec<Principal> {
    let mut all = vec![Principal::anonymous(), Principal::unproved(None, Evidence::Invalid)];
    for credential in &identity.credentials {
        let id = Some(credential.id);
        let unproved = match credential.session() {
            Some(_) => vec![Evidence::Unbound, Evidence::Revoked, Evidence::Unavailable],
            None => vec![Evidence::Expired, Evidence::Invalid, Evidence::Revoked, Evidence::Unavailable],
        };
        all.extend(unproved.into_iter().map(|e| Principal::unproved(id, e)));
        if credential.flows.iter().any(|f| f.username.is_some()) {
            let hinted = identity.shapes.iter().map(|s| s.account).chain([Account::Unknown]);
            all.extend(hinted.map(|account| Principal::attempt(credential.id, account)));
        }
        for (account, login) in proved(identity, credential.id) {
            for level in (0..=Level::MAX.number()).filter_map(Level::new) {
                all.push(Principal::valid(credential.id, Facts { account, login, level, subject: None }));
            }
        }
    }
    all
}

/// The account and login pairs that a credential can prove. Where either comes from outside, every word is possible.
fn proved(identity: &Identity, id: CredentialId) -> Vec<(Account, Login)> {
    let Some(credential) = identity.credential(id) else { return Vec::new() };
    let mut pairs = vec![];
    if let crate::identity::credential::Kind::Jwt(jwt) = &credential.kind {
        pairs.push((Account::Unknown, Login::Unknown));
        pairs.extend(jwt.principals.iter().map(|r| (r.is.account, r.is.login)));
    }
    for flow in &credential.flows {
        let accounts: Vec<Account> = match flow.account {
            _ if flow.headers.account.is_some() => Account::ALL.to_vec(),
            Some(account) => vec![account],
            None if flow.account_from_username => {
                identity.shapes.iter().map(|s| s.account).chain([Account::Unknown]).collect()
            }
            None => vec![Account::Unknown],
        };
        let logins: Vec<Login> = match flow.login {
            _ if flow.headers.login.is_some() => Login::ALL.to_vec(),
            Some(login) => vec![login],
            None => vec![Login::Unknown],
        };
        pairs.extend(accounts.iter().flat_map(|a| logins.iter().map(move |l| (*a, *l))));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

impl Policy {
    /// The rule that next starts or ends after `now`, and when.
    pub fn next_transition(&self, now: Timestamp) -> Option<(&str, Timestamp)> {
        let edges =
            self.rules().iter().flat_map(|r| [r.from, r.until].into_iter().flatten().map(|t| (r.name.as_str(), t)));
        edges.filter(|(_, at)| *at > now).min_by_key(|(_, at)| *at)
    }

    /// Names of the rules whose review date has come.
    pub fn reviews_due(&self, today: jiff::civil::Date) -> Vec<&str> {
        let due = self.rules().iter().filter(|r| r.review.is_some_and(|date| date <= today));
        due.map(|r| r.name.as_str()).collect()
    }

    /// One moment in each span of time in which nothing changes, the first before every transition. With a route, only
    /// its own rules are looked at.
    pub fn spans(&self, route: Option<RouteId>) -> Vec<Timestamp> {
        let mut edges: Vec<Timestamp> = self.rules_of(route).flat_map(|r| [r.from, r.until]).flatten().collect();
        edges.sort_unstable();
        edges.dedup();
        let before = edges.first().and_then(|t| t.checked_sub(1.second()).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        std::iter::once(before).chain(edges).collect()
    }

    /// Addresses that stand for all: one in each network that a rule names, and one outside most.
    pub fn clients(&self, route: Option<RouteId>) -> Vec<IpAddr> {
        let conditions = self.rules_of(route).flat_map(|r| std::iter::once(&r.when).chain(r.unless.as_ref()));
        let mut all: Vec<IpAddr> = conditions.flat_map(|c| c.client.iter().map(ipnet::IpNet::network)).collect();
        all.push(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        all.sort_unstable();
        all.dedup();
        all
    }

    fn rules_of(&self, route: Option<RouteId>) -> impl Iterator<Item = &Rule> {
        let ids = route.and_then(|r| self.route(r)).map(|r| r.rules.as_slice());
        let named = ids.unwrap_or_default().iter().filter_map(|id| self.rule(*id));
        let all = if route.is_none() { self.rules() } else { &[] };
        named.chain(all)
    }

    /// Calls `found` for every verdict that can happen on a route, in every span and from every kind of client.
    pub fn reachable<'p>(
        &self,
        route: RouteId,
        principals: &'p [Principal],
        spans: &[Timestamp],
        clients: &[IpAddr],
        mut found: impl FnMut(&'p Principal, &Query, Verdict, Option<Verdict>),
    ) {
        for principal in principals {
            for at in spans {
                for client in clients {
                    let query = Query { route, client: *client, at: *at };
                    let decision = self.decide(&query, std::iter::once(principal));
                    found(principal, &query, decision.verdict, decision.observed);
                }
            }
        }
    }
}
