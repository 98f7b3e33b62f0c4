//! What the portal says of an opaque session, remembered for a short time.
//!
//! An unbound session is asked about where the portal tells how somebody logged in, once in `cache`
//! seconds whoever shows it; so is one on which nobody is signed in.
//! After a log-in that succeeded the portal is asked anew ([`Authenticator::confirm`]).

use super::asked::{Asked, Known};
use super::{Authenticator, Head, InForce, Judged};
use crate::identity::check::Failure;
use crate::identity::credential::SiteId;
use crate::identity::presented::Location;
use crate::identity::probe::{Probe, Probed};
use crate::identity::{Authenticated, Born, Credential, CredentialId, Identifiers, SessionKey};
use crate::telemetry::series::PROBES;
use crate::transport::Unasked;
use crate::transport::probe::{Occasion, ProbeError, ProbeQuestion, Prober};
use http::header::COOKIE;
use http::{HeaderName, HeaderValue};
use std::future::Future;
use std::time::Instant;

/// How long a session about which nothing could be learned is not asked about again.
const UNANSWERED_S: i64 = 1;

/// Who is signed in, `None` for nobody; or why that is not known.
pub(super) type Answer = Result<Option<Probed>, Failure>;

pub(super) type Probes = Asked<About, Answer>;

/// What an answer belongs to: it was read as one credential of one policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct About {
    generation: u64,
    credential: CredentialId,
    session: SessionKey,
}

/// A session as it is shown to the portal.
#[derive(Clone, Copy)]
pub struct Shown<'s> {
    pub site: SiteId,
    pub credential: &'s Credential,
    pub session: SessionKey,
    /// Where it stands, and its value.
    pub field: (&'s Location, &'s [u8]),
}

impl Authenticator {
    /// Whether the portal can tell how an unbound session was born, and may be asked.
    pub(super) fn may_probe<'p>(&self, in_force: InForce<'p>, credential: &'p Credential) -> Option<&'p Probe> {
        let probe = credential.session()?.probe.as_deref()?;
        (in_force.running.is_some() && probe.tells_login()).then_some(probe)
    }

    /// What the portal said a short while ago.
    pub(super) fn probed(&self, head: Head<'_>, credential: &Credential, session: SessionKey) -> Option<Judged> {
        let answer = self.probes.recall(&about(head.in_force, credential, session), head.now_s)?;
        Some(self.judge_probed(credential, session, answer))
    }

    pub(super) async fn ask_about_unbound(
        &self,
        in_force: InForce<'_>,
        shown: &Shown<'_>,
        (probe, now_s): (&Probe, i64),
    ) -> Judged {
        let asking = async {
            let began = Instant::now();
            let value = self.put_probe(in_force, shown, (probe, Occasion::Unbound)).await;
            if matches!(value, Ok(Some(_))) {
                self.count_born(shown.credential, Born::Probed.word());
            }
            let answered_s = now_s.saturating_add(i64::try_from(began.elapsed().as_secs()).unwrap_or(0));
            let for_s = if value.is_ok() { probe.cache_s } else { UNANSWERED_S };
            Known { value, until_s: answered_s.saturating_add(for_s) }
        };
        let about = about(in_force, shown.credential, shown.session);
        let answer = self.probes.learn(&about, (now_s, probe.timeout), asking).await;
        self.judge_probed(shown.credential, shown.session, answer.unwrap_or(Err(Failure::Unavailable)))
    }

    /// Asks whether somebody is signed in, now that a log-in succeeded on this session.
    /// Where the policy has no probe, the success alone counts: nothing more is known by it.
    pub async fn confirm(&self, in_force: InForce<'_>, shown: &Shown<'_>) -> Result<Option<Probed>, Failure> {
        let probe = shown.credential.session().and_then(|session| session.probe.as_deref());
        let Some(probe) = probe else { return Ok(Some(Probed::default())) };
        self.put_probe(in_force, shown, (probe, Occasion::LogIn)).await
    }

    /// Counts a session that is believed from now on.
    pub fn count_born(&self, credential: &Credential, born: &'static str) {
        self.telemetry.metrics.sessions_born.with_label_values(&[credential.name.as_str(), born]).inc();
    }

    /// What the portal said of a session counts no more: somebody logs in or out on it.
    pub fn forget_probed(&self, in_force: InForce<'_>, credential: &Credential, session: SessionKey) {
        self.probes.forget(&about(in_force, credential, session));
    }

    fn judge_probed(&self, credential: &Credential, session: SessionKey, answer: Answer) -> Judged {
        let probed = answer?.ok_or(Failure::Unbound)?;
        // Nobody saw when it was born, so it may be of any age.
        let identifiers = Identifiers::of_session(session.name, i64::MIN);
        self.still_counts(credential, Authenticated { facts: probed.facts(), identifiers, born: Some(Born::Probed) })
    }

    /// Asks, reads the answer, and counts.
    async fn put_probe(
        &self,
        in_force: InForce<'_>,
        shown: &Shown<'_>,
        (probe, occasion): (&Probe, Occasion),
    ) -> Answer {
        let running = in_force.running.ok_or(Failure::Unavailable)?;
        let prober = running.probers.iter().find(|p| p.credential() == shown.credential.id);
        let site = running.snapshot.settings.policy.site(shown.site);
        let pool = site.and_then(|site| running.pools.get(site.upstream));
        let host = site.and_then(|site| site.hosts.first());
        let (Some(prober), Some(pool), Some(host)) = (prober, pool, host) else { return Err(Failure::Unavailable) };
        let session = field(shown.field).ok_or(Failure::Malformed)?;
        let question = ProbeQuestion { pool, host, session, occasion };
        self.counted(prober, async {
            let answer = Box::pin(prober.ask(&question)).await?;
            probe.judge(&answer).map_err(|unreadable| Unasked::Failed(ProbeError::Unreadable(unreadable)))
        })
        .await
    }

    async fn counted(
        &self,
        prober: &Prober,
        asking: impl Future<Output = Result<Option<Probed>, Unasked<ProbeError>>>,
    ) -> Answer {
        let began = Instant::now();
        let answer = asking.await;
        let [signed_in, nobody, failed, unasked] = PROBES;
        let result = match &answer {
            Ok(Some(_)) => signed_in,
            Ok(None) => nobody,
            Err(Unasked::LeftAlone | Unasked::NoTurn { .. }) => unasked,
            Err(Unasked::TimedOut { .. } | Unasked::Failed(_)) => failed,
        };
        let (metrics, name) = (&self.telemetry.metrics, prober.name());
        metrics.probes.with_label_values(&[name, result]).inc();
        if result != unasked {
            metrics.probe_seconds.with_label_values(&[name]).observe(began.elapsed().as_secs_f64());
        }
        answer.inspect_err(|error| prober.tell(error)).map_err(|_| Failure::Unavailable)
    }
}

fn about(in_force: InForce<'_>, credential: &Credential, session: SessionKey) -> About {
    About { generation: in_force.generation, credential: credential.id, session }
}

/// The field that shows a session to the portal.
fn field((location, value): (&Location, &[u8])) -> Option<(HeaderName, HeaderValue)> {
    match location {
        Location::Cookie(name) => {
            let pair = [name.as_bytes(), b"=", value].concat();
            HeaderValue::from_bytes(&pair).ok().map(|value| (COOKIE, value))
        }
        Location::Header(name) => HeaderValue::from_bytes(value).ok().map(|value| (name.clone(), value)),
        Location::Body => None,
    }
}
