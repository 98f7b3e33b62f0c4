//! Stop 6: what the portal's answer tells about sessions. The success of a known log-in binds one, a log-out forgets
//! it, a redirect to an identity provider begins a flow, and a new cookie value is followed.
//!
//! Whatever is not clearly a success leaves the session unbound: a better log-in known before never survives an
//! attempt whose result was not recognised.

mod body;

pub use body::{body, ended};

use super::attempt::shown_session;
use super::context::RequestContext;
use super::rejection::Rejection;
use crate::identity::check::Failure;
use crate::identity::credential::Kind;
use crate::identity::flow::{self, Flow};
use crate::identity::presented::Location;
use crate::identity::set_cookie::{self, SetCookie};
use crate::identity::username::Shape;
use crate::identity::{Account, Credential, Facts, Level, Login, SessionKey, SiteId};
use crate::policy::Grant;
use crate::state::State;
use crate::state::ledger::{Birth, StoreLost};
use crate::telemetry::LoginSeen;
use crate::telemetry::series::{LOG_OUT, LOGGED_OUT, LOST};
use http::header::{CONTENT_LENGTH, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, StatusCode};
use pingora::http::ResponseHeader;

/// Notes the log-outs of a request that is let through. Most requests log nobody in or out: then there is nothing to be
/// written down.
pub fn concerns_a_session(ctx: &mut RequestContext) -> bool {
    let Some(target) = &ctx.target else { return false };
    let credentials = ctx.running.snapshot.settings.identity.of_site(target.site);
    let ended: Vec<_> = credentials.filter(|c| logs_out(ctx, c)).map(|c| c.id).collect();
    ctx.watch.ends.extend(ended);
    ctx.watch.flow.is_some() || !ctx.watch.ends.is_empty()
}

/// Before such a request travels. What was known of a session ends here with a log-in or a log-out, so that it is over
/// even if the answer never comes; only a success that is seen binds it again. Where that cannot be written down,
/// nothing travels, but under a policy that only observes.
pub async fn departs(state: &State, ctx: &mut RequestContext, grant: &Grant) -> Result<(), Rejection> {
    match depart(state, ctx, grant).await {
        Err(Rejection::StoreLost) if observes(ctx) => Ok(()),
        departed => departed,
    }
}

fn observes(ctx: &RequestContext) -> bool {
    ctx.running.snapshot.settings.policy.is_observing()
}

async fn depart(state: &State, ctx: &mut RequestContext, grant: &Grant) -> Result<(), Rejection> {
    for id in ctx.watch.ends.clone() {
        if let Some(session) = shown_session(ctx, id).filter(|session| !is_revoked(ctx, *session)) {
            state.ledger.depart(session).await?;
        }
    }
    let now_s = ctx.now_s();
    let begun = begun_names(state, ctx);
    let shown = ctx.watch.flow.as_ref().and_then(|flow| flow.session);
    let session = shown.filter(|session| !is_revoked(ctx, *session) || travels(ctx, grant, *session));
    let Some(on_its_way) = &mut ctx.watch.flow else { return Ok(()) };
    let Some(session) = session else {
        // Without a session nothing can have begun; a password log-in may start one.
        on_its_way.solicited = begun.is_none();
        return Ok(());
    };
    on_its_way.solicited = match begun {
        Some(names) => state.ledger.has_begun(session, &names, now_s).await?,
        None => true,
    };
    let observing = ctx.running.snapshot.settings.policy.is_observing();
    if !on_its_way.solicited && !observing && state.ledger.knows(session).await? {
        return Err(Rejection::UnsolicitedCallback);
    }
    on_its_way.departure = Some(state.ledger.depart(session).await?);
    Ok(())
}

/// The names under which the flow on its way may have begun; `None` for a flow that begins by itself.
fn begun_names(state: &State, ctx: &RequestContext) -> Option<Vec<[u8; 16]>> {
    let (_, _, flow) = ctx.flow()?;
    flow.begins.as_ref()?;
    let query = ctx.target.as_ref().and_then(|t| t.query.as_deref()).unwrap_or_default();
    let named = flow::parameters(query, "state").next().map(|s| state.keyed.flow(&flow.name, Some(&s)));
    Some([named, Some(state.keyed.flow(&flow.name, None))].into_iter().flatten().collect())
}

/// The head of the answer. Trusted headers are taken out of it in any case. An error: a log-in succeeded that cannot be
/// written down, so its answer must not reach the client.
pub async fn answered(state: &State, ctx: &mut RequestContext, answer: &mut ResponseHeader) -> Result<(), StoreLost> {
    let Some(site) = ctx.target.as_ref().map(|t| t.site) else { return Ok(()) };
    // What happens seldom is boxed, so that the future of every answer stays small.
    let written =
        if tells_of_sessions(ctx, answer) { Box::pin(observe_all(state, ctx, site, answer)).await } else { Ok(()) };
    if let Some(plan) = ctx.running.snapshot.settings.identity.plan(site) {
        for name in &plan.trusted_headers {
            answer.remove_header(name);
        }
    }
    drop_cookies_of_removed(ctx, answer);
    if observes(ctx) { Ok(()) } else { written }
}

