//! Log-ins whose success stands in the body of the answer.
//!
//! The body passes while it is looked at, and the place where it passes cannot wait: what a store has to write down goes on
//! beside the answer, whose last piece is held back for a moment.

use super::confirm::confirmed;
use super::facts::birth;
use super::{proof_of, result, seen};
use crate::authn::Authenticator;
use crate::identity::SiteId;
use crate::proxy::context::RequestContext;
use crate::state::State;
use crate::state::ledger::{Outcome, Proof, StoreLost};
use crate::telemetry::series::UNCONFIRMED;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Larger bodies are no log-in answers.
const BODY_MAX: usize = 64 << 10;
/// How long the last piece of such an answer waits while a store writes the log-in down.
const BODY_HELD: Duration = Duration::from_millis(50);

/// A piece of the answer's body, for log-ins whose success stands in it. Looked at before the client gets it, so that
/// its next request finds the session bound. Gives how long the piece is to be held back.
pub(crate) fn body(
    (state, authn): (&Arc<State>, &Arc<Authenticator>),
    ctx: &mut RequestContext,
    chunk: Option<&[u8]>,
    end: bool,
) -> Option<Duration> {
    let body = ctx.observed.body.as_mut()?;
    body.extend_from_slice(chunk.unwrap_or_default());
    let too_long = body.len() > BODY_MAX;
    // Whole when its length has come, or when the portal ended it: a part of an answer says nothing.
    if !end && !too_long && ctx.observed.body_length.is_none_or(|length| body.len() < length) {
        return None;
    }
    let complete = !too_long && ctx.observed.body_length.is_none_or(|length| body.len() == length);
    let whole = if complete { crate::wire::json::parse_strict(body).ok() } else { None };
    ctx.observed.body = None;
    let running = ctx.running.clone();
    let at_s = ctx.now_s();
    let pending = ctx.observed.flow.as_mut()?;
    let credential = running.snapshot.settings.identity.credentials.get(pending.credential)?;
    let flow = credential.flows.get(pending.flow)?;
    let holds = whole.is_some_and(|json| flow.success.body_holds(&json));
    let awaiting = pending.awaiting.take().filter(|_| holds);
    let Some((shown, facts, start)) = awaiting else {
        seen(ctx, &flow.name, "unrecognised");
        return None;
    };
    let (name, of) = (flow.name.clone(), (pending.credential, pending.flow));
    let site = ctx.target.as_ref().map_or(SiteId(0), |target| target.site);
    let (state, authn, login) = (state.clone(), authn.clone(), proof_of(ctx).login);
    let departure = ctx.observed.flow.as_mut().and_then(|pending| pending.departure.take());
    let mut binding = Box::pin(async move {
        let identity = &running.snapshot.settings.identity;
        let Some(credential) = identity.credentials.get(of.0) else { return Ok(None) };
        let Some(flow) = credential.flows.get(of.1) else { return Ok(None) };
        let Some(facts) = confirmed(&authn, &running, (site, credential), (&shown, facts)).await else {
            return Ok(None);
        };
        let Some(birth) = birth(&identity.shapes, credential, flow, (facts, start), at_s) else { return Ok(None) };
        let proof = Proof { departure: departure.as_ref(), login };
        let bound = state.ledger.bind(shown.session, birth, proof).await;
        if bound == Ok(Outcome::Bound) {
            authn.count_born(credential, start.as_str());
        }
        bound.map(Some)
    });
    // In memory it is done at once. What has to be written down somewhere goes on beside the answer, since this place
    // cannot wait.
    match binding.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bound) => {
            seen(ctx, &name, told(bound));
            None
        }
        Poll::Pending => {
            ctx.observed.binding = Some((name, tokio::spawn(binding)));
            Some(BODY_HELD)
        }
    }
}

/// After the answer: what became of a log-in whose success stood in the body.
pub(crate) async fn ended(ctx: &mut RequestContext) {
    if let Some((flow, binding)) = ctx.observed.binding.take() {
        let bound = binding.await.unwrap_or(Err(StoreLost));
        seen(ctx, &flow, told(bound));
    }
}

/// `None`: the portal did not confirm it.
fn told(bound: Result<Option<Outcome>, StoreLost>) -> &'static str {
    match bound.transpose() {
        Some(bound) => result(bound, "unrecognised"),
        None => UNCONFIRMED,
    }
}
