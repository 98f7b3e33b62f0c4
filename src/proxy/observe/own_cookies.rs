//! The gate's own cookies: what they are called, how they are found on a request and set by an answer.
//!
//! They are the browser's and the gate's alone: whatever the rules say, none of them travels to the portal.

use crate::proxy::context::RequestContext;
use http::HeaderMap;
use http::header::COOKIE;
use memchr::memmem;

/// In the name of each of them.
const MARK: &str = "vneid-gate-";
/// How long a log-in that must begin anew may take for that, in seconds.
pub(crate) const RESTART_S: i64 = 60;

/// Whether the request shows any; most do not.
pub(crate) fn are_shown(headers: &HeaderMap) -> bool {
    headers.get_all(COOKIE).iter().any(|field| memmem::find(field.as_bytes(), MARK.as_bytes()).is_some())
}

/// Whether a cookie of this name is one of them, whoever set it.
pub(crate) fn is_own(name: &[u8]) -> bool {
    name.strip_prefix(b"__Host-").unwrap_or(name).starts_with(MARK.as_bytes())
}

/// The cookie of a log-in under way: one a flow and `state`, so that log-ins in several tabs do not meet. On https the
/// prefix keeps others under the same domain from setting it (RFC 6265bis §4.1.3.2).
pub(crate) fn of_login(ctx: &RequestContext, named: [u8; 16]) -> String {
    let [a, b, c, d, ..] = named;
    format!("{}login-{a:02x}{b:02x}{c:02x}{d:02x}", prefix(ctx))
}

pub(crate) fn of_restart(ctx: &RequestContext) -> String {
    format!("{}restart", prefix(ctx))
}

fn prefix(ctx: &RequestContext) -> String {
    let host = if ctx.https { "__Host-" } else { "" };
    format!("{host}{MARK}")
}

/// The cookies of log-ins that the request shows, with their values.
pub(crate) fn logins<'h>(ctx: &RequestContext, headers: &'h HeaderMap) -> Vec<(&'h str, &'h [u8])> {
    let start = format!("{}login-", prefix(ctx));
    let own = |(name, value)| Some((std::str::from_utf8(name).ok()?, value));
    crate::wire::cookie::pairs(headers).filter_map(own).filter(|(name, _)| name.starts_with(&start)).collect()
}

/// The value of a cookie that is shown once.
pub(crate) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = crate::wire::cookie::pairs(headers).filter(|(n, _)| *n == name.as_bytes()).map(|(_, v)| v);
    values.next().filter(|_| values.next().is_none())
}

/// Set-Cookie of one of them for so many seconds; nothing and no time takes it back. A provider leads the browser back from
/// its own site, with a cookie that is `Lax`.
pub(crate) fn set(ctx: &RequestContext, name: &str, value: &str, keep_s: i64) -> String {
    let secure = if ctx.https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={keep_s}; HttpOnly; SameSite=Lax{secure}")
}
