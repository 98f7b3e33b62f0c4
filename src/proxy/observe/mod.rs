//! What the portal's answer tells about sessions. The success of a known log-in binds one, a log-out ends it, a redirect to
//! an identity provider begins a log-in.
//!
//! Whatever is not clearly a success leaves the session unbound, and a call-back that proves nothing changes nothing.

mod begin;
mod body;
mod confirm;
mod departure;
mod facts;
pub(super) mod own_cookies;
mod withheld;

pub(super) use begin::retain_set_cookies;
pub(super) use body::{body, ended};
pub(super) use confirm::forget_probed;
pub(super) use departure::{concerns_a_session, departs};
pub(super) use withheld::{hides_session, withheld_session};

use super::attempt::shown_session;
use super::context::{Proof, RequestContext, ShownSession, StartOver};
use super::remembered;
use crate::authn::Authenticator;
use crate::identity::check::Failure;
use crate::identity::credential::Follow;
use crate::identity::flow::{self, Flow};
use crate::identity::presented::Location;
use crate::identity::{Credential, SessionKey, SiteId};
use crate::policy::Grant;
use crate::state::State;
use crate::state::ledger::{self, Outcome, Start, StoreLost};
use crate::state::login_cookie::Began;
use crate::telemetry::LoginSeen;
use crate::telemetry::Telemetry;
use crate::telemetry::series::{LOG_OUT, LOGGED_OUT, LOST, UNCONFIRMED};
use crate::wire::set_cookie::{self, SetCookie};
use begin::Sessions;
use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use pingora::http::ResponseHeader;

/// Why an answer of the portal does not reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// A log-in succeeded that cannot be written down.
    StoreLost,
    StartOver,
}

impl From<StoreLost> for Halt {
    fn from(_: StoreLost) -> Self {
        Halt::StoreLost
    }
}

impl From<StartOver> for Halt {
    fn from(_: StartOver) -> Self {
        Halt::StartOver
    }
}

fn observes(ctx: &RequestContext) -> bool {
    ctx.running.snapshot.settings.policy.is_observing()
}

fn site_name(ctx: &RequestContext) -> &str {
    ctx.site().map_or("", |site| site.name.as_str())
}

/// What is needed to observe an answer.
#[derive(Clone, Copy)]
pub(super) struct Observer<'g> {
    pub state: &'g State,
    pub telemetry: &'g Telemetry,
    pub authn: &'g Authenticator,
    /// Of the request.
    pub headers: &'g HeaderMap,
}

/// The head of the answer. Trusted headers are taken out of it in any case.
pub(super) async fn answered(
    observer: Observer<'_>,
    ctx: &mut RequestContext,
    answer: &mut ResponseHeader,
) -> Result<(), Halt> {
    let Some(site) = ctx.target.as_ref().map(|t| t.site) else { return Ok(()) };
    // What happens seldom is boxed, so that the future of every answer stays small.
    let told =
        if tells_of_sessions(ctx, answer) { Box::pin(observe_all(observer, ctx, site, answer)).await } else { Ok(()) };
    if let Some(plan) = ctx.running.snapshot.settings.identity.plan(site) {
        for name in &plan.trusted_headers {
            answer.remove_header(name);
        }
    }
    drop_cookies_of_removed(ctx, answer);
    remembered::drop_set_cookies(ctx, &observer.state.keyed, observer.telemetry, answer);
    match told {
        Err(Halt::StoreLost) if observes(ctx) => Ok(()),
        Err(halt) => Err(halt),
        Ok(()) => {
            for field in ctx.observed.set_cookies.drain(..) {
                if let Ok(field) = HeaderValue::from_str(&field) {
                    let _ = answer.append_header(SET_COOKIE, field);
                }
            }
            Ok(())
        }
    }
}

/// Whether the answer can change what is known of a session. Most cannot: they set no cookie, lead nowhere, and answer
/// no log-in or log-out.
fn tells_of_sessions(ctx: &RequestContext, answer: &ResponseHeader) -> bool {
    let asked = ctx.observed.flow.is_some() || !ctx.observed.ends.is_empty();
    let tells = answer.status.is_redirection() || answer.headers.contains_key(SET_COOKIE);
    (asked || tells) && !answer.status.is_informational()
}

