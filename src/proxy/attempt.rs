//! A password log-in is decided before the portal sees it: reads the bounded body of a declared log-in and turns it
//! into a credential.

use super::context::{PendingLogin, Proof, RequestContext, Target};
use super::rejection::Rejection;
use crate::config::Settings;
use crate::identity::flow::{Fit, Flow};
use crate::identity::{Credential, CredentialId, Identity, Presented, Principal, username};
use crate::wire::form::{self, BodyError, Form, NameField};
use crate::wire::spelling::may_be_name;
use crate::wire::target::Ambiguous;
use http::header::EXPECT;
use http::{HeaderMap, Method};
use pingora::proxy::Session;
use tokio::time::timeout;

/// What a request is to the log-ins of its site.
pub(super) enum Seen<'i> {
    Nothing,
    ByRedirect(&'i Credential, &'i Flow),
    ByPassword(ByPassword<'i>),
}

/// Log-ins that name a person in the body.
pub(super) struct ByPassword<'i> {
    flows: Vec<(&'i Credential, &'i Flow)>,
    query: String,
}

/// Who is named in a body, and in which log-in.
pub(super) struct Named<'i> {
    pub credential: &'i Credential,
    pub flow: &'i Flow,
    pub username: String,
}

/// Looks whether the head of a request belongs to a log-in flow.
pub(super) fn recognise<'i>(
    identity: &'i Identity,
    target: &Target,
    method: &Method,
    has_body: bool,
) -> Result<Seen<'i>, Rejection> {
    let query = target.query.as_deref();
    let flows = identity.flows(target.site, method, &target.path, query);
    let all = || identity.of_site(target.site).flat_map(|credential| &credential.flows);
    if all().any(|flow| flow.request.is_unclear(&target.path, query)) {
        return Err(Rejection::Target(Ambiguous::RepeatedParameter));
    }
    let whole: Vec<(&Credential, &Flow)> =
        flows.iter().filter(|(_, _, fit)| *fit == Fit::Whole).map(|(c, f, _)| (*c, *f)).collect();
    if whole.iter().any(|(_, f)| f.request.repeats_a_parameter(query)) {
        return Err(Rejection::Target(Ambiguous::RepeatedParameter));
    }
    if let Some((credential, flow)) = whole.iter().find(|(_, f)| f.username.is_none()) {
        return Ok(Seen::ByRedirect(credential, flow));
    }
    match (whole.is_empty(), flows.is_empty()) {
        (false, _) => {
            let query = query.unwrap_or_default().to_owned();
            Ok(Seen::ByPassword(ByPassword { flows: whole, query }))
        }
        (true, false) => near(method, &flows, query, has_body),
        (true, true) => Ok(Seen::Nothing),
    }
}

/// Notes what was recognised, so that the answer can be watched. An attempt is read and added to what is presented.
pub(super) async fn notice(
    session: &mut Session,
    ctx: &mut RequestContext,
    settings: &Settings,
    seen: Seen<'_>,
) -> Result<(), Rejection> {
    match seen {
        Seen::Nothing => {}
        Seen::ByRedirect(credential, flow) => note(ctx, &settings.identity, credential, flow, None),
        Seen::ByPassword(log_in) => {
            let as_json = log_in.is_json(&session.req_header().headers).map_err(Rejection::LoginBody)?;
            let patience = settings.gate.timeouts.stall;
            let body = timeout(patience, read_body(session, settings.gate.limits.login_body_bytes)).await;
            let body = body.map_err(|_| Rejection::RequestTimeout)??;
            if let Some(named) = log_in.named(&body, as_json).map_err(Rejection::LoginBody)? {
                ctx.presented.push(attempt(&settings.identity, &named));
                note(ctx, &settings.identity, named.credential, named.flow, Some(named.username));
            }
        }
    }
    Ok(())
}

