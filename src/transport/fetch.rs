//! How does the gate ask another server one small question: for a key set, about a token?
//!
//! One request over pingora's connector, so with the gate's own TLS settings. Only a 200 counts, nothing is followed:
//! a redirect would let whoever answers choose whom the gate trusts. Everything has a limit. Errors are written for
//! an operator and never show the target of a redirect, the query or the body.

#[cfg(test)]
mod tests;

use super::pem::{self, PemError};
use crate::config::settings::CertificateFiles;
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{StatusCode, Uri};
use pingora::ErrorType;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

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

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("not a usable address: {why}")]
    Address { why: &'static str },
    #[error("cannot be set up")]
    Setup { source: PemError },
    #[error("host `{host}` cannot be resolved")]
    NotResolved { host: String, source: Option<std::io::Error> },
    #[error("{address} refused the connection")]
    Refused { address: SocketAddr, source: Box<pingora::Error> },
    #[error("no connection to {address}")]
    NoConnection { address: SocketAddr, source: Box<pingora::Error> },
    #[error("the certificate of `{host}` is not trusted: {why}")]
    NotTrusted { host: String, why: String },
    #[error("TLS with `{host}` failed")]
    Tls { host: String, source: Box<pingora::Error> },
    #[error("not finished within {timeout:?}")]
    TimedOut { timeout: Duration },
    #[error("answered with a redirect ({status}); redirects are not followed")]
    Redirect { status: u16 },
    #[error("answered with status {status}")]
    Status { status: u16 },
    #[error("longer than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the answer broke off or was not HTTP")]
    Broken { source: Box<pingora::Error> },
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
}

/// What is sent along with a question.
struct Form<'f> {
    fields: &'f str,
    authorization: Option<&'f str>,
}

impl Endpoint {
    /// Reads the files that the limits name.
    pub fn new(url: &str, limits: FetchLimits) -> Result<Self, FetchError> {
        let target = Target::parse(url)?;
        let template = target.peer(&limits)?;
        Ok(Endpoint { target, template, limits })
    }

    /// The body of the answer to a GET.
    pub async fn get(&self) -> Result<Vec<u8>, FetchError> {
        self.within_time(None).await
    }

    /// The body of the answer to a POST of an encoded form.
    pub async fn post(&self, fields: &str, authorization: Option<&str>) -> Result<Vec<u8>, FetchError> {
        self.within_time(Some(Form { fields, authorization })).await
    }

    async fn within_time(&self, form: Option<Form<'_>>) -> Result<Vec<u8>, FetchError> {
        let timeout = self.limits.timeout;
        let fetched = tokio::time::timeout(timeout, ask(self, form)).await;
        fetched.unwrap_or(Err(FetchError::TimedOut { timeout }))
    }
}

