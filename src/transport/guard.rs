//! The guard of a client's connection: limits and deadlines until a whole request head was sent.
//!
//! [`Guarded`] stands between a listener and the HTTP application. It counts connections, and gives every HTTP/1
//! request head a total deadline and a size, every kept-alive connection an idle deadline, and the HTTP/2 preface
//! a deadline. It never looks into bodies. Whoever is turned away by it, or by pingora before a request began, is
//! answered by the application (`guard::refusal`).
//!
//! Where a head starts is not guessed from bytes: the HTTP/1 loop over a connection stands here, and a new head
//! starts when the application hands the connection back for reuse, that is after it has written the answer and
//! read the body to its end, and at no other moment. Where a head ends is its first blank line (`guard::head`).
//! Pipelining must stay off (pingora's default): it would carry bytes to the next request past the guard.

mod connections;
mod head;
mod refusal;
mod request;
mod stream;
#[cfg(test)]
mod tests;

pub use connections::Connections;
pub use refusal::{Cause, Refuse, Refused};
pub use request::{Ender, ender, request_began};

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::listeners::tls::TlsSettings;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::protocols::{ALPN, Stream};
use pingora::server::ShutdownWatch;
use pingora::services::listening::Service;
use prometheus::{IntCounter, IntGauge};
use std::sync::Arc;
use std::time::Duration;
use stream::Watched;

/// What one connection may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a request head to its end; on a new connection from the connection on. Also the time
    /// for the HTTP/2 preface.
    pub head: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// Bytes of one request head, request line and blank line included.
    pub head_bytes_max: usize,
    /// Connections open at once on this listener, TLS handshakes under way included.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            head_bytes_max: 64 * 1024,
            connections_max: 10_000,
        }
    }
}

/// What the guard counts.
#[derive(Clone, Debug)]
pub struct Meters {
    /// Connections open now.
    pub open: IntGauge,
    /// Connections closed at once because there were too many.
    pub refused: IntCounter,
    /// Request heads and HTTP/2 prefaces that took too long.
    pub slow_heads: IntCounter,
    /// Request heads that were too long.
    pub long_heads: IntCounter,
}

/// What holds for every connection of a listener.
struct Terms {
    limits: Limits,
    meters: Meters,
    refuse: Arc<dyn Refuse>,
}

/// An HTTP application behind the guard; one for each listener.
pub struct Guarded<A> {
    bounded: Arc<Bounded<A>>,
    terms: Arc<Terms>,
    connections: Arc<Connections>,
}

impl<A: HttpServerApp + Send + Sync + 'static> Guarded<A> {
    pub fn new(app: Arc<A>, limits: Limits, meters: Meters, refuse: Arc<dyn Refuse>) -> Self {
        let connections =
            Arc::new(Connections::new(limits.connections_max, meters.open.clone(), meters.refused.clone()));
        let bounded = Arc::new(Bounded::new(app, limits));
        Guarded { bounded, terms: Arc::new(Terms { limits, meters, refuse }), connections }
    }

    /// The listening service for `address`. With TLS, connections count from before the handshake on.
    pub fn into_service(self, name: &str, address: &str, tls: Option<TlsSettings>) -> Service<Self> {
        let connections = self.connections.clone();
        let mut service = Service::new(name.to_owned(), self);
        service.endpoints().set_pre_tls_callback(connections);
        match tls {
            Some(settings) => service.add_tls_with_settings(address, None, settings),
            None => service.add_tcp(address),
        }
        service
    }

    /// Requests of one HTTP/1 connection, one after the other.
    async fn serve_http1(&self, connection: Stream, shutdown: &ShutdownWatch) {
        let app = &self.bounded.app;
        let watched = Watched::http1(connection, self.terms.clone());
        let mut session = ServerSession::new_http1(Box::new(watched));
        // 0 is "no time-out of pingora's own": between requests the guard's holds, which also ends what trickles
        session.set_keepalive(if *shutdown.borrow() { None } else { Some(0) });
        session
            .set_keepalive_reuses_remaining(app.server_options().and_then(|options| options.keepalive_request_limit));

        let mut handed_back = request::serve(app.process_new_http(session, shutdown)).await;
        while let Some((connection, settings)) = handed_back.map(ReusedHttpStream::consume) {
            let Ok(mut watched) = connection.into_any().downcast::<Watched>() else {
                return; // an application that swaps the stream loses the guard, so it loses the connection
            };
            watched.expect_head();
            let mut session = ServerSession::new_http1(watched);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
            handed_back = request::serve(app.process_new_http(session, shutdown)).await;
        }
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> ServerApp for Guarded<A> {
    async fn process_new(self: &Arc<Self>, connection: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        // a TLS connection was admitted before its handshake, and counts until its socket is dropped
        let admitted = match connection.get_ssl_digest() {
            Some(_) => None,
            None => Some(self.connections.admit()?),
        };
        if matches!(connection.selected_alpn_proto(), Some(ALPN::H2)) {
            let watched = Watched::http2(connection, self.terms.clone());
            self.bounded.process_new(Box::new(watched), shutdown).await;
        } else {
            self.serve_http1(connection, shutdown).await;
        }
        drop(admitted);
        None
    }

    async fn cleanup(&self) {
        self.bounded.app.http_cleanup().await;
    }
}

/// The application with the HTTP/2 bounds that pingora leaves open; what it sets itself for HTTP/2 is overruled.
struct Bounded<A> {
    app: Arc<A>,
    server_options: HttpServerOptions,
    h2_options: H2Options,
}

impl<A> Bounded<A> {
    fn new(app: Arc<A>, limits: Limits) -> Self {
        let mut server_options = HttpServerOptions::default();
        server_options.h2_idle_timeout = Some(limits.idle);
        let mut h2_options = default_h2_options();
        h2_options.max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
        Bounded { app, server_options, h2_options }
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> HttpServerApp for Bounded<A> {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.app.process_new_http(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        Some(self.h2_options.clone())
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.server_options)
    }
}
