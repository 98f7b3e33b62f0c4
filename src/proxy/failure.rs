//! What went wrong after the decision: the portal, the client or the gate itself, each with its answer.

use super::Enforcer;
use super::context::RequestContext;
use super::rejection::Rejection;
use pingora::proxy::{FailToProxy, Session};
use pingora::{Error, ErrorSource, ErrorType};

/// Answers if nothing was written yet, and counts.
pub(super) async fn answer(gate: &Enforcer, session: &mut Session, e: &Error, ctx: &mut RequestContext) -> FailToProxy {
    let rejection = rejection(e);
    if let (Some(kind), Some(upstream)) = (failure_kind(e), ctx.upstream()) {
        let name = upstream.name.as_str();
        gate.telemetry.metrics.upstream_failures.with_label_values(&[name, kind]).inc();
        log::warn!("request {}: upstream `{name}` failed: {kind} ({})", &*ctx.id.text(), e.etype().as_str());
    }
    if session.response_written().is_some() {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let Some(rejection) = rejection else {
        // The client is gone: there is nobody to answer.
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    };
    session.set_keepalive(None);
    let code = match gate.refuse(session, ctx, rejection).await {
        Ok(()) => session.response_written().map_or(0, |h| h.status.as_u16()),
        Err(_) => 0,
    };
    FailToProxy { error_code: code, can_reuse_downstream: false }
}

/// `None` when the client is gone.
fn rejection(e: &Error) -> Option<Rejection> {
    match (e.etype(), e.esource()) {
        (ErrorType::HTTPStatus(401), _) => Some(Rejection::TakenAway),
        (ErrorType::HTTPStatus(303), _) => Some(Rejection::LoginStartsOver),
        (ErrorType::HTTPStatus(413), _) => Some(Rejection::BodyTooLarge),
        (ErrorType::HTTPStatus(503), _) => Some(Rejection::StoreLost),
        (ErrorType::HTTPStatus(408), _) => Some(Rejection::RequestTimeout),
        (ErrorType::ReadTimedout, ErrorSource::Downstream) => Some(Rejection::RequestTimeout),
        (_, ErrorSource::Downstream) => match e.etype() {
            ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed | ErrorType::WriteTimedout => {
                None
            }
            _ => Some(Rejection::Framing(super::rejection::Framing::TransferEncoding)),
        },
        (
            ErrorType::ConnectTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout
            | ErrorType::TLSHandshakeTimedout,
            ErrorSource::Upstream,
        ) => Some(Rejection::UpstreamTimeout),
        (_, ErrorSource::Upstream) => Some(Rejection::UpstreamUnavailable),
        (ErrorType::ConnectNoRoute, _) => Some(Rejection::UpstreamUnavailable),
        (_, ErrorSource::Internal | ErrorSource::Unset) => Some(Rejection::Internal),
    }
}

/// The label of `upstream_failures_total`; `None` when the upstream is not to blame.
fn failure_kind(e: &Error) -> Option<&'static str> {
    if *e.esource() != ErrorSource::Upstream && *e.etype() != ErrorType::ConnectNoRoute {
        return None;
    }
    Some(match e.etype() {
        ErrorType::ConnectTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout
        | ErrorType::TLSHandshakeTimedout => "timeout",
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::TLSHandshakeFailure
        | ErrorType::InvalidCert
        | ErrorType::SocketError
        | ErrorType::BindError => "connect",
        ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed => "reset",
        _ => "protocol",
    })
}
