//! The guard around a real pingora proxy, on real sockets.

mod ending;
mod over_tls;

use super::*;
use crate::transport::testing::{self, read_head, serve, until, within};
use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::listeners::PreTlsProcess;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::proxy::{ProxyHttp, Session, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    Limits { head: LONG, idle: LONG, head_bytes_max: 4096, connections_max: 8 }
}

fn meters() -> Meters {
    let counter = |name| IntCounter::new(name, "x").unwrap();
    Meters {
        open: IntGauge::new("open", "x").unwrap(),
        refused: counter("refused"),
        slow_heads: counter("slow"),
        long_heads: counter("long"),
    }
}

/// Says which cause it was told of.
struct Porter;

impl Refuse for Porter {
    fn refuse(&self, refused: &Refused<'_>) -> Vec<u8> {
        let status = match refused.cause {
            Cause::Slow => "408 Slow",
            Cause::Long => "431 Long",
            Cause::Malformed => "400 Malformed",
            Cause::Method => "405 Method",
        };
        let kept = refused.head.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nX-Kept: {kept}\r\n\r\n").into_bytes()
    }
}

/// Echoes bodies itself; `/early` is answered before its body is read; `/forwarded` goes to the origin.
struct Portal {
    origin: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Portal {
    type CTX = ();

    fn new_ctx(&self) {
        request_began();
    }

    async fn request_filter(&self, session: &mut Session, _: &mut ()) -> pingora::Result<bool> {
        let path = session.req_header().uri.path().to_owned();
        if path == "/forwarded" {
            return Ok(false);
        }
        let mut body = Vec::new();
        if path != "/early" {
            while let Some(bytes) = session.downstream_session.read_request_body().await? {
                body.extend_from_slice(&bytes);
            }
        }
        let mut head = ResponseHeader::build(200, Some(1))?;
        head.insert_header("Content-Length", body.len())?;
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(Bytes::from(body)), true).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin, false, String::new())))
    }
}

struct Gate {
    address: SocketAddr,
    meters: Meters,
    _shutdown: watch::Sender<bool>,
}

fn guarded(limits: Limits, origin: SocketAddr) -> (Guarded<impl HttpServerApp + Send + Sync + 'static>, Meters) {
    around(Portal { origin }, limits)
}

fn around(
    app: impl ProxyHttp<CTX = ()> + Send + Sync + 'static,
    limits: Limits,
) -> (Guarded<impl HttpServerApp + Send + Sync + 'static>, Meters) {
    let meters = meters();
    let app = http_proxy(&Arc::new(ServerConf::default()), app);
    (Guarded::new(Arc::new(app), limits, meters.clone(), Arc::new(Porter)), meters)
}

async fn gate_to(origin: SocketAddr, limits: Limits, tls: Option<TlsSettings>) -> Gate {
    gate_of(Portal { origin }, limits, tls).await
}

async fn gate_of(
    app: impl ProxyHttp<CTX = ()> + Send + Sync + 'static,
    limits: Limits,
    tls: Option<TlsSettings>,
) -> Gate {
    let (guarded, meters) = around(app, limits);
    let guarded = Arc::new(guarded);
    let (_shutdown, watching) = watch::channel(false);
    let acceptor = tls.map(|settings| Arc::new(settings.build()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (guarded, watching, acceptor) = (guarded.clone(), watching.clone(), acceptor.clone());
            tokio::spawn(async move {
                let mut socket = Socket::from(socket);
                let connection: Stream = match acceptor {
                    None => Box::new(socket),
                    Some(acceptor) => {
                        guarded.connections.process(&mut socket).await.unwrap();
                        Box::new(acceptor.tls_handshake(socket).await.unwrap())
                    }
                };
                guarded.process_new(connection, &watching).await;
            });
        }
    });
    Gate { address, meters, _shutdown }
}

async fn gate(limits: Limits) -> Gate {
    gate_to(SocketAddr::from(([127, 0, 0, 1], 1)), limits, None).await
}

async fn connect(gate: &Gate) -> TcpStream {
    within(TcpStream::connect(gate.address)).await.unwrap()
}

/// Everything until the other side closes; a reset closes too.
async fn rest(connection: &mut (impl testing::Connection + ?Sized)) -> String {
    let mut all = Vec::new();
    let _ = within(connection.read_to_end(&mut all)).await;
    String::from_utf8(all).unwrap()
}

/// One answer with its body, by Content-Length.
async fn answer(connection: &mut TcpStream) -> (String, String) {
    within(async {
        let head = read_head(connection).await;
        let length =
            head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        connection.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    })
    .await
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_though_bytes_keep_coming() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    let (mut reader, mut writer) = connect(&gate).await.into_split();
    writer.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
    let trickle = async {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let read = async {
        let mut all = Vec::new();
        let _ = reader.read_to_end(&mut all).await;
    };
    within(async { tokio::join!(trickle, read) }).await;
    assert_eq!(gate.meters.slow_heads.get(), 1);
}

#[tokio::test]
async fn a_head_that_stalls_is_answered_408() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    let mut connection = connect(&gate).await;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n").await.unwrap();
    assert!(rest(&mut connection).await.starts_with("HTTP/1.1 408 "));
    until(|| gate.meters.open.get() == 0).await;
}

#[tokio::test]
async fn a_new_connection_without_a_byte_is_closed_without_an_answer() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    assert_eq!(rest(&mut connect(&gate).await).await, "");
    assert_eq!(gate.meters.slow_heads.get(), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_an_answer_and_is_no_slow_head() {
    let gate = gate(Limits { idle: SHORT, ..limits() }).await;
    let mut connection = connect(&gate).await;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
    assert!(answer(&mut connection).await.0.starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut connection).await, "");
    assert_eq!(gate.meters.slow_heads.get(), 0);
}

