//! What is known without a running gate: key sets that are pinned or fetched for the occasion, and no session.

use crate::authn::Authenticator;
use crate::config::Settings;
use crate::config::settings::RemoteKeys;
use crate::identity::credential::Kind;
use crate::identity::keys::KeySet;
use crate::identity::token::Jwt;
use crate::state::State;
use crate::telemetry::Telemetry;
use crate::transport::in_one_line;
use crate::transport::key_sets::fetch_keys;
use crate::transport::tls::{self, TlsVersion};
use std::sync::Arc;

/// One token of each kind is all that a question shows.
const TOKENS: usize = 8;

pub(super) struct Offline {
    pub(super) authn: Authenticator,
    pub(super) state: Arc<State>,
    /// Names of token credentials without a key set, each with what to do.
    pub(super) without_keys: Vec<(String, String)>,
}

impl Offline {
    /// The authenticator that serves, with empty caches and nobody to ask, at `now_s` (Unix
    /// seconds).
    /// Key sets at a URL are asked for only with `fetch`.
    pub(super) fn new(settings: &Settings, fetch: bool, now_s: i64) -> Result<Self, String> {
        let telemetry = Telemetry::new().map_err(|e| in_one_line(&e))?;
        let state = State::in_memory(&settings.gate, &settings.state, &telemetry.metrics.store);
        state.keys.adopt(&settings.keys, now_s);
        let mut without_keys = Vec::new();
        for source in &settings.keys {
            let kind = settings.identity.credential(source.credential).map(|c| &c.kind);
            let added = match (&source.remote, kind) {
                (Some(remote), Some(Kind::Jwt(jwt))) if fetch => {
                    fetched(remote, jwt).map(|set| state.keys.fetched(&source.name, remote, set, now_s))
                }
                _ if source.pinned.is_some() => Ok(true),
                _ => Err("its keys are at a URL; --fetch gets them".to_owned()),
            };
            without_keys.extend(added.err().map(|why| (source.name.clone(), why)));
        }
        let state = Arc::new(state);
        let authn = Authenticator::new(state.clone(), Arc::new(telemetry), TOKENS);
        Ok(Offline { authn, state, without_keys })
    }
}

fn fetched(remote: &RemoteKeys, jwt: &Jwt) -> Result<KeySet, String> {
    let not = |why: &dyn std::error::Error| format!("its keys could not be fetched: {}", in_one_line(why));
    tls::install_crypto_provider(TlsVersion::Tls12).map_err(|e| not(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| not(&e))?;
    let fetched = runtime.block_on(fetch_keys(remote, &jwt.algorithms));
    fetched.map(|(set, _)| set).map_err(|why| format!("its keys could not be fetched: {why}"))
}
