//! Writes the answers that the gate makes itself, and then reads nothing more as a request on that connection unless
//! the body was read to its end.

use super::answer::{Answer, Audience, Kind, Language, X_SUPPORT_CODE, audience, is_navigation, language, safe_link};
use super::context::{RequestContext, is_safe};
use super::expire::expire_refused_sessions;
use super::rejection::Rejection;
use crate::policy::{Action, METHODS, Reason};
use crate::wire::target::host_name;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorType};

/// Head and body of an answer.
pub(super) type Composed = (Box<ResponseHeader>, Bytes);

/// Answers a rejected request. An error means that the client is gone.
pub(super) async fn reject(session: &mut Session, ctx: &RequestContext, rejection: Rejection) -> pingora::Result<()> {
    let (head, body) = composed(session.req_header(), ctx, rejection)?;
    send(session, head, body).await
}

fn composed(head: &RequestHeader, ctx: &RequestContext, rejection: Rejection) -> pingora::Result<Composed> {
    let reader = audience(&head.method, &head.headers);
    if let Rejection::RedirectToHttps = rejection {
        return redirect_to_https(ctx, reader);
    }
    if is_navigation(&head.method, reader)
        && sends_to_log_in(rejection)
        && let Some(url) = ctx.site().and_then(|s| s.login_url.as_deref()).and_then(safe_link)
    {
        return redirect(ctx, StatusCode::SEE_OTHER, url, rejection, reader);
    }
    document(ctx, rejection, reader, language(&head.headers))
}

/// Whether a person who opens a page is sent to log in.
pub(super) fn sends_to_log_in(rejection: Rejection) -> bool {
    match rejection {
        Rejection::Decided(v) => v.action == Action::Login && v.reason != Reason::IdentityUnavailable,
        Rejection::UnsolicitedCallback => true,
        _ => false,
    }
}

/// Head and body of the page or problem document that explains a rejection.
pub(super) fn document(
    ctx: &RequestContext,
    rejection: Rejection,
    reader: Audience,
    language: Language,
) -> pingora::Result<Composed> {
    let code = ctx.id.support_code();
    let kind = rejection.kind();
    let why = match rejection {
        Rejection::Decided(v) => ctx.running.snapshot.settings.policy.rule(v.rule).and_then(|r| r.why.as_deref()),
        _ => None,
    };
    let answer = Answer {
        login_url: ctx.site().and_then(|s| s.login_url.as_deref()),
        why,
        submission: !is_safe(&ctx.method) && rejection.reason() != Reason::PasswordAttempt,
        ..Answer::new(kind, rejection.reason().as_str(), &code)
    };
    let body = answer.body(reader, language);
    // Made of parts, a head has no second map for the spelling of names, as in `headers::for_portal`.
    let mut parts = http::Response::new(()).into_parts().0;
    parts.status = answer.status(reader);
    parts.headers = answer.headers(reader, language);
    let mut head = ResponseHeader::from(parts);
    if kind == Kind::MethodNotAllowed {
        head.insert_header(ALLOW, allowed(ctx))?;
    }
    expire_refused_sessions(ctx, rejection, reader, &mut head)?;
    head.insert_header(CONTENT_LENGTH, body.len())?;
    Ok((Box::new(head), Bytes::from(body)))
}

fn allowed(ctx: &RequestContext) -> String {
    let methods = ctx.route().and_then(|r| r.methods.clone());
    let mut words: Vec<String> = match methods {
        Some(list) => list.iter().map(Method::to_string).collect(),
        None => METHODS.iter().filter(|m| **m != "TRACE").map(|m| (*m).to_owned()).collect(),
    };
    if words.iter().any(|w| w == "GET") && !words.iter().any(|w| w == "HEAD") {
        words.push("HEAD".into());
    }
    words.join(", ")
}

fn redirect_to_https(ctx: &RequestContext, reader: Audience) -> pingora::Result<Composed> {
    let Some(target) = &ctx.target else {
        return Error::e_explain(ErrorType::InternalError, "a redirect without a target");
    };
    let host = host_name(&target.host).map_or_else(|_| String::new(), |h| h.into_owned());
    let url = format!("https://{host}{}", target.origin_form);
    // 308 keeps method and body.
    let status = if is_safe(&ctx.method) { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
    redirect(ctx, status, &url, Rejection::RedirectToHttps, reader)
}

/// Sends the browser to the page where it is, for a log-in that begins on another session.
pub(super) fn begin_again(ctx: &RequestContext) -> pingora::Result<ResponseHeader> {
    let url = ctx.target.as_ref().map_or("/", |target| target.origin_form.as_str());
    let (head, _) = redirect(ctx, StatusCode::SEE_OTHER, url, Rejection::LoginStartsOver, Audience::Person)?;
    Ok(*head)
}

fn redirect(
    ctx: &RequestContext,
    status: StatusCode,
    url: &str,
    rejection: Rejection,
    reader: Audience,
) -> pingora::Result<Composed> {
    let mut head = ResponseHeader::build(status, Some(6))?;
    head.insert_header(LOCATION, url)?;
    if let Ok(code) = HeaderValue::from_str(&ctx.id.support_code()) {
        head.insert_header(X_SUPPORT_CODE, code)?;
    }
    head.insert_header(CACHE_CONTROL, "no-store")?;
    expire_refused_sessions(ctx, rejection, reader, &mut head)?;
    head.insert_header(CONTENT_LENGTH, 0)?;
    Ok((Box::new(head), Bytes::new()))
}

pub(super) async fn send(session: &mut Session, head: Box<ResponseHeader>, body: Bytes) -> pingora::Result<()> {
    let no_body = session.req_header().method == Method::HEAD || body.is_empty();
    // What is left of an unread body must never be taken for a request; an upgrade has no end that we know of.
    if session.is_upgrade_req() || !session.is_body_done() {
        session.set_keepalive(None);
    }
    session.write_response_header(head, no_body).await?;
    if !no_body {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
