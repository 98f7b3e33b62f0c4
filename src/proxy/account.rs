//! Stop 7: one value from the context, counted and written down once, however the request ended.

use super::Enforcer;
use super::context::RequestContext;
use crate::telemetry::Finished;
use pingora::Error;
use pingora::proxy::Session;
use std::time::Instant;

/// Status of a request whose client left before the answer (as nginx counts it).
const CLIENT_GONE: u16 = 499;

/// What the connection tells of a request that the context does not.
pub(super) struct Told<'t> {
    pub status: u16,
    /// As it came, without the query.
    pub path: &'t str,
    /// Whether the client stayed to the end.
    pub complete: bool,
}

/// The end of a request that pingora brought to its end.
pub(super) fn finished(gate: &Enforcer, session: &mut Session, e: Option<&Error>, ctx: &RequestContext) {
    let status = session.response_written().map_or(CLIENT_GONE, |h| h.status.as_u16());
    let complete = e.is_none_or(|e| *e.esource() != pingora::ErrorSource::Downstream);
    record(gate, ctx, &Told { status, path: session.req_header().uri.path(), complete });
}

pub(super) fn record(gate: &Enforcer, ctx: &RequestContext, told: &Told<'_>) {
    let since = |at: Option<Instant>| at.map(|at| at.duration_since(ctx.started).as_secs_f64());
    let (id, code) = (ctx.id.text(), ctx.id.support_code());
    let upstream_s = match (ctx.upstream_asked, ctx.upstream_answered) {
        (Some(asked), Some(answered)) => Some(answered.duration_since(asked).as_secs_f64()),
        _ => None,
    };
    gate.telemetry.record(&Finished {
        snapshot: &ctx.running.snapshot,
        keyed: &gate.state.keyed,
        at: ctx.at,
        support_code: &code,
        request_id: &id,
        site: ctx.target.as_ref().map(|t| t.site),
        route: ctx.target.as_ref().map(|t| t.route),
        method: &ctx.method,
        host: ctx.target.as_ref().map_or("", |t| t.host.as_str()),
        path: told.path,
        client: ctx.client,
        presented: &ctx.presented,
        decision: ctx.decision.as_ref(),
        reason: ctx.reason(),
        detail: ctx.detail(),
        status: told.status,
        origin: ctx.origin,
        logins: &ctx.logins,
        complete: told.complete,
        decision_s: since(ctx.decided),
        upstream_s,
        total_s: ctx.started.elapsed().as_secs_f64(),
    });
}
