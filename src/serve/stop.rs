//! The graceful stop: which signals ask for it, and the end of the process once the running requests are done.

use crate::state::State;
use crate::telemetry::{Telemetry, audit};
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::BackgroundService;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// SIGTERM, SIGINT and SIGQUIT all stop gracefully. pingora would cut running requests at SIGINT, and at SIGQUIT hand
/// the listeners to whoever waits on a socket in the folder for temporary files.
pub(super) struct Signals;

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let heard = |kind| async move {
            match signal(kind) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(error) => {
                    log::error!("a signal cannot be heard: {error}");
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = heard(SignalKind::terminate()) => {}
            () = heard(SignalKind::interrupt()) => {}
            () = heard(SignalKind::quit()) => {}
        }
        ShutdownSignal::GracefulTerminate
    }
}

/// Ends the process as soon as the running requests are done, instead of at the end of the grace period.
pub(super) struct Stopper<F> {
    pub(super) state: Arc<State>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) last_lines: audit::Writer,
    pub(super) on_close: F,
}

#[async_trait]
impl<F: Fn() + Send + Sync + 'static> BackgroundService for Stopper<F> {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        if shutdown.changed().await.is_err() {
            return;
        }
        log::info!("stopping: no new connections, running requests may end");
        loop {
            // First a moment for connections that were accepted but not yet read.
            tokio::time::sleep(Duration::from_millis(200)).await;
            if self.telemetry.metrics.in_flight() == 0 {
                self.last_lines.finish();
                self.state.ledger.close();
                (self.on_close)();
                log::info!("stopped");
                std::process::exit(0);
            }
        }
    }
}
