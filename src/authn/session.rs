//! Opaque sessions: what the ledger knows of their birth, here or in a store that several gates
//! share; and what the portal says of those that nobody saw being born.

use super::probe::Shown;
use super::{Authenticator, Head, Judged, LookUp};
use crate::identity::check::Failure;
use crate::identity::credential::Session;
use crate::identity::presented::{Ambiguity, Location};
use crate::identity::{Credential, SessionFound, SessionKey};
use crate::state::ledger::{Ledger, Terms};

/// Which session, and of what credential.
pub(super) struct Question<'r> {
    pub credential: &'r Credential,
    pub session: &'r Session,
    pub key: SessionKey,
    pub value: &'r [u8],
}

impl Question<'_> {
    fn terms(&self) -> Terms<'_> {
        let session = self.session;
        Terms { idle_s: session.idle_s, lifetime_s: session.lifetime_s, flows: &session.flows }
    }

    fn shown<'s>(&'s self, head: Head<'_>, location: &'s Location) -> Shown<'s> {
        let field = (location, self.value);
        Shown { site: head.site, credential: self.credential, session: self.key, field }
    }
}

impl Authenticator {
    /// Which log-in a session was born of. Another spelling of a known session is ambiguous.
    pub(super) fn session<'r>(&self, head: Head<'r>, question: Question<'r>) -> Result<LookUp<'r>, Ambiguity> {
        let ask = |question| Ok(LookUp::Ask(super::Question::Session(question)));
        match self.state.ledger.look_up(question.key, question.terms(), head.now_s) {
            SessionFound::Unavailable if matches!(self.state.ledger, Ledger::Shared(_)) => ask(question),
            SessionFound::Unknown if self.may_probe(head.in_force, question.credential).is_some() => {
                match self.probed(head, question.credential, question.key) {
                    Some(judged) => Ok(LookUp::Found(judged)),
                    None => ask(question),
                }
            }
            found => self.judge_session(question.credential, found).map(LookUp::Found),
        }
    }

    pub(super) async fn ask_about_session(
        &self,
        head: Head<'_>,
        question: &Question<'_>,
        location: &Location,
    ) -> Result<Judged, Ambiguity> {
        let found = match &self.state.ledger {
            Ledger::Shared(shared) => {
                let fetched = shared.fetch(question.key).await;
                shared.judge_fetched(&fetched, question.key, question.terms(), head.now_s)
            }
            Ledger::Local(local) => local.look_up(question.key, question.terms(), head.now_s),
        };
        match (found, self.may_probe(head.in_force, question.credential)) {
            (SessionFound::Unknown, Some(probe)) => {
                let shown = question.shown(head, location);
                Ok(self.ask_about_unbound(head.in_force, &shown, (probe, head.now_s)).await)
            }
            (found, _) => self.judge_session(question.credential, found),
        }
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
