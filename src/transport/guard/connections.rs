//! The count of a listener's connections, and its limit.
//!
//! A connection counts from the moment it is accepted. Behind TLS that is before the handshake, so that clients
//! which never finish one count too; there the admission travels on the socket and ends when it is dropped.

use async_trait::async_trait;
use pingora::listeners::PreTlsProcess;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::upstreams::peer::{Tracer, Tracing};
use pingora::{Error, ErrorType};
use prometheus::{IntCounter, IntGauge};
use std::sync::Arc;

/// The connections of one listener.
#[derive(Debug)]
pub struct Connections {
    max: i64,
    open: IntGauge,
    refused: IntCounter,
}

impl Connections {
    pub fn new(max: usize, open: IntGauge, refused: IntCounter) -> Self {
        Connections { max: i64::try_from(max).unwrap_or(i64::MAX), open, refused }
    }

    /// Counts one more connection until the answer is dropped; `None`, counted, when there are too many.
    pub fn admit(&self) -> Option<Admitted> {
        self.open.inc();
        let admitted = Admitted(self.open.clone());
        if self.open.get() > self.max {
            self.refused.inc();
            return None;
        }
        Some(admitted)
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Admitted(IntGauge);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[async_trait]
impl PreTlsProcess for Connections {
    async fn process(&self, socket: &mut Socket) -> pingora::Result<()> {
        match self.admit() {
            Some(admitted) => {
                socket.tracer = Some(Tracer(Box::new(OnSocket(Arc::new(admitted)))));
                Ok(())
            }
            None => Error::e_explain(ErrorType::AcceptError, "too many connections"),
        }
    }
}

/// An admission that lives as long as the socket: pingora keeps a socket's tracer with it.
#[derive(Clone, Debug)]
struct OnSocket(#[allow(dead_code, reason = "held for its drop")] Arc<Admitted>);

impl Tracing for OnSocket {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {}

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(self.clone())
    }
}
