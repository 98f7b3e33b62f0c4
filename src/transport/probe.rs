//! Shows a session to the portal and fetches what the portal says of it.
//!
//! A request of the gate's own, over the site's upstream with its TLS settings and among its healthy servers. It carries the
//! session and nothing else of the client, follows nothing and has limits for everything. Questions about log-ins that
//! succeeded have turns of their own: strangers with made-up sessions can not keep a log-in waiting. Knows nothing of what an
//! answer proves.

use super::questions::{Answered, Questions, Silence, Unasked};
use super::upstream::Pool;
use crate::identity::CredentialId;
use crate::identity::probe::{Probe, ProbeAnswer, Unreadable};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Uri};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use serde::Serialize;
use std::time::Duration;
use tokio::sync::Semaphore;

const ANSWER_MAX_BYTES: usize = 64 << 10;
/// How long an unused connection over HTTP/2 waits for the next question.
const IDLE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("the upstream has no server")]
    NoServer,
    #[error("the question cannot be put")]
    Unbuildable(#[source] Box<pingora::Error>),
    #[error("no connection or no answer: {}", .0.etype().as_str())]
    NoAnswer(Box<pingora::Error>),
    #[error("the answer broke off: {}", .0.etype().as_str())]
    BrokenOff(Box<pingora::Error>),
    #[error("the answer is longer than {ANSWER_MAX_BYTES} bytes")]
    TooLong,
    #[error("the answer is of no use")]
    Unreadable(#[from] Unreadable),
}

impl Answered for ProbeError {
    fn is_silence(&self) -> bool {
        matches!(self, ProbeError::NoAnswer(_))
    }
}

/// Why a session is shown to the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Nobody saw it being born.
    Unbound,
    /// A log-in succeeded on it.
    LogIn,
}

/// What is asked.
pub struct ProbeQuestion<'q> {
    pub pool: &'q Pool,
    /// Of the site.
    pub host: &'q str,
    /// The field that shows the session.
    pub session: (HeaderName, HeaderValue),
    pub occasion: Occasion,
}

/// Asks about the sessions of one credential.
pub struct Prober {
    credential: CredentialId,
    name: String,
    path: String,
    https: bool,
    connector: Connector,
    questions: Questions,
    of_unbound: Semaphore,
    of_log_ins: Semaphore,
}

/// What `/status` says of one portal that is asked.
#[derive(Debug, Serialize)]
pub struct Report {
    credential: String,
    /// While it is left alone.
    silence: Option<Silence>,
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prober({})", self.name)
    }
}

impl Prober {
    /// `https`: how people reach the site.
    pub fn new(credential: CredentialId, name: &str, probe: &Probe, https: bool) -> Self {
        Prober {
            credential,
            name: name.to_owned(),
            path: probe.path.clone(),
            https,
            connector: Connector::new(None),
            questions: Questions::new(name, "session", probe.timeout),
            of_unbound: Semaphore::new(probe.concurrency),
            of_log_ins: Semaphore::new(probe.concurrency),
        }
    }

    /// Whose sessions it asks about.
    pub fn credential(&self) -> CredentialId {
        self.credential
    }

    /// How the policy calls that credential.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn report(&self) -> Report {
        Report { credential: self.name.clone(), silence: self.questions.silence() }
    }

    pub async fn ask(&self, question: &ProbeQuestion<'_>) -> Result<ProbeAnswer, Unasked<ProbeError>> {
        let turns = match question.occasion {
            Occasion::Unbound => &self.of_unbound,
            Occasion::LogIn => &self.of_log_ins,
        };
        self.questions.put(turns, self.fetch(question)).await
    }

    /// Logs that there is no answer of use, once in a while.
    pub fn tell(&self, error: &Unasked<ProbeError>) {
        self.questions.tell(error);
    }

    /// On HTTP/1 each question has a connection of its own: pingora's pool loses one now and then, with an error in the log,
    /// and questions are few.
    async fn fetch(&self, question: &ProbeQuestion<'_>) -> Result<ProbeAnswer, ProbeError> {
        let peer = question.pool.peer().ok_or(ProbeError::NoServer)?;
        // pingora's futures are large.
        let connecting = Box::pin(self.connector.get_http_session(&*peer));
        let (mut server, _) = connecting.await.map_err(ProbeError::NoAnswer)?;
        let answer = Box::pin(self.converse(question, &mut server)).await?;
        if server.as_http2().is_some() {
            self.connector.release_http_session(server, &*peer, Some(IDLE)).await;
        }
        Ok(answer)
    }

    async fn converse(
        &self,
        question: &ProbeQuestion<'_>,
        server: &mut HttpSession,
    ) -> Result<ProbeAnswer, ProbeError> {
        let request = self.request(question, server.as_http2().is_some()).map_err(ProbeError::Unbuildable)?;
        server.write_request_header(Box::new(request)).await.map_err(ProbeError::NoAnswer)?;
        server.finish_request_body().await.map_err(ProbeError::NoAnswer)?;
        server.read_response_header().await.map_err(ProbeError::NoAnswer)?;
        while server.response_header().is_some_and(|head| head.status.is_informational()) {
            server.read_response_header().await.map_err(ProbeError::NoAnswer)?;
        }
        let head = server.response_header().ok_or(ProbeError::NoServer)?;
        let (status, headers) = (head.status, head.headers.clone());
        let mut body = Vec::new();
        while let Some(piece) = server.read_response_body().await.map_err(ProbeError::BrokenOff)? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_MAX_BYTES {
                return Err(ProbeError::TooLong);
            }
        }
        Ok(ProbeAnswer { status, headers, body })
    }

    fn request(&self, question: &ProbeQuestion<'_>, http2: bool) -> pingora::Result<RequestHeader> {
        let scheme = if self.https { "https" } else { "http" };
        let mut request = RequestHeader::build("GET", self.path.as_bytes(), Some(8))?;
        if http2 {
            let target = Uri::builder().scheme(scheme).authority(question.host).path_and_query(self.path.as_str());
            request.set_uri(target.build().unwrap_or_default());
        } else {
            request.insert_header(HOST, question.host)?;
            request.insert_header(CONNECTION, "close")?;
        }
        request.insert_header(USER_AGENT, "vneid-gate probe")?;
        request.insert_header(ACCEPT, "application/json")?;
        request.insert_header(ACCEPT_ENCODING, "identity")?;
        request.insert_header("X-Forwarded-Host", question.host)?;
        request.insert_header("X-Forwarded-Proto", scheme)?;
        let (name, value) = &question.session;
        request.insert_header(name.clone(), value.clone())?;
        Ok(request)
    }
}
