//! What is known without a running gate: key sets that are pinned or fetched for the occasion, and no session.

use crate::config::Settings;
use crate::config::settings::RemoteKeys;
use crate::identity::credential::Kind;
use crate::identity::identify::{Known, SessionFound};
use crate::identity::introspection::Introspection;
use crate::identity::keys::KeySet;
use crate::identity::token::{Jwt, TokenError};
use crate::identity::{Accepted, Credential, Marks, SessionKey};
use crate::state::keyed::Keyed;
use crate::transport::in_one_line;
use crate::transport::key_sets::fetch_keys;
use crate::transport::tls::{self, TlsVersion};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) struct Offline {
    keys: HashMap<String, Arc<KeySet>>,
    /// Names of token credentials without a key set, each with what to do.
    pub(super) without_keys: Vec<(String, String)>,
    pub(super) keyed: Keyed,
}

impl Offline {
    /// Key sets at a URL are asked for only with `fetch`.
    pub(super) fn new(settings: &Settings, fetch: bool) -> Self {
        let mut keys = HashMap::new();
        let mut without_keys = Vec::new();
        for source in &settings.keys {
            let kind = settings.identity.credential(source.credential).map(|c| &c.kind);
            let set = match (&source.remote, kind) {
                (Some(remote), Some(Kind::Jwt(jwt))) if fetch => fetched(remote, jwt).map(|set| {
                    let both = source.pinned.iter().map(Arc::as_ref).chain([&set]);
                    KeySet::union(both).map_or_else(|| Arc::new(set.clone()), Arc::new)
                }),
                _ => source.pinned.clone().ok_or_else(|| "its keys are at a URL; --fetch gets them".to_owned()),
            };
            match set {
                Ok(set) => drop(keys.insert(source.name.clone(), set)),
                Err(why) => without_keys.push((source.name.clone(), why)),
            }
        }
        // Without a secret the names are of use to nobody, and nobody is shown them.
        let secret = settings.gate.secret.as_ref().map_or(&[][..], |secret| &secret.0);
        Offline { keys, without_keys, keyed: Keyed::new(secret) }
    }
}

fn fetched(remote: &RemoteKeys, jwt: &Jwt) -> Result<KeySet, String> {
    let not = |why: &dyn std::error::Error| format!("its keys could not be fetched: {}", in_one_line(why));
    tls::install_crypto_provider(TlsVersion::Tls12).map_err(|e| not(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| not(&e))?;
    let fetched = runtime.block_on(fetch_keys(remote, &jwt.algorithms));
    fetched.map(|(set, _)| set).map_err(|why| format!("its keys could not be fetched: {why}"))
}

impl Known for Offline {
    fn session_key(&self, site: &str, credential: &Credential, value: &[u8]) -> SessionKey {
        self.keyed.session(site, &credential.name, value)
    }

    /// Which sessions were seen being born, only the running gate knows.
    fn session(&self, _: &Credential, _: SessionKey, _: i64) -> SessionFound {
        SessionFound::Unknown
    }

    /// Nobody is asked about a token from here: the answer would be of this moment, not of the request's.
    fn introspected(&self, _: &Credential, _: &Arc<Introspection>, _: &str, _: i64) -> Result<Accepted, TokenError> {
        Err(TokenError::Unavailable)
    }

    fn token(&self, credential: &Credential, jwt: &Jwt, token: &str, now_s: i64) -> Result<Accepted, TokenError> {
        let keys = self.keys.get(&credential.name).map(Arc::as_ref);
        jwt.verify(token, keys, now_s).map(|verified| {
            let marks = Marks::of_token(&verified.handles, now_s);
            Accepted { facts: verified.facts, marks }
        })
    }
}
