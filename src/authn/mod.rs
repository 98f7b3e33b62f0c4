//! Authentication: every credential on a request becomes a principal, in one pass.
//!
//! `identity` finds the credentials and says who judges each.
//! A look-up then answers at once ([`LookUp::Found`]) or says what must be asked ([`LookUp::Ask`]):
//! only asking waits.
//! Until it is answered, a credential is `unavailable`, so whoever forgets to ask lets nobody in.
//! One file a kind of credential holds its verifier, its cache and how it is asked about; every
//! kind passes [`Authenticator::still_counts`].

mod asked;
mod introspection;
mod jwt;
mod probe;
mod session;

pub use probe::Shown;

use crate::identity::check::Failure;
use crate::identity::claimed::Claimed;
use crate::identity::credential::SiteId;
use crate::identity::presented::{Ambiguity, Location};
use crate::identity::{Authenticated, Credential, Identity, Presented, SessionKey, Subject};
use crate::state::State;
use crate::telemetry::Telemetry;
use crate::transport::Running;
use crate::transport::introspect::Introspector;
use http::HeaderMap;
use introspection::Answers;
use jwt::Tokens;
use probe::Probes;
use std::sync::Arc;

/// Tells who stands behind the credentials of a request.
#[derive(Debug)]
pub struct Authenticator {
    state: Arc<State>,
    telemetry: Arc<Telemetry>,
    tokens: Tokens,
    answers: Answers,
    probes: Probes,
}

/// By what a request is judged: what is remembered under another policy is not believed.
#[derive(Clone, Copy)]
pub struct InForce<'r> {
    pub identity: &'r Identity,
    pub generation: u64,
    /// Whom to ask; `None` where nobody is to be asked.
    pub running: Option<&'r Running>,
}

/// A request, as far as credentials stand on it.
#[derive(Clone, Copy)]
pub struct Head<'r> {
    pub in_force: InForce<'r>,
    pub site: SiteId,
    pub headers: &'r HeaderMap,
    /// Unix seconds.
    pub now_s: i64,
}

/// How one credential was judged.
type Judged = Result<Authenticated, Failure>;

/// What a look-up says of one credential.
enum LookUp<'r> {
    Found(Judged),
    /// Nothing fresh is known here, and somebody elsewhere may know more.
    Ask(Question<'r>),
}

/// What only somebody elsewhere can answer.
enum Question<'r> {
    Session(session::Question<'r>),
    Introspection(introspection::Question<'r>),
}

/// Every credential of a request, as far as it can be judged without asking.
#[derive(Default)]
struct LookedUp<'r> {
    /// Those that are asked about are `unavailable`.
    presented: Vec<Presented>,
    /// Each with the place of its credential.
    questions: Vec<(usize, Question<'r>)>,
}

impl<'r> From<&'r Running> for InForce<'r> {
    fn from(running: &'r Running) -> Self {
        InForce {
            identity: &running.snapshot.settings.identity,
            generation: running.snapshot.generation,
            running: Some(running),
        }
    }
}

impl<'r> InForce<'r> {
    fn introspectors(self) -> &'r [Arc<Introspector>] {
        self.running.map_or(&[], |running| &running.introspectors)
    }
}

impl Authenticator {
    /// Remembers as many tokens of each kind.
    pub fn new(state: Arc<State>, telemetry: Arc<Telemetry>, tokens: usize) -> Self {
        Authenticator {
            state,
            telemetry,
            tokens: Tokens::new(tokens),
            answers: Answers::new(tokens),
            probes: Probes::new(tokens),
        }
    }

    /// Every credential on a request, judged. Empty when there is none.
    pub async fn authenticate(&self, head: Head<'_>) -> Result<Vec<Presented>, Ambiguity> {
        let LookedUp { mut presented, questions } = self.look_up(head)?;
        if !questions.is_empty() {
            // What happens seldom is boxed, so that the future of every request stays small.
            presented = Box::pin(self.ask(head, presented, questions)).await?;
        }
        self.of_one_person(presented)
    }

