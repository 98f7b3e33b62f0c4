//! A TLS front for a plain server.
//!
//! Ends TLS on a port of its own, demands a certificate where a test wants one, passes every byte on, and counts the
//! connections on which a handshake succeeded.

use super::tls::Authority;
use pingora_rustls::{ServerConfig, TlsAcceptor};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A running front; it goes down when dropped.
pub(crate) struct Front {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _until: oneshot::Sender<()>,
}

impl Front {
    /// In front of `server`, as `name` by `authority`; only for who shows a certificate by `clients`, if there are any.
    pub(crate) fn of(server: &str, name: &str, authority: &Authority, clients: Option<&Authority>) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (until, over) = oneshot::channel();
        let (acceptor, server, counted) = (acceptor(name, authority, clients), server.to_owned(), connections.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let serving = async {
                    while let Ok((socket, _)) = listener.accept().await {
                        tokio::spawn(pass_on(acceptor.clone(), socket, server.clone(), counted.clone()));
                    }
                };
                tokio::select! {
                    () = serving => {}
                    _ = over => {}
                }
            });
        });
        Front { address, connections, _until: until }
    }

    /// Its URL by the name that is its own on every machine.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn acceptor(name: &str, authority: &Authority, clients: Option<&Authority>) -> TlsAcceptor {
    pingora_rustls::install_default_crypto_provider();
    let config = match clients {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(clients.file()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let (certificate, key) = authority.certify(&[name]);
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

async fn pass_on(acceptor: TlsAcceptor, socket: TcpStream, server: String, counted: Arc<AtomicUsize>) {
    let Ok(mut client) = acceptor.accept(socket).await else { return };
    counted.fetch_add(1, Ordering::SeqCst);
    if let Ok(mut server) = TcpStream::connect(server).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
