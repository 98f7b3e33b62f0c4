//! Classes: the number of a principal in the finite list of all that rules can tell apart.
//!
//! Account, login, level, evidence and credential are closed lists, so who asks is one of 155 kinds a credential, and
//! six without one. Rules see nothing else of a principal; its subject is not among them.

use crate::identity::{Account, CredentialId, Evidence, Facts, Level, Login, Principal};

/// What a credential that proves nothing can be found to be.
const UNPROVED: [Evidence; 5] =
    [Evidence::Expired, Evidence::Invalid, Evidence::Revoked, Evidence::Unbound, Evidence::Unavailable];
const LEVELS: usize = Level::MAX.number() as usize + 1;
const VALID: usize = Account::ALL.len() * Login::ALL.len() * LEVELS;
const OF_A_CREDENTIAL: usize = VALID + Account::ALL.len() + UNPROVED.len();
/// The anonymous one, and the Authorization header that no credential explains.
const OF_NONE: usize = 1 + UNPROVED.len();

/// The number of a principal's kind; under [`all`]'s length for every credential that was declared.
pub fn number(principal: &Principal) -> usize {
    let evidence = principal.evidence();
    let Some(credential) = principal.credential() else {
        return if evidence == Evidence::None { 0 } else { 1 + unproved(evidence) };
    };
    let account = principal.account() as usize;
    let within = match evidence {
        Evidence::Valid => {
            let who = account * Login::ALL.len() + principal.login() as usize;
            who * LEVELS + usize::from(principal.level().number())
        }
        Evidence::Attempt => VALID + account,
        other => VALID + Account::ALL.len() + unproved(other),
    };
    OF_NONE + usize::from(credential.0) * OF_A_CREDENTIAL + within
}

/// One principal of each kind, at the place of its number, for so many declared credentials and one that no rule names,
/// for questions about somebody with whatever credential.
pub fn all(credentials: usize) -> Vec<Principal> {
    let mut all = vec![Principal::anonymous()];
    all.extend(UNPROVED.map(|e| Principal::unproved(None, e)));
    for id in (0_u8..).take(credentials + 1).map(CredentialId) {
        for account in Account::ALL {
            for login in Login::ALL {
                for level in (0..=Level::MAX.number()).filter_map(Level::new) {
                    let facts = Facts { account: *account, login: *login, level, subject: None };
                    all.push(Principal::valid(id, facts));
                }
            }
        }
        all.extend(Account::ALL.iter().map(|account| Principal::attempt(id, *account)));
        all.extend(UNPROVED.map(|e| Principal::unproved(Some(id), e)));
    }
    all
}

/// What is none of the list proves nothing either.
fn unproved(evidence: Evidence) -> usize {
    UNPROVED.iter().position(|e| *e == evidence).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_the_place_of_its_number() {
        let all = all(2);
        assert_eq!(all.len(), OF_NONE + 3 * 155);
        for (nth, principal) in all.iter().enumerate() {
            assert_eq!(number(principal), nth, "{principal:?}");
        }
    }
}
