//! Tokens that the gate verifies itself, remembered by a keyed digest until they expire, the keys change or the policy
//! does.

use super::{Authenticator, Head, Judged};
use crate::identity::check::Failure;
use crate::identity::token::{Jwt, Verified, claimed_kid};
use crate::identity::{Authenticated, Credential, CredentialId, Identifiers};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Generation of the policy and version of the key set.
type Stamp = (u64, u64);

/// One verified token.
#[derive(Debug)]
struct Remembered {
    credential: CredentialId,
    stamp: Stamp,
    /// Unix seconds, leeway included.
    until_s: i64,
    accepted: Authenticated,
    /// So many revocations were known when it was last found that none revokes it.
    cleared: AtomicU64,
}

/// Bounded; the least used are forgotten first and verified again.
#[derive(Debug)]
pub(super) struct Tokens(Cache<[u8; 16], Arc<Remembered>>);

impl Tokens {
    pub(super) fn new(capacity: usize) -> Self {
        Tokens(Cache::new(capacity))
    }

    fn recall(&self, digest: &[u8; 16], credential: CredentialId, stamp: Stamp, now_s: i64) -> Option<Arc<Remembered>> {
        let known = self.0.get(digest)?;
        let fits = known.credential == credential && known.stamp == stamp && now_s < known.until_s;
        fits.then_some(known)
    }

    /// Since when the token is known, whatever it was judged by then; Unix seconds.
    fn known_since(&self, digest: &[u8; 16]) -> Option<i64> {
        self.0.peek(digest).map(|known| known.accepted.identifiers.since_s)
    }
}

impl Authenticator {
    /// What a token proves, verified now or remembered.
    pub fn jwt(&self, head: Head<'_>, credential: &Credential, (jwt, token): (&Jwt, &str)) -> Judged {
        let keys = self.state.keys.of(&credential.name, head.now_s);
        let stamp = (head.in_force.generation, keys.version);
        let digest = self.state.keyed.token(token);
        if let Some(known) = self.tokens.recall(&digest, credential.id, stamp, head.now_s) {
            return self.remembered(credential, &known);
        }
        match jwt.verify(token, keys.set.as_deref(), head.now_s) {
            Ok(verified) => {
                let leeway_s = i64::try_from(jwt.leeway_s).unwrap_or(0);
                let until_s = verified.expires_s.saturating_add(leeway_s);
                self.state.revocations.note_end(credential, until_s, head.now_s);
                let accepted = self.accept(&digest, verified, head.now_s);
                let cleared = AtomicU64::new(0);
                let known = Arc::new(Remembered { credential: credential.id, stamp, until_s, accepted, cleared });
                self.tokens.0.insert(digest, known.clone());
                self.remembered(credential, &known)
            }
            Err(error) => {
                if error == Failure::UnknownKid {
                    self.state.keys.want(&credential.name, claimed_kid(token).as_deref(), head.now_s);
                }
                Err(error)
            }
        }
    }

    fn accept(&self, digest: &[u8; 16], verified: Verified, now_s: i64) -> Authenticated {
        let seen_s = self.tokens.known_since(digest).map_or(now_s, |since_s| since_s.min(now_s));
        Authenticated {
            identifiers: Identifiers::of_token(&verified.token_ids, seen_s),
            facts: verified.facts,
            born: None,
        }
    }

    /// A token is looked for in the list of revocations once for each time that the list grew.
    fn remembered(&self, credential: &Credential, known: &Remembered) -> Judged {
        let revocations = &self.state.revocations;
        let entries = revocations.known();
        if known.cleared.load(Ordering::Relaxed) == entries && !revocations.may_lack_some() {
            return Ok(known.accepted.clone());
        }
        let accepted = self.still_counts(credential, known.accepted.clone())?;
        known.cleared.store(entries, Ordering::Relaxed);
        Ok(accepted)
    }
}
