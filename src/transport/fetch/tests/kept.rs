//! Connections that are kept for the next form: which ones, for whom, and what happens when one is dead by then.

use super::*;
use crate::transport::testing::Connection;
use pingora_rustls::TlsAcceptor;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;

/// A server, and how many connections it was asked on.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers the nth question (from 1) of the nth connection (from 1) by `script`; nothing at all
    /// ends the connection.
    async fn answering(
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, usize, &str) -> Option<String> + Clone + Send + Sync + 'static,
    ) -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let address = serve(tls, move |mut connection| {
            let script = script.clone();
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                for question in 1.. {
                    let Some(asked) = read_form(&mut connection).await else { break };
                    let Some(answer) = script(number, question, &asked) else { break };
                    let _ = connection.write_all(answer.as_bytes()).await;
                    let _ = connection.flush().await;
                }
                let _ = connection.shutdown().await;
            }
        })
        .await;
        Server { address, connections }
    }

    fn endpoint(&self, limits: FetchLimits) -> Endpoint {
        let scheme = if limits.ca.is_some() { "https" } else { "http" };
        Endpoint::new(&format!("{scheme}://localhost:{}/", self.address.port()), limits).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The body of the next request, as long as its head says.
async fn read_form(connection: &mut Box<dyn Connection>) -> Option<String> {
    let head = read_head(connection).await;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
    let mut body = vec![0; length.parse().unwrap()];
    connection.read_exact(&mut body).await.ok()?;
    Some(String::from_utf8(body).unwrap())
}

fn ok(text: &str) -> Option<String> {
    Some(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()))
}

async fn post(endpoint: &Endpoint, fields: &str) -> Result<String, FetchError> {
    within(endpoint.post(fields, None)).await.map(|body| String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn forms_go_over_one_connection_each_with_its_own_answer() {
    let authority = Authority::new();
    for tls in [false, true] {
        let acceptor = tls.then(|| authority.acceptor("localhost"));
        let server = Server::answering(acceptor, |_, _, asked| ok(asked)).await;
        let endpoint = server.endpoint(FetchLimits { ca: tls.then(|| authority.file()), ..limits() });
        for n in 0..10 {
            assert_eq!(post(&endpoint, &format!("n={n}")).await.unwrap(), format!("n={n}"));
        }
        assert_eq!(server.connections(), 1, "TLS: {tls}");
    }
}

#[tokio::test]
async fn a_connection_that_its_server_does_not_want_to_keep_is_not_used_again() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        // Not that of the question: these would be taken for the next answer.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        let server = Server::answering(None, move |_, _, _| Some(answer.to_owned())).await;
        let endpoint = server.endpoint(limits());
        for _ in 0..3 {
            assert_eq!(post(&endpoint, "a=b").await.unwrap(), "ok", "{answer}");
        }
        assert_eq!(server.connections(), 3, "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_its_server_ends_while_it_waits_is_no_trouble() {
    let server = Server::answering(None, |_, question, asked| if question == 1 { ok(asked) } else { None }).await;
    let ending = serve(None, |mut connection| async move {
        let asked = read_form(&mut connection).await.unwrap();
        let _ = connection.write_all(ok(&asked).unwrap().as_bytes()).await;
    })
    .await;
    for address in [server.address, ending] {
        let endpoint = Endpoint::new(&format!("http://{address}/"), limits()).unwrap();
        for n in 0..5 {
            assert_eq!(post(&endpoint, &format!("n={n}")).await.unwrap(), format!("n={n}"));
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_ends_as_it_is_used_is_replaced_once() {
    for last_words in [None, Some("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n".to_owned())] {
        let server = Server::answering(None, move |connection, question, asked| match (connection, question) {
            (1, 2) => last_words.clone(),
            _ => ok(asked),
        })
        .await;
        let endpoint = server.endpoint(limits());
        assert_eq!(post(&endpoint, "n=1").await.unwrap(), "n=1");
        assert_eq!(post(&endpoint, "n=2").await.unwrap(), "n=2");
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_new_connection_that_ends_is_not_tried_again() {
    let server = Server::answering(None, |connection, _, asked| if connection == 1 { ok(asked) } else { None }).await;
    let endpoint = server.endpoint(limits());
    assert_eq!(post(&endpoint, "n=1").await.unwrap(), "n=1");
    let other = server.endpoint(limits());
    let error = post(&other, "n=2").await.unwrap_err();
    assert!(matches!(error, FetchError::NoAnswer { .. }), "{error:?}");
    assert_eq!(server.connections(), 2, "endpoints share none");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobodys() {
    let server = serve(None, |mut connection| async move {
        let mut late = None;
        while let Some(asked) = read_form(&mut connection).await {
            if asked == "slow" {
                late = Some(asked);
                continue;
            }
            let answer = late.take().unwrap_or(asked);
            let _ = connection.write_all(ok(&answer).unwrap().as_bytes()).await;
        }
    })
    .await;
    let hasty = FetchLimits { timeout: Duration::from_millis(300), ..limits() };
    let endpoint = Endpoint::new(&format!("http://{server}/"), hasty).unwrap();
    assert_eq!(post(&endpoint, "quick").await.unwrap(), "quick");
    let error = post(&endpoint, "slow").await.unwrap_err();
    assert!(matches!(error, FetchError::TimedOut { .. }), "{error}");
    assert_eq!(post(&endpoint, "quick").await.unwrap(), "quick");
}

#[tokio::test]
async fn a_connection_is_not_lent_to_who_would_not_have_trusted_it() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = Server::answering(Some(authority.acceptor("localhost")), |_, _, asked| ok(asked)).await;
    let by = |ca: &Authority| server.endpoint(FetchLimits { ca: Some(ca.file()), ..limits() });
    assert_eq!(post(&by(&authority), "n=1").await.unwrap(), "n=1");
    let error = post(&by(&stranger), "n=2").await.unwrap_err();
    assert!(matches!(error, FetchError::NotTrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn documents_leave_no_connection_behind() {
    let heads = Arc::new(std::sync::Mutex::new(String::new()));
    let seen = heads.clone();
    let server = serve(None, move |mut connection| {
        let seen = seen.clone();
        async move {
            let head = read_head(&mut connection).await;
            seen.lock().unwrap().push_str(&head);
            let _ = connection.write_all(ok("{}").unwrap().as_bytes()).await;
        }
    })
    .await;
    assert_eq!(fetched(format!("http://{server}/"), limits()).await.unwrap(), "{}");
    assert!(heads.lock().unwrap().contains("Connection: close\r\n"));
}
