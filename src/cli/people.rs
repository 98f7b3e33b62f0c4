//! Many kinds of people in few words: `citizen by vneid, level 2-3`, `visitor`, `expired or invalid credential`.
//!
//! People are told apart by account, login and level where these are proved, else by the evidence; by credential only
//! where it makes a difference. What holds of all of whom there can be is said as such.

use crate::cli::words::either;
use crate::identity::{Account, CredentialId, Evidence, Login, Principal};
use std::collections::{BTreeMap, BTreeSet};

/// All people that there can be, and how their credentials are called.
pub(super) struct Universe<'p> {
    pub principals: &'p [Principal],
    pub credentials: &'p [String],
}

/// Who somebody is, whatever the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PrincipalKind {
    evidence: Evidence,
    account: Account,
    login: Login,
    level: u8,
}

impl PrincipalKind {
    fn of(p: &Principal) -> Self {
        PrincipalKind { evidence: p.evidence(), account: p.account(), login: p.login(), level: p.level().number() }
    }
}

/// Credentials by which people of a kind can be shown.
type ShownBy = BTreeSet<Option<CredentialId>>;

/// A part of the people: numbers of principals in the universe.
pub(super) type Part = BTreeSet<usize>;

impl Universe<'_> {
    fn kinds<'n>(&self, part: impl Iterator<Item = &'n usize>) -> BTreeMap<PrincipalKind, ShownBy> {
        let mut kinds: BTreeMap<PrincipalKind, ShownBy> = BTreeMap::new();
        for principal in part.filter_map(|n| self.principals.get(*n)) {
            kinds.entry(PrincipalKind::of(principal)).or_default().insert(principal.credential());
        }
        kinds
    }

    /// Phrases that together mean exactly these people, the most telling first.
    pub(super) fn phrases(&self, part: &Part) -> Vec<String> {
        let all: Part = (0..self.principals.len()).collect();
        let everyone = self.kinds(all.iter());
        let mine = self.kinds(part.iter());
        if mine == everyone {
            return vec!["everyone".to_owned()];
        }
        // People of a kind who are meant with some credentials only are told by these.
        let mut by_credential: BTreeMap<Option<&ShownBy>, Vec<PrincipalKind>> = BTreeMap::new();
        for (kind, shown) in &mine {
            let whole = everyone.get(kind) == Some(shown);
            by_credential.entry(Some(shown).filter(|_| !whole)).or_default().push(*kind);
        }
        let possible: Vec<PrincipalKind> = everyone.keys().copied().collect();
        let mut phrases = Vec::new();
        for (shown, kinds) in by_credential {
            let suffix = shown.map_or_else(String::new, |shown| format!(" ({})", self.names(shown)));
            // Whether all of a group are meant can only be said where credentials do not matter.
            let possible = if shown.is_none() { possible.as_slice() } else { &[] };
            phrases.extend(in_words(&kinds, possible).into_iter().map(|phrase| phrase + &suffix));
        }
        phrases
    }

    /// The same, where these are all who are logged in and are not told of elsewhere.
    pub(super) fn phrases_of_the_rest(&self, part: &Part) -> Vec<String> {
        let (valid, others): (Part, Part) = part.iter().partition(|n| self.is_logged_in(**n));
        let mut phrases = self.phrases(&others);
        if !valid.is_empty() {
            phrases.push("everyone else logged in".to_owned());
        }
        phrases
    }

    /// How many phrases it takes to tell who of these is logged in.
    pub(super) fn length(&self, part: &Part) -> usize {
        self.phrases(&part.iter().filter(|n| self.is_logged_in(**n)).copied().collect()).len()
    }

    fn is_logged_in(&self, n: usize) -> bool {
        self.principals.get(n).is_some_and(|p| p.evidence() == Evidence::Valid)
    }

    fn names(&self, shown: &ShownBy) -> String {
        let name = |id: &CredentialId| self.credentials.get(usize::from(id.0)).map_or("another", String::as_str);
        let quoted = |id: &Option<CredentialId>| match id {
            Some(id) => format!("`{}`", name(id)),
            None => "in an Authorization header that nothing explains".to_owned(),
        };
        either(shown.iter().map(quoted))
    }
}

fn in_words(kinds: &[PrincipalKind], possible: &[PrincipalKind]) -> Vec<String> {
    let mut phrases = Vec::new();
    let of = |evidence: Evidence, list: &[PrincipalKind]| -> Vec<PrincipalKind> {
        list.iter().filter(|k| k.evidence == evidence).copied().collect()
    };
    if !of(Evidence::None, kinds).is_empty() {
        phrases.push("visitor".to_owned());
    }
    phrases.extend(proved(&of(Evidence::Valid, kinds), &of(Evidence::Valid, possible)));
    let attempts = of(Evidence::Attempt, kinds);
    if !attempts.is_empty() {
        let accounts = either(attempts.iter().map(|k| k.account));
        let all = attempts == of(Evidence::Attempt, possible);
        phrases.push(if all { "password attempt".to_owned() } else { format!("password attempt as {accounts}") });
    }
    let proves_nothing =
        |k: &&PrincipalKind| !matches!(k.evidence, Evidence::None | Evidence::Valid | Evidence::Attempt);
    let unproved: Vec<PrincipalKind> = kinds.iter().filter(proves_nothing).copied().collect();
    if !unproved.is_empty() {
        let all = possible.iter().filter(proves_nothing).copied().eq(unproved.iter().copied());
        let words = either(unproved.iter().map(|k| k.evidence));
        phrases.push(if all { "credential that proves nothing".to_owned() } else { format!("{words} credential") });
    }
    phrases
}

