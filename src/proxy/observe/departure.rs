//! Before a request travels that logs somebody in or out: what it is a part of, and what is known ends with it.

use super::own_cookies;
use super::{observes, travels};
use crate::identity::flow;
use crate::identity::{Credential, SessionKey};
use crate::policy::Grant;
use crate::proxy::attempt::shown_session;
use crate::proxy::context::{Proof, RequestContext};
use crate::proxy::rejection::Rejection;
use crate::state::State;
use crate::state::ledger::BEGUN_S;
use crate::state::login_cookie::{Began, BegunLogin, open_moment};
use http::{HeaderMap, Method};

/// Notes the log-outs of a request that is let through, and the gate's own cookies. Most requests log nobody in or out:
/// then there is nothing to be written down.
pub(crate) fn concerns_a_session(ctx: &mut RequestContext, headers: &HeaderMap) -> bool {
    let Some(target) = &ctx.target else { return false };
    let credentials = ctx.running.snapshot.settings.identity.of_site(target.site);
    let ended: Vec<_> = credentials.filter(|c| super::logs_out(ctx, c)).map(|c| c.id).collect();
    ctx.observed.ends.extend(ended);
    ctx.observed.own_cookies = own_cookies::are_shown(headers);
    ctx.observed.own_cookies || ctx.observed.flow.is_some() || !ctx.observed.ends.is_empty()
}

/// Before such a request travels. What was known of a session ends here with a log-in or a log-out, so that it is over
/// even if the answer never comes; only a success that is seen binds it again. Where that cannot be written down,
/// nothing travels, but under a policy that only observes.
pub(crate) async fn departs(
    state: &State,
    ctx: &mut RequestContext,
    grant: &Grant,
    headers: &HeaderMap,
) -> Result<(), Rejection> {
    if ctx.observed.own_cookies {
        ctx.observed.begins_anew = begins_anew(state, ctx, headers);
        ctx.observed.logins_under_way = own_cookies::logins(ctx, headers)
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect();
    }
    match depart(state, ctx, grant, headers).await {
        Err(Rejection::StoreLost) if observes(ctx) => Ok(()),
        departed => departed,
    }
}

/// Whether this is the second try of a request whose log-in must begin on a session that nobody has seen.
fn begins_anew(state: &State, ctx: &RequestContext, headers: &HeaderMap) -> bool {
    let Some(target) = &ctx.target else { return false };
    let name = own_cookies::of_restart(ctx);
    let place = [super::site_name(ctx), name.as_str(), target.origin_form.as_str()];
    let sealed = state.keyed.cookie_seal().zip(own_cookies::value(headers, &name));
    let at_s = sealed.and_then(|(seal, value)| open_moment(seal, &place, value));
    let fresh = at_s.is_some_and(|at_s| (0..own_cookies::RESTART_S).contains(&(ctx.now_s() - at_s)));
    fresh && matches!(ctx.method, Method::GET | Method::HEAD)
}

async fn depart(state: &State, ctx: &mut RequestContext, grant: &Grant, headers: &HeaderMap) -> Result<(), Rejection> {
    // What could not be written down ends nothing, and nothing travels.
    if !ctx.observed.ends.is_empty() && state.ledger.is_lost() {
        return Err(Rejection::StoreLost);
    }
    for id in ctx.observed.ends.clone() {
        if let Some(session) = shown_session(ctx, id).filter(|session| !super::is_revoked(ctx, *session)) {
            state.ledger.forget(session).await?;
        }
    }
    let Some((pending, credential, flow)) = ctx.flow() else { return Ok(()) };
    let shown = pending.session;
    if flow.begins.is_none() {
        // A log-in that begins by itself, such as a password.
        let session = shown.filter(|session| !super::is_revoked(ctx, *session) || travels(ctx, grant, *session));
        return leave(state, ctx, session).await;
    }
    let (proof, cookie) = proof(state, ctx, credential, headers);
    let visible = matches!(&proof, Proof::Begun(login) if login.began == Began::Visible);
    // A call-back that proves nothing changes nothing; and what is known stays out of its reach.
    let unproved = !matches!(proof, Proof::Begun(_));
    if let Some(pending) = &mut ctx.observed.flow {
        (pending.proof, pending.cookie) = (proof, cookie);
    }
    if !unproved && state.ledger.is_lost() {
        return Err(Rejection::StoreLost);
    }
    let Some(session) = shown else { return Ok(()) };
    if visible {
        return leave(state, ctx, Some(session).filter(|session| travels(ctx, grant, *session))).await;
    }
    if unproved && !observes(ctx) && state.ledger.knows(session).await? {
        return Err(Rejection::UnsolicitedCallback);
    }
    Ok(())
}

/// What is known of the session ends, and its log-in is under way.
async fn leave(state: &State, ctx: &mut RequestContext, session: Option<SessionKey>) -> Result<(), Rejection> {
    let Some(session) = session else { return Ok(()) };
    let departure = state.ledger.depart(session).await?;
    if let Some(pending) = &mut ctx.observed.flow {
        pending.departure = Some(departure);
    }
    Ok(())
}

/// The log-in that this call-back belongs to, as the gate sealed it when the portal began it.
fn proof(state: &State, ctx: &RequestContext, credential: &Credential, headers: &HeaderMap) -> (Proof, Option<String>) {
    let (Some((_, _, flow)), Some(seal)) = (ctx.flow(), state.keyed.cookie_seal()) else {
        return (Proof::Missing, None);
    };
    let query = ctx.target.as_ref().and_then(|t| t.query.as_deref()).unwrap_or_default();
    let stated = flow::parameters(query, "state").next().map(|s| state.keyed.flow(&flow.name, Some(&s)));
    let names = stated.into_iter().chain([state.keyed.flow(&flow.name, None)]);
    let mut answer = Proof::Missing;
    for name in names.map(|named| own_cookies::of_login(ctx, named)) {
        let Some(value) = own_cookies::value(headers, &name) else { continue };
        let place = [super::site_name(ctx), credential.name.as_str(), name.as_str()];
        answer = match BegunLogin::open(seal, &place, value) {
            None => Proof::Forged,
            Some(login) if !(0..BEGUN_S).contains(&(ctx.now_s() - login.at_s)) => Proof::Expired,
            Some(login) if login.flow != flow.begun_stamp(&ctx.running.snapshot.settings.identity.shapes) => {
                Proof::Changed
            }
            Some(login) => return (Proof::Begun(Box::new(login)), Some(name)),
        };
    }
    (answer, None)
}