    /// The same without asking anybody: what must be asked about is `unavailable`.
    pub fn authenticate_unasked(&self, head: Head<'_>) -> Result<Vec<Presented>, Ambiguity> {
        self.of_one_person(self.look_up(head)?.presented)
    }

    /// Whom the portal would serve, if two people were named, only the portal knows.
    /// Two names are one person where their pseudonyms are: case, width and spaces around them do
    /// not count.
    fn of_one_person(&self, presented: Vec<Presented>) -> Result<Vec<Presented>, Ambiguity> {
        if presented.len() > 1 {
            let mut people = presented.iter().filter_map(Presented::person);
            let pseudonym = |subject: &Subject| subject.pseudonym(|name| self.state.keyed.person(name));
            if let Some(first) = people.next().map(pseudonym)
                && people.any(|other| pseudonym(other) != first)
            {
                return Err(Ambiguity::TwoPeople);
            }
        }
        Ok(presented)
    }

    fn look_up<'r>(&self, head: Head<'r>) -> Result<LookedUp<'r>, Ambiguity> {
        let mut all = LookedUp::default();
        let Some(plan) = head.in_force.identity.plan(head.site) else { return Ok(all) };
        head.in_force.identity.claimed(head.site, head.headers, |location, claimed| {
            match claimed {
                Claimed::Jwt { credential, jwt, token } => {
                    let judged = self.jwt(head, credential, (jwt, token));
                    all.add(credential, LookUp::Found(judged), None, location);
                }
                Claimed::Introspection { credential, introspection, token } => {
                    all.add(credential, self.introspection(head, credential, (introspection, token)), None, location);
                }
                Claimed::Session { credential, session, value } => {
                    let key = self.state.keyed.session(&plan.site, &credential.name, value);
                    let question = session::Question { credential, session, key, value };
                    let look_up = self.session(head, question)?;
                    all.add(credential, look_up, Some(key), location);
                }
                Claimed::Malformed(credential) => {
                    all.add(credential, LookUp::Found(Err(Failure::Malformed)), None, location);
                }
                Claimed::Unexplained => all.presented.push(Presented::unexplained(location)),
            }
            Ok(())
        })?;
        Ok(all)
    }

    async fn ask(
        &self,
        head: Head<'_>,
        mut presented: Vec<Presented>,
        questions: Vec<(usize, Question<'_>)>,
    ) -> Result<Vec<Presented>, Ambiguity> {
        for (nth, question) in questions {
            let Some(unanswered) = presented.get_mut(nth) else { continue };
            let Presented { location, session, .. } = unanswered;
            let (credential, judged) = match question {
                Question::Session(question) => {
                    (question.credential, self.ask_about_session(head, &question, location).await?)
                }
                Question::Introspection(question) => (question.credential, self.ask_about_token(head, &question).await),
            };
            *unanswered = Presented { session: *session, ..Presented::judged(credential.id, judged, location.clone()) };
        }
        Ok(presented)
    }

    /// What was accepted, unless it was revoked since, or nobody can say.
    fn still_counts(&self, credential: &Credential, accepted: Authenticated) -> Judged {
        let revocations = &self.state.revocations;
        if revocations.may_lack_some() {
            Err(Failure::Unavailable)
        } else if revocations.cover(credential, &accepted.facts, &accepted.identifiers) {
            Err(Failure::Revoked)
        } else {
            Ok(accepted)
        }
    }
}

impl<'r> LookedUp<'r> {
    fn add(&mut self, credential: &Credential, look_up: LookUp<'r>, session: Option<SessionKey>, location: Location) {
        let judged = match look_up {
            LookUp::Found(judged) => judged,
            LookUp::Ask(question) => {
                self.questions.push((self.presented.len(), question));
                Err(Failure::Unavailable)
            }
        };
        self.presented.push(Presented { session, ..Presented::judged(credential.id, judged, location) });
    }
}
