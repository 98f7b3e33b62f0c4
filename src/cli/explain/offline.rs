//! What is known without a running gate: key sets that are pinned or fetched for the occasion, and no session.

use crate::config::Settings;
use crate::identity::credential::Kind;
use crate::identity::identify::{Known, SessionFound};
use crate::identity::keys::KeySet;
use crate::identity::token::{Jwt, TokenError};
use crate::identity::{Credential, Facts, SessionKey};
use crate::state::keyed::Keyed;
use crate::transport::fetch::{FetchLimits, get};
use crate::transport::tls::{self, TlsVersion};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// As the gate does for its own.
const KEYS: (usize, Duration) = (1 << 20, Duration::from_secs(10));

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
            let set = match (&source.pinned, &source.url) {
                (Some(pinned), _) => Ok(pinned.clone()),
                (None, Some(_)) if !fetch => Err("its keys are at a URL; --fetch gets them".to_owned()),
                (None, Some(url)) => {
                    let kind = settings.identity.credential(source.credential).map(|c| &c.kind);
                    let limits = FetchLimits { bytes_max: KEYS.0, timeout: KEYS.1, ca: source.ca_file.clone() };
                    match kind {
                        Some(Kind::Jwt(jwt)) => fetched(url, limits, jwt),
                        _ => Err("it reads no tokens".to_owned()),
                    }
                }
                (None, None) => Err("it names no keys".to_owned()),
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

fn fetched(url: &str, limits: FetchLimits, jwt: &Jwt) -> Result<Arc<KeySet>, String> {
    let not = |why: &dyn std::error::Error| format!("its keys could not be fetched: {}", with_causes(why));
    tls::install_crypto_provider(TlsVersion::Tls12).map_err(|e| not(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| not(&e))?;
    let body = runtime.block_on(get(url, limits)).map_err(|e| not(&e))?;
    KeySet::parse(&body, &jwt.algorithms).map(|(set, _)| Arc::new(set)).map_err(|e| not(&e))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Known for Offline {
    fn session_key(&self, site: &str, credential: &Credential, value: &[u8]) -> SessionKey {
        self.keyed.session(site, &credential.name, value)
    }

    /// Which sessions were seen being born, only the running gate knows.
    fn session(&self, _: &Credential, _: SessionKey, _: i64) -> SessionFound {
        SessionFound::Unknown
    }

    fn token(&self, credential: &Credential, jwt: &Jwt, token: &str, now_s: i64) -> Result<Facts, TokenError> {
        let keys = self.keys.get(&credential.name).map(Arc::as_ref);
        jwt.verify(token, keys, now_s).map(|verified| verified.facts)
    }
}
