//! TLS towards clients: the certificate that one gets to see, and the lowest version.
//!
//! [`Certificates`] is a table that a handshake reads and a reload replaces whole. The name a client asks for is
//! looked up exactly, then with its first label as a wildcard; a name that no certificate carries is refused by a
//! TLS alert. The lowest version is one for the whole process, because pingora has no such setting for a listener.

use super::pem::{self, PemError};
use pingora::listeners::tls::TlsSettings;
use pingora_rustls::sign::CertifiedKey;
use pingora_rustls::{ClientHello, CryptoProvider, ResolvesServerCert};
use rustls::ProtocolVersion;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    File(#[from] PemError),
    #[error("the lowest TLS version was set too late: something else has fixed it already")]
    VersionFixed,
    #[error("the TLS library refused the settings")]
    Library { source: Box<pingora::Error> },
}

/// The lowest TLS version to speak, towards clients and towards upstreams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    #[default]
    Tls12,
    Tls13,
}

impl TlsVersion {
    /// The spelling used in TOML.
    pub const fn as_str(self) -> &'static str {
        match self {
            TlsVersion::Tls12 => "1.2",
            TlsVersion::Tls13 => "1.3",
        }
    }

    /// The version of a spelling; exact.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "1.2" => Some(TlsVersion::Tls12),
            "1.3" => Some(TlsVersion::Tls13),
            _ => None,
        }
    }
}

/// Sets the cryptography of the whole process. Call it before anything of pingora is made; a second call must ask
/// for the same version.
pub fn install_crypto_provider(min: TlsVersion) -> Result<(), TlsError> {
    let provider = provider(min);
    let wanted: Vec<_> = provider.cipher_suites.iter().map(|suite| suite.suite()).collect();
    if provider.install_default().is_ok() {
        return Ok(());
    }
    let installed = CryptoProvider::get_default().map(|provider| &provider.cipher_suites);
    match installed {
        Some(suites) if suites.iter().map(|suite| suite.suite()).eq(wanted) => Ok(()),
        _ => Err(TlsError::VersionFixed),
    }
}

/// A provider without the cipher suites of versions below `min`: a version without suites is not negotiated.
fn provider(min: TlsVersion) -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    if min == TlsVersion::Tls13 {
        provider.cipher_suites.retain(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    }
    provider
}

/// The settings of one TLS listener. HTTP/2 is offered first, or not at all.
pub fn settings(certificates: Arc<Certificates>, http2: bool) -> Result<TlsSettings, TlsError> {
    // the paths stay empty: a resolver makes pingora ignore them
    let mut settings = TlsSettings::intermediate("", "").map_err(|source| TlsError::Library { source })?;
    settings.set_cert_resolver(certificates);
    if http2 {
        settings.enable_h2();
    }
    Ok(settings)
}

/// A certificate with its chain and key, and what it says about itself.
#[derive(Debug)]
pub struct Certificate {
    /// The file it came from.
    pub file: PathBuf,
    /// DNS names, lower case, wildcards as `*.example.vn`.
    pub names: Vec<String>,
    /// Seconds since the epoch.
    pub not_before: i64,
    /// Seconds since the epoch.
    pub not_after: i64,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads a chain, the server's own certificate first, and its key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = pem::certificates(certificate)?;
        let no_certificate = || PemError::NoCertificate { path: certificate.to_owned() };
        let own = chain.first().ok_or_else(no_certificate)?;
        let (_, parsed) = X509Certificate::from_der(own).map_err(|_| no_certificate())?;
        let names = dns_names(&parsed);
        let (not_before, not_after) =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());

        let key = pem::certified(chain, (certificate, key))?;
        Ok(Certificate { file: certificate.to_owned(), names, not_before, not_after, key: Arc::new(key) })
    }

    /// What an operator should hear about it at `now`, in seconds since the epoch. It is served all the same.
    pub fn warnings(&self, now: i64) -> Vec<String> {
        let nameless = self.names.is_empty().then(|| {
            format!("the certificate in `{}` names no host: browsers will not accept it", self.file.display())
        });
        self.out_of_date(now).into_iter().chain(nameless).collect()
    }

    /// What is to be said of its dates.
    pub fn out_of_date(&self, now: i64) -> Option<String> {
        let file = self.file.display();
        if now > self.not_after {
            return Some(format!("the certificate in `{file}` has expired"));
        }
        (now < self.not_before).then(|| format!("the certificate in `{file}` is not valid yet"))
    }
}

/// The certificates of a listener, replaceable while it runs.
#[derive(Debug)]
pub struct Certificates {
    table: RwLock<Arc<Table>>,
    serve_without_name: bool,
}

impl Certificates {
    /// `serve_without_name`: a client that names no host gets the first certificate instead of an alert.
    pub fn new(certificates: Vec<Certificate>, serve_without_name: bool) -> Self {
        Certificates { table: RwLock::new(Arc::new(Table::new(certificates))), serve_without_name }
    }

    /// Puts other certificates in place of all present ones; handshakes under way keep what they have.
    pub fn replace(&self, certificates: Vec<Certificate>) {
        let table = Arc::new(Table::new(certificates));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// The certificates in use, in their order.
    pub fn all(&self) -> Vec<Arc<Certificate>> {
        self.table().all.clone()
    }

    fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.table();
        let certificate = match hello.server_name() {
            Some(name) => table.by_name(name),
            None if self.serve_without_name => table.all.first(),
            None => None,
        };
        certificate.map(|certificate| certificate.key.clone())
    }
}

#[derive(Debug)]
struct Table {
    all: Vec<Arc<Certificate>>,
    /// Where two certificates carry one name, the earlier holds it.
    names: HashMap<String, Arc<Certificate>>,
}

impl Table {
    fn new(certificates: Vec<Certificate>) -> Self {
        let all: Vec<_> = certificates.into_iter().map(Arc::new).collect();
        let mut names = HashMap::new();
        for certificate in &all {
            for name in &certificate.names {
                names.entry(name.clone()).or_insert_with(|| certificate.clone());
            }
        }
        Table { all, names }
    }

    /// `name` is lower case, as rustls gives it. A wildcard stands for one label (RFC 9525 section 6.3).
    fn by_name(&self, name: &str) -> Option<&Arc<Certificate>> {
        self.names.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.names.get(&format!("*.{parent}"))
        })
    }
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(name.to_ascii_lowercase()) } else { None })
        .collect()
}

#[cfg(test)]
mod tests;
