//! Asking whoever issued a token whether it is in force (RFC 7662).
//!
//! One POST for a token, as a client of the authorization server.
//! So many questions at once and no more, each within its time; waiting for a turn counts.
//! A server that says nothing is left alone for a while.
//! Trouble is told once in a while, however many tokens it meets.
//! Knows nothing of what an answer proves.

use super::fetch::{Endpoint, FetchError, FetchLimits};
use super::questions::{Answered, Questions, Silence, Unasked};
use crate::config::settings::{Client, IntrospectionSource, Proof};
use crate::identity::CredentialId;
use crate::identity::assertion::Assertion;
use crate::identity::introspection::{Answer, AnswerError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use tokio::sync::Semaphore;

const ANSWER_MAX_BYTES: usize = 64 << 10;
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
}

impl Answered for IntrospectError {
    fn is_silence(&self) -> bool {
        matches!(self, IntrospectError::Fetch(error) if error.is_silence())
    }

    fn is_time_out(&self) -> bool {
        matches!(self, IntrospectError::Fetch(FetchError::TimedOut { .. }))
    }
}

/// Asks about the tokens of one credential.
#[derive(Debug)]
pub struct Introspector {
    credential: CredentialId,
    name: String,
    endpoint: Endpoint,
    client: Client,
    turns: Semaphore,
    questions: Questions,
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
            questions: Questions::new(&source.name, "token", source.timeout),
        })
    }

    pub fn report(&self) -> Report {
        Report { credential: self.name.clone(), silence: self.questions.silence() }
    }

    /// Whose tokens it asks about.
    pub fn credential(&self) -> CredentialId {
        self.credential
    }

    /// How the policy calls that credential.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn ask(&self, token: &str) -> Result<Answer, Unasked<IntrospectError>> {
        let asking = async {
            let (fields, authorization) = self.form(token)?;
            Ok(self.endpoint.post(&fields, authorization.as_deref()).await?)
        };
        let answer = self.questions.put(&self.turns, asking).await?;
        Answer::read(&answer).map_err(|error| Unasked::Failed(IntrospectError::Answer(error)))
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
    pub fn tell(&self, error: &Unasked<IntrospectError>) {
        self.questions.tell(error);
    }
}

fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}
