//! Writes the answers that the gate makes itself, and then reads nothing more as a request on that connection unless
//! the body was read to its end.

use super::answer::{Answer, Kind, audience, is_navigation, language, safe_link};
use super::context::{RequestContext, is_safe};
use super::rejection::Rejection;
use crate::identity::identify::Shown;
use crate::policy::{Action, Page, Reason};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

const SUPPORT_CODE: HeaderName = HeaderName::from_static("x-support-code");

/// Answers a rejected request. An error means that the client is gone.
pub async fn reject(session: &mut Session, ctx: &RequestContext, rejection: Rejection) -> pingora::Result<()> {
    let head = session.req_header();
    let navigates = is_navigation(&head.method, &head.headers);
    if let Rejection::RedirectToHttps = rejection {
        return redirect_to_https(session, ctx).await;
    }
    if let (Rejection::Decided(verdict), true) = (rejection, navigates)
        && verdict.action == Action::Login
        && verdict.reason != Reason::IdentityUnavailable
        && let Some(url) = ctx.site().and_then(|s| s.login_url.as_deref()).and_then(safe_link)
    {
        let url = url.to_owned();
        return redirect(session, ctx, StatusCode::SEE_OTHER, &url, rejection).await;
    }
    page(session, ctx, rejection).await
}

async fn page(session: &mut Session, ctx: &RequestContext, rejection: Rejection) -> pingora::Result<()> {
    let code = ctx.id.support_code();
    let request = session.req_header();
    let (audience, language) = (audience(&request.method, &request.headers), language(&request.headers));
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
    let body = answer.body(audience, language);
    let fixed = answer.headers(audience, language);
    let mut head = ResponseHeader::build(answer.status(audience), Some(fixed.len() + 6))?;
    for (name, value) in fixed {
        head.append_header(name, value)?;
    }
    if kind == Kind::MethodNotAllowed {
        head.insert_header(ALLOW, allowed(ctx))?;
    }
    expire_refused_sessions(ctx, rejection, &mut head)?;
    send(session, head, Bytes::from(body)).await
}

/// The session that was refused for good is taken out of the browser, so that the page is read once and the next
/// visit starts clean. So is one that the gate does not know when a log-in is needed: the portal might know it, and send
/// the person from its log-in page straight back here, round and round.
fn expire_refused_sessions(
    ctx: &RequestContext,
    rejection: Rejection,
    head: &mut ResponseHeader,
) -> pingora::Result<()> {
    let Rejection::Decided(verdict) = rejection else { return Ok(()) };
    let for_good = matches!(verdict.reason, Reason::PasswordSession | Reason::SessionUnbound)
        || (verdict.action == Action::Reject && matches!(verdict.page, Some(Page::UseVneid | Page::UseNationalPortal)));
    let holder = ctx.decision.as_ref().and_then(|d| ctx.presented.get(d.holder));
    if let (true, Some(Shown::Cookie(name))) = (for_good, holder.map(|h| &h.shown)) {
        let secure = if ctx.https { "; Secure" } else { "" };
        let cookie = format!("{name}=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly{secure}");
        head.append_header(SET_COOKIE, cookie)?;
    }
    Ok(())
}

fn allowed(ctx: &RequestContext) -> String {
    let methods = ctx.route().and_then(|r| r.methods.clone());
    let mut words: Vec<String> = match methods {
        Some(list) => list.iter().map(Method::to_string).collect(),
        None => ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map(String::from).to_vec(),
    };
    if words.iter().any(|w| w == "GET") && !words.iter().any(|w| w == "HEAD") {
        words.push("HEAD".into());
    }
    words.join(", ")
}

async fn redirect_to_https(session: &mut Session, ctx: &RequestContext) -> pingora::Result<()> {
    let Some(target) = &ctx.target else { return Ok(()) };
    let host = crate::policy::target::host_name(&target.host).map_or_else(|_| String::new(), |h| h.into_owned());
    let url = format!("https://{host}{}", target.origin_form);
    // 308 keeps method and body.
    let status = if is_safe(&ctx.method) { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
    redirect(session, ctx, status, &url, Rejection::RedirectToHttps).await
}

async fn redirect(
    session: &mut Session,
    ctx: &RequestContext,
    status: StatusCode,
    url: &str,
    rejection: Rejection,
) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(status, Some(6))?;
    head.insert_header(LOCATION, url)?;
    if let Ok(code) = HeaderValue::try_from(ctx.id.support_code()) {
        head.insert_header(SUPPORT_CODE, code)?;
    }
    head.insert_header(CACHE_CONTROL, "no-store")?;
    expire_refused_sessions(ctx, rejection, &mut head)?;
    send(session, head, Bytes::new()).await
}

async fn send(session: &mut Session, mut head: ResponseHeader, body: Bytes) -> pingora::Result<()> {
    head.insert_header(CONTENT_LENGTH, body.len())?;
    let no_body = session.req_header().method == Method::HEAD || body.is_empty();
    // What is left of an unread body must never be taken for a request; an upgrade has no end that we know of.
    if session.is_upgrade_req() || !session.is_body_done() {
        session.set_keepalive(None);
    }
    session.write_response_header(Box::new(head), no_body).await?;
    if !no_body {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
