//! Cookies by which a portal logs somebody in by itself: they were given at a password log-in, and are good for as much.
//!
//! Nobody can say here who stands behind one, so the rules are asked about a password log-in of an account that is unknown,
//! on its way and done. Where they refuse either, the cookie neither travels nor is it set: else a session that nobody
//! has seen could be somebody's from the start. A gate that only observes leaves it and counts.

use super::buckets::PseudonymBuckets;
use super::context::RequestContext;
use super::observe::retain_set_cookies;
use crate::identity::{Account, CredentialId, Facts, Login, Principal};
use crate::policy::{Action, Query};
use crate::state::keyed::Keyed;
use crate::telemetry::Telemetry;
use crate::wire::cookie;
use crate::wire::set_cookie;
use crate::wire::spelling::may_be_name;
use http::HeaderMap;
use http::header::SET_COOKIE;
use pingora::http::ResponseHeader;

/// The names of cookies on the request that must not travel.
pub(super) fn held_back(
    ctx: &RequestContext,
    keyed: &Keyed,
    telemetry: &Telemetry,
    headers: &HeaderMap,
) -> Vec<Vec<u8>> {
    let declared = declared(ctx);
    if declared.is_empty() {
        return Vec::new();
    }
    let shown = cookie::pairs(headers).map(|(name, _)| name);
    let refused = shown.filter_map(|name| {
        let (_, credential) = declared.iter().find(|(declared, _)| may_be_name(name, declared))?;
        is_refused(ctx, keyed, telemetry, *credential).then(|| name.to_vec())
    });
    refused.collect()
}

/// The portal may not let somebody in by itself later on: such a cookie does not reach the browser.
pub(super) fn drop_set_cookies(
    ctx: &RequestContext,
    keyed: &Keyed,
    telemetry: &Telemetry,
    answer: &mut ResponseHeader,
) {
    let declared = declared(ctx);
    if declared.is_empty() || !answer.headers.contains_key(SET_COOKIE) {
        return;
    }
    retain_set_cookies(answer, |field| {
        let cookie = field.to_str().ok().and_then(|field| set_cookie::parse(field, ctx.now_s()));
        let named = cookie
            .filter(|cookie| cookie.sets())
            .and_then(|cookie| declared.iter().find(|(declared, _)| may_be_name(cookie.name.as_bytes(), declared)));
        !named.is_some_and(|(_, credential)| is_refused(ctx, keyed, telemetry, *credential))
    });
}

/// Whether there are any on this site.
fn declared(ctx: &RequestContext) -> &[(String, CredentialId)] {
    let plan = ctx.target.as_ref().and_then(|t| ctx.running.snapshot.settings.identity.plan(t.site));
    plan.map_or(&[], |plan| plan.remembers.as_slice())
}

/// Counts what it says.
fn is_refused(ctx: &RequestContext, keyed: &Keyed, telemetry: &Telemetry, credential: CredentialId) -> bool {
    let policy = &ctx.running.snapshot.settings.policy;
    let refused = !may_log_in(ctx, keyed, credential);
    let action = match (refused, policy.is_observing()) {
        (false, _) => "forwarded",
        (true, false) => "removed",
        (true, true) => "observed",
    };
    let name = ctx.running.snapshot.settings.identity.credential(credential).map_or("", |c| c.name.as_str());
    telemetry.metrics.remember_cookies.with_label_values(&[name, action]).inc();
    refused && !policy.is_observing()
}

/// Whether the rules let somebody in here with a password whose account nobody knows.
fn may_log_in(ctx: &RequestContext, keyed: &Keyed, credential: CredentialId) -> bool {
    let (Some(target), policy) = (&ctx.target, &ctx.running.snapshot.settings.policy) else { return false };
    let query = Query { route: target.route, client: ctx.client.ip(), at: ctx.at };
    let buckets = PseudonymBuckets { presented: &[], keyed, client: query.client };
    let done = Principal::valid(credential, Facts { login: Login::Password, ..Facts::UNKNOWN });
    let on_its_way = Principal::attempt(credential, Account::Unknown);
    [done, on_its_way].iter().all(|principal| {
        let decision = policy.decide(&query, std::iter::once(principal), &buckets);
        let decided = decision.observed.filter(|_| policy.is_observing()).unwrap_or(decision.verdict);
        decided.action == Action::Forward
    })
}
