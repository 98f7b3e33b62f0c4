//! The principals that the declared credentials can make, and the moments at which a rule begins or ends.

use super::Policy;
use crate::identity::claims::{Is, LevelFrom};
use crate::identity::probe::Probe;
use crate::identity::{Account, CredentialId, Evidence, Facts, Identity, Level, Login, Principal};
use jiff::Timestamp;
use std::collections::BTreeSet;

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
        for (account, login, level) in proved(identity, credential.id) {
            all.push(Principal::valid(credential.id, Facts { account, login, level, subject: None }));
        }
    }
    all
}

type Proved = (Account, Login, Level);

/// What a credential can prove. Where a part of it comes from outside, every word is possible.
fn proved(identity: &Identity, id: CredentialId) -> BTreeSet<Proved> {
    let Some(credential) = identity.credential(id) else { return BTreeSet::new() };
    let mut all = BTreeSet::new();
    if credential.session().is_none() {
        all.insert((Account::Unknown, Login::Unknown, Level::UNKNOWN));
    }
    for rule in credential.principals() {
        let levels = match rule.is.level {
            LevelFrom::Constant(level) => vec![level],
            LevelFrom::Claim(_) => every_level(),
        };
        all.extend(levels.into_iter().map(|level| (rule.is.account, rule.is.login, level)));
    }
    let probe = credential.session().and_then(|session| session.probe.as_deref());
    if let Some(probe) = probe.filter(|probe| probe.tells_login()) {
        all.extend(told(probe, (Account::Unknown, Login::Unknown, Level::UNKNOWN)));
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
        let levels = if flow.headers.level.is_some() { every_level() } else { vec![flow.level] };
        for account in accounts {
            let of_account = logins.iter().flat_map(|login| levels.iter().map(move |level| (account, *login, *level)));
            all.extend(of_account);
        }
    }
    if let Some(probe) = probe {
        let seen = all.clone();
        all.extend(seen.into_iter().flat_map(|seen| told(probe, seen)));
    }
    all
}

/// What a session may prove of which so much is known, once the portal was asked.
fn told(probe: &Probe, (account, login, level): Proved) -> BTreeSet<Proved> {
    let mut all = BTreeSet::new();
    for is in std::iter::once(None).chain(probe.principals.iter().map(|rule| Some(&rule.is))) {
        let mut accounts = vec![is.and_then(Is::says_account).unwrap_or(account)];
        let mut logins = vec![is.and_then(Is::says_login).unwrap_or(login)];
        let mut levels = match is.map(|is| &is.level) {
            Some(LevelFrom::Claim(_)) => every_level(),
            Some(LevelFrom::Constant(constant)) if *constant != Level::UNKNOWN => vec![*constant],
            _ => vec![level],
        };
        accounts.extend(probe.account.iter().flat_map(|_| Account::ALL));
        logins.extend(probe.login.iter().flat_map(|_| Login::ALL));
        levels.extend(probe.level.iter().flat_map(|_| every_level()));
        for account in accounts {
            let of_account = logins.iter().flat_map(|login| levels.iter().map(move |level| (account, *login, *level)));
            all.extend(of_account);
        }
    }
    all
}

fn every_level() -> Vec<Level> {
    (0..=Level::MAX.number()).filter_map(Level::new).collect()
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
}