async fn ask(endpoint: &Endpoint, form: Option<Form<'_>>) -> Result<Vec<u8>, FetchError> {
    let Endpoint { target, template, limits } = endpoint;
    let mut session = target.connect(connector()?, template.clone(), limits).await?;

    let broken = |error: Box<pingora::Error>| match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => FetchError::TimedOut { timeout: limits.timeout },
        _ => FetchError::Broken { source: error },
    };
    let head = target.request(form.as_ref()).map_err(broken)?;
    session.write_request_header(Box::new(head)).await.map_err(broken)?;
    if let Some(form) = form {
        let fields = Bytes::copy_from_slice(form.fields.as_bytes());
        session.write_request_body(fields, true).await.map_err(broken)?;
    }
    session.finish_request_body().await.map_err(broken)?;
    let status = loop {
        session.read_response_header().await.map_err(broken)?;
        let status = session.response_header().map_or(StatusCode::BAD_GATEWAY, |header| header.status);
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            break status;
        }
    };
    match status.as_u16() {
        200 => {}
        status @ 300..=399 => return Err(FetchError::Redirect { status }),
        status => return Err(FetchError::Status { status }),
    }

    let mut body = Vec::new();
    while let Some(bytes) = session.read_response_body().await.map_err(broken)? {
        if body.len() + bytes.len() > limits.bytes_max {
            return Err(FetchError::TooLarge { bytes_max: limits.bytes_max });
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

/// A URL taken apart.
#[derive(Debug)]
struct Target {
    tls: bool,
    authority: Authority,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    path_and_query: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, FetchError> {
        let unusable = |why| FetchError::Address { why };
        let uri: Uri = url.parse().map_err(|_| unusable("not a URL"))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(unusable("must begin with `https://` or `http://`")),
        };
        let authority = uri.authority().cloned().ok_or_else(|| unusable("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(unusable("must not carry a user name or password"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(unusable("names no host"));
        }
        // an authority that is whole but for a port out of range parses, as one without a port
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") if tls => 443,
            None | Some("") => 80,
            Some(port) => {
                let number = port.strip_prefix(':').and_then(|port| port.parse().ok());
                number.ok_or_else(|| unusable("the port is not a number below 65536"))?
            }
        };
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Target { tls, authority, host, port, path_and_query })
    }

    fn request(&self, form: Option<&Form<'_>>) -> pingora::Result<RequestHeader> {
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut request = RequestHeader::build(method, self.path_and_query.as_bytes(), Some(7))?;
        request.insert_header("Host", self.authority.as_str())?;
        request.insert_header("User-Agent", concat!("vneid-gate/", env!("CARGO_PKG_VERSION")))?;
        request.insert_header("Accept", if form.is_some() { "application/json" } else { "*/*" })?;
        request.insert_header("Connection", "close")?;
        if let Some(form) = form {
            request.insert_header("Content-Type", "application/x-www-form-urlencoded")?;
            request.insert_header("Content-Length", form.fields.len())?;
            if let Some(authorization) = form.authorization {
                request.insert_header("Authorization", authorization)?;
            }
        }
        Ok(request)
    }

    /// The peer but for its address.
    fn peer(&self, limits: &FetchLimits) -> Result<HttpPeer, FetchError> {
        let placeholder = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut peer = HttpPeer::new(placeholder, self.tls, self.host.clone());
        peer.options.connection_timeout = Some(limits.timeout);
        peer.options.total_connection_timeout = Some(limits.timeout);
        peer.options.read_timeout = Some(limits.timeout);
        peer.options.write_timeout = Some(limits.timeout);
        let client = limits.client.as_ref().map(|files| pem::pair(&files.certificate, &files.key)).transpose();
        peer.client_cert_key = client.map_err(|source| FetchError::Setup { source })?;
        let authorities = limits.ca.as_deref().map(pem::authorities).transpose();
        peer.options.ca = authorities.map_err(|source| FetchError::Setup { source })?;
        Ok(peer)
    }

    /// A connection to the first address of the host that takes one.
    async fn connect(
        &self,
        connector: &Connector,
        mut peer: HttpPeer,
        limits: &FetchLimits,
    ) -> Result<HttpSession, FetchError> {
        let host = || self.host.clone();
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found = found.map_err(|source| FetchError::NotResolved { host: host(), source: Some(source) })?;
        let mut failure = FetchError::NotResolved { host: host(), source: None };
        for address in found {
            peer._address = address.into();
            failure = match connector.get_http_session(&peer).await {
                Ok((mut session, _)) => {
                    session.set_read_timeout(Some(limits.timeout));
                    session.set_write_timeout(Some(limits.timeout));
                    return Ok(session);
                }
                Err(source) => match source.etype() {
                    ErrorType::ConnectRefused => FetchError::Refused { address, source },
                    ErrorType::ConnectTimedout => FetchError::TimedOut { timeout: limits.timeout },
                    ErrorType::TLSHandshakeFailure => match distrust(&source) {
                        Some(why) => return Err(FetchError::NotTrusted { host: host(), why }),
                        None => FetchError::Tls { host: host(), source },
                    },
                    _ => FetchError::NoConnection { address, source },
                },
            };
        }
        Err(failure)
    }
}

/// Why the TLS library did not trust a certificate. pingora passes its reasons on as text only.
fn distrust(error: &pingora::Error) -> Option<String> {
    let text = error.to_string();
    let (_, why) = text.split_once("invalid peer certificate: ")?;
    Some(why.split(", SNI:").next().unwrap_or(why).trim().to_owned())
}

/// Made once: it reads the system's CA certificates, as the proxy's own connector does when it starts.
fn connector() -> Result<&'static Connector, FetchError> {
    static CONNECTOR: OnceLock<Connector> = OnceLock::new();
    if CONNECTOR.get().is_none() {
        pem::system_roots().map_err(|source| FetchError::Setup { source })?;
    }
    Ok(CONNECTOR.get_or_init(|| Connector::new(None)))
}
