//! The errors of a fetch.
//!
//! Words for an operator, who has to find out which side is to be mended. What a server sent never shows in them, but
//! for the alert by which it ended TLS.

use crate::transport::pem::PemError;
use pingora::ErrorType;
use std::net::SocketAddr;
use std::time::Duration;

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
    #[error("`{host}` wants a certificate from the gate, and `client_tls` names none: it said {alert}")]
    CertificateWanted { host: String, alert: String },
    #[error("`{host}` does not accept the certificate of the gate (`client_tls`): it said {alert}")]
    CertificateRefused { host: String, alert: String },
    #[error("TLS with `{host}` failed")]
    Tls { host: String, source: Box<pingora::Error> },
    #[error("`{host}` ended the connection without an answer")]
    NoAnswer { host: String },
    #[error(
        "`{host}` ended the TLS connection without an answer, as some servers do when they want another certificate \
         from the gate (`client_tls`)"
    )]
    NoAnswerOverTls { host: String },
    #[error("not finished within {timeout:?}")]
    TimedOut { timeout: Duration },
    #[error("answered with a redirect ({status}); redirects are not followed")]
    Redirect { status: u16 },
    #[error("answered with status {status}")]
    Status { status: u16 },
    #[error("longer than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the answer broke off or was not HTTP ({kind})")]
    Broken { kind: String },
}

/// The other side of a connection, as far as errors tell of it.
pub(super) struct Other<'o> {
    pub host: &'o str,
    pub tls: bool,
    /// Whether it gets to see a certificate of the gate.
    pub sees_certificate: bool,
}

impl FetchError {
    /// There is no connection to an address of the host.
    pub(super) fn of_connecting(other: &Other<'_>, address: SocketAddr, source: Box<pingora::Error>) -> Self {
        let text = source.to_string();
        match source.etype() {
            ErrorType::ConnectRefused => FetchError::Refused { address, source },
            ErrorType::TLSHandshakeFailure => match distrust(&text) {
                Some(why) => FetchError::NotTrusted { host: other.host.to_owned(), why },
                None => unwelcome(other, &text).unwrap_or(FetchError::Tls { host: other.host.to_owned(), source }),
            },
            _ => FetchError::NoConnection { address, source },
        }
    }

    /// The connection ended before a word of the answer. In TLS 1.3 that is how one learns that a certificate was not
    /// liked: the handshake is over by then.
    pub(super) fn of_silence(other: &Other<'_>, source: &pingora::Error) -> Self {
        let host = other.host.to_owned();
        match unwelcome(other, &source.to_string()) {
            Some(unwelcome) => unwelcome,
            None if other.tls => FetchError::NoAnswerOverTls { host },
            None => FetchError::NoAnswer { host },
        }
    }

    /// What arrived was the beginning of something else, or of nothing whole.
    pub(super) fn of_answer(source: &pingora::Error) -> Self {
        FetchError::Broken { kind: source.etype().as_str().to_owned() }
    }

    /// Whether the other side said nothing at all: so would any other question have ended.
    pub fn is_silence(&self) -> bool {
        match self {
            FetchError::Address { .. }
            | FetchError::Setup { .. }
            | FetchError::Redirect { .. }
            | FetchError::Status { .. }
            | FetchError::TooLarge { .. }
            | FetchError::Broken { .. } => false,
            FetchError::NotResolved { .. }
            | FetchError::Refused { .. }
            | FetchError::NoConnection { .. }
            | FetchError::NotTrusted { .. }
            | FetchError::CertificateWanted { .. }
            | FetchError::CertificateRefused { .. }
            | FetchError::Tls { .. }
            | FetchError::NoAnswer { .. }
            | FetchError::NoAnswerOverTls { .. }
            | FetchError::TimedOut { .. } => true,
        }
    }
}

/// Alerts that speak of a certificate (RFC 8446 §6.2), as the TLS library writes them.
const ABOUT_CERTIFICATES: [&str; 9] = [
    "CertificateRequired",
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    "DecryptError",
];

/// pingora passes the TLS library's reasons on as text only.
fn unwelcome(other: &Other<'_>, text: &str) -> Option<FetchError> {
    let (_, rest) = text.split_once("received fatal alert: ")?;
    let alert = ABOUT_CERTIFICATES.iter().find(|alert| rest.starts_with(**alert))?;
    let (host, alert) = (other.host.to_owned(), (*alert).to_owned());
    Some(match other.sees_certificate {
        true => FetchError::CertificateRefused { host, alert },
        false => FetchError::CertificateWanted { host, alert },
    })
}

/// Why the TLS library did not trust a certificate.
fn distrust(text: &str) -> Option<String> {
    let (_, why) = text.split_once("invalid peer certificate: ")?;
    Some(why.split(", SNI:").next().unwrap_or(why).trim().to_owned())
}