async fn observe_all(
    observer: Observer<'_>,
    ctx: &mut RequestContext,
    site: SiteId,
    answer: &mut ResponseHeader,
) -> Result<(), Halt> {
    let running = ctx.running.clone();
    forget_probed(observer.authn, ctx);
    let mut outcome = Ok(());
    for credential in running.snapshot.settings.identity.of_site(site).filter(|c| c.session().is_some()) {
        outcome = outcome.and(observe(observer, ctx, credential, answer).await);
    }
    outcome
}

/// What the answer does to the session of one credential.
struct Change {
    /// That the request shows.
    shown: Option<SessionKey>,
    /// The same, where it travelled to the portal: it says nothing of a session that it did not see.
    seen: Option<SessionKey>,
    /// That the answer sets.
    set: Option<SessionKey>,
    /// The answer takes the cookie back.
    taken_back: bool,
}

impl Change {
    fn of(state: &State, ctx: &RequestContext, credential: &Credential, answer: &ResponseHeader) -> Self {
        let cookie = new_cookie(credential, &answer.headers, ctx.now_s());
        let key = |c: &SetCookie<'_>| state.keyed.session(site_name(ctx), &credential.name, c.value.as_bytes());
        let grant = ctx.decision.as_ref().and_then(|d| d.grant.as_ref());
        let shown = shown_session(ctx, credential.id);
        let seen = shown.filter(|session| {
            !hides_session(ctx, credential) && grant.is_some_and(|grant| travels(ctx, grant, *session))
        });
        let set = cookie.as_ref().filter(|c| c.sets()).map(key);
        Change { shown, seen, set, taken_back: cookie.is_some_and(|c| c.expired) }
    }
}

async fn observe(
    observer: Observer<'_>,
    ctx: &mut RequestContext,
    credential: &Credential,
    answer: &mut ResponseHeader,
) -> Result<(), Halt> {
    let Observer { state, telemetry, .. } = observer;
    let change = Change::of(state, ctx, credential, answer);
    if ctx.observed.ends.contains(&credential.id) {
        for key in change.shown.filter(|session| !is_revoked(ctx, *session)).into_iter().chain(change.set) {
            state.ledger.forget(key).await?;
        }
        if logs_out(ctx, credential) {
            seen(ctx, LOG_OUT, LOGGED_OUT);
        }
    } else if let Some(flow) = own_flow(ctx, credential) {
        settle(observer, ctx, (credential, &flow), &change, answer).await?;
    } else if let (Some(old), Some(new)) = (change.seen, change.set) {
        if old != new {
            replaced(state, telemetry, ctx, credential, (old, new)).await;
        }
    } else if let (Some(old), true) = (change.seen, change.taken_back) {
        state.ledger.forget(old).await?;
    }
    // Whatever else the answer was, it may send the browser to an identity provider.
    let sessions = Sessions { seen: change.seen, set: change.set };
    Ok(begin::begins(state, ctx, credential, &sessions, answer)?)
}

/// A new value of the cookie outside of a log-in. What is not followed is unbound, and nobody is let in by it.
async fn replaced(
    state: &State,
    telemetry: &Telemetry,
    ctx: &RequestContext,
    credential: &Credential,
    (old, new): (SessionKey, SessionKey),
) {
    let known = |presented: &crate::identity::Presented| presented.session == Some(old) && presented.check.is_ok();
    if !ctx.presented.iter().any(known) {
        return;
    }
    telemetry.metrics.sessions_replaced.with_label_values(&[credential.name.as_str()]).inc();
    if credential.session().is_some_and(|s| s.follow == Follow::Always) {
        let _ = state.ledger.rename(old, new, ctx.now_s()).await;
    } else {
        telemetry.report_replaced(&credential.name);
    }
}

