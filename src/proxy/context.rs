//! What one request carries through its seven stages.
//!
//! The outcome starts undecided; only a [`Grant`] from `policy` leads to an upstream.

use super::logout::outcome::Outcome;
use super::rejection::Rejection;
use super::tunnels::registry::Place;
use crate::config::settings::Upstream;
use crate::identity::flow::Flow;
use crate::identity::presented::Location;
use crate::identity::{Credential, CredentialId, Facts, Presented, SessionKey, SiteId};
use crate::policy::{Decision, Grant, Reason, Route, RouteId, Site};
use crate::state::ledger::{Departure, Outcome as LoginOutcome, Start, StoreLost};
use crate::state::login_cookie::BegunLogin;
use crate::telemetry::{LoginSeen, Origin};
use crate::transport::Running;
use http::Method;
use jiff::Timestamp;
use prometheus::IntGauge;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinHandle;

/// See the module.
pub struct RequestContext {
    pub running: Arc<Running>,
    /// Wall clock, read once: rules, tokens and sessions are judged by it.
    pub at: Timestamp,
    /// Monotonic, for durations.
    pub started: Instant,
    pub id: RequestId,
    pub method: Method,
    pub client: SocketAddr,
    /// Whether the client speaks TLS to us, or to a trusted proxy before us.
    pub https: bool,
    pub target: Option<Target>,
    pub presented: Vec<Presented>,
    pub decision: Option<Decision>,
    /// How the request was refused, or failed later.
    pub rejection: Option<Rejection>,
    /// How a log-out ended that an identity provider posted.
    pub logout: Option<Outcome>,
    pub observed: Observed,
    pub logins: Vec<LoginSeen>,
    pub decided: Option<Instant>,
    pub upstream_asked: Option<Instant>,
    pub upstream_answered: Option<Instant>,
    pub body_bytes: u64,
    pub connect_tries: usize,
    pub origin: Origin,
    /// Since it became one that may have to be ended.
    pub tunnel: Option<Place>,
    /// Why the gate ended it.
    pub ended: Option<Reason>,
    _in_flight: InFlight,
}

/// The target of a request, read in one way.
#[derive(Debug)]
pub struct Target {
    pub site: SiteId,
    pub route: RouteId,
    /// As it came.
    pub host: String,
    /// Canonical.
    pub path: String,
    pub query: Option<String>,
    /// Path and query as they came, in origin-form: what is forwarded.
    pub origin_form: String,
}

/// A log-in that is being confirmed and written down; `None`: the portal did not confirm it.
pub type Binding = JoinHandle<Result<Option<LoginOutcome>, StoreLost>>;

/// What a request does to sessions, and what to look for in its answer.
#[derive(Default)]
pub struct Observed {
    /// The request belongs to a log-in flow; few do.
    pub flow: Option<Box<PendingLogin>>,
    /// Credentials whose session ends with this request, whatever the answer: log-outs.
    pub ends: Vec<CredentialId>,
    /// The request shows cookies of the gate's own, which do not travel.
    pub own_cookies: bool,
    /// The gate asked for the same request once more, without a session.
    pub begins_anew: bool,
    /// The cookies of log-ins under way, name and sealed value.
    pub logins_under_way: Vec<(String, Vec<u8>)>,
    /// The portal's answer was replaced by the gate's, which has no body.
    pub answered_anew: bool,
    /// Cookies by which the portal would log somebody in by itself, and which do not travel.
    pub held_back: Vec<Vec<u8>>,
    /// Cookies for which the request is ambiguous.
    pub culprits: Vec<String>,
    /// Set-Cookie fields that the gate adds to the answer.
    pub set_cookies: Vec<String>,
    /// Length of the answer's body, where its head says so.
    pub body_length: Option<usize>,
    /// Waiting for the body to show success.
    pub body: Option<Vec<u8>>,
    /// The flow that the body showed successful, being confirmed and written down.
    pub binding: Option<(String, Binding)>,
}

/// A log-in must begin on a session that nobody has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartOver;

/// A log-in request that was forwarded.
pub struct PendingLogin {
    /// Places in the snapshot's lists.
    pub credential: usize,
    pub flow: usize,
    /// The session that shows it, before the answer.
    pub session: Option<SessionKey>,
    /// Of a log-in by redirect.
    pub proof: Proof,
    /// The cookie of the gate's own that holds the proof.
    pub cookie: Option<String>,
    /// Its number among the log-ins and log-outs of the session, where that is visible.
    pub departure: Option<Departure>,
    /// The name typed, for attempts.
    pub username: Option<String>,
    /// What to bind if the body shows success, as the head did.
    pub awaiting: Option<(ShownSession, Facts, Start)>,
}

/// A session that the success of a log-in would bind, as it is shown to the portal.
pub struct ShownSession {
    pub session: SessionKey,
    /// Where it stands, and its value.
    pub field: Option<(Location, Vec<u8>)>,
}

