//! Stop 6: what the portal's answer tells about sessions. The success of a known log-in binds one, a log-out forgets
//! it, a redirect to an identity provider begins a flow, and a new cookie value is followed.
//!
//! Whatever is not clearly a success leaves the session unbound: a better log-in known before never survives an
//! attempt whose result was not recognised.

use super::attempt::shown_session;
use super::context::RequestContext;
use super::rejection::Rejection;
use crate::identity::credential::Kind;
use crate::identity::flow::{self, Flow};
use crate::identity::identify::Shown;
use crate::identity::set_cookie::{self, SetCookie};
use crate::identity::{Account, Credential, Facts, Level, Login, SessionKey};
use crate::state::State;
use crate::state::ledger::Birth;
use crate::telemetry::LoginSeen;
use crate::telemetry::series::{LOG_OUT, LOGGED_OUT};
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use pingora::http::ResponseHeader;

/// Larger bodies are no log-in answers.
const BODY_MAX: usize = 64 << 10;

/// Before the request travels. What was known of a session ends here with a log-in or a log-out, so that it is over even
/// if the answer never comes; only a success that is seen binds it again.
pub fn departs(state: &State, ctx: &mut RequestContext) -> Result<(), Rejection> {
    let running = ctx.running.clone();
    let Some(target) = &ctx.target else { return Ok(()) };
    let identity = &running.snapshot.settings.identity;
    for credential in identity.of_site(target.site).filter(|c| !c.logouts.is_empty()) {
        if logs_out(ctx, credential) {
            ctx.watch.ends.push(credential.id);
        }
    }
    for id in ctx.watch.ends.clone() {
        if let Some(session) = shown_session(ctx, id) {
            state.ledger.depart(session);
        }
    }
    let now_s = ctx.now_s();
    let begun = begun_names(state, ctx);
    let Some(on_its_way) = &mut ctx.watch.flow else { return Ok(()) };
    let Some(session) = on_its_way.session else {
        // Without a session nothing can have begun; a password log-in may start one.
        on_its_way.solicited = begun.is_none();
        return Ok(());
    };
    on_its_way.solicited = begun.is_none_or(|names| state.ledger.has_begun(session, &names, now_s));
    let observing = running.snapshot.settings.policy.is_observing();
    if !on_its_way.solicited && !observing && state.ledger.knows(session) {
        return Err(Rejection::UnsolicitedCallback);
    }
    on_its_way.departure = Some(state.ledger.depart(session));
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

/// The head of the answer. Trusted headers are taken out of it in any case.
pub fn answered(state: &State, ctx: &mut RequestContext, answer: &mut ResponseHeader) {
    let running = ctx.running.clone();
    let identity = &running.snapshot.settings.identity;
    let Some(site) = ctx.target.as_ref().map(|t| t.site) else { return };
    let told = !answer.status.is_informational();
    for credential in identity.of_site(site).filter(|c| told && c.session().is_some()) {
        observe(state, ctx, credential, answer);
    }
    if let Some(plan) = identity.plan(site) {
        for name in &plan.trusted_headers {
            answer.remove_header(name);
        }
    }
    drop_cookies_of_removed(ctx, answer);
}

fn observe(state: &State, ctx: &mut RequestContext, credential: &Credential, answer: &ResponseHeader) {
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
    if ctx.watch.ends.contains(&credential.id) {
        before.into_iter().chain(after).for_each(|key| state.ledger.forget(key));
        if logs_out(ctx, credential) {
            seen(ctx, LOG_OUT, LOGGED_OUT);
        }
    } else if let Some((flow, on_its_way)) = own_flow(ctx, credential) {
        let site_hosts = ctx.site().map(|s| s.hosts.clone()).unwrap_or_default();
        let succeeds = on_its_way.1 && flow.head_succeeds(answer.status, &answer.headers, &site_hosts, now_s);
        let facts = facts(&flow, &answer.headers, on_its_way.0.as_deref(), ctx);
        // The session that the browser has from now on.
        let session = if taken_back { None } else { after.or(before) };
        settle(state, ctx, credential, &flow, Settled { before, after, session, succeeds, facts, now_s });
        ctx.watch.body_length = declared_length(&answer.headers);
    } else if let (Some(old), Some(new)) = (before, after) {
        state.ledger.rename(old, new, now_s);
    } else if let (Some(old), true) = (before, taken_back) {
        state.ledger.forget(old);
    }
    // Whatever else the answer was, it may send the session to an identity provider.
    if let Some(session) = after.or(before) {
        begins(state, ctx, credential, session, answer, now_s);
    }
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
fn settle(state: &State, ctx: &mut RequestContext, credential: &Credential, flow: &Flow, end: Settled) {
    // Whatever was known before this log-in ends here.
    end.before.into_iter().chain(end.after).for_each(|key| state.ledger.forget(key));
    // Each begun flow counts once, and only when the portal answered.
    if let (Some(session), Some(names)) = (end.before, begun_names(state, ctx)) {
        state.ledger.take_begun(session, &names, end.now_s);
    }
    let solicited = ctx.watch.flow.as_ref().is_some_and(|f| f.solicited);
    if !end.succeeds || overtaken(state, ctx) {
        seen(ctx, &flow.name, if solicited { "unrecognised" } else { "unsolicited" });
        return;
    }
    let Some(session) = end.session else {
        seen(ctx, &flow.name, "unrecognised");
        return;
    };
    if flow.success.needs_body() {
        if let Some(on_its_way) = &mut ctx.watch.flow {
            on_its_way.awaiting = Some((session, end.facts));
        }
        ctx.watch.body = Some(Vec::new());
        return;
    }
    bind(state, credential, flow, session, end.facts, end.now_s);
    seen(ctx, &flow.name, "bound");
}

/// Another log-in or log-out of the session departed later: nobody knows which of them the portal served last.
fn overtaken(state: &State, ctx: &RequestContext) -> bool {
    let Some(on_its_way) = &ctx.watch.flow else { return true };
    match (on_its_way.session, on_its_way.departure) {
        (Some(session), Some(departure)) => !state.ledger.is_last(session, departure),
        _ => false,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    flow::one_value(headers, &CONTENT_LENGTH).and_then(|l| l.parse().ok())
}

/// A piece of the answer's body, for log-ins whose success stands in it. Looked at before the client gets it, so that
/// its next request finds the session bound.
pub fn body(state: &State, ctx: &mut RequestContext, chunk: Option<&[u8]>, end: bool) {
    let Some(body) = &mut ctx.watch.body else { return };
    body.extend_from_slice(chunk.unwrap_or_default());
    let too_long = body.len() > BODY_MAX;
    // Whole when its length has come, or when the portal ended it: a part of an answer says nothing.
    if !end && !too_long && ctx.watch.body_length.is_none_or(|length| body.len() < length) {
        return;
    }
    let complete = !too_long && ctx.watch.body_length.is_none_or(|length| body.len() == length);
    let whole = if complete { crate::identity::json::parse_strict(body).ok() } else { None };
    ctx.watch.body = None;
    let overtaken = overtaken(state, ctx);
    let running = ctx.running.clone();
    let Some(on_its_way) = &mut ctx.watch.flow else { return };
    let Some(credential) = running.snapshot.settings.identity.credentials.get(on_its_way.credential) else { return };
    let Some(flow) = credential.flows.get(on_its_way.flow) else { return };
    let holds = !overtaken && whole.is_some_and(|json| flow.success.body_holds(&json));
    match on_its_way.awaiting.take() {
        Some((session, facts)) if holds => {
            bind(state, credential, flow, session, facts, ctx.at.as_second());
            seen(ctx, &flow.name, "bound");
        }
        _ => seen(ctx, &flow.name, "unrecognised"),
    }
}

fn bind(state: &State, credential: &Credential, flow: &Flow, session: SessionKey, facts: Facts, at_s: i64) {
    if let Kind::Session(s) = &credential.kind {
        let flow = flow.stamp();
        state.ledger.bind(session, Birth { facts, flow, idle_s: s.idle_s, lifetime_s: s.lifetime_s, at_s });
    }
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
fn begins(
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
        state.ledger.begin(session, name, now_s);
        seen(ctx, &flow.name, "begun");
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

/// A cookie that did not travel is not set either: the portal saw a stranger, and would start a session for one.
fn drop_cookies_of_removed(ctx: &RequestContext, answer: &mut ResponseHeader) {
    let Some(grant) = ctx.decision.as_ref().and_then(|d| d.grant.as_ref()) else { return };
    let removed: Vec<&str> = ctx
        .removed(grant)
        .filter_map(|shown| if let Shown::Cookie(name) = shown { Some(name.as_str()) } else { None })
        .collect();
    if removed.is_empty() {
        return;
    }
    let kept: Vec<_> = answer
        .headers
        .get_all(http::header::SET_COOKIE)
        .iter()
        .filter(|field| {
            let cookie = field.to_str().ok().and_then(|f| set_cookie::parse(f, 0));
            cookie.is_none_or(|c| !removed.contains(&c.name))
        })
        .cloned()
        .collect();
    answer.remove_header(&http::header::SET_COOKIE);
    for field in kept {
        // As many as came in, so no limit is passed.
        let _ = answer.append_header(http::header::SET_COOKIE, field);
    }
}

fn seen(ctx: &mut RequestContext, flow: &str, result: &'static str) {
    ctx.logins.push(LoginSeen { flow: flow.to_owned(), result });
}