/// The path of a log-in, but not the log-in: another method that carries a body is refused, since the portal might take
/// it; a call-back without its parameters proves nothing and changes nothing.
fn near<'i>(
    method: &Method,
    flows: &[(&'i Credential, &'i Flow, Fit)],
    query: Option<&str>,
    has_body: bool,
) -> Result<Seen<'i>, Rejection> {
    let harmless = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !harmless && flows.iter().any(|(_, f, _)| f.username.is_some()) {
        return Err(Rejection::MethodNotAllowed);
    }
    // Some portals read the form whatever the method (Werkzeug), or take it in the query.
    if has_body && flows.iter().any(|(_, f, _)| f.username.is_some()) {
        return Err(Rejection::LoginBody(BodyError::Duplicate));
    }
    let names_a_user = |f: &Flow| match &f.username {
        Some(NameField::Form(name)) => query.is_some_and(|q| form::query_names(q, name)),
        Some(NameField::Json(_)) | None => false,
    };
    if flows.iter().any(|(_, f, _)| names_a_user(f)) {
        return Err(Rejection::LoginBody(BodyError::Duplicate));
    }
    Ok(Seen::Nothing)
}

impl<'i> ByPassword<'i> {
    /// Whether the body is JSON or a form, by its head.
    pub(super) fn is_json(&self, headers: &HeaderMap) -> Result<bool, BodyError> {
        let some_read_json = self.flows.iter().any(|(_, f)| reads_json(f));
        let as_json = some_read_json && form::check_head(headers, true).is_ok();
        form::check_head(headers, as_json).map(|()| as_json)
    }

    /// Who is named in the body; `None` when every flow says that it is another kind of request, such as a token asked
    /// for with a code.
    pub(super) fn named(&self, body: &[u8], as_json: bool) -> Result<Option<Named<'i>>, BodyError> {
        let mut any = false;
        for (credential, flow) in self.flows.iter().filter(|(_, f)| reads_json(f) == as_json) {
            any = true;
            let Some(field) = &flow.username else { continue };
            if let Some(username) = name_in(flow, field, body, &self.query)? {
                return Ok(Some(Named { credential, flow, username }));
            }
        }
        if any { Ok(None) } else { Err(BodyError::ContentType) }
    }
}

fn reads_json(flow: &Flow) -> bool {
    matches!(flow.username, Some(NameField::Json(_)))
}

fn note(ctx: &mut RequestContext, identity: &Identity, credential: &Credential, flow: &Flow, username: Option<String>) {
    let place = identity.credentials.iter().position(|c| c.id == credential.id);
    let flow = credential.flows.iter().position(|f| std::ptr::eq(f, flow));
    let session = shown_session(ctx, credential.id);
    if let (Some(credential), Some(flow)) = (place, flow) {
        ctx.observed.flow = Some(Box::new(PendingLogin {
            credential,
            flow,
            session,
            proof: Proof::Missing,
            cookie: None,
            departure: None,
            username,
            awaiting: None,
        }));
    }
}

/// The ledger's name for the session that the request shows of a credential.
pub(super) fn shown_session(ctx: &RequestContext, credential: CredentialId) -> Option<crate::identity::SessionKey> {
    ctx.presented.iter().filter(|p| p.principal.credential() == Some(credential)).find_map(|p| p.session)
}

/// The attempt as a credential: its account is a guess from the shape of the name.
pub(super) fn attempt(identity: &Identity, named: &Named<'_>) -> Presented {
    let account = username::account_of(&identity.shapes, &named.username);
    let principal = Principal::attempt(named.credential.id, account);
    Presented::attempt(principal)
}

/// The name typed; `None` when the form's fixed fields say that this is another kind of request. A fixed field that is
/// not there says nothing, so the body is refused.
fn name_in(flow: &Flow, field: &NameField, body: &[u8], query: &str) -> Result<Option<String>, BodyError> {
    match field {
        NameField::Form(name) => {
            let form = Form::parse(body)?;
            for (fixed, value) in &flow.request.form {
                // A server that merges query and body might see another value than the gate.
                if form::query_names(query, fixed) {
                    return Err(BodyError::Duplicate);
                }
                let written = form.one(fixed)?.ok_or(BodyError::Missing)?;
                if written != value && may_be_name(written.as_bytes(), value) {
                    return Err(BodyError::Undecodable);
                }
                if written != value {
                    return Ok(None);
                }
            }
            for (fixed, others) in &flow.request.unless_form {
                if form::query_names(query, fixed) {
                    return Err(BodyError::Duplicate);
                }
                if form.one(fixed)?.is_some_and(|value| others.iter().any(|other| other == value)) {
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

/// Reads the whole body up to `max` bytes; pingora keeps it and sends it on if the request is
/// granted.
/// The caller sets a deadline for the whole: pingora's own is for each read, and on HTTP/2 there is
/// none.
pub(super) async fn read_body(session: &mut Session, max: usize) -> Result<Vec<u8>, Rejection> {
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