/// Whether the answer can change what is known of a session. Most cannot: they set no cookie, lead nowhere, and answer
/// no log-in or log-out.
fn tells_of_sessions(ctx: &RequestContext, answer: &ResponseHeader) -> bool {
    let asked = ctx.watch.flow.is_some() || !ctx.watch.ends.is_empty();
    let tells = answer.status.is_redirection() || answer.headers.contains_key(SET_COOKIE);
    (asked || tells) && !answer.status.is_informational()
}

async fn observe_all(
    state: &State,
    ctx: &mut RequestContext,
    site: SiteId,
    answer: &ResponseHeader,
) -> Result<(), StoreLost> {
    let running = ctx.running.clone();
    let mut outcome = Ok(());
    for credential in running.snapshot.settings.identity.of_site(site).filter(|c| c.session().is_some()) {
        outcome = outcome.and(observe(state, ctx, credential, answer).await);
    }
    outcome
}

async fn observe(
    state: &State,
    ctx: &mut RequestContext,
    credential: &Credential,
    answer: &ResponseHeader,
) -> Result<(), StoreLost> {
    let now_s = ctx.now_s();
    let running = ctx.running.clone();
    let site = ctx.target.as_ref().and_then(|t| running.snapshot.settings.identity.plan(t.site));
    let site = site.map_or("", |p| p.site.as_str());
    let before = shown_session(ctx, credential.id);
    let cookie = new_cookie(credential, &answer.headers, now_s);
    let after = match &cookie {
        Some(c) if c.sets() => Some(state.keyed.session(site, &credential.name, c.value.as_bytes())),
        _ => None,
    };
    let taken_back = cookie.as_ref().is_some_and(|c| c.expired);
    // The portal says nothing of a session that it did not see: what it sets is a stranger's.
    let grant = ctx.decision.as_ref().and_then(|d| d.grant.as_ref());
    let seen_by_portal = before.filter(|session| grant.is_some_and(|grant| travels(ctx, grant, *session)));
    if ctx.watch.ends.contains(&credential.id) {
        for key in before.filter(|session| !is_revoked(ctx, *session)).into_iter().chain(after) {
            state.ledger.forget(key).await?;
        }
        if logs_out(ctx, credential) {
            seen(ctx, LOG_OUT, LOGGED_OUT);
        }
    } else if let Some((flow, on_its_way)) = own_flow(ctx, credential) {
        let site_hosts = ctx.site().map(|s| s.hosts.clone()).unwrap_or_default();
        let succeeds = on_its_way.1 && flow.head_succeeds(answer.status, &answer.headers, &site_hosts, now_s);
        let facts = facts(&flow, &answer.headers, on_its_way.0.as_deref(), ctx);
        // The session that the browser has from now on, and the portal means.
        let session = if taken_back { None } else { after.or(seen_by_portal) };
        ctx.watch.body_length = declared_length(&answer.headers);
        let before = before.filter(|session| !is_revoked(ctx, *session)).or(seen_by_portal);
        settle(state, ctx, credential, &flow, Settled { before, after, session, succeeds, facts, now_s }).await?;
    } else if let (Some(old), Some(new)) = (seen_by_portal, after) {
        // What is not written down here makes the new value unbound, and nobody is let in by it.
        let _ = state.ledger.rename(old, new, now_s).await;
    } else if let (Some(old), true) = (seen_by_portal, taken_back) {
        state.ledger.forget(old).await?;
    }
    // Whatever else the answer was, it may send the session to an identity provider.
    if let Some(session) = after.or(seen_by_portal) {
        begins(state, ctx, credential, session, answer, now_s).await;
    }
    Ok(())
}

struct Settled {
    before: Option<SessionKey>,
    after: Option<SessionKey>,
    session: Option<SessionKey>,
    succeeds: bool,
    facts: Facts,
    now_s: i64,
}

