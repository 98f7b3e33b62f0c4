//! The moment when every listener accepts connections, and what is called then.

use super::reachable::reachable;
use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// What must be open before the gate is ready.
pub(super) struct Opening {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) listening: Arc<AtomicBool>,
}

/// Knocks at every listener until all accept: pingora does not tell when it has bound them.
pub(super) struct Announce<F> {
    pub(super) opening: Opening,
    pub(super) on_open: F,
}

#[async_trait]
impl<F: Fn() + Send + Sync + 'static> BackgroundService for Announce<F> {
    async fn start(&self, shutdown: ShutdownWatch) {
        for address in &self.opening.addresses {
            while TcpStream::connect(reachable(*address)).await.is_err() && !*shutdown.borrow() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self.opening.listening.store(true, Ordering::Release);
        log::info!("every listener accepts connections");
        (self.on_open)();
    }
}
