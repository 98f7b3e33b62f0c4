//! What a log-in that succeeded proves: by the policy, and by the portal's own answer headers.

use crate::identity::credential::Kind;
use crate::identity::flow::{self, Flow};
use crate::identity::username::Shape;
use crate::identity::{Account, Credential, Facts, Level, Login};
use crate::proxy::context::RequestContext;
use crate::state::ledger::{Birth, Start};
use http::{HeaderMap, HeaderName};

/// What is written down of a session that is born now.
pub(super) fn birth(
    shapes: &[Shape],
    credential: &Credential,
    flow: &Flow,
    (facts, start): (Facts, Start),
    at_s: i64,
) -> Option<Birth> {
    let Kind::Session(s) = &credential.kind else { return None };
    Some(Birth {
        facts,
        flow: flow.stamp(shapes, s.probe.as_deref()),
        start,
        idle_s: s.idle_s,
        lifetime_s: s.lifetime_s,
        at_s,
    })
}

/// Constants, then the shape of the name typed.
/// Where a trusted answer header is declared and there, it alone counts: one that is repeated or
/// holds no word of the list leaves the fact unknown.
pub(super) fn facts(flow: &Flow, headers: &HeaderMap, username: Option<&str>, ctx: &RequestContext) -> Facts {
    let names = &flow.headers;
    let shapes = &ctx.running.snapshot.settings.identity.shapes;
    let hinted =
        username.filter(|_| flow.account_from_username).map(|n| crate::identity::username::account_of(shapes, n));
    let account = said(headers, names.account.as_ref(), Account::parse).unwrap_or(flow.account.or(hinted));
    let login = said(headers, names.login.as_ref(), Login::parse).unwrap_or(flow.login);
    let level =
        said(headers, names.level.as_ref(), |l| l.parse().ok().and_then(Level::new)).unwrap_or(Some(flow.level));
    let subject = said(headers, names.subject.as_ref(), |s| Some(s.to_owned())).unwrap_or(username.map(str::to_owned));
    Facts {
        account: account.unwrap_or(Account::Unknown),
        login: login.unwrap_or(Login::Unknown),
        level: level.unwrap_or(Level::UNKNOWN),
        subject: subject.as_deref().map(str::trim).filter(|s| !s.is_empty()).map(Into::into),
    }
}

/// `None`: nothing said. `Some(None)`: said, but not understood.
fn said<T>(headers: &HeaderMap, name: Option<&HeaderName>, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    let name = name.filter(|n| headers.contains_key(*n))?;
    Some(flow::one_value(headers, name).and_then(parse))
}