/// The end of a log-in, as far as the head of the answer tells it.
async fn settle(
    observer: Observer<'_>,
    ctx: &mut RequestContext,
    (credential, flow): (&Credential, &Flow),
    change: &Change,
    answer: &ResponseHeader,
) -> Result<(), StoreLost> {
    let state = observer.state;
    let (unrecognised, candidate) = candidate(state, ctx, credential, flow, change);
    let username = ctx.observed.flow.as_ref().and_then(|pending| pending.username.clone());
    let facts = facts::facts(flow, &answer.headers, username.as_deref(), ctx);
    let hosts = ctx.site().map(|s| s.hosts.clone()).unwrap_or_default();
    let query = ctx.target.as_ref().and_then(|t| t.query.as_deref());
    let succeeds = !(flow.begins.is_some() && flow.request.says_failure(query))
        && flow.head_succeeds(answer.status, &answer.headers, &hosts, ctx.now_s());
    let Some((session, start)) = candidate.filter(|_| succeeds) else {
        // A log-in that begins by itself and did not succeed may have ended what the answer sets anew.
        if flow.begins.is_none()
            && let Some(key) = change.set
        {
            state.ledger.forget(key).await?;
        }
        seen(ctx, &flow.name, unrecognised);
        return Ok(());
    };
    let field = confirm::field(state, ctx, credential, session, (observer.headers, &answer.headers));
    let shown = ShownSession { session, field };
    if flow.success.needs_body() {
        ctx.observed.body_length = declared_length(&answer.headers);
        if let Some(pending) = &mut ctx.observed.flow {
            pending.awaiting = Some((shown, facts, start));
        }
        ctx.observed.body = Some(Vec::new());
        return Ok(());
    }
    let running = ctx.running.clone();
    let site = ctx.target.as_ref().map_or(SiteId(0), |target| target.site);
    let Some(facts) = confirm::confirmed(observer.authn, &running, (site, credential), (&shown, facts)).await else {
        seen(ctx, &flow.name, UNCONFIRMED);
        return Ok(());
    };
    let shapes = &running.snapshot.settings.identity.shapes;
    let Some(birth) = facts::birth(shapes, credential, flow, (facts, start), ctx.now_s()) else { return Ok(()) };
    let bound = state.ledger.bind(session, birth, proof_of(ctx)).await;
    if bound == Ok(Outcome::Bound) {
        observer.authn.count_born(credential, start.as_str());
        arrived(state, ctx, change).await?;
    }
    seen(ctx, &flow.name, result(bound, unrecognised));
    bound.map(drop)
}

/// Which session a success would bind, and how the log-in is called that does not.
fn candidate(
    state: &State,
    ctx: &RequestContext,
    credential: &Credential,
    flow: &Flow,
    change: &Change,
) -> (&'static str, Option<(SessionKey, Start)>) {
    let rotated = change.set.filter(|new| Some(*new) != change.shown).map(|new| (new, Start::Rotated));
    if flow.begins.is_none() {
        let kept = change.seen.filter(|_| !change.taken_back).map(|session| (session, Start::Kept));
        return ("unrecognised", rotated.or(kept));
    }
    let Some(pending) = &ctx.observed.flow else { return ("unsolicited", None) };
    let login = match &pending.proof {
        Proof::Begun(login) => login,
        Proof::Missing => return ("unsolicited", None),
        Proof::Forged => return ("forged", None),
        Proof::Expired => return ("expired", None),
        Proof::Changed => return ("changed", None),
    };
    let candidate = match &login.began {
        // Its success must not stand in the body, which comes after the cookie.
        Began::Withheld(_) if flow.success.needs_body() || change.taken_back || change.seen.is_some() => rotated,
        Began::Withheld(set_cookie) => rotated.or_else(|| {
            let minted = set_cookie::parse(set_cookie, 0)?;
            let key = state.keyed.session(site_name(ctx), &credential.name, minted.value.as_bytes());
            Some((key, Start::Clean))
        }),
        Began::Without => rotated.map(|(new, _)| (new, Start::Clean)),
        Began::Visible => rotated,
        Began::Observed(exact) => {
            let kept = change.shown.filter(|shown| shown.exact == *exact && !change.taken_back);
            rotated.or(kept.map(|session| (session, Start::Clean)))
        }
    };
    ("unrecognised", candidate)
}

