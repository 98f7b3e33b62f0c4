//! Certificate and key files, read and checked.
//!
//! Every way such a file can be wrong has its own words. Contents never appear in them.

use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    #[error("cannot read `{}`", .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` holds no certificate", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("certificate number {number} in `{}` is damaged", .path.display())]
    DamagedCertificate { path: PathBuf, number: usize },
    #[error("the private key in `{}` is encrypted: store it decrypted, readable by the gate alone", .path.display())]
    EncryptedKey { path: PathBuf },
    #[error("`{}` holds no private key", .path.display())]
    NoKey { path: PathBuf },
    #[error("the private key in `{}` is of no supported kind", .path.display())]
    UnusableKey { path: PathBuf, source: rustls::Error },
    #[error("the private key in `{}` does not belong to the certificate in `{}`", .key.display(), .certificate.display())]
    KeyMismatch { certificate: PathBuf, key: PathBuf },
    #[error("this system has no CA certificates: install `ca-certificates`, or point SSL_CERT_FILE to a bundle")]
    NoSystemRoots { source: Option<Box<pingora::Error>> },
}

/// The certificates of a PEM file in the order of the file; at least one, each readable as X.509.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = read(path)?;
    let mut found = Vec::new();
    for (index, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
        let damaged = || PemError::DamagedCertificate { path: path.to_owned(), number: index + 1 };
        let certificate = certificate.map_err(|_| damaged())?;
        X509Certificate::from_der(&certificate).map_err(|_| damaged())?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err(PemError::NoCertificate { path: path.to_owned() });
    }
    Ok(found)
}

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let text = read(path)?;
    if text.windows(9).any(|window| window == b"ENCRYPTED") {
        return Err(PemError::EncryptedKey { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| PemError::NoKey { path: path.to_owned() })
}

/// The authorities of a PEM file, each of them fit to be a root of trust, in the shape that a pingora peer takes.
pub fn authorities(path: &Path) -> Result<Arc<[WrappedX509]>, PemError> {
    let mut store = RootCertStore::empty();
    let mut found = Vec::new();
    for (index, certificate) in certificates(path)?.into_iter().enumerate() {
        let der = certificate.to_vec();
        if store.add(certificate).is_err() {
            return Err(PemError::DamagedCertificate { path: path.to_owned(), number: index + 1 });
        }
        found.push(WrappedX509::new(der, parse_x509));
    }
    Ok(found.into())
}

/// A chain with the key in `key`, which must be the one that its first certificate is about.
pub fn certified(
    chain: Vec<CertificateDer<'static>>,
    (certificate, key): (&Path, &Path),
) -> Result<CertifiedKey, PemError> {
    // a key does not depend on the versions spoken, so the provider need not be the installed one
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, private_key(key)?, &provider).map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => {
            PemError::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        source => PemError::UnusableKey { path: key.to_owned(), source },
    })
}

/// What the gate shows of itself to another server, in the shape that a pingora peer takes. pingora ends the task that
/// connects with a key that cannot be read, so it is tried here.
pub fn pair(certificate: &Path, key: &Path) -> Result<Arc<CertKey>, PemError> {
    let chain = certificates(certificate)?;
    certified(chain.clone(), (certificate, key))?;
    let chain = chain.into_iter().map(|c| c.to_vec()).collect();
    Ok(Arc::new(CertKey::new(chain, private_key(key)?.secret_der().to_vec())))
}

/// How many CA certificates this system has. pingora's connectors panic where there are none, also for plain HTTP:
/// ask before making one.
pub fn system_roots() -> Result<usize, PemError> {
    let mut store = RootCertStore::empty();
    match pingora_rustls::load_platform_certs_incl_env_into_store(&mut store) {
        Ok(()) if !store.is_empty() => Ok(store.len()),
        Ok(()) => Err(PemError::NoSystemRoots { source: None }),
        Err(source) => Err(PemError::NoSystemRoots { source: Some(source) }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    std::fs::read(path).map_err(|source| PemError::Unreadable { path: path.to_owned(), source })
}
