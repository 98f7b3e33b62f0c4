//! Fetching from servers that behave, and from servers that do not.

mod client_tls;
mod kept;

use super::*;
use crate::transport::testing::{Authority, answering, read_head, serve, within};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn limits() -> FetchLimits {
    FetchLimits { bytes_max: 64, timeout: Duration::from_secs(15), ca: None, client: None }
}

async fn fetched(url: String, limits: FetchLimits) -> Result<String, FetchError> {
    within(get(&url, limits)).await.map(|body| String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn a_document_is_fetched_however_it_is_framed() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{}",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ] {
        let server = answering(None, answer).await;
        assert_eq!(fetched(format!("http://{server}/keys"), limits()).await.unwrap(), "{}", "{answer}");
    }
}

#[tokio::test]
async fn the_request_is_one_plain_get() {
    let server = serve(None, |mut connection| async move {
        let head = read_head(&mut connection).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        let _ = connection.write_all(answer.as_bytes()).await;
    })
    .await;
    let limits = FetchLimits { bytes_max: 1000, ..limits() };
    let head = fetched(format!("http://{server}/a/keys?x=1"), limits).await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /a/keys?x=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {server}\r\n")), "{head}");
}

#[tokio::test]
async fn a_redirect_is_an_error_that_does_not_name_its_target_and_is_not_followed() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = reached.clone();
    let server = serve(None, move |mut connection| {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::Relaxed);
            let head = read_head(&mut connection).await;
            let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{host}/evil\r\nContent-Length: 0\r\n\r\n");
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let error = fetched(format!("http://{server}/"), limits()).await.unwrap_err();
    assert!(matches!(error, FetchError::Redirect { status: 302 }));
    assert!(!error.to_string().contains("evil"));
    assert_eq!(reached.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn any_status_but_200_is_an_error() {
    for status in [101, 204, 206, 304, 404, 500] {
        let server = answering(None, format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")).await;
        let error = fetched(format!("http://{server}/"), limits()).await.unwrap_err();
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn what_is_longer_than_allowed_is_dropped_at_the_limit() {
    let fits = "x".repeat(64);
    let server = answering(None, format!("HTTP/1.1 200 OK\r\n\r\n{fits}")).await;
    assert_eq!(fetched(format!("http://{server}/"), limits()).await.unwrap(), fits);

    let endless = serve(None, |mut connection| async move {
        read_head(&mut connection).await;
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
        while connection.write_all(&[b'x'; 1024]).await.is_ok() {}
    })
    .await;
    let error = fetched(format!("http://{endless}/"), limits()).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { bytes_max: 64 }), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let server = answering(None, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"keys\":[").await;
    let error = fetched(format!("http://{server}/"), limits()).await.unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn the_time_limit_holds_for_the_whole_though_bytes_keep_coming() {
    let server = serve(None, |mut connection| async move {
        read_head(&mut connection).await;
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n").await;
        while connection.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let hasty = FetchLimits { timeout: Duration::from_millis(500), ..limits() };
    let error = fetched(format!("http://{server}/"), hasty).await.unwrap_err();
    assert!(matches!(error, FetchError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = serve(None, |connection| async move {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await;
    let hasty = FetchLimits { timeout: Duration::from_millis(300), ..limits() };
    let error = fetched(format!("http://{server}/"), hasty).await.unwrap_err();
    assert!(matches!(error, FetchError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_counts_only_from_the_authority_and_for_the_host() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let port = answering(Some(authority.acceptor("localhost")), answer).await.port();
    let by = |ca: &Authority| FetchLimits { ca: Some(ca.file()), ..limits() };
    assert_eq!(fetched(format!("https://localhost:{port}/"), by(&authority)).await.unwrap(), "{}");
    for (host, limits) in [("localhost", by(&stranger)), ("localhost", limits()), ("127.0.0.1", by(&authority))] {
        let error = fetched(format!("https://{host}:{port}/"), limits).await.unwrap_err();
        assert!(matches!(error, FetchError::NotTrusted { .. }), "{host}: {error:?}");
        assert!(!error.to_string().contains("SNI"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_apart_from_one_that_is_not_trusted() {
    let server = serve(None, |mut connection| async move {
        let _ = connection.read_u8().await;
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let error = fetched(format!("https://localhost:{}/", server.port()), limits()).await.unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn who_cannot_be_reached_is_told_apart() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = fetched(format!("http://{nobody}/"), limits()).await.unwrap_err();
    assert!(matches!(error, FetchError::Refused { address, .. } if address == nobody), "{error}");
    let error = fetched(format!("http://{}.test/", "x".repeat(64)), limits()).await.unwrap_err();
    assert!(matches!(error, FetchError::NotResolved { .. }), "{error}");
    let missing = FetchLimits { ca: Some(PathBuf::from("missing.pem")), ..limits() };
    let error = fetched(format!("http://{nobody}/"), missing).await.unwrap_err();
    assert!(matches!(error, FetchError::Setup { .. }), "{error}");
}

#[tokio::test]
async fn addresses_that_are_no_good_are_refused_before_anything_is_sent() {
    for (url, words) in [
        ("keys", "must begin with"),
        ("ftp://portal.test/", "must begin with"),
        ("https:///keys", "not a URL"),
        ("https://user:secret@portal.test/", "user name or password"),
        ("https://portal.test:99999/", "port"),
        ("https://portal.test:/", "port"),
    ] {
        let error = fetched(url.to_owned(), limits()).await.unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{url}: {error:?}");
        assert!(error.to_string().contains(words) && !error.to_string().contains("secret"), "{url}: {error}");
    }
}
