//! The explanation of one request: what was read, who was found, which rules they met, what was decided and until when.

use super::asker::{Asker, Terms};
use super::offline::Offline;
use super::shown;
use crate::config::Settings;
use crate::identity::{Evidence, Presented, Principal};
use crate::policy::{Bucket, Buckets, Decision, Grant, Query};
use crate::proxy::answer::{Audience, audience};
use crate::proxy::buckets::PseudonymBuckets;
use crate::proxy::context::Target;
use crate::proxy::rehearsal::{self, Reply, Request, Then};
use crate::proxy::rejection::Rejection;
use http::Method;
use jiff::Timestamp;
use std::net::IpAddr;

/// What is decided for a part of the people.
pub(super) struct Outcome {
    /// First and last lot; `None`: whatever the lot, or the one that is known.
    pub lots: Option<(u8, u8)>,
    pub decision: Decision,
    /// Refused after the decision, for the length of its body.
    pub too_large: bool,
    pub replies: Vec<(Audience, Reply)>,
    pub next: Option<(Timestamp, Decision)>,
}

/// See the module.
pub(super) struct Explanation<'s> {
    pub method: Method,
    pub target: Option<Target>,
    pub client: IpAddr,
    pub client_is_given: bool,
    pub at: Timestamp,
    /// The lot, where it is known and a rule asks for it.
    pub lot: Option<Bucket>,
    pub askers: Vec<Asker<'s>>,
    pub outcomes: Vec<Outcome>,
    /// Refused before a decision, with what is answered.
    pub refused: Option<(Rejection, Vec<(Audience, Reply)>)>,
    /// Credentials for which the gate takes log-outs there and answers itself, without any decision.
    pub log_outs: Vec<&'s str>,
    pub notes: Vec<String>,
}

impl<'s> Explanation<'s> {
    /// A request whose target cannot even be sent in one reading.
    pub(super) fn unread(terms: &Terms<'s>, rejection: Rejection) -> Self {
        let readers = [Audience::Person, Audience::Program];
        let replies = readers.map(|reader| (reader, rehearsal::reply(rejection, &Method::GET, reader, None)));
        Explanation { refused: Some((rejection, replies.to_vec())), ..Self::begun(Method::GET, terms) }
    }

