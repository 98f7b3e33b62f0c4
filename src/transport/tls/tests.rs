//! Certificates as a client sees them.

use super::*;
use crate::transport::testing::{Authority, Issued, within};
use pingora::protocols::l4::stream::Stream as Socket;
use pingora_rustls::{ClientConfig, RootCertStore, ServerConfig, ServerName, TlsConnector, version};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

fn read(issued: &Issued) -> Certificate {
    Certificate::read(&issued.certificate, &issued.key).unwrap()
}

fn der(issued: &Issued) -> Vec<u8> {
    pem::certificates(&issued.certificate).unwrap().remove(0).to_vec()
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(pem::certificates(&authority.file()).unwrap().remove(0)).unwrap();
    Arc::new(roots)
}

/// A listener that shakes hands by pingora's own acceptor.
async fn listener(certificates: Arc<Certificates>) -> SocketAddr {
    let acceptor = settings(certificates, true).unwrap().build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = acceptor.tls_handshake(Socket::from(socket)).await;
        }
    });
    address
}

/// The certificate shown to a client that asks for `name`; an address asks for no name.
async fn shown(address: SocketAddr, authority: &Authority, name: &str) -> Result<Vec<u8>, std::io::Error> {
    pingora_rustls::install_default_crypto_provider();
    let mut config = ClientConfig::builder().with_root_certificates(roots(authority)).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = within(TlsConnector::from(Arc::new(config)).connect(name, socket)).await?;
    let (_, tls) = connection.get_ref();
    assert_eq!(tls.alpn_protocol(), Some(b"h2".as_slice()));
    Ok(tls.peer_certificates().unwrap()[0].to_vec())
}

#[tokio::test]
async fn the_name_asked_for_picks_the_certificate() {
    let authority = Authority::new();
    let portal = authority.issue("portal", &["portal.test", "127.0.0.1"]);
    let any = authority.issue("any", &["*.Portal.test"]);
    let sso = authority.issue("sso", &["sso.portal.test"]);
    let certificates = Arc::new(Certificates::new(vec![read(&portal), read(&any), read(&sso)], true));
    let address = listener(certificates).await;
    for (name, expected) in [
        ("portal.test", &portal),
        ("PORTAL.test", &portal),
        ("sso.portal.test", &sso),
        ("api.portal.test", &any),
        ("127.0.0.1", &portal),
    ] {
        assert_eq!(shown(address, &authority, name).await.unwrap(), der(expected), "{name}");
    }
    for name in ["other.test", "a.b.portal.test", "xportal.test"] {
        assert!(shown(address, &authority, name).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_client_without_a_name_is_refused_where_the_setting_says_so() {
    let authority = Authority::new();
    let portal = authority.issue("portal", &["portal.test", "127.0.0.1"]);
    let address = listener(Arc::new(Certificates::new(vec![read(&portal)], false))).await;
    assert!(shown(address, &authority, "127.0.0.1").await.is_err());
    assert!(shown(address, &authority, "portal.test").await.is_ok());
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_from_the_next_handshake_on() {
    let authority = Authority::new();
    let (old, new) = (authority.issue("old", &["portal.test"]), authority.issue("new", &["portal.test"]));
    let certificates = Arc::new(Certificates::new(vec![read(&old)], true));
    let address = listener(certificates.clone()).await;
    assert_eq!(shown(address, &authority, "portal.test").await.unwrap(), der(&old));
    certificates.replace(vec![read(&new)]);
    assert_eq!(shown(address, &authority, "portal.test").await.unwrap(), der(&new));
    assert_eq!(certificates.all().first().unwrap().file, new.certificate);
}

#[test]
fn each_way_a_file_can_be_wrong_has_its_own_words() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one", &["portal.test"]), authority.issue("other", &["portal.test"]));
    let file = |name: &str, text: &str| {
        let path = authority.directory().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let empty = file("empty", "nothing\n");
    let damaged = file("damaged", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let encrypted =
        file("encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let strange = file("strange", "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n");
    let missing = authority.directory().join("missing");
    for (certificate, key, words) in [
        (&missing, &one.key, "cannot read"),
        (&empty, &one.key, "holds no certificate"),
        (&one.key, &one.key, "holds no certificate"),
        (&damaged, &one.key, "certificate number 1 in"),
        (&one.certificate, &missing, "cannot read"),
        (&one.certificate, &empty, "holds no private key"),
        (&one.certificate, &one.certificate, "holds no private key"),
        (&one.certificate, &encrypted, "is encrypted"),
        (&one.certificate, &strange, "is of no supported kind"),
        (&one.certificate, &other.key, "does not belong to the certificate"),
    ] {
        let error = Certificate::read(certificate, key).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn an_expired_certificate_is_read_with_a_warning() {
    let authority = Authority::new();
    let issued = authority.issue_for("short", &["portal.test"], (2020, 2021));
    let certificate = read(&issued);
    assert_eq!((certificate.not_before, certificate.not_after), (1_577_836_800, 1_609_459_200));
    assert_eq!(certificate.names, ["portal.test"]);
    let warning = |now| certificate.warnings(now).join("\n");
    assert!(warning(1_577_836_799).contains("is not valid yet"));
    assert_eq!(warning(1_600_000_000), "");
    assert!(warning(1_609_459_201).contains("has expired"));
}

#[test]
fn a_certificate_without_a_host_name_is_read_with_a_warning() {
    let authority = Authority::new();
    let certificate = read(&authority.issue("nameless", &[]));
    assert!(certificate.warnings(certificate.not_before).join("\n").contains("names no host"));
}

/// Shakes hands within this process, with the given versions on the client's side.
fn handshake(min: TlsVersion, spoken: &'static rustls::SupportedProtocolVersion) -> Result<(), rustls::Error> {
    let authority = Authority::new();
    let issued = authority.issue("portal", &["portal.test"]);
    let resolver = Arc::new(Certificates::new(vec![read(&issued)], true));
    // as pingora builds its own: both versions, whatever the provider
    let server = ServerConfig::builder_with_provider(Arc::new(provider(min)))
        .with_protocol_versions(&[&version::TLS12, &version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let client = ClientConfig::builder_with_provider(Arc::new(provider(TlsVersion::Tls12)))
        .with_protocol_versions(&[spoken])?
        .with_root_certificates(roots(&authority))
        .with_no_client_auth();
    let mut server = rustls::ServerConnection::new(Arc::new(server))?;
    let mut client = rustls::ClientConnection::new(Arc::new(client), ServerName::try_from("portal.test").unwrap())?;
    for _ in 0..4 {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok(())
}

#[test]
fn below_the_lowest_version_no_handshake_succeeds() {
    assert!(handshake(TlsVersion::Tls12, &version::TLS12).is_ok());
    assert!(handshake(TlsVersion::Tls12, &version::TLS13).is_ok());
    assert!(handshake(TlsVersion::Tls13, &version::TLS13).is_ok());
    assert!(handshake(TlsVersion::Tls13, &version::TLS12).is_err());
}

#[test]
fn the_lowest_version_is_fixed_by_the_first_who_sets_it() {
    assert!(install_crypto_provider(TlsVersion::Tls12).is_ok());
    assert!(install_crypto_provider(TlsVersion::Tls12).is_ok());
    assert!(matches!(install_crypto_provider(TlsVersion::Tls13), Err(TlsError::VersionFixed)));
}
