//! A log-in that succeeded counts where the portal, once it is asked, says that somebody is signed in.

use super::withheld::withheld;
use super::{new_cookie, site_name};
use crate::authn::{Authenticator, InForce, Shown};
use crate::identity::presented::Location;
use crate::identity::{Credential, Facts, SessionKey, SiteId};
use crate::proxy::context::{RequestContext, ShownSession};
use crate::state::State;
use crate::transport::Running;
use crate::wire::cookie;
use crate::wire::set_cookie::SetCookie;
use http::HeaderMap;

/// Where a session stands and its value: as the answer sets it, as the gate withheld it, or as the request shows it.
pub(super) fn field(
    state: &State,
    ctx: &RequestContext,
    credential: &Credential,
    session: SessionKey,
    (request, answer): (&HeaderMap, &HeaderMap),
) -> Option<(Location, Vec<u8>)> {
    let is_it = |c: &SetCookie<'_>| {
        state.keyed.session(site_name(ctx), &credential.name, c.value.as_bytes()).exact == session.exact
    };
    let made = new_cookie(credential, answer, ctx.now_s()).filter(is_it).or_else(|| withheld(ctx).filter(is_it));
    if let Some(made) = made {
        return Some((Location::Cookie(made.name.to_owned()), made.value.as_bytes().to_vec()));
    }
    let presented = ctx.presented.iter().find(|presented| presented.session == Some(session))?;
    let value = match &presented.location {
        Location::Cookie(name) => cookie::pairs(request).find(|(n, _)| *n == name.as_bytes())?.1,
        Location::Header(name) => request.get(name)?.as_bytes(),
        Location::Body => return None,
    };
    Some((presented.location.clone(), value.to_vec()))
}

/// What is known of the session by the log-in and by what the portal says. `None`: it does not say that somebody is signed
/// in, so nothing is to be bound. Without a probe the success alone counts.
pub(super) async fn confirmed(
    authn: &Authenticator,
    running: &Running,
    (site, credential): (SiteId, &Credential),
    (shown, facts): (&ShownSession, Facts),
) -> Option<Facts> {
    if credential.session().is_none_or(|session| session.probe.is_none()) {
        return Some(facts);
    }
    let (location, value) = shown.field.as_ref()?;
    let shown = Shown { site, credential, session: shown.session, field: (location, value) };
    let probed = Box::pin(authn.confirm(InForce::from(running), &shown)).await.ok()??;
    Some(probed.over(facts))
}

/// Where somebody logs in or out, what the portal said of the sessions of this request counts no more.
pub(crate) fn forget_probed(authn: &Authenticator, ctx: &RequestContext) {
    if ctx.observed.flow.is_none() && ctx.observed.ends.is_empty() {
        return;
    }
    let in_force = InForce::from(&*ctx.running);
    for presented in &ctx.presented {
        let credential = presented.principal.credential().and_then(|id| in_force.identity.credential(id));
        if let (Some(session), Some(credential)) = (presented.session, credential) {
            authn.forget_probed(in_force, credential, session);
        }
    }
}
