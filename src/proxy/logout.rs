//! An identity provider posts that somebody has logged out (OpenID Connect Back-Channel Logout 1.0, §2.5 to §2.8).
//!
//! Stands between stages 2 and 3: the gate answers itself, whatever the rules say, and forwards nothing. Anybody may post,
//! so whatever costs something is bounded: the body, its time, one signature. What is answered tells a program what was
//! wrong and repeats nothing of the token.

pub(super) mod outcome;

use super::context::{RequestContext, Target};
use super::rejection::Rejection;
use super::{Enforcer, attempt, respond};
use crate::config::Settings;
use crate::identity::credential::Kind;
use crate::identity::logout_token::{Ends, Logout, LogoutError, LogoutToken};
use crate::identity::token::{Jwt, claimed_issuer, claimed_kid};
use crate::identity::{Credential, CredentialId};
use crate::state::State;
use crate::state::keys::Current;
use crate::state::revocations::{WHENEVER, Whom};
use crate::wire::form::{self, BodyError, Form};
use http::Method;
use outcome::Outcome;
use pingora::proxy::Session;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const FIELD: &str = "logout_token";
const BODY_MAX_BYTES: usize = 16 << 10;
/// A provider posts once, and one that changed its keys a moment ago would be turned away: so an unknown key is waited for,
/// as long as providers have patience.
const NEW_KEYS_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The credentials for which log-outs are posted to where this request goes; none nearly always.
pub(super) fn doors<'s>(settings: &'s Settings, target: &Target) -> impl Iterator<Item = &'s Credential> {
    let plan = settings.identity.plan(target.site);
    let any_case = settings.policy.site(target.site).is_some_and(|site| site.relaxed.case_insensitive);
    let doors = plan.map_or(&[][..], |plan| plan.logout_doors.as_slice());
    let here: Vec<CredentialId> = doors
        .iter()
        .filter(|(path, _)| *path == target.path || (any_case && path.eq_ignore_ascii_case(&target.path)))
        .map(|(_, id)| *id)
        .collect();
    here.into_iter().filter_map(|id| settings.identity.credential(id))
}

pub(super) fn is_meant(ctx: &RequestContext) -> bool {
    let settings = &ctx.running.snapshot.settings;
    ctx.target.as_ref().is_some_and(|target| doors(settings, target).next().is_some())
}

/// Answers a request to such a place.
pub(super) async fn answer(gate: &Enforcer, session: &mut Session, ctx: &mut RequestContext) -> pingora::Result<()> {
    let running = ctx.running.clone();
    let settings = &running.snapshot.settings;
    let Some(target) = &ctx.target else { return Ok(()) };
    let here: Vec<&Credential> = doors(settings, target).collect();
    let query = target.query.clone().unwrap_or_default();
    let posted = posted(session, settings, &query).await;
    let chosen = posted.as_ref().ok().and_then(|token| by_issuer(&here, token)).or(here.first().copied());
    let Some(credential) = chosen else { return Ok(()) };
    let outcome = match posted {
        Ok(token) => end(gate, settings, credential, &token, ctx.now_s()).await,
        Err(outcome) => outcome,
    };
    gate.telemetry.metrics.backchannel_logouts.with_label_values(&[credential.name.as_str(), outcome.word()]).inc();
    ctx.logout = Some(outcome);
    let (head, body) = outcome.answer(&ctx.id.support_code())?;
    respond::send(session, Box::new(head), body).await
}

