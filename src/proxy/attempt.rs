//! A password log-in is decided before the portal sees it: reads the bounded body of a declared log-in and turns it
//! into a credential.

use super::context::{FlowOnItsWay, RequestContext};
use super::rejection::Rejection;
use crate::identity::flow::Flow;
use crate::identity::form::{self, BodyError, Form, NameField};
use crate::identity::identify::{Check, Shown};
use crate::identity::{Credential, Identity, Presented, Principal, username};
use http::HeaderMap;
use http::header::EXPECT;
use pingora::proxy::Session;

/// Looks whether the request belongs to a log-in flow. An attempt is added to what is presented; the flow is noted so
/// that its answer can be watched.
pub async fn notice(session: &mut Session, ctx: &mut RequestContext) -> Result<(), Rejection> {
    let running = ctx.running.clone();
    let settings = &running.snapshot.settings;
    let Some(target) = &ctx.target else { return Ok(()) };
    let found = settings.identity.flow(target.site, &ctx.method, &target.path, target.query.as_deref());
    let Some((credential, flow)) = found else { return Ok(()) };
    let query = target.query.clone().unwrap_or_default();
    let mut username = None;
    if let Some(field) = &flow.username {
        form::check_head(&session.req_header().headers, matches!(field, NameField::Json(_)))
            .map_err(Rejection::LoginBody)?;
        let body = read_body(session, settings.gate.limits.login_body_bytes).await?;
        let Some(name) = name_in(flow, field, &body, &query).map_err(Rejection::LoginBody)? else { return Ok(()) };
        ctx.presented.push(attempt(&settings.identity, credential, &name));
        username = Some(name);
    }
    let session_key =
        ctx.presented.iter().find(|p| p.principal.credential() == Some(credential.id)).and_then(|p| p.session);
    let places = settings
        .identity
        .credentials
        .iter()
        .position(|c| c.id == credential.id)
        .zip(credential.flows.iter().position(|f| std::ptr::eq(f, flow)));
    if let Some((credential, flow)) = places {
        ctx.watch.flow = Some(FlowOnItsWay {
            credential,
            flow,
            session: session_key,
            solicited: false,
            username,
            renamed: None,
            head_held: false,
            facts: None,
        });
    }
    Ok(())
}

fn attempt(identity: &Identity, credential: &Credential, name: &str) -> Presented {
    let account = username::account_of(&identity.shapes, name);
    Presented {
        principal: Principal::attempt(credential.id, account),
        shown: Shown::Body,
        check: Check::Ok,
        session: None,
    }
}

/// The name typed; `None` when the form's fixed fields say that this is another kind of request.
fn name_in(flow: &Flow, field: &NameField, body: &[u8], query: &str) -> Result<Option<String>, BodyError> {
    match field {
        NameField::Form(name) => {
            let form = Form::parse(body)?;
            for (fixed, value) in &flow.request.form {
                // A server that merges query and body might see another value than the gate.
                if form::query_names(query, fixed) {
                    return Err(BodyError::Duplicate);
                }
                if form.one(fixed)? != Some(value) {
                    return Ok(None);
                }
            }
            if form::query_names(query, name) {
                return Err(BodyError::Duplicate);
            }
            form.one(name)?.map(|n| Some(n.to_owned())).ok_or(BodyError::Missing)
        }
        NameField::Json(pointer) => form::json_name(body, pointer).map(Some),
    }
}

/// Reads the whole body up to `max` bytes; pingora keeps it and sends it on if the request is granted.
async fn read_body(session: &mut Session, max: usize) -> Result<Vec<u8>, Rejection> {
    if expects_continue(&session.req_header().headers) {
        session.write_continue_response().await.map_err(|_| Rejection::RequestTimeout)?;
        session.req_header_mut().remove_header(&EXPECT);
    }
    session.enable_retry_buffering();
    let mut body = Vec::new();
    while let Some(chunk) = session.read_request_body().await.map_err(|_| Rejection::RequestTimeout)? {
        if body.len() + chunk.len() > max {
            return Err(Rejection::BodyTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