/// People whose credential is good. Levels are put together first, then accounts, then log-ins.
fn proved(kinds: &[PrincipalKind], possible: &[PrincipalKind]) -> Vec<String> {
    if !kinds.is_empty() && kinds == possible {
        return vec!["everyone logged in".to_owned()];
    }
    let mut levels: BTreeMap<(Account, Login), Vec<u8>> = BTreeMap::new();
    for kind in kinds {
        levels.entry((kind.account, kind.login)).or_default().push(kind.level);
    }
    let mut accounts: BTreeMap<(Login, Vec<u8>), Vec<Account>> = BTreeMap::new();
    for ((account, login), mut levels) in levels {
        let alike = possible.iter().filter(|k| (k.account, k.login) == (account, login));
        if alike.map(|k| k.level).eq(levels.iter().copied()) {
            levels.clear();
        }
        accounts.entry((login, levels)).or_default().push(account);
    }
    let mut logins: BTreeMap<(Vec<Account>, Vec<u8>), Vec<Login>> = BTreeMap::new();
    for ((login, levels), accounts) in accounts {
        logins.entry((accounts, levels)).or_default().push(login);
    }
    let phrase = |((accounts, levels), logins): ((Vec<Account>, Vec<u8>), Vec<Login>)| {
        let of_login = |k: &&PrincipalKind| logins.contains(&k.login);
        let all: BTreeSet<Account> = possible.iter().filter(of_login).map(|k| k.account).collect();
        let whoever = accounts.len() > 1 && all.len() == accounts.len();
        if (accounts.as_slice(), logins.as_slice()) == (&[Account::Unknown], &[Login::Unknown]) {
            return format!("unknown person{}", of_level(&levels));
        }
        let who = match whoever {
            true => "anyone".to_owned(),
            false => either(&accounts),
        };
        format!("{who} by {}{}", either(&logins), of_level(&levels))
    };
    logins.into_iter().map(phrase).collect()
}

/// `, level 2-3`; nothing for all of them, nor for all that there can be.
fn of_level(levels: &[u8]) -> String {
    match levels {
        [] | [0, 1, 2, 3] => String::new(),
        [one] => format!(", level {one}"),
        [first, .., last] if usize::from(last - first) + 1 == levels.len() => format!(", level {first}-{last}"),
        _ => format!(", level {}", either(levels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Facts, Level};

    fn valid(id: u8, account: Account, login: Login, level: u8) -> Principal {
        let level = Level::new(level).unwrap();
        Principal::valid(CredentialId(id), Facts { account, login, level, subject: None })
    }

    fn people() -> Vec<Principal> {
        let mut all = vec![Principal::anonymous(), Principal::unproved(Some(CredentialId(0)), Evidence::Unbound)];
        all.push(Principal::unproved(Some(CredentialId(1)), Evidence::Expired));
        for account in [Account::Citizen, Account::Unknown] {
            all.push(Principal::attempt(CredentialId(0), account));
            for login in [Login::Vneid, Login::Password] {
                all.extend((0..=3).map(|level| valid(0, account, login, level)));
            }
        }
        all.extend((0..=3).map(|level| valid(1, Account::Citizen, Login::Vneid, level)));
        all
    }

    fn said(choose: impl Fn(&Principal) -> bool) -> Vec<String> {
        let (principals, credentials) = (people(), ["session".to_owned(), "token".to_owned()]);
        let universe = Universe { principals: &principals, credentials: &credentials };
        let part = principals.iter().enumerate().filter(|(_, p)| choose(p)).map(|(n, _)| n).collect();
        universe.phrases(&part)
    }

    #[test]
    fn people_are_told_in_as_few_words_as_mean_exactly_them() {
        assert_eq!(said(|_| true), ["everyone"]);
        assert_eq!(said(|p| p.evidence() == Evidence::None), ["visitor"]);
        assert_eq!(said(|p| p.evidence() == Evidence::Valid), ["everyone logged in"]);
        assert_eq!(said(|p| p.evidence() == Evidence::Attempt), ["password attempt"]);
        assert_eq!(said(|p| p.login() == Login::Vneid && p.level().number() > 1), ["anyone by vneid, level 2-3"]);
        let citizens = |p: &Principal| p.account() == Account::Citizen;
        assert_eq!(said(citizens), ["citizen by vneid or password", "password attempt as citizen"]);
        assert_eq!(said(|p| p.evidence() == Evidence::Unbound), ["unbound credential"]);
        let unproved = |p: &Principal| matches!(p.evidence(), Evidence::Unbound | Evidence::Expired);
        assert_eq!(said(unproved), ["credential that proves nothing"]);
    }

    #[test]
    fn the_credential_is_named_where_it_makes_a_difference() {
        let by_token = |p: &Principal| p.credential() == Some(CredentialId(1)) && p.level().number() == 2;
        assert_eq!(said(by_token), ["citizen by vneid, level 2 (`token`)"]);
    }

    #[test]
    fn levels_with_a_gap_are_told_one_by_one() {
        let odd = |p: &Principal| p.login() == Login::Password && p.level().number() % 2 == 1;
        assert_eq!(said(odd), ["anyone by password, level 1 or 3"]);
    }
}
