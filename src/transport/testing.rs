//! What the tests of this room share: certificates made on the spot, and small servers on port 0, also for rooms to the
//! left.

use pingora_rustls::{ServerConfig, TlsAcceptor};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, SupportedProtocolVersion};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// The result of something that must happen, however slow the machine.
pub(crate) async fn within<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), event).await.expect("it did not happen")
}

/// Waits until something is so.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A certificate authority with a directory of its own for what it issues.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key, in files.
pub(super) struct Issued {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, directory }
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of its own certificate.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate valid from and to the given years.
    pub(super) fn issue_for(&self, name: &str, names: &[&str], years: (i32, i32)) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let issued = Issued {
            certificate: self.directory().join(format!("{name}.pem")),
            key: self.directory().join(format!("{name}.key")),
        };
        std::fs::write(&issued.certificate, certificate.pem()).unwrap();
        std::fs::write(&issued.key, key.serialize_pem()).unwrap();
        issued
    }

    pub(super) fn issue(&self, name: &str, names: &[&str]) -> Issued {
        self.issue_for(name, names, (2020, 2120))
    }

    /// A TLS acceptor with a certificate for `name`.
    pub(super) fn acceptor(&self, name: &str) -> TlsAcceptor {
        pingora_rustls::install_default_crypto_provider();
        self.accepting(name, ServerConfig::builder().with_no_client_auth())
    }

    /// One that speaks this version only and demands a certificate by `clients`.
    pub(super) fn acceptor_of(
        &self,
        name: &str,
        version: &'static SupportedProtocolVersion,
        clients: &Self,
    ) -> TlsAcceptor {
        pingora_rustls::install_default_crypto_provider();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(clients.file()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let versions = ServerConfig::builder_with_protocol_versions(&[version]);
        self.accepting(name, versions.with_client_cert_verifier(verifier))
    }

    fn accepting(&self, name: &str, config: ConfigBuilder<ServerConfig, WantsServerCert>) -> TlsAcceptor {
        let issued = self.issue(name, &[name]);
        let chain = vec![CertificateDer::from_pem_file(&issued.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&issued.key).unwrap();
        TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
    }
}

/// A connection, plain or TLS.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Serves every connection to a free port by `serve`, until the test ends.
pub(crate) async fn serve<F>(
    tls: Option<TlsAcceptor>,
    serve: impl Fn(Box<dyn Connection>) -> F + Clone + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (tls, serve) = (tls.clone(), serve.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(Box::new(socket)).await,
                    Some(tls) => {
                        if let Ok(connection) = tls.accept(socket).await {
                            serve(Box::new(connection)).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Reads one request head.
pub(crate) async fn read_head(connection: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server that reads a head, gives one answer and closes.
pub(super) async fn answering(tls: Option<TlsAcceptor>, answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer: Arc<Vec<u8>> = Arc::new(answer.into());
    serve(tls, move |mut connection| {
        let answer = answer.clone();
        async move {
            read_head(&mut connection).await;
            let _ = connection.write_all(&answer).await;
            let _ = connection.shutdown().await;
        }
    })
    .await
}
