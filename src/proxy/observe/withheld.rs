//! The session of a log-in under way that the browser has not seen yet.

use crate::identity::presented::Location;
use crate::identity::{Credential, Presented};
use crate::proxy::context::{Proof, RequestContext};
use crate::state::login_cookie::Began;
use crate::wire::set_cookie::{self, SetCookie};

/// Whether the portal gets another session of this credential than the request shows, or none.
pub(crate) fn hides_session(ctx: &RequestContext, credential: &Credential) -> bool {
    if stands_in_a_header(ctx, credential) {
        return false;
    }
    if ctx.observed.begins_anew && credential.flows.iter().any(|flow| flow.begins.is_some()) {
        return true;
    }
    let Some((pending, of, _)) = ctx.flow() else { return false };
    let withheld =
        matches!(&pending.proof, Proof::Begun(login) if matches!(login.began, Began::Withheld(_) | Began::Without));
    of.id == credential.id && withheld
}

/// Only a cookie is exchanged for another: what stands in a header travels.
fn stands_in_a_header(ctx: &RequestContext, credential: &Credential) -> bool {
    let own = |shown: &&Presented| shown.principal.credential() == Some(credential.id) && shown.session.is_some();
    ctx.presented.iter().filter(own).any(|shown| matches!(shown.location, Location::Header(_)))
}

/// The session that the gate withheld, as the portal gets it in place of what the request shows.
pub(crate) fn withheld_session(ctx: &RequestContext) -> Option<String> {
    withheld(ctx).map(|c| format!("{}={}", c.name, c.value))
}

pub(super) fn withheld(ctx: &RequestContext) -> Option<SetCookie<'_>> {
    let (pending, ..) = ctx.flow()?;
    let Proof::Begun(login) = &pending.proof else { return None };
    let Began::Withheld(set_cookie) = &login.began else { return None };
    set_cookie::parse(set_cookie, 0)
}