#[tokio::test]
async fn between_requests_the_idle_time_holds_and_not_the_shorter_time_of_a_head() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    let mut connection = connect(&gate).await;
    for _ in 0..3 {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
        assert!(answer(&mut connection).await.0.starts_with("HTTP/1.1 200 "));
        tokio::time::sleep(2 * SHORT).await;
    }
}

#[tokio::test]
async fn the_second_head_of_a_connection_is_guarded_as_the_first_though_idling_may_take_longer() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    let mut connection = connect(&gate).await;
    connection
        .write_all(b"POST / HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 8\r\n\r\na\r\n\r\nbcd")
        .await
        .unwrap();
    assert_eq!(answer(&mut connection).await.1, "a\r\n\r\nbcd");
    connection.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert!(rest(&mut connection).await.starts_with("HTTP/1.1 408 "));
    assert_eq!(gate.meters.slow_heads.get(), 1);
}

#[tokio::test]
async fn a_slow_body_full_of_blank_lines_is_neither_cut_nor_taken_for_a_head() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    let mut connection = connect(&gate).await;
    let body = "\r\n\r\nGET /x HTTP/1.1\r\n\r\n".repeat(4);
    let head = format!("POST / HTTP/1.1\r\nHost: portal.test\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await.unwrap();
    for piece in body.as_bytes().chunks(8) {
        tokio::time::sleep(SHORT / 3).await;
        connection.write_all(piece).await.unwrap();
    }
    assert_eq!(answer(&mut connection).await.1, body);
    connection.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
    assert!(answer(&mut connection).await.0.starts_with("HTTP/1.1 200 "));
    assert_eq!(gate.meters.slow_heads.get(), 0);
}

#[tokio::test]
async fn an_answer_before_the_body_ends_the_connection_and_the_body_is_no_head() {
    let gate = gate(Limits { head: SHORT, ..limits() }).await;
    let mut connection = connect(&gate).await;
    connection.write_all(b"POST /early HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 99\r\n\r\n").await.unwrap();
    let all = rest(&mut connection).await;
    assert!(all.starts_with("HTTP/1.1 200 ") && all.matches("HTTP/1.1").count() == 1, "{all}");
    assert_eq!(gate.meters.slow_heads.get(), 0);
}

#[tokio::test]
async fn a_slow_upstream_is_no_slow_head_and_the_connection_goes_on() {
    let origin = serve(None, |mut connection| async move {
        while !read_head(&mut connection).await.is_empty() {
            tokio::time::sleep(2 * SHORT).await;
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let gate = gate_to(origin, Limits { head: SHORT, ..limits() }, None).await;
    let mut connection = connect(&gate).await;
    for _ in 0..2 {
        connection.write_all(b"GET /forwarded HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
        assert_eq!(answer(&mut connection).await.1, "ok");
    }
    connection.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert!(rest(&mut connection).await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_answered_431_whether_or_not_it_ends() {
    for end in ["", "\r\n\r\n"] {
        let gate = gate(limits()).await;
        let mut connection = connect(&gate).await;
        let head = format!("GET / HTTP/1.1\r\nX: {}{end}", "x".repeat(limits().head_bytes_max - 18));
        connection.write_all(head.as_bytes()).await.unwrap();
        assert!(rest(&mut connection).await.starts_with("HTTP/1.1 431 "));
        assert_eq!(gate.meters.long_heads.get(), 1);
    }
}

#[tokio::test]
async fn what_pingora_refuses_is_answered_by_the_application_once_and_ends_the_connection() {
    let heads = [
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400 Malformed"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Malformed"),
        ("GET / HTTP/3.0\r\n\r\n", "400 Malformed"),
        // refused before it is whole
        ("GET / HTTP/1.1\r\nno colon\r\n", "400 Malformed"),
        ("CONNECT portal.test:443 HTTP/1.1\r\nHost: portal.test:443\r\n\r\n", "405 Method"),
    ];
    for (head, status) in heads {
        for request_before in [false, true] {
            let gate = gate(limits()).await;
            let mut connection = connect(&gate).await;
            if request_before {
                connection.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
                assert!(answer(&mut connection).await.0.starts_with("HTTP/1.1 200 "));
            }
            connection.write_all(head.as_bytes()).await.unwrap();
            let all = rest(&mut connection).await;
            assert!(all.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head:?}: {all}");
            assert!(all.contains(&format!("X-Kept: {}\r\n", head.len())), "{head:?}: {all}");
            assert_eq!(all.matches("HTTP/1.1").count(), 1, "{head:?}: {all}");
            until(|| gate.meters.open.get() == 0).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_head_is_not_refused() {
    let gate = gate(limits()).await;
    let mut connection = connect(&gate).await;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: por").await.unwrap();
    connection.shutdown().await.unwrap();
    assert_eq!(rest(&mut connection).await, "");
}

#[tokio::test]
async fn blank_lines_in_front_of_a_head_count_as_head() {
    let gate = gate(limits()).await;
    let mut connection = connect(&gate).await;
    connection.write_all(&b"\r\n".repeat(limits().head_bytes_max)).await.unwrap();
    rest(&mut connection).await;
    assert_eq!(gate.meters.long_heads.get(), 1);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_counted_and_makes_no_lasting_difference() {
    let gate = gate(Limits { connections_max: 1, ..limits() }).await;
    let first = connect(&gate).await;
    until(|| gate.meters.open.get() == 1).await;
    assert_eq!(rest(&mut connect(&gate).await).await, "");
    assert_eq!(gate.meters.refused.get(), 1);
    drop(first);
    until(|| gate.meters.open.get() == 0).await;
    let mut third = connect(&gate).await;
    third.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
    assert!(answer(&mut third).await.0.starts_with("HTTP/1.1 200 "));
}
