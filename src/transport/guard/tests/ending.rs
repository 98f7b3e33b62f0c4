//! Tunnels that somebody outside ends: idle ones, ones that are stuck, and ones behind TLS.

use super::over_tls::{connect_tls, tls_for};
use super::*;
use crate::transport::pem;
use crate::transport::testing::{Authority, Connection};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: portal.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHES: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Forwards everything, and hands out what ends it.
struct Opener {
    origin: SocketAddr,
    enders: UnboundedSender<Option<Ender>>,
}

#[async_trait]
impl ProxyHttp for Opener {
    type CTX = ();

    fn new_ctx(&self) {
        request_began();
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin, false, String::new())))
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut (),
    ) -> pingora::Result<()> {
        self.enders.send(ender()).unwrap();
        Ok(())
    }
}

/// A gate in front of a server that agrees to every tunnel, sends back what it reads, and tells
/// when its side has ended.
struct Place {
    gate: Gate,
    enders: UnboundedReceiver<Option<Ender>>,
    ended: UnboundedReceiver<()>,
}

impl Place {
    async fn new(reads: Reads, tls: Option<TlsSettings>) -> Self {
        let (ends, ended) = unbounded_channel();
        let origin = serve(None, move |mut connection| {
            let (ends, reads) = (ends.clone(), reads.clone());
            async move {
                read_head(&mut connection).await;
                connection.write_all(SWITCHES).await.unwrap();
                if let Reads::From(mut moment) = reads {
                    let _ = moment.changed().await;
                }
                let mut bytes = [0; 1024];
                while let Ok(count @ 1..) = connection.read(&mut bytes).await {
                    if connection.write_all(&bytes[..count]).await.is_err() {
                        break;
                    }
                }
                ends.send(()).unwrap();
            }
        })
        .await;
        let (sender, enders) = unbounded_channel();
        let gate = gate_of(Opener { origin, enders: sender }, limits(), tls).await;
        Place { gate, enders, ended }
    }

    async fn ender(&mut self) -> Ender {
        within(self.enders.recv()).await.unwrap().expect("a request over HTTP/1 can be ended")
    }
}

#[derive(Clone)]
enum Reads {
    AtOnce,
    /// When this has changed.
    From(watch::Receiver<()>),
}

async fn upgrade(client: &mut impl Connection) {
    client.write_all(UPGRADE).await.unwrap();
    assert!(within(read_head(client)).await.starts_with("HTTP/1.1 101 "));
}

/// Sends a text and waits for it to come back.
async fn echo(client: &mut impl Connection, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
    let mut back = vec![0; text.len()];
    within(client.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, text.as_bytes());
}

#[tokio::test]
async fn an_idle_tunnel_ends_on_both_sides_at_a_word_from_outside_behind_tls_too() {
    let (settings, roots) = tls_for(&Authority::new());
    for (tls, roots) in [(None, None), (Some(settings), Some(roots))] {
        let mut place = Place::new(Reads::AtOnce, tls).await;
        let mut client: Box<dyn Connection> = match roots {
            None => Box::new(connect(&place.gate).await),
            Some(roots) => Box::new(connect_tls(&place.gate, roots, Vec::new()).await),
        };
        upgrade(&mut client).await;
        echo(&mut client, "xin chào").await;
        place.ender().await.end();
        assert_eq!(rest(&mut client).await, "");
        within(place.ended.recv()).await.unwrap();
        until(|| place.gate.meters.open.get() == 0).await;
    }
}

#[tokio::test]
async fn a_tunnel_ends_though_it_is_stuck_with_bytes_that_the_portal_does_not_read() {
    let (now, moment) = watch::channel(());
    let mut place = Place::new(Reads::From(moment), None).await;
    let mut client = connect(&place.gate).await;
    upgrade(&mut client).await;
    let piece = vec![b'x'; 1 << 16];
    while tokio::time::timeout(SHORT, client.write(&piece)).await.is_ok() {}
    place.ender().await.end();
    until(|| place.gate.meters.open.get() == 0).await;
    now.send(()).unwrap();
    within(place.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_tunnel_that_nobody_can_end_any_more_goes_on() {
    let mut place = Place::new(Reads::AtOnce, None).await;
    let mut client = connect(&place.gate).await;
    upgrade(&mut client).await;
    drop(place.ender().await);
    for text in ["một", "hai"] {
        echo(&mut client, text).await;
    }
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    within(place.ended.recv()).await.unwrap();
}

/// A gate in front of a server that says `ok` to everything.
async fn without_tunnels(tls: Option<TlsSettings>) -> (Gate, UnboundedReceiver<Option<Ender>>) {
    let origin = serve(None, |mut connection| async move {
        while !read_head(&mut connection).await.is_empty() {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let (sender, enders) = unbounded_channel();
    (gate_of(Opener { origin, enders: sender }, limits(), tls).await, enders)
}

#[tokio::test]
async fn an_ender_that_comes_too_late_ends_no_later_request_of_its_connection() {
    let (gate, mut enders) = without_tunnels(None).await;
    let mut client = connect(&gate).await;
    for _ in 0..2 {
        client.write_all(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n").await.unwrap();
        assert_eq!(answer(&mut client).await.1, "ok");
        within(enders.recv()).await.unwrap().expect("an ender").end();
    }
}

#[tokio::test]
async fn a_request_over_http2_has_no_ender() {
    let authority = Authority::new();
    let (settings, _) = tls_for(&authority);
    let (gate, mut enders) = without_tunnels(Some(settings)).await;
    let mut peer = HttpPeer::new(gate.address, true, "portal.test".to_owned());
    peer.options.ca = Some(pem::authorities(&authority.file()).unwrap());
    peer.options.set_http_version(2, 2);
    let (mut session, _) = within(Connector::new(None).get_http_session(&peer)).await.unwrap();
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    request.insert_header("Host", "portal.test").unwrap();
    session.write_request_header(Box::new(request)).await.unwrap();
    session.finish_request_body().await.unwrap();
    within(session.read_response_header()).await.unwrap();
    assert_eq!(session.response_header().unwrap().status, 200);
    assert!(within(enders.recv()).await.unwrap().is_none());
}