/// The token in the body.
async fn posted(session: &mut Session, settings: &Settings, query: &str) -> Result<String, Outcome> {
    let head = session.req_header();
    if head.method != Method::POST {
        return Err(Outcome::Method);
    }
    form::check_head(&head.headers, false).map_err(Outcome::Body)?;
    let body = timeout(settings.gate.timeouts.stall, attempt::read_body(session, BODY_MAX_BYTES)).await;
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(Rejection::BodyTooLarge)) => return Err(Outcome::TooLarge),
        Ok(Err(_)) | Err(_) => return Err(Outcome::TooSlow),
    };
    if form::query_names(query, FIELD) {
        return Err(Outcome::Body(BodyError::Duplicate));
    }
    let form = Form::parse(&body).map_err(Outcome::Body)?;
    let token = form.one(FIELD).map_err(Outcome::Body)?.ok_or(Outcome::Body(BodyError::Missing))?;
    Ok(token.to_owned())
}

/// Of several credentials the one whose issuer the token claims; read only to choose.
fn by_issuer<'c>(here: &[&'c Credential], token: &str) -> Option<&'c Credential> {
    let issuer = claimed_issuer(token)?;
    here.iter().copied().find(|credential| credential.issuer() == Some(issuer.as_str()))
}

/// Ends whatever a genuine token names.
async fn end(gate: &Enforcer, settings: &Settings, credential: &Credential, token: &str, now_s: i64) -> Outcome {
    let Kind::Jwt(jwt) = &credential.kind else { return Outcome::Refused(LogoutError::Malformed) };
    let Some(door) = &credential.logout_door else { return Outcome::Refused(LogoutError::Malformed) };
    match verified(gate, settings, (credential, jwt, door), token, now_s).await {
        Ok(said) => take_away(&gate.state, credential, &jwt.issuer, &said, now_s).await,
        Err(error) => Outcome::Refused(error),
    }
}

async fn verified(
    gate: &Enforcer,
    settings: &Settings,
    (credential, jwt, door): (&Credential, &Jwt, &Logout),
    token: &str,
    now_s: i64,
) -> Result<LogoutToken, LogoutError> {
    let keys = &gate.state.keys;
    let current = keys.of(&credential.name, now_s);
    let judged = door.verify(jwt, token, current.set.as_deref(), now_s);
    let are_fetched = settings.keys.iter().any(|k| k.credential == credential.id && k.remote.is_some());
    if !matches!(judged, Err(LogoutError::UnknownKid)) || !are_fetched {
        return judged;
    }
    keys.want(&credential.name, claimed_kid(token).as_deref(), now_s);
    let newer = newer(|| keys.of(&credential.name, now_s), current.version).await;
    // No signature was looked at yet: there was no key to do it with.
    newer.map_or(judged, |newer| door.verify(jwt, token, newer.set.as_deref(), now_s))
}

/// The key set that comes after `version`, if it comes soon.
async fn newer(look: impl Fn() -> Current, version: u64) -> Option<Current> {
    let begun = Instant::now();
    while begun.elapsed() < NEW_KEYS_WITHIN {
        sleep(LOOK_EVERY).await;
        let current = look();
        if current.version != version {
            return Some(current);
        }
    }
    None
}

async fn take_away(state: &State, credential: &Credential, issuer: &str, said: &LogoutToken, now_s: i64) -> Outcome {
    let used = Whom::LogoutToken { issuer, id: &said.id };
    if state.revocations.has(used) {
        return Outcome::Replayed;
    }
    let (whom, before_s, outcome) = match &said.ends {
        Ends::LogIn(id) => (Whom::LogIn { issuer, id }, WHENEVER, Outcome::LogIn),
        Ends::Subject(subject, issued_s) => (Whom::Subject { issuer, subject }, *issued_s, Outcome::Person),
    };
    if let Err(why) = state.revocations.revoke(whom, before_s, now_s).await {
        log::error!("credential `{}`: a log-out that was posted does not hold: {why}", credential.name);
        return Outcome::NotKept;
    }
    // Only now is it used: a token that did not do its work may come again. One that came twice at once did it twice,
    // which is the same; so is one that is not kept here.
    if let Err(why) = state.revocations.use_up(issuer, &said.id, said.until_s, now_s).await {
        log::warn!("credential `{}`: a used logout token is not remembered: {why}", credential.name);
    }
    outcome
}
