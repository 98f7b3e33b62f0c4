//! The guard behind TLS: HTTP/2, and handshakes that never end.

use super::*;
use crate::transport::pem;
use crate::transport::testing::{Authority, answering};
use crate::transport::tls::{self, Certificate, Certificates};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::services::Service as _;
use pingora_rustls::{ClientConfig, RootCertStore, ServerName, TlsConnector};

/// TLS settings with a certificate for `portal.test`, and the store that trusts it.
pub(super) fn tls_for(authority: &Authority) -> (TlsSettings, RootCertStore) {
    let issued = authority.issue("portal", &["portal.test"]);
    let certificate = Certificate::read(&issued.certificate, &issued.key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pem::certificates(&authority.file()).unwrap().remove(0)).unwrap();
    (tls::settings(Arc::new(Certificates::new(vec![certificate], false)), true).unwrap(), roots)
}

async fn connect_h2(gate: &Gate, roots: RootCertStore) -> impl testing::Connection + use<> {
    connect_tls(gate, roots, vec![b"h2".to_vec()]).await
}

pub(super) async fn connect_tls(
    gate: &Gate,
    roots: RootCertStore,
    protocols: Vec<Vec<u8>>,
) -> impl testing::Connection + use<> {
    pingora_rustls::install_default_crypto_provider();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols;
    let name = ServerName::try_from("portal.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, connect(gate).await).await.unwrap()
}

#[tokio::test]
async fn an_http2_connection_without_its_preface_is_closed() {
    let (settings, roots) = tls_for(&Authority::new());
    let gate = gate_to(SocketAddr::from(([127, 0, 0, 1], 1)), Limits { head: SHORT, ..limits() }, Some(settings)).await;
    let mut connection = connect_h2(&gate, roots).await;
    connection.write_all(b"PRI * HTTP/2.0").await.unwrap();
    rest(&mut connection).await;
    assert_eq!(gate.meters.slow_heads.get(), 1);
    until(|| gate.meters.open.get() == 0).await;
}

#[tokio::test]
async fn an_http2_connection_without_a_request_is_closed_when_idle() {
    let (settings, roots) = tls_for(&Authority::new());
    let gate = gate_to(SocketAddr::from(([127, 0, 0, 1], 1)), Limits { idle: SHORT, ..limits() }, Some(settings)).await;
    let mut connection = connect_h2(&gate, roots).await;
    // the preface with an empty SETTINGS frame, then half a HEADERS frame
    let half = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x20\x01\x04\0\0\0\x01abc";
    connection.write_all(half).await.unwrap();
    let mut all = Vec::new();
    let _ = within(connection.read_to_end(&mut all)).await;
    assert_eq!(gate.meters.slow_heads.get(), 0);
    until(|| gate.meters.open.get() == 0).await;
}

#[tokio::test]
async fn http2_requests_pass() {
    let authority = Authority::new();
    let (settings, _) = tls_for(&authority);
    let gate = gate_to(SocketAddr::from(([127, 0, 0, 1], 1)), Limits { head: SHORT, ..limits() }, Some(settings)).await;
    let mut peer = HttpPeer::new(gate.address, true, "portal.test".to_owned());
    peer.options.ca = Some(pem::authorities(&authority.file()).unwrap());
    peer.options.set_http_version(2, 2);
    let connector = Connector::new(None);
    for _ in 0..2 {
        let (mut session, _) = within(connector.get_http_session(&peer)).await.unwrap();
        let mut request = RequestHeader::build("POST", b"/", None).unwrap();
        request.insert_header("Host", "portal.test").unwrap();
        session.write_request_header(Box::new(request)).await.unwrap();
        tokio::time::sleep(2 * SHORT).await;
        session.write_request_body(Bytes::from_static(b"slowly"), true).await.unwrap();
        session.finish_request_body().await.unwrap();
        within(session.read_response_header()).await.unwrap();
        assert_eq!(session.response_header().unwrap().status, 200);
        assert_eq!(within(session.read_response_body()).await.unwrap().unwrap(), "slowly");
        connector.release_http_session(session, &peer, None).await;
    }
}

#[tokio::test]
async fn a_service_with_tls_counts_clients_that_never_finish_their_handshake() {
    let (settings, _) = tls_for(&Authority::new());
    let origin = answering(None, "").await;
    let (guarded, meters) = guarded(Limits { connections_max: 1, ..limits() }, origin);
    // pingora does not tell the port it got, so the address is one that only this process uses
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = SocketAddr::from(([127, 128 | high, middle, low], 18443));
    let mut service = guarded.into_service("portal", &address.to_string(), Some(settings));
    let (stop, watching) = watch::channel(false);
    let serving = tokio::spawn(async move { service.start_service(None, watching, 1).await });

    let first = within(async {
        loop {
            match TcpStream::connect(address).await {
                Ok(connection) => break connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await;
    until(|| meters.open.get() == 1).await;
    assert_eq!(rest(&mut TcpStream::connect(address).await.unwrap()).await, "");
    assert_eq!((meters.refused.get(), meters.open.get()), (1, 1));
    drop(first);
    until(|| meters.open.get() == 0).await;
    stop.send(true).unwrap();
    within(serving).await.unwrap();
}
