//! Servers that want to see a certificate of the gate, in both versions of TLS: only in the newer
//! one does the handshake end before the server has looked at it.

use super::*;
use rustls::version::{TLS12, TLS13};

/// A server that demands a certificate by `clients`, and its own authority.
async fn demanding(version: &'static rustls::SupportedProtocolVersion, clients: &Authority) -> (Authority, String) {
    let servers = Authority::new();
    let acceptor = servers.acceptor_of("localhost", version, clients);
    let port = answering(Some(acceptor), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.port();
    (servers, format!("https://localhost:{port}/"))
}

fn showing(trusted: &Authority, client: Option<&Authority>) -> FetchLimits {
    let issued = client.map(|authority| authority.issue("gate", &["gate"]));
    let client = issued.map(|i| CertificateFiles { certificate: i.certificate, key: i.key });
    FetchLimits { ca: Some(trusted.file()), client, ..limits() }
}

#[tokio::test]
async fn who_shows_the_certificate_that_is_wanted_is_answered() {
    let clients = Authority::new();
    for version in [&TLS12, &TLS13] {
        let (servers, url) = demanding(version, &clients).await;
        let shown = showing(&servers, Some(&clients));
        assert_eq!(fetched(url.clone(), shown.clone()).await.unwrap(), "{}", "{version:?}");
        let posted = within(Endpoint::new(&url, shown).unwrap().post("a=b", None)).await;
        assert_eq!(posted.unwrap(), b"{}", "{version:?}");
    }
}

#[tokio::test]
async fn who_shows_none_is_told_that_one_is_wanted() {
    let clients = Authority::new();
    for version in [&TLS12, &TLS13] {
        let (servers, url) = demanding(version, &clients).await;
        let error = fetched(url, showing(&servers, None)).await.unwrap_err();
        assert!(matches!(error, FetchError::CertificateWanted { .. }), "{version:?}: {error:?}");
        assert!(error.to_string().contains("`localhost` wants a certificate"), "{error}");
    }
}

#[tokio::test]
async fn who_shows_one_of_another_authority_is_told_that_it_is_not_accepted() {
    let (clients, strangers) = (Authority::new(), Authority::new());
    for version in [&TLS12, &TLS13] {
        let (servers, url) = demanding(version, &clients).await;
        let shown = showing(&servers, Some(&strangers));
        for asked in [
            fetched(url.clone(), shown.clone()).await.map(String::into_bytes),
            within(Endpoint::new(&url, shown).unwrap().post("a=b", None)).await,
        ] {
            let error = asked.unwrap_err();
            assert!(matches!(error, FetchError::CertificateRefused { .. }), "{version:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_ends_the_connection_instead_of_saying_so_is_not_taken_for_broken() {
    let authority = Authority::new();
    let abrupt = serve(Some(authority.acceptor("localhost")), |mut connection| async move {
        read_head(&mut connection).await;
    })
    .await;
    let error = fetched(format!("https://localhost:{}/", abrupt.port()), showing(&authority, None)).await.unwrap_err();
    assert!(matches!(error, FetchError::NoAnswerOverTls { .. }), "{error:?}");
    assert!(error.to_string().contains("`client_tls`"), "{error}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_found_before_anything_is_sent() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one", &["one"]), authority.issue("other", &["other"]));
    let damaged = authority.directory().join("damaged.key");
    std::fs::write(&damaged, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    for (key, words) in [(other.key, "does not belong"), (damaged, "of no supported kind")] {
        let client = Some(CertificateFiles { certificate: one.certificate.clone(), key });
        let error = Endpoint::new("https://localhost:1/", FetchLimits { client, ..limits() }).unwrap_err();
        let FetchError::Setup { source } = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(words), "{source}");
    }
}
