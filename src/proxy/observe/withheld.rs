//! The session of a log-in under way that the browser has not seen yet.

use crate::identity::Credential;
use crate::proxy::context::{Proof, RequestContext};
use crate::state::login_cookie::Began;
use crate::wire::set_cookie::{self, SetCookie};

/// Whether the portal gets another session of this credential than the request shows, or none.
pub(crate) fn hides_session(ctx: &RequestContext, credential: &Credential) -> bool {
    if ctx.observed.begins_anew && credential.flows.iter().any(|flow| flow.begins.is_some()) {
        return true;
    }
    let Some((pending, of, _)) = ctx.flow() else { return false };
    let withheld =
        matches!(&pending.proof, Proof::Begun(login) if matches!(login.began, Began::Withheld(_) | Began::Without));
    of.id == credential.id && withheld
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