/// A log-in by redirect was bound: the browser gets its session, and the gate's cookie is done with.
async fn arrived(state: &State, ctx: &mut RequestContext, change: &Change) -> Result<(), StoreLost> {
    let Some(pending) = &ctx.observed.flow else { return Ok(()) };
    let Proof::Begun(login) = &pending.proof else { return Ok(()) };
    let withheld = match (&login.began, change.set) {
        (Began::Withheld(set_cookie), None) => Some(set_cookie.clone()),
        _ => None,
    };
    let done = pending.cookie.as_ref().map(|name| own_cookies::set(ctx, name, "", 0));
    ctx.observed.set_cookies.extend(withheld.into_iter().chain(done));
    // The browser has another session from now on.
    match change.shown.filter(|shown| Some(*shown) != change.set && !is_revoked(ctx, *shown)) {
        Some(former) if !observes(ctx) => state.ledger.forget(former).await,
        _ => Ok(()),
    }
}

/// What the log-in under way is bound on.
fn proof_of(ctx: &RequestContext) -> ledger::Proof<'_> {
    let Some(pending) = &ctx.observed.flow else { return ledger::Proof::default() };
    let login = if let Proof::Begun(login) = &pending.proof { Some(login.id) } else { None };
    ledger::Proof { departure: pending.departure.as_ref(), login }
}

/// As `logins_total` counts it.
fn result(bound: Result<Outcome, StoreLost>, unrecognised: &'static str) -> &'static str {
    match bound {
        Ok(Outcome::Bound) => "bound",
        Ok(Outcome::Replayed) => "replayed",
        Ok(Outcome::Conflict) => unrecognised,
        Err(StoreLost) => LOST,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    flow::one_value(headers, &CONTENT_LENGTH).and_then(|l| l.parse().ok())
}

/// The flow of this credential that the request belongs to.
fn own_flow(ctx: &RequestContext, credential: &Credential) -> Option<Flow> {
    let (_, of, flow) = ctx.flow()?;
    (of.id == credential.id).then(|| flow.clone())
}

/// The Set-Cookie that browsers keep: the last one that sets the credential's cookie; one that takes it back (often left
/// over from another path) counts only alone.
fn new_cookie<'h>(credential: &Credential, headers: &'h HeaderMap, now_s: i64) -> Option<SetCookie<'h>> {
    let own = || set_cookie::set_cookies(headers, now_s).filter(|c| credential.cookies().any(|name| name == c.name));
    own().filter(SetCookie::sets).last().or_else(|| own().last())
}

fn logs_out(ctx: &RequestContext, credential: &Credential) -> bool {
    let Some(target) = &ctx.target else { return false };
    credential.logouts.iter().any(|r| r.matches(&ctx.method, &target.path, target.query.as_deref()))
}

/// A session that was revoked stays so until somebody logs in with it: forgotten, it would be one that nobody knows, whose
/// cookie travels again.
fn is_revoked(ctx: &RequestContext, session: SessionKey) -> bool {
    ctx.presented.iter().any(|presented| presented.session == Some(session) && presented.check == Err(Failure::Revoked))
}

/// Whether the portal sees this session.
fn travels(ctx: &RequestContext, grant: &Grant, session: SessionKey) -> bool {
    !ctx.removed(grant).any(|presented| presented.session == Some(session))
}

/// A cookie that did not travel is not set either: the portal saw a stranger, and would start a session for one. Only what
/// is good for nothing any more may be replaced, or its owner could never log in again.
fn drop_cookies_of_removed(ctx: &RequestContext, answer: &mut ResponseHeader) {
    let Some(grant) = ctx.decision.as_ref().and_then(|d| d.grant.as_ref()) else { return };
    let removed: Vec<&str> = ctx
        .removed(grant)
        .filter(|presented| !presented.check.is_err_and(Failure::is_final))
        .filter_map(
            |presented| if let Location::Cookie(name) = &presented.location { Some(name.as_str()) } else { None },
        )
        .collect();
    if removed.is_empty() {
        return;
    }
    begin::retain_set_cookies(answer, |field| {
        let cookie = field.to_str().ok().and_then(|f| set_cookie::parse(f, 0));
        cookie.is_none_or(|c| !removed.contains(&c.name))
    });
}

fn seen(ctx: &mut RequestContext, flow: &str, result: &'static str) {
    ctx.logins.push(LoginSeen { flow: flow.to_owned(), result });
}