/// Whether a call-back belongs to a log-in that the portal began in this browser.
#[derive(Debug)]
pub enum Proof {
    Missing,
    /// Opens to nothing here: made up, cut, or of another site, flow or secret.
    Forged,
    Expired,
    /// The policy describes this log-in otherwise than when it began.
    Changed,
    Begun(Box<BegunLogin>),
}

impl RequestContext {
    pub fn new(running: Arc<Running>, at: Timestamp, in_flight: IntGauge, client: SocketAddr) -> Self {
        RequestContext {
            running,
            at,
            started: Instant::now(),
            id: RequestId(rand::random()),
            method: Method::GET,
            client,
            https: false,
            target: None,
            presented: Vec::new(),
            decision: None,
            rejection: None,
            logout: None,
            observed: Observed::default(),
            logins: Vec::new(),
            decided: None,
            upstream_asked: None,
            upstream_answered: None,
            body_bytes: 0,
            connect_tries: 0,
            origin: Origin::Gate,
            tunnel: None,
            ended: None,
            _in_flight: InFlight::new(in_flight),
        }
    }

    pub fn now_s(&self) -> i64 {
        self.at.as_second()
    }

    pub fn site(&self) -> Option<&Site> {
        self.target.as_ref().and_then(|t| self.running.snapshot.settings.policy.site(t.site))
    }

    pub fn route(&self) -> Option<&Route> {
        self.target.as_ref().and_then(|t| self.running.snapshot.settings.policy.route(t.route))
    }

    /// Where the request goes if it is granted.
    pub fn upstream(&self) -> Option<&Upstream> {
        self.site().and_then(|s| self.running.snapshot.settings.upstreams.get(s.upstream))
    }

    /// The credentials that do not travel under `grant`.
    pub fn removed<'a>(&'a self, grant: &'a Grant) -> impl Iterator<Item = &'a Presented> {
        self.presented.iter().enumerate().filter(|(n, _)| grant.removes(*n)).map(|(_, p)| p)
    }

    /// Why the request got its answer.
    pub fn reason(&self) -> Reason {
        match (&self.rejection, &self.decision) {
            _ if self.logout.is_some() => Reason::BackchannelLogout,
            (Some(rejection), _) => rejection.reason(),
            (None, Some(decision)) => decision.verdict.reason,
            (None, None) => Reason::InternalError,
        }
    }

    /// What exactly, for the log.
    pub fn detail(&self) -> Option<&'static str> {
        let ended = self.ended.map(Reason::as_str);
        ended.or(self.rejection.and_then(Rejection::detail)).or(self.logout.map(Outcome::word))
    }

    /// The flow on its way with its credential.
    pub fn flow(&self) -> Option<(&PendingLogin, &Credential, &Flow)> {
        let pending = self.observed.flow.as_deref()?;
        let credential = self.running.snapshot.settings.identity.credentials.get(pending.credential)?;
        Some((pending, credential, credential.flows.get(pending.flow)?))
    }
}

/// Names one request in the log, towards the portal and, in short, to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl RequestId {
    /// 16 hex digits.
    pub fn text(self) -> Letters<16> {
        self.letters(4, b"0123456789abcdef", None)
    }

    /// Eight characters that are hard to mishear (Crockford's base 32), in two groups: `K7PM-2QXD`.
    pub fn support_code(self) -> Letters<9> {
        self.letters(5, b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", Some(4))
    }

    /// Its bits from the highest on, so many a letter; a dash in the place `dash`.
    fn letters<const COUNT: usize>(self, bits: u32, alphabet: &[u8], dash: Option<usize>) -> Letters<COUNT> {
        let mut letters = [b'-'; COUNT];
        let mut rest = self.0;
        for (_, place) in letters.iter_mut().enumerate().filter(|(nth, _)| Some(*nth) != dash) {
            rest = rest.rotate_left(bits);
            let number = usize::try_from(rest & ((1 << bits) - 1)).unwrap_or(0);
            *place = alphabet.get(number).copied().unwrap_or(b'0');
        }
        Letters(letters)
    }
}

/// An id as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letters<const COUNT: usize>([u8; COUNT]);

impl<const COUNT: usize> Deref for Letters<COUNT> {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Counts a request while it lives, however it ends.
struct InFlight(IntGauge);

impl InFlight {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        InFlight(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// GET and HEAD lose nothing when they are sent elsewhere.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn an_id_is_written_whole_for_machines_and_short_for_people() {
        for (id, text, code) in [
            (0, "0000000000000000", "0000-0000"),
            (u64::MAX, "ffffffffffffffff", "ZZZZ-ZZZZ"),
            (0x0123_4567_89ab_cdef, "0123456789abcdef", "04HM-ASW9"),
        ] {
            assert_eq!((&*RequestId(id).text(), &*RequestId(id).support_code()), (text, code));
        }
    }
}
