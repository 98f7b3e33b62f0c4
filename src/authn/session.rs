//! Opaque sessions: what the ledger knows of their birth, here or in a store that several gates share.

use super::{Authenticator, Judged, LookUp};
use crate::identity::SessionFound;
use crate::identity::check::Failure;
use crate::identity::credential::Session;
use crate::identity::presented::Ambiguity;
use crate::identity::{Credential, SessionKey};
use crate::state::ledger::{Ledger, Terms};

/// Which session, and of what credential.
#[derive(Clone, Copy)]
pub(super) struct Question<'r> {
    pub credential: &'r Credential,
    pub session: &'r Session,
    pub key: SessionKey,
}

impl Question<'_> {
    fn terms(&self) -> Terms<'_> {
        let session = self.session;
        Terms { idle_s: session.idle_s, lifetime_s: session.lifetime_s, flows: &session.flows }
    }
}

impl Authenticator {
    /// Which log-in a session was born of. Another spelling of a known session is ambiguous.
    pub(super) fn session<'r>(&self, question: Question<'r>, now_s: i64) -> Result<LookUp<'r>, Ambiguity> {
        match self.state.ledger.look_up(question.key, question.terms(), now_s) {
            SessionFound::Unavailable if matches!(self.state.ledger, Ledger::Shared(_)) => {
                Ok(LookUp::Ask(super::Question::Session(question)))
            }
            found => self.judge_session(question.credential, found).map(LookUp::Found),
        }
    }

    pub(super) async fn ask_about_session(&self, question: &Question<'_>, now_s: i64) -> Result<Judged, Ambiguity> {
        let Ledger::Shared(shared) = &self.state.ledger else { return Ok(Err(Failure::Unavailable)) };
        let fetched = shared.fetch(question.key).await;
        let found = shared.judge_fetched(&fetched, question.key, question.terms(), now_s);
        self.judge_session(question.credential, found)
    }

    fn judge_session(&self, credential: &Credential, found: SessionFound) -> Result<Judged, Ambiguity> {
        match found {
            SessionFound::Bound(accepted) => Ok(self.still_counts(credential, accepted)),
            SessionFound::Unknown => Ok(Err(Failure::Unbound)),
            SessionFound::Unavailable => Ok(Err(Failure::Unavailable)),
            SessionFound::OtherSpelling => Err(Ambiguity::SessionSpelling),
        }
    }
}
