//! The enforcement point: the seven stages of a request, in order. The only room that speaks pingora's proxy.
//!
//! ```text
//! 1 pin       new_ctx                    the snapshot and the time, read once
//! 2 read      read::target               host, path and framing in one canonical form
//!             logout::answer             where an identity provider posts log-outs, the gate answers itself
//! 3 identify  authn, attempt::notice     every credential becomes a principal
//! 4 decide    policy                     rules in order, the most severe decision holds
//! 5 enforce   a Grant in the context, or a Rejection answered
//! 6 forward   upstream_*                 cleaned headers; log-ins seen in the answer feed the ledger
//! 7 account   logging                    counters and one audit line, from the same value
//! ```

mod account;
pub mod answer;
mod attempt;
pub mod buckets;
pub mod context;
mod expire;
mod failure;
mod headers;
mod logout;
mod observe;
mod private_headers;
mod read;
pub mod rehearsal;
pub mod rejection;
mod remembered;
mod respond;
pub mod tunnels;
mod unread;

pub use context::RequestContext;
use context::is_safe;

use crate::authn::{Authenticator, Head, InForce};
use crate::config::settings::{Listener, Settings};
use crate::identity::presented::Ambiguity;
use crate::policy::{Grant, Query};
use crate::snapshot::Live;
use crate::state::State;
use crate::telemetry::{Origin, Telemetry};
use crate::transport::{Running, guard};
use crate::wire::forwarded;
use crate::wire::spelling::may_be_name;
use crate::wire::target::Ambiguous;
use async_trait::async_trait;
use attempt::Seen;
use buckets::PseudonymBuckets;
use bytes::Bytes;
use jiff::Timestamp;
use observe::{Halt, Observer};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::prelude::HttpPeer;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::{Error, ErrorType};
use prometheus::IntGauge;
use rejection::Rejection;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tunnels::registry::Tunnels;

/// pingora's booleans get names at the border.
const ANSWERED: bool = true;
const CONTINUE: bool = false;

/// Judges every request of one listener.
#[derive(Clone)]
pub struct Enforcer {
    live: Arc<Live<Running>>,
    state: Arc<State>,
    authn: Arc<Authenticator>,
    telemetry: Arc<Telemetry>,
    listener: Listener,
    tunnels: Arc<Tunnels>,
    in_flight: IntGauge,
}

impl Enforcer {
    pub fn new(
        live: Arc<Live<Running>>,
        (state, authn): (Arc<State>, Arc<Authenticator>),
        telemetry: Arc<Telemetry>,
        listener: Listener,
        tunnels: Arc<Tunnels>,
    ) -> Self {
        let label = listener.address.to_string();
        let in_flight = telemetry.metrics.requests_in_flight.with_label_values(&[label.as_str()]);
        Enforcer { live, state, authn, telemetry, listener, tunnels, in_flight }
    }

