//! Listeners with their certificates, which can be renewed while they are open.

use super::tls::{Certificate, Certificates, TlsError};
use crate::config::settings::{Listener, Settings};
use crate::telemetry::Telemetry;
use std::net::SocketAddr;
use std::sync::Arc;

/// The certificates of every TLS listener.
pub struct Tls(Vec<(SocketAddr, Arc<Certificates>)>);

impl Tls {
    /// Reads all certificates; the first that cannot be used ends it.
    pub fn new(settings: &Settings, telemetry: &Telemetry) -> Result<Self, TlsError> {
        let listeners = settings.listeners.iter().filter(|l| !l.tls.is_empty());
        let all = listeners
            .map(|l| Ok((l.address, Arc::new(Certificates::new(read(l, telemetry)?, true)))))
            .collect::<Result<_, TlsError>>()?;
        Ok(Tls(all))
    }

    pub fn of(&self, address: SocketAddr) -> Option<Arc<Certificates>> {
        self.0.iter().find(|(a, _)| *a == address).map(|(_, c)| c.clone())
    }

    /// Takes renewed certificates over, all or none.
    pub fn replace(&self, settings: &Settings, telemetry: &Telemetry) -> Result<(), TlsError> {
        let mut renewed = Vec::new();
        for listener in settings.listeners.iter().filter(|l| !l.tls.is_empty()) {
            if let Some(current) = self.of(listener.address) {
                renewed.push((current, read(listener, telemetry)?));
            }
        }
        renewed.into_iter().for_each(|(current, new)| current.replace(new));
        Ok(())
    }
}

fn read(listener: &Listener, telemetry: &Telemetry) -> Result<Vec<Certificate>, TlsError> {
    listener
        .tls
        .iter()
        .map(|files| {
            let certificate = Certificate::read(&files.certificate, &files.key)?;
            for warning in certificate.warnings(jiff::Timestamp::now().as_second()) {
                log::warn!("{warning}");
            }
            let name = files.certificate.display().to_string();
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for millions of years")]
            telemetry
                .metrics
                .certificate_not_after
                .with_label_values(&[name.as_str()])
                .set(certificate.not_after as f64);
            Ok(certificate)
        })
        .collect()
}
