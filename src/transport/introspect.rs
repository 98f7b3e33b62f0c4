//! Asking whoever issued a token whether it is in force (RFC 7662).
//!
//! One POST for a token, as a client of the authorization server.
//! So many questions at once and no more, each within its time; waiting for a turn counts.
//! A server that says nothing is left alone for a while.
//! Trouble is told once in a while, however many tokens it meets.
//! Knows nothing of what an answer proves.

pub(super) mod breaker;

pub use breaker::Silence;

use super::fetch::{Endpoint, FetchError, FetchLimits};
use crate::config::settings::{Client, IntrospectionSource, Proof};
use crate::identity::CredentialId;
use crate::identity::assertion::Assertion;
use crate::identity::introspection::{Answer, AnswerError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use breaker::{Breaker, Unanswered};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

const ANSWER_MAX_BYTES: usize = 64 << 10;
const TELL_EVERY: Duration = Duration::from_secs(10);
/// What stands for itself in a form (WHATWG URL §5.2); a space as `%20` is read like `+`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why there is no answer, or why there never can be.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectError {
    #[error("credential `{credential}`")]
    Setup { credential: String, source: FetchError },
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("no use")]
    Answer(#[from] AnswerError),
    #[error("the assertion cannot be signed")]
    Unsigned,
    #[error("other questions were on their way for {waited:?}")]
    NoTurn { waited: Duration },
    #[error("its server says nothing and is left alone for a while")]
    LeftAlone,
}

/// Asks about the tokens of one credential.
#[derive(Debug)]
pub struct Introspector {
    credential: CredentialId,
    name: String,
    endpoint: Endpoint,
    client: Client,
    turns: Semaphore,
    timeout: Duration,
    told: Mutex<Option<Instant>>,
    breaker: Breaker,
}

/// What `/status` says of one authorization server.
#[derive(Debug, Serialize)]
pub struct Report {
    credential: String,
    /// While it is left alone.
    silence: Option<Silence>,
}

impl Introspector {
    pub fn new(source: &IntrospectionSource) -> Result<Self, IntrospectError> {
        let limits = FetchLimits {
            bytes_max: ANSWER_MAX_BYTES,
            timeout: source.timeout,
            ca: source.ca_file.clone(),
            client: source.client_tls.clone(),
        };
        let endpoint = Endpoint::new(&source.endpoint, limits);
        Ok(Introspector {
            credential: source.credential,
            name: source.name.clone(),
            endpoint: endpoint.map_err(|e| IntrospectError::Setup { credential: source.name.clone(), source: e })?,
            client: source.client.clone(),
            turns: Semaphore::new(source.concurrency),
            timeout: source.timeout,
            told: Mutex::default(),
            breaker: Breaker::default(),
        })
    }

    pub fn report(&self) -> Report {
        Report { credential: self.name.clone(), silence: self.breaker.report() }
    }

    /// Whose tokens it asks about.
    pub fn credential(&self) -> CredentialId {
        self.credential
    }

    /// How the policy calls that credential.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn ask(&self, token: &str) -> Result<Answer, IntrospectError> {
        let (timeout, began) = (self.timeout, Instant::now());
        let deadline = tokio::time::Instant::from_std(began) + timeout;
        let (_turn, asked) = match self.turns.try_acquire() {
            Ok(turn) => (turn, began),
            Err(_) if self.breaker.pauses() => return Err(IntrospectError::LeftAlone),
            Err(_) => match tokio::time::timeout_at(deadline, self.turns.acquire()).await {
                Ok(Ok(turn)) => (turn, Instant::now()),
                _ => return Err(IntrospectError::NoTurn { waited: timeout }),
            },
        };
        if !self.breaker.lets_out(Instant::now(), timeout) {
            return Err(IntrospectError::LeftAlone);
        }
        let (fields, authorization) = self.form(token)?;
        let answer = self.endpoint.post(&fields, authorization.as_deref());
        let answer = tokio::time::timeout_at(deadline, answer).await;
        let answer = answer.unwrap_or(Err(FetchError::TimedOut { timeout }));
        match &answer {
            Err(error) if error.is_silence() => self.silent(asked, error),
            _ => self.answered(),
        }
        Ok(Answer::read(&answer?)?)
    }

    fn silent(&self, asked: Instant, error: &FetchError) {
        let patience = if matches!(error, FetchError::TimedOut { .. }) { self.timeout } else { Duration::ZERO };
        let why = super::in_one_line(error);
        let question = Unanswered { asked, ended: Instant::now(), patience, why: &why };
        if let Some(pause) = self.breaker.silent(question) {
            log::error!(
                "credential `{}`: no answer to several questions in a row; until there is one, its server is asked once in \
                 {}s and its tokens are unavailable: {why}",
                self.name,
                pause.as_secs()
            );
        }
    }

    fn answered(&self) {
        if let Some(since) = self.breaker.answered() {
            log::warn!("credential `{}`: its server answers again; it had not since {since:.0}", self.name);
        }
    }

    /// The form and the Authorization header.
    fn form(&self, token: &str) -> Result<(String, Option<String>), IntrospectError> {
        let fields = format!("token={}&token_type_hint=access_token", encoded(token));
        let Client { id, proof } = &self.client;
        match proof {
            Proof::Secret(secret) => {
                let secret = percent_encoding::percent_encode(&secret.0, ENCODED);
                let basic = STANDARD.encode(format!("{}:{secret}", encoded(id)));
                Ok((fields, Some(format!("Basic {basic}"))))
            }
            Proof::Key { key, key_id, audience } => {
                let unique = rand::random::<[u8; 16]>().map(|byte| format!("{byte:02x}")).concat();
                let now_s = Timestamp::now().as_second();
                let about = Assertion { client: id, audience, unique: &unique, now_s };
                let assertion = key.assertion(key_id.as_deref(), &about).ok_or(IntrospectError::Unsigned)?;
                let kind = encoded(ASSERTION_TYPE);
                let id = encoded(id);
                let proof = format!("client_id={id}&client_assertion_type={kind}&client_assertion={assertion}");
                Ok((format!("{fields}&{proof}"), None))
            }
        }
    }

    /// Logs that there is no answer, once in a while.
    pub fn tell(&self, error: &IntrospectError) {
        if self.breaker.pauses() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() > TELL_EVERY) {
            let why = super::in_one_line(error);
            log::error!(
                "credential `{}`: no answer about a token: {why}; more of these are not told for a while",
                self.name
            );
            *told = Some(Instant::now());
        }
    }
}

fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}