    /// The context of a request that begins now.
    #[expect(clippy::disallowed_methods, reason = "this is where the one `now` of a request is read")]
    fn begin(&self, client: SocketAddr) -> RequestContext {
        let at = Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH);
        RequestContext::new(self.live.current(), at, self.in_flight.clone(), client)
    }

    /// Stop 2.
    fn read(&self, session: &Session, ctx: &mut RequestContext) -> Result<(), Rejection> {
        let settings = &ctx.running.snapshot.settings;
        let raw_head = session.as_http1().map(|h1| h1.get_headers_raw_bytes());
        if head_bytes(session, raw_head.as_ref()) > settings.gate.limits.head_bytes {
            return Err(Rejection::HeadTooLarge);
        }
        let target = read::target(&settings.policy, session.req_header(), raw_head.as_deref())?;
        if shows_a_session_in_its_path(settings, &target) {
            return Err(Rejection::Target(Ambiguous::PathParameter));
        }
        if shows_a_credential_in_its_query(settings, &target) {
            return Err(Rejection::Credentials(Ambiguity::InQuery));
        }
        ctx.target = Some(target);
        if self.listener.redirect_https && !ctx.https {
            return Err(Rejection::RedirectToHttps);
        }
        Ok(())
    }

    /// Stops 3 and 4. Forwards nothing; every way out is a grant or a named rejection.
    async fn judge(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<Grant, Rejection> {
        let running = ctx.running.clone();
        let settings = &running.snapshot.settings;
        let (site, place) = ctx.target.as_ref().map(|t| (t.site, t.route)).ok_or(Rejection::Internal)?;
        let route = settings.policy.route(place).ok_or(Rejection::Internal)?;
        if !route.allows(&ctx.method) {
            return Err(Rejection::MethodNotAllowed);
        }
        let (headers, now_s) = (&session.req_header().headers, ctx.now_s());
        let head = Head { in_force: InForce::from(&*running), site, headers, now_s };
        ctx.presented = self.authn.authenticate(head).await.map_err(Rejection::Credentials)?;
        let target = ctx.target.as_ref().ok_or(Rejection::Internal)?;
        let seen = attempt::recognise(&settings.identity, target, &ctx.method, !session.is_body_empty())?;
        if !matches!(seen, Seen::Nothing) {
            Box::pin(attempt::notice(session, ctx, settings, seen)).await?;
        }
        let query = Query { route: place, client: ctx.client.ip(), at: ctx.at };
        let buckets = PseudonymBuckets { presented: &ctx.presented, keyed: &self.state.keyed, client: query.client };
        let mut decision = settings.policy.decide(&query, ctx.presented.iter().map(|p| &p.principal), &buckets);
        let (grant, verdict) = (decision.grant.take(), decision.verdict);
        ctx.decision = Some(decision);
        ctx.decided = Some(Instant::now());
        let grant = grant.ok_or(Rejection::Decided(verdict))?;
        if declared_length(session.req_header()).is_some_and(|n| n > route.body_max) {
            return Err(Rejection::BodyTooLarge);
        }
        Ok(grant)
    }

    async fn refuse(
        &self,
        session: &mut Session,
        ctx: &mut RequestContext,
        rejection: Rejection,
    ) -> pingora::Result<()> {
        self.count_rejection(ctx, rejection);
        if let Rejection::Credentials(Ambiguity::Cookies(_)) = rejection {
            ctx.observed.culprits = expire::culprits(ctx, &session.req_header().headers);
        }
        respond::reject(session, ctx, rejection).await
    }

    /// In place of the portal's answer: the same page once more.
    fn ask_again(&self, ctx: &mut RequestContext, answer: &mut ResponseHeader) -> pingora::Result<()> {
        self.count_rejection(ctx, Rejection::LoginStartsOver);
        ctx.observed.answered_anew = true;
        *answer = respond::begin_again(ctx)?;
        Ok(())
    }

    fn count_rejection(&self, ctx: &mut RequestContext, rejection: Rejection) {
        ctx.rejection = Some(rejection);
        ctx.origin = Origin::Gate;
        if let Some(cause) = rejection.cause() {
            self.telemetry.metrics.refused.with_label_values(&[cause]).inc();
        }
    }
}

#[async_trait]
impl ProxyHttp for Enforcer {
    /// Boxed, since pingora keeps it inside futures that it moves.
    type CTX = Box<RequestContext>;

