//! Ending the tunnels of people who are revoked.
//!
//! A WebSocket is decided at its upgrade and asks nothing more, perhaps for hours.
//! So the gate remembers who opened it, and whenever something was revoked looks through all that
//! are open and ends those that are covered now.
//! Where nobody can say who was revoked, and the gate refuses requests for that, they are ended too
//! after a while.
//! A policy that changes ends none.
//! A tunnel that nobody proved a credential for cannot be revoked, and is not remembered.

pub mod registry;

use registry::{Place, Tunnels};

use super::account::{self, Told};
use super::{Enforcer, RequestContext};
use crate::identity::Presented;
use crate::policy::Reason;
use crate::state::State;
use crate::state::revocations::Names;
use crate::transport::guard;
use async_trait::async_trait;
use http::StatusCode;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use pingora::{Error, ErrorType};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Between two walks through all tunnels: many revocations at once cost one.
const REST: Duration = Duration::from_millis(100);
/// How often it is looked whether the list of revocations is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long tunnels stay open without it.
const UNKNOWING: Duration = Duration::from_secs(10);

/// When the portal has agreed to a tunnel, and before the client hears of it. An error where that must not open.
pub fn open(gate: &Enforcer, ctx: &mut RequestContext) -> pingora::Result<()> {
    let people = people(gate, ctx);
    if people.is_empty() {
        return Ok(());
    }
    let Some(ender) = guard::ender() else {
        return Error::e_explain(ErrorType::InternalError, "a tunnel that nothing could end");
    };
    let Some(number) = gate.tunnels.enter(people, ender, &gate.state.revocations) else {
        return Error::e_explain(ErrorType::HTTPStatus(401), "taken away while the portal was asked");
    };
    ctx.tunnel = Some(Place { gate: gate.clone(), number });
    Ok(())
}

fn people(gate: &Enforcer, ctx: &RequestContext) -> Arc<[Names]> {
    let identity = &ctx.running.snapshot.settings.identity;
    let named = |shown: &Presented| {
        let credential = identity.credential(shown.principal.credential()?)?;
        Some(gate.state.revocations.names(credential, shown.principal.facts(), shown.identifiers.as_ref()?))
    };
    ctx.presented.iter().filter_map(named).collect()
}

/// A tunnel that ended by itself is accounted for like every request.
pub fn closed(ctx: &mut RequestContext) {
    ctx.tunnel = None;
}

impl Drop for RequestContext {
    /// What is ended from outside is dropped where it stands, and this is the last of it: pingora's `logging` is not
    /// reached.
    fn drop(&mut self) {
        let Some(place) = self.tunnel.take() else { return };
        if place.was_ended() {
            let unknowing = place.gate.state.revocations.may_lack_some();
            self.ended = Some(if unknowing { Reason::IdentityUnavailable } else { Reason::CredentialRevoked });
        }
        let target = self.target.as_ref().map_or("", |target| target.origin_form.as_str());
        let path = target.split('?').next().unwrap_or_default();
        let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
        account::record(&place.gate, self, &Told { status, path, complete: false });
    }
}

/// Walks through the open tunnels whenever something was revoked, by whomever, and ends all when that cannot be known.
pub struct Keeper {
    pub state: Arc<State>,
    pub tunnels: Arc<Tunnels>,
}

#[async_trait]
impl BackgroundService for Keeper {
    /// To the end of the process: while it stops, tunnels are still open.
    async fn start(&self, _: ShutdownWatch) {
        let revocations = &self.state.revocations;
        let mut changes = revocations.changes();
        let mut unknowing: Option<Instant> = None;
        // What was revoked before somebody listened was told to nobody.
        changes.mark_changed();
        loop {
            tokio::time::sleep(REST).await;
            match timeout(LOOK_EVERY, changes.changed()).await {
                Ok(Ok(())) => tell(self.tunnels.end_revoked(revocations), "who had opened them was taken away"),
                Ok(Err(_)) => return,
                Err(_) => {}
            }
            let now = Instant::now();
            unknowing = revocations.may_lack_some().then(|| unknowing.unwrap_or(now));
            if unknowing.is_some_and(|since| now.duration_since(since) >= UNKNOWING) {
                tell(self.tunnels.end_all(), "nobody can say who was taken away");
            }
        }
    }
}

fn tell(ended: usize, why: &str) {
    if ended > 0 {
        log::info!("{ended} open WebSockets were ended: {why}");
    }
}

#[cfg(test)]
mod tests;
