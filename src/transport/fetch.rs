//! A small HTTP client for one question to another server: for a key set, about a token.
//!
//! One request over pingora's connector, so with the gate's own TLS settings.
//! Only a 200 counts, nothing is followed: a redirect would let whoever answers choose whom the
//! gate trusts.
//! Everything has a limit.
//! The connection of a form is kept for the next one if its answer was read to the end; one that
//! turns out to be dead is replaced once.

mod error;
mod kept;
mod target;
#[cfg(test)]
mod tests;

pub use error::FetchError;

use super::pem::{self, PemError};
use crate::config::settings::CertificateFiles;
use http::StatusCode;
use kept::Kept;
use pingora::ErrorType;
use pingora::connectors::TransportConnector;
use pingora::protocols::Stream;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use target::Target;

/// What one fetch may cost, and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Length of the document.
    pub bytes_max: usize,
    /// For everything, name look-up included.
    pub timeout: Duration,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// What the gate shows of itself.
    pub client: Option<CertificateFiles>,
}

/// The body of the answer to one GET of an `http` or `https` URL.
pub async fn get(url: &str, limits: FetchLimits) -> Result<Vec<u8>, FetchError> {
    Endpoint::new(url, limits)?.get().await
}

/// Where questions go, ready to be asked.
#[derive(Debug)]
pub struct Endpoint {
    target: Target,
    /// But for the address.
    template: HttpPeer,
    limits: FetchLimits,
    kept: Kept,
}

/// What is sent along with a question.
struct Form<'f> {
    fields: &'f str,
    authorization: Option<&'f str>,
}

/// Why a connection gave no document.
enum Fault {
    /// It ended before the head of an answer was whole.
    Ended(Box<pingora::Error>),
    Failed(FetchError),
}

impl FetchLimits {
    /// Reads the files, as every question will, so that a wrong one is found before there is a question.
    pub fn try_files(&self) -> Result<(), PemError> {
        self.ca.as_deref().map(pem::authorities).transpose()?;
        self.client.as_ref().map(|files| pem::pair(&files.certificate, &files.key)).transpose()?;
        Ok(())
    }
}

impl Endpoint {
    /// Reads the files that the limits name.
    pub fn new(url: &str, limits: FetchLimits) -> Result<Self, FetchError> {
        let target = Target::parse(url)?;
        let template = target.peer(&limits)?;
        Ok(Endpoint { target, template, limits, kept: Kept::default() })
    }

    /// The body of the answer to a GET.
    pub async fn get(&self) -> Result<Vec<u8>, FetchError> {
        self.within_time(None).await
    }

    /// The body of the answer to a POST of an encoded form. It may be sent twice, so it must be one that only asks.
    pub async fn post(&self, fields: &str, authorization: Option<&str>) -> Result<Vec<u8>, FetchError> {
        self.within_time(Some(Form { fields, authorization })).await
    }

    async fn within_time(&self, form: Option<Form<'_>>) -> Result<Vec<u8>, FetchError> {
        let timeout = self.limits.timeout;
        let fetched = tokio::time::timeout(timeout, self.ask(form.as_ref())).await;
        fetched.unwrap_or(Err(FetchError::TimedOut { timeout }))
    }

    async fn ask(&self, form: Option<&Form<'_>>) -> Result<Vec<u8>, FetchError> {
        if form.is_some()
            && let Some(kept) = self.kept.take().await
        {
            match self.exchange(kept, form).await {
                Ok(body) => return Ok(body),
                // Closed just as it was taken; 408 is how some servers say so (RFC 9110 §15.5.9).
                Err(Fault::Ended(_) | Fault::Failed(FetchError::Status { status: 408 })) => {}
                Err(Fault::Failed(error)) => return Err(error),
            }
        }
        let fresh = self.target.connect(connector()?, self.template.clone()).await?;
        self.exchange(fresh, form).await.map_err(|fault| match fault {
            Fault::Ended(source) => FetchError::of_silence(&self.target.other(&self.template), &source),
            Fault::Failed(error) => error,
        })
    }

    /// One question and its answer. The connection is dropped unless both were whole.
    async fn exchange(&self, connection: Stream, form: Option<&Form<'_>>) -> Result<Vec<u8>, Fault> {
        let broken = |source: Box<pingora::Error>| Fault::Failed(FetchError::of_answer(&source));
        let mut session = HttpSession::new(connection);
        let sent = self.send(&mut session, form).await;
        if let Err(source) = sent.as_ref()
            && *source.etype() != ErrorType::WriteError
        {
            return Err(Fault::Failed(FetchError::of_answer(source)));
        }
        let status = loop {
            if let Err(source) = session.read_response().await {
                // Also where not all could be sent: whoever ends a connection may have said why.
                return Err(match source.etype() {
                    ErrorType::ConnectionClosed | ErrorType::ReadError => Fault::Ended(source),
                    _ => broken(source),
                });
            }
            let status = session.get_status().unwrap_or(StatusCode::BAD_GATEWAY);
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                break status;
            }
        };
        match (status.as_u16(), sent) {
            (200, Ok(())) => {}
            (200, Err(source)) => return Err(Fault::Ended(source)),
            (status @ 300..=399, _) => return Err(Fault::Failed(FetchError::Redirect { status })),
            (status, _) => return Err(Fault::Failed(FetchError::Status { status })),
        }
        let body = read_body(&mut session, self.limits.bytes_max).await?;
        session.respect_keepalive();
        if session.will_keepalive()
            && let Some(connection) = session.reuse().await
        {
            self.kept.put(connection);
        }
        Ok(body)
    }

    async fn send(&self, session: &mut HttpSession, form: Option<&Form<'_>>) -> pingora::Result<()> {
        session.write_request_header(Box::new(self.target.request(form)?)).await?;
        if let Some(form) = form {
            session.write_body(form.fields.as_bytes()).await?;
        }
        session.finish_body().await?;
        Ok(())
    }
}

async fn read_body(session: &mut HttpSession, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        let more = session.read_body_ref().await;
        let Some(bytes) = more.map_err(|source| Fault::Failed(FetchError::of_answer(&source)))? else {
            return Ok(body);
        };
        if body.len() + bytes.len() > bytes_max {
            return Err(Fault::Failed(FetchError::TooLarge { bytes_max }));
        }
        body.extend_from_slice(bytes);
    }
}

/// Made once: it reads the system's CA certificates, as the proxy's own connector does when it starts.
fn connector() -> Result<&'static TransportConnector, FetchError> {
    static CONNECTOR: OnceLock<TransportConnector> = OnceLock::new();
    if CONNECTOR.get().is_none() {
        pem::system_roots().map_err(|source| FetchError::Setup { source })?;
    }
    Ok(CONNECTOR.get_or_init(|| TransportConnector::new(None)))
}