    /// Stop 1.
    fn new_ctx(&self) -> Self::CTX {
        guard::request_began();
        Box::new(self.begin(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))))
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> pingora::Result<()> {
        let times = ctx.running.snapshot.settings.gate.timeouts;
        let silence = if session.is_upgrade_req() { times.websocket } else { times.stall };
        session.set_read_timeout(Some(silence));
        session.set_write_timeout(Some(times.stall));
        session.set_total_drain_timeout(Some(times.stall));
        ctx.method = session.req_header().method.clone();
        let socket = session.client_addr().and_then(|a| a.as_inet()).copied().unwrap_or(ctx.client);
        let tls = !self.listener.tls.is_empty();
        let client = forwarded::client(socket, tls, &session.req_header().headers, &self.listener.trusted_proxies);
        (ctx.client, ctx.https) = (client.address, client.https);
        Ok(())
    }

    /// Stops 2 to 5.
    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> pingora::Result<bool> {
        let read = self.read(session, ctx);
        if read.is_ok() && logout::is_meant(ctx) {
            Box::pin(logout::answer(self, session, ctx)).await?;
            return Ok(ANSWERED);
        }
        let judged = match read {
            Ok(()) => self.judge(session, ctx).await,
            Err(rejection) => Err(rejection),
        };
        match judged {
            Ok(grant) => {
                let headers = &session.req_header().headers;
                ctx.observed.held_back = remembered::held_back(ctx, &self.state.keyed, &self.telemetry, headers);
                if observe::concerns_a_session(ctx, headers) {
                    observe::forget_probed(&self.authn, ctx);
                    if let Err(rejection) = Box::pin(observe::departs(&self.state, ctx, &grant, headers)).await {
                        Box::pin(self.refuse(session, ctx, rejection)).await?;
                        return Ok(ANSWERED);
                    }
                }
                if let Some(decision) = &mut ctx.decision {
                    decision.grant = Some(grant);
                }
                headers::forget_spelling(session.req_header_mut());
                Ok(CONTINUE)
            }
            Err(rejection) => {
                Box::pin(self.refuse(session, ctx, rejection)).await?;
                Ok(ANSWERED)
            }
        }
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Self::CTX) -> pingora::Result<Box<HttpPeer>> {
        // Fail closed by shape: without a grant there is no peer.
        let Some(grant) = ctx.decision.as_ref().and_then(|d| d.grant.as_ref()) else {
            return Error::e_explain(ErrorType::HTTPStatus(500), "forwarding without a grant");
        };
        let upstream = ctx.running.snapshot.settings.policy.site(grant.site()).map(|s| s.upstream);
        let silence = ctx.running.snapshot.settings.gate.timeouts.websocket;
        let peer = upstream
            .and_then(|n| ctx.running.pools.get(n))
            .and_then(|pool| if session.is_upgrade_req() { pool.peer_of_tunnel(silence) } else { pool.peer() });
        // The first server is chosen right after the decision; a clock read costs more than the choice.
        let first = ctx.decided.filter(|_| ctx.upstream_asked.is_none());
        ctx.upstream_asked = Some(first.unwrap_or_else(Instant::now));
        peer.ok_or_else(|| Error::explain(ErrorType::ConnectNoRoute, "no server"))
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        upstream_request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> pingora::Result<()> {
        match ctx.decision.as_ref().and_then(|d| d.grant.as_ref()) {
            Some(grant) => headers::for_portal(upstream_request, ctx, grant),
            None => Error::e_explain(ErrorType::HTTPStatus(500), "forwarding without a grant"),
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        ctx: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let Some(piece) = body.as_ref().filter(|_| !session.was_upgraded()) else {
            return Ok(());
        };
        ctx.body_bytes += piece.len() as u64;
        if ctx.route().is_some_and(|r| ctx.body_bytes > r.body_max) {
            return Error::e_explain(ErrorType::HTTPStatus(413), "request body over the route's limit");
        }
        if ctx.started.elapsed() > ctx.running.snapshot.settings.gate.timeouts.body {
            return Error::e_explain(ErrorType::HTTPStatus(408), "request body over its time");
        }
        Ok(())
    }

    /// Stop 6.
    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        upstream_response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let switches = upstream_response.status == http::StatusCode::SWITCHING_PROTOCOLS;
        if switches && !session.is_upgrade_req() {
            return Err(
                Error::explain(ErrorType::InvalidHTTPHeader, "a switch of protocols that nobody asked for").into_up()
            );
        }
        if switches || !upstream_response.status.is_informational() {
            ctx.upstream_answered = Some(Instant::now());
            ctx.origin = Origin::Upstream;
        }
        let observer = Observer {
            state: &self.state,
            telemetry: &self.telemetry,
            authn: &self.authn,
            headers: &session.req_header().headers,
        };
        let told = observe::answered(observer, ctx, upstream_response).await;
        told.or_else(|halt| match halt {
            Halt::StoreLost => Error::e_explain(ErrorType::HTTPStatus(503), "the store of sessions cannot be reached"),
            Halt::StartOver if is_safe(&ctx.method) => self.ask_again(ctx, upstream_response),
            Halt::StartOver => Error::e_explain(ErrorType::HTTPStatus(303), "a log-in begins on a session seen before"),
        })?;
        if switches { tunnels::open(self, ctx) } else { Ok(()) }
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> pingora::Result<Option<Duration>> {
        if ctx.observed.answered_anew {
            *body = None;
        }
        Ok(observe::body((&self.state, &self.authn), ctx, body.as_deref(), end_of_stream))
    }

    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, ctx: &mut Self::CTX, mut e: Box<Error>) -> Box<Error> {
        // Nothing was sent yet, so another server may be asked, whatever the method.
        ctx.connect_tries += 1;
        let servers = ctx.upstream().map_or(0, |u| u.servers.len());
        e.set_retry(ctx.connect_tries < servers.min(3));
        e
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Self::CTX) -> FailToProxy {
        failure::answer(self, session, e, ctx).await
    }

    fn suppress_error_log(&self, _: &Session, _: &Self::CTX, _: &Error) -> bool {
        // pingora's line would carry the path and query; the audit line and the counters say it without them.
        true
    }

    fn request_summary(&self, _: &Session, ctx: &Self::CTX) -> String {
        format!("request {}", &*ctx.id.text())
    }

    /// Stop 7.
    async fn logging(&self, session: &mut Session, e: Option<&Error>, ctx: &mut Self::CTX) {
        observe::ended(ctx).await;
        tunnels::closed(ctx);
        account::finished(self, session, e, ctx);
    }
}