    fn begun(method: Method, terms: &Terms<'s>) -> Self {
        Explanation {
            method,
            target: None,
            client: terms.client,
            client_is_given: terms.client_is_given,
            at: terms.at,
            lot: None,
            askers: Vec::new(),
            outcomes: Vec::new(),
            refused: None,
            log_outs: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn of(settings: &'s Settings, request: &'s Request, terms: &Terms<'s>, known: &Offline) -> Self {
        let mut explained = Self::begun(request.method().clone(), terms);
        explained.notes = shown::notes(settings, request, terms);
        let (target, readable) = rehearsal::read(settings, request);
        explained.target = target;
        let judged = readable.and_then(|then| match then {
            Then::Judge => explained.judge(settings, request, terms, known),
            Then::LogOut(credentials) => {
                explained.log_outs = credentials.iter().map(|c| c.name.as_str()).collect();
                Ok(())
            }
        });
        if let Err(rejection) = judged {
            let replies = explained.replies(settings, request, rejection);
            explained.refused = Some((rejection, replies));
        }
        explained
    }

    fn judge(
        &mut self,
        settings: &'s Settings,
        request: &Request,
        terms: &Terms<'s>,
        known: &Offline,
    ) -> Result<(), Rejection> {
        let Some(target) = &self.target else { return Err(Rejection::Internal) };
        let query = Query { route: target.route, client: terms.client, at: terms.at };
        let presented = if terms.people.is_empty() {
            let found = rehearsal::identify(settings, request, target, &known.authn, terms.at.as_second())?;
            self.notes.extend(found.flow.map(shown::log_in));
            self.askers = found.presented.iter().map(|p| shown::asker(settings, request, known, p)).collect();
            found.presented
        } else {
            self.askers = terms.people.iter().map(|person| shown::given(settings, person)).collect();
            Vec::new()
        };
        let lots = Chosen::of(settings, terms, &presented, known);
        self.decide(settings, request, &query, &lots);
        self.lot = self.lot.filter(|_| has_percent(settings));
        Ok(())
    }

    fn decide(&mut self, settings: &'s Settings, request: &Request, query: &Query, lots: &Chosen<'_>) {
        let policy = &settings.policy;
        if self.askers.is_empty() {
            self.askers.push(shown::nobody());
        }
        let people: Vec<Principal> = self.askers.iter().map(|a| a.principal.clone()).collect();
        // Nobody at all is asked about by `decide` itself.
        let asked: Vec<&Principal> = people.iter().filter(|p| p.evidence() != Evidence::None).collect();
        for (nth, asker) in self.askers.iter_mut().enumerate() {
            asker.steps = policy.trace(query, &asker.principal, lots.to_tell(nth, &asker.principal));
        }
        match lots {
            Chosen::Unknown(all) => {
                let ends = all.iter().skip(1).map(|lot| lot.number() - 1).chain([99]);
                for (lot, end) in all.iter().zip(ends) {
                    let outcome = self.outcome(settings, request, query, (&asked, lot));
                    self.outcomes.push(Outcome { lots: Some((lot.number(), end)), ..outcome });
                }
                self.join_alike();
            }
            known => {
                self.lot = asked.first().or(people.first().as_ref()).map(|first| known.of(0, first));
                let outcome = self.outcome(settings, request, query, (&asked, known));
                self.outcomes.push(outcome);
            }
        }
    }

    fn outcome(
        &self,
        settings: &Settings,
        request: &Request,
        query: &Query,
        (asked, lots): (&[&Principal], &impl Buckets),
    ) -> Outcome {
        let decision = settings.policy.decide(query, asked.iter().copied(), lots);
        let fits = self.target.as_ref().map_or(Ok(()), |t| rehearsal::body_fits(settings, request, t));
        let rejection = match (&decision.grant, fits) {
            (None, _) => Some(Rejection::Decided(decision.verdict)),
            (Some(_), Err(rejection)) => Some(rejection),
            (Some(_), Ok(())) => None,
        };
        let mut replies = rejection.map_or_else(Vec::new, |r| self.replies(settings, request, r));
        let deciding = self.askers.get(decision.deciding);
        if deciding.is_some_and(|asker| asker.in_cookie == Some(false)) {
            replies.iter_mut().for_each(|(_, reply)| reply.takes_session_out = false);
        }
        let next = settings.policy.next_change(query, asked, lots);
        let too_large = rejection == Some(Rejection::BodyTooLarge);
        Outcome { lots: None, decision, too_large, replies, next }
    }

    /// Parts of the people for whom the same is decided are told once.
    fn join_alike(&mut self) {
        self.outcomes.dedup_by(|next, kept| {
            let alike = (next.decision.verdict, next.decision.observed)
                == (kept.decision.verdict, kept.decision.observed)
                && next.next.as_ref().map(|(at, d)| (*at, d.verdict))
                    == kept.next.as_ref().map(|(at, d)| (*at, d.verdict));
            if let (true, Some(to), Some(from)) = (alike, &mut kept.lots, next.lots) {
                to.1 = from.1;
            }
            alike
        });
        if let [only] = self.outcomes.as_mut_slice() {
            only.lots = None;
        }
    }

    /// Whether the credential of the n-th asker does not travel under a grant.
    pub(super) fn removes(&self, grant: &Grant, nth: usize) -> bool {
        let shows_one = self.askers.get(nth).is_some_and(|asker| asker.principal.evidence() != Evidence::None);
        shows_one && grant.removes(nth)
    }

    /// What a person and a program would get, or the one of them that the request shows.
    fn replies(&self, settings: &Settings, request: &Request, rejection: Rejection) -> Vec<(Audience, Reply)> {
        let site = self.target.as_ref().and_then(|t| settings.policy.site(t.site));
        let login_url = site.and_then(|s| s.login_url.as_deref());
        let tells = ["accept", "sec-fetch-mode", "x-requested-with"].iter().any(|n| request.headers().contains_key(*n));
        let readers = match audience(request.method(), request.headers()) {
            Audience::Program if !tells => vec![Audience::Person, Audience::Program],
            one => vec![one],
        };
        let reply = |reader| rehearsal::reply(rejection, request.method(), reader, login_url);
        readers.into_iter().map(|reader| (reader, reply(reader))).collect()
    }
}

/// The lots of the people, as far as they are known.
enum Chosen<'k> {
    Given(Bucket),
    /// As the gate draws them with its secret.
    PseudonymBuckets(PseudonymBuckets<'k>),
    /// One lot of each kind that the rules tell apart.
    Unknown(Vec<Bucket>),
}

impl<'k> Chosen<'k> {
    fn of(settings: &Settings, terms: &Terms<'_>, presented: &'k [Presented], known: &'k Offline) -> Self {
        if let Some(lot) = terms.lot {
            return Chosen::Given(lot);
        }
        let named = |p: &Presented| p.principal.subject().is_some() || p.session.is_some();
        let all_named = terms.client_is_given || (!presented.is_empty() && presented.iter().all(named));
        if terms.people.is_empty() && all_named && settings.gate.secret.is_some() {
            return Chosen::PseudonymBuckets(PseudonymBuckets {
                presented,
                keyed: &known.state.keyed,
                client: terms.client,
            });
        }
        Chosen::Unknown(settings.policy.buckets())
    }

    /// The lot by which the rules are told: where it is not known, that of the people for whom least is enforced.
    fn to_tell(&self, nth: usize, principal: &Principal) -> Bucket {
        match self {
            Chosen::Unknown(all) => all.last().copied().unwrap_or(Bucket::FIRST),
            known => known.of(nth, principal),
        }
    }
}

impl Buckets for Chosen<'_> {
    fn of(&self, nth: usize, principal: &Principal) -> Bucket {
        match self {
            Chosen::Given(lot) => *lot,
            Chosen::PseudonymBuckets(drawn) => drawn.of(nth, principal),
            Chosen::Unknown(_) => Bucket::FIRST,
        }
    }
}

fn has_percent(settings: &Settings) -> bool {
    settings.policy.rules().iter().any(|rule| (1..100).contains(&rule.share))
}