/// The end of a log-in, as far as the head of the answer tells it.
async fn settle(
    state: &State,
    ctx: &mut RequestContext,
    credential: &Credential,
    flow: &Flow,
    end: Settled,
) -> Result<(), StoreLost> {
    // Whatever was known before this log-in ends here.
    for key in end.before.into_iter().chain(end.after) {
        state.ledger.forget(key).await?;
    }
    // Each begun flow counts once, and only when the portal answered.
    if let (Some(session), Some(names)) = (end.before, begun_names(state, ctx)) {
        state.ledger.take_begun(session, &names, end.now_s).await?;
    }
    let solicited = ctx.watch.flow.as_ref().is_some_and(|f| f.solicited);
    let unrecognised = if solicited { "unrecognised" } else { "unsolicited" };
    let Some(session) = end.session.filter(|_| end.succeeds) else {
        seen(ctx, &flow.name, unrecognised);
        return Ok(());
    };
    if flow.success.needs_body() {
        if let Some(on_its_way) = &mut ctx.watch.flow {
            on_its_way.awaiting = Some((session, end.facts));
        }
        ctx.watch.body = Some(Vec::new());
        return Ok(());
    }
    let last = ctx.watch.flow.as_ref().and_then(|f| f.departure);
    let bound = match birth(&ctx.running.snapshot.settings.identity.shapes, credential, flow, end.facts, end.now_s) {
        Some(birth) => state.ledger.bind(session, birth, last).await,
        None => Ok(false),
    };
    seen(ctx, &flow.name, bound.map_or(LOST, |bound| if bound { "bound" } else { unrecognised }));
    bound.map(drop)
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    flow::one_value(headers, &CONTENT_LENGTH).and_then(|l| l.parse().ok())
}

fn birth(shapes: &[Shape], credential: &Credential, flow: &Flow, facts: Facts, at_s: i64) -> Option<Birth> {
    let Kind::Session(s) = &credential.kind else { return None };
    Some(Birth { facts, flow: flow.stamp(shapes), idle_s: s.idle_s, lifetime_s: s.lifetime_s, at_s })
}

/// The flow of this credential that the request belongs to, with the name typed and whether it was solicited.
fn own_flow(ctx: &RequestContext, credential: &Credential) -> Option<(Flow, (Option<String>, bool))> {
    let (on_its_way, of, flow) = ctx.flow()?;
    (of.id == credential.id).then(|| (flow.clone(), (on_its_way.username.clone(), on_its_way.solicited)))
}

/// Constants, then the shape of the name typed. Where a trusted answer header is declared and there, it alone counts: one
/// that is repeated or holds no word of the list leaves the fact unknown.
fn facts(flow: &Flow, headers: &HeaderMap, username: Option<&str>, ctx: &RequestContext) -> Facts {
    let names = &flow.headers;
    let shapes = &ctx.running.snapshot.settings.identity.shapes;
    let hinted =
        username.filter(|_| flow.account_from_username).map(|n| crate::identity::username::account_of(shapes, n));
    let account = said(headers, names.account.as_ref(), Account::parse).unwrap_or(flow.account.or(hinted));
    let login = said(headers, names.login.as_ref(), Login::parse).unwrap_or(flow.login);
    let level =
        said(headers, names.level.as_ref(), |l| l.parse().ok().and_then(Level::new)).unwrap_or(Some(flow.level));
    let subject = said(headers, names.subject.as_ref(), |s| Some(s.to_owned())).unwrap_or(username.map(str::to_owned));
    Facts {
        account: account.unwrap_or(Account::Unknown),
        login: login.unwrap_or(Login::Unknown),
        level: level.unwrap_or(Level::UNKNOWN),
        subject: subject.as_deref().map(str::trim).filter(|s| !s.is_empty()).map(Into::into),
    }
}

/// `None`: nothing said. `Some(None)`: said, but not understood.
fn said<T>(headers: &HeaderMap, name: Option<&HeaderName>, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    let name = name.filter(|n| headers.contains_key(*n))?;
    Some(flow::one_value(headers, name).and_then(parse))
}

/// A redirect to the identity provider of one of the flows.
async fn begins(
    state: &State,
    ctx: &mut RequestContext,
    credential: &Credential,
    session: SessionKey,
    answer: &ResponseHeader,
    now_s: i64,
) {
    if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
        return;
    }
    let location = flow::one_value(&answer.headers, &LOCATION).unwrap_or_default();
    for flow in &credential.flows {
        let Some(query) = flow.begins.as_ref().and_then(|b| b.query_of(location)) else { continue };
        let name = state.keyed.flow(&flow.name, flow::parameters(query, "state").next().as_deref());
        // Its call-back will be unsolicited where this is lost.
        let begun = state.ledger.begin(session, name, now_s).await;
        seen(ctx, &flow.name, begun.map_or(LOST, |()| "begun"));
    }
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

/// A session that was taken away stays so until somebody logs in with it: forgotten, it would be one that nobody knows, whose
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
    let kept: Vec<_> = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|field| {
            let cookie = field.to_str().ok().and_then(|f| set_cookie::parse(f, 0));
            cookie.is_none_or(|c| !removed.contains(&c.name))
        })
        .cloned()
        .collect();
    answer.remove_header(&SET_COOKIE);
    for field in kept {
        // As many as came in, so no limit is passed.
        let _ = answer.append_header(SET_COOKIE, field);
    }
}

fn seen(ctx: &mut RequestContext, flow: &str, result: &'static str) {
    ctx.logins.push(LoginSeen { flow: flow.to_owned(), result });
}