/// A servlet container takes `;jsessionid=…` for the session cookie, which the gate would not see.
fn shows_a_session_in_its_path(settings: &Settings, target: &context::Target) -> bool {
    if !target.origin_form.contains(';') {
        return false;
    }
    let cookies = settings.identity.plan(target.site).map_or(&[][..], |p| p.cookie_names.as_slice());
    let path = target.origin_form.split('?').next().unwrap_or_default();
    let parameters = path.split('/').flat_map(|segment| segment.split(';').skip(1));
    parameters
        .map(|p| p.split('=').next().unwrap_or_default())
        .any(|name| cookies.iter().any(|c| c.eq_ignore_ascii_case(name)))
}

/// Some servers take a session id (PHP without `session.use_only_cookies`) or a token (RFC 6750 §2.3) from the query too, and
/// nobody would have judged it.
fn shows_a_credential_in_its_query(settings: &Settings, target: &context::Target) -> bool {
    let Some(query) = target.query.as_deref().filter(|query| !query.is_empty()) else { return false };
    let names = settings.identity.plan(target.site).map_or(&[][..], |plan| plan.query_names.as_slice());
    let written = query.split(['&', ';']).map(|pair| pair.split('=').next().unwrap_or_default());
    !names.is_empty() && written.into_iter().any(|name| names.iter().any(|n| may_be_name(name.as_bytes(), n)))
}

/// Bytes of the head: as read on HTTP/1, the sum of names and values on HTTP/2.
fn head_bytes(session: &Session, raw_head: Option<&Bytes>) -> usize {
    raw_head.map_or_else(
        || session.req_header().headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum(),
        Bytes::len,
    )
}

fn declared_length(head: &RequestHeader) -> Option<u64> {
    head.headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok())
}
