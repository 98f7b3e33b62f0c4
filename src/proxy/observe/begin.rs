//! The portal sends a browser to an identity provider: a log-in begins, and the gate remembers it in that browser.
//!
//! A log-in counts only on a session that nobody had before. So the session that the portal minted for it is withheld until
//! the log-in has come back; and where the browser had one already, the same request is asked for once more without it.

use super::own_cookies;
use crate::identity::flow;
use crate::identity::{Credential, SessionKey};
use crate::proxy::context::{Proof, RequestContext, StartOver};
use crate::state::State;
use crate::state::ledger::BEGUN_S;
use crate::state::login_cookie::{Began, BegunLogin, close_moment};
use crate::wire::set_cookie;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use pingora::http::ResponseHeader;

/// Log-ins under way in several tabs of one browser; older ones make room.
const UNDER_WAY_MAX: usize = 8;
/// A longer Set-Cookie than this is no session's; with it the gate's own would pass what browsers keep (RFC 6265 §6.1).
const WITHHELD_MAX_BYTES: usize = 1_500;

/// The session of a credential as an answer leaves it.
pub(super) struct Sessions {
    /// That the portal saw.
    pub seen: Option<SessionKey>,
    /// That the answer sets.
    pub set: Option<SessionKey>,
}

/// A redirect to the identity provider of one of the flows. `Err`: it must begin anew.
pub(super) fn begins(
    state: &State,
    ctx: &mut RequestContext,
    credential: &Credential,
    sessions: &Sessions,
    answer: &mut ResponseHeader,
) -> Result<(), StartOver> {
    if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let location = flow::one_value(&answer.headers, &LOCATION).unwrap_or_default().to_owned();
    for flow in &credential.flows {
        let Some(query) = flow.begins.as_ref().and_then(|b| b.query_of(&location)) else { continue };
        let Some(began) = on_what(ctx, credential, sessions, answer) else {
            ctx.observed.set_cookies.extend(restart(state, ctx));
            super::seen(ctx, &flow.name, "restarted");
            return Err(StartOver);
        };
        let named = state.keyed.flow(&flow.name, flow::parameters(query, "state").next().as_deref());
        let name = own_cookies::of_login(ctx, named);
        let place = [super::site_name(ctx), credential.name.as_str(), name.as_str()];
        let stamp = flow.begun_stamp(&ctx.running.snapshot.settings.identity.shapes);
        let login = BegunLogin { id: rand::random(), flow: stamp, at_s: ctx.now_s(), began };
        let Some(value) = state.keyed.cookie_seal().and_then(|seal| login.close(seal, &place)) else { continue };
        if matches!(login.began, Began::Withheld(_)) {
            withhold(credential, answer);
        }
        make_room(state, ctx, credential, &name);
        ctx.observed.set_cookies.push(own_cookies::set(ctx, &name, &value, BEGUN_S));
        super::seen(ctx, &flow.name, "begun");
    }
    Ok(())
}

/// `None`: on a session that others may have used, and that need not be.
fn on_what(
    ctx: &RequestContext,
    credential: &Credential,
    sessions: &Sessions,
    answer: &ResponseHeader,
) -> Option<Began> {
    if super::observes(ctx) {
        return Some(sessions.set.or(sessions.seen).map_or(Began::Without, |key| Began::Observed(key.exact)));
    }
    if !credential.session().is_some_and(|s| s.clean_start) {
        return Some(Began::Visible);
    }
    if sessions.seen.is_some() {
        // Asked for once more already, and the session travels all the same: in a header, say.
        return ctx.observed.begins_anew.then_some(Began::Visible);
    }
    if let (None, Some(withheld)) = (sessions.set, carried_on(ctx, credential)) {
        return Some(withheld);
    }
    Some(match (sessions.set, minted(credential, answer)) {
        (None, _) => Began::Without,
        (Some(_), Some(set_cookie)) if set_cookie.len() <= WITHHELD_MAX_BYTES => Began::Withheld(set_cookie),
        (Some(_), _) => Began::Visible,
    })
}

/// One log-in may lead into the next, by one provider to another: the session that was withheld for the first goes along.
fn carried_on(ctx: &RequestContext, credential: &Credential) -> Option<Began> {
    let (pending, of, _) = ctx.flow()?;
    let Proof::Begun(login) = &pending.proof else { return None };
    (of.id == credential.id && matches!(login.began, Began::Withheld(_))).then(|| login.began.clone())
}

/// The Set-Cookie that a browser would keep.
fn minted(credential: &Credential, answer: &ResponseHeader) -> Option<String> {
    let fields = answer.headers.get_all(SET_COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut own =
        fields.filter(|field| is_of(credential, field) && set_cookie::parse(field, 0).is_some_and(|c| c.sets()));
    own.next_back().map(str::to_owned)
}

fn is_of(credential: &Credential, set_cookie: &str) -> bool {
    set_cookie::parse(set_cookie, 0).is_some_and(|c| credential.cookies().any(|name| name == c.name))
}

/// Takes the credential's cookies out of the answer.
fn withhold(credential: &Credential, answer: &mut ResponseHeader) {
    retain_set_cookies(answer, |field| !field.to_str().is_ok_and(|text| is_of(credential, text)));
}

/// Keeps some of the cookies that an answer sets.
pub(crate) fn retain_set_cookies(answer: &mut ResponseHeader, keep: impl Fn(&HeaderValue) -> bool) {
    let kept: Vec<_> = answer.headers.get_all(SET_COOKIE).iter().filter(|field| keep(field)).cloned().collect();
    answer.remove_header(&SET_COOKIE);
    for field in kept {
        // As many as came in, so no limit is passed.
        let _ = answer.append_header(SET_COOKIE, field);
    }
}

/// The cookie by which the second try is known.
fn restart(state: &State, ctx: &RequestContext) -> Option<String> {
    let target = ctx.target.as_ref()?;
    let name = own_cookies::of_restart(ctx);
    let place = [super::site_name(ctx), name.as_str(), target.origin_form.as_str()];
    let value = close_moment(state.keyed.cookie_seal()?, &place, ctx.now_s())?;
    Some(own_cookies::set(ctx, &name, &value, own_cookies::RESTART_S))
}

/// Takes back what no longer counts, and the oldest of too many.
fn make_room(state: &State, ctx: &mut RequestContext, credential: &Credential, coming: &str) {
    let age = |name: &str, value: &[u8]| {
        let place = [super::site_name(ctx), credential.name.as_str(), name];
        state.keyed.cookie_seal().and_then(|seal| BegunLogin::open(seal, &place, value)).map(|login| login.at_s)
    };
    let others = ctx.observed.logins_under_way.iter().filter(|(name, _)| name != coming);
    let mut others: Vec<(Option<i64>, &str)> = others.map(|(name, value)| (age(name, value), name.as_str())).collect();
    others.sort_unstable();
    let too_many = (others.len() + 1).saturating_sub(UNDER_WAY_MAX);
    let gone = others.iter().take(too_many).map(|(_, name)| own_cookies::set(ctx, name, "", 0)).collect::<Vec<_>>();
    ctx.observed.set_cookies.extend(gone);
}
