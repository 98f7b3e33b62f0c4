//! Which cookies an answer of the gate takes out of the browser.

use super::answer::Audience;
use super::context::RequestContext;
use super::rejection::Rejection;
use crate::identity::presented::{Ambiguity, Location};
use crate::policy::{Action, Page, Reason};
use crate::wire::cookie;
use crate::wire::target::host_name;
use http::HeaderMap;
use http::header::SET_COOKIE;
use pingora::http::ResponseHeader;

/// Set-Cookie fields for cookies that a browser holds in unknown places.
const FIELDS_MAX: usize = 48;

/// The session that was refused for good is taken out of the browser, so that the page is read once and the next
/// visit starts clean. So is one that the gate does not know when a person is sent to log in: the portal might know it,
/// and send the person from its log-in page straight back here, round and round. So is what was revoked, since the
/// portal knows nothing of that. And so are two of one name, or of two people,
/// and look-alikes, which nobody could ever get rid of.
pub(super) fn expire_refused_sessions(
    ctx: &RequestContext,
    rejection: Rejection,
    reader: Audience,
    head: &mut ResponseHeader,
) -> pingora::Result<()> {
    for field in &ctx.observed.set_cookies {
        head.append_header(SET_COOKIE, field.as_str())?;
    }
    if rejection == Rejection::LoginStartsOver {
        return expire_unbound_sessions(ctx, head);
    }
    let person = reader == Audience::Person;
    let deciding = ctx.decision.as_ref().and_then(|d| ctx.presented.get(d.deciding)).map(|p| &p.location);
    if let (true, Some(Location::Cookie(name))) = (takes_session_out(rejection, reader), deciding) {
        expire(ctx, name, head)?;
    }
    if person && let Rejection::Credentials(Ambiguity::TwoPeople) = rejection {
        let plan = ctx.target.as_ref().and_then(|t| ctx.running.snapshot.settings.identity.plan(t.site));
        for name in plan.iter().flat_map(|p| &p.cookie_names) {
            expire(ctx, name, head)?;
        }
    }
    if person && let Rejection::Credentials(Ambiguity::Cookies(_)) = rejection {
        expire_everywhere(ctx, head)?;
    }
    Ok(())
}

/// A session that nobody knows is put down for one that begins clean. One that is known stays: whoever leads its owner to
/// a log-in page must not be able to end it.
fn expire_unbound_sessions(ctx: &RequestContext, head: &mut ResponseHeader) -> pingora::Result<()> {
    let unbound = ctx.presented.iter().filter(|presented| presented.session.is_some() && presented.check.is_err());
    for presented in unbound {
        if let Location::Cookie(name) = &presented.location {
            expire(ctx, name, head)?;
        }
    }
    Ok(())
}

/// Whether the cookie of the session that was refused is taken out of the browser.
pub(super) fn takes_session_out(rejection: Rejection, reader: Audience) -> bool {
    match rejection {
        Rejection::Decided(v) => {
            v.reason == Reason::PasswordSession
                || (matches!(v.reason, Reason::SessionUnbound | Reason::CredentialRevoked)
                    && reader == Audience::Person)
                || (v.action == Action::Reject && matches!(v.page, Some(Page::UseVneid | Page::UseNationalPortal)))
        }
        _ => false,
    }
}

/// The cookies for which a request is ambiguous, as far as a field can name them.
pub(super) fn culprits(ctx: &RequestContext, headers: &HeaderMap) -> Vec<String> {
    let plan = ctx.target.as_ref().and_then(|t| ctx.running.snapshot.settings.identity.plan(t.site));
    // The target of a request that is refused this early may not be noted yet: every site's names are looked for.
    let names = plan.map_or_else(|| all_cookie_names(ctx), |plan| plan.cookie_names.clone());
    let text = |name: &[u8]| {
        let fits = name.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b','));
        fits.then(|| String::from_utf8_lossy(name).into_owned())
    };
    cookie::culprits(headers, &names).into_iter().filter_map(text).collect()
}

fn all_cookie_names(ctx: &RequestContext) -> Vec<String> {
    let credentials = &ctx.running.snapshot.settings.identity.credentials;
    credentials.iter().flat_map(|c| c.cookies().map(str::to_owned)).collect()
}

/// Nobody saw these cookies being set: each is taken back for the host, for it and its parents as domains, at the root and
/// at each folder above the page.
fn expire_everywhere(ctx: &RequestContext, head: &mut ResponseHeader) -> pingora::Result<()> {
    let domains: Vec<Option<String>> = std::iter::once(None).chain(domains(ctx).into_iter().map(Some)).collect();
    let paths = paths(ctx);
    let (paths, domains) = (paths.as_slice(), domains.as_slice());
    let everywhere = ctx.observed.culprits.iter().flat_map(move |name| {
        paths.iter().flat_map(move |path| domains.iter().map(move |domain| (name, path, domain)))
    });
    for (name, path, domain) in everywhere.take(FIELDS_MAX) {
        let domain = domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        head.append_header(SET_COOKIE, format!("{name}=; Path={path}; {}{domain}", gone(ctx)))?;
    }
    Ok(())
}

fn gone(ctx: &RequestContext) -> String {
    let secure = if ctx.https { "; Secure" } else { "" };
    format!("Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly{secure}")
}

/// The host and what is above it, but for a last label alone.
fn domains(ctx: &RequestContext) -> Vec<String> {
    let host = ctx.target.as_ref().and_then(|t| host_name(&t.host).ok());
    let Some(host) = host.filter(|h| h.contains('.') && h.parse::<std::net::IpAddr>().is_err()) else {
        return Vec::new();
    };
    let above = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..));
    std::iter::once(&*host).chain(above).filter(|domain| domain.contains('.')).map(str::to_owned).collect()
}

/// `/`, and the folders on the way to the page.
fn paths(ctx: &RequestContext) -> Vec<String> {
    let target = ctx.target.as_ref().map_or("/", |t| t.origin_form.as_str());
    let path = target.split('?').next().unwrap_or_default();
    let whole = path.bytes().all(|b| b.is_ascii_graphic() && b != b';');
    let folders = path.match_indices('/').skip(1).filter_map(|(slash, _)| path.get(..slash));
    std::iter::once("/").chain(folders.chain([path]).filter(|p| whole && p.len() > 1)).map(str::to_owned).collect()
}

/// Once for the host alone and once for the host as a domain: a browser keeps both apart, and the gate saw neither
/// being set.
fn expire(ctx: &RequestContext, name: &str, head: &mut ResponseHeader) -> pingora::Result<()> {
    let host = domains(ctx).into_iter().next();
    for domain in [String::new()].into_iter().chain(host.map(|host| format!("; Domain={host}"))) {
        head.append_header(SET_COOKIE, format!("{name}=; Path=/; {}{domain}", gone(ctx)))?;
    }
    Ok(())
}
