//! Log-ins whose success stands in the body of the answer.
//!
//! The body passes while it is looked at, and the place where it passes cannot wait: what a store has to write down goes on
//! beside the answer, whose last piece is held back for a moment.

use super::{birth, seen};
use crate::proxy::context::RequestContext;
use crate::state::State;
use crate::state::ledger::StoreLost;
use crate::telemetry::series::LOST;
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
pub fn body(state: &Arc<State>, ctx: &mut RequestContext, chunk: Option<&[u8]>, end: bool) -> Option<Duration> {
    let body = ctx.watch.body.as_mut()?;
    body.extend_from_slice(chunk.unwrap_or_default());
    let too_long = body.len() > BODY_MAX;
    // Whole when its length has come, or when the portal ended it: a part of an answer says nothing.
    if !end && !too_long && ctx.watch.body_length.is_none_or(|length| body.len() < length) {
        return None;
    }
    let complete = !too_long && ctx.watch.body_length.is_none_or(|length| body.len() == length);
    let whole = if complete { crate::identity::json::parse_strict(body).ok() } else { None };
    ctx.watch.body = None;
    let running = ctx.running.clone();
    let at_s = ctx.now_s();
    let on_its_way = ctx.watch.flow.as_mut()?;
    let credential = running.snapshot.settings.identity.credentials.get(on_its_way.credential)?;
    let flow = credential.flows.get(on_its_way.flow)?;
    let holds = whole.is_some_and(|json| flow.success.body_holds(&json));
    let awaiting = on_its_way.awaiting.take().filter(|_| holds);
    let shapes = &running.snapshot.settings.identity.shapes;
    let birth = awaiting.and_then(|(session, facts)| Some((session, birth(shapes, credential, flow, facts, at_s)?)));
    let Some((session, birth)) = birth else {
        seen(ctx, &flow.name, "unrecognised");
        return None;
    };
    let (state, last) = (state.clone(), on_its_way.departure);
    let mut binding = Box::pin(async move { state.ledger.bind(session, birth, last).await });
    // In memory it is done at once. What has to be written down somewhere goes on beside the answer, since this place
    // cannot wait.
    match binding.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bound) => {
            seen(ctx, &flow.name, result(bound));
            None
        }
        Poll::Pending => {
            ctx.watch.binding = Some((flow.name.clone(), tokio::spawn(binding)));
            Some(BODY_HELD)
        }
    }
}

/// After the answer: what became of a log-in whose success stood in the body.
pub async fn ended(ctx: &mut RequestContext) {
    if let Some((flow, binding)) = ctx.watch.binding.take() {
        let bound = binding.await.unwrap_or(Err(StoreLost));
        seen(ctx, &flow, result(bound));
    }
}

fn result(bound: Result<bool, StoreLost>) -> &'static str {
    bound.map_or(LOST, |bound| if bound { "bound" } else { "unrecognised" })
}
