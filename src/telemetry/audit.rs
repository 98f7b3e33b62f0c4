//! The audit trail: lines are collected in memory and written by one background writer.
//!
//! A request never waits for the disk. When the writer cannot keep up, whole lines are dropped and counted; a line is
//! never cut. Lines reach the file within a tenth of a second, and at a graceful stop before the process ends.

use crate::config::settings::Audit as Settings;
use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use prometheus::IntCounter;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

const BUFFER_MAX: usize = 16 << 20;
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// A full disk is told about so often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// So much is written at once under load: little enough to stay in the processor's cache until it is.
const FLUSH_AT: usize = 64 << 10;

/// Where requests leave their lines.
#[derive(Clone, Debug, Default)]
pub struct Audit(Arc<Lines>);

#[derive(Debug, Default)]
struct Lines {
    buffer: Mutex<Vec<u8>>,
    /// Told when the buffer passes [`FLUSH_AT`].
    many: Notify,
}

impl Audit {
    /// Takes one line without its newline.
    pub fn push(&self, line: &[u8], dropped: &IntCounter) {
        let mut buffer = self.0.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = buffer.len();
        if before + line.len() >= BUFFER_MAX {
            dropped.inc();
            return;
        }
        buffer.extend_from_slice(line);
        buffer.push(b'\n');
        if before < FLUSH_AT && buffer.len() >= FLUSH_AT {
            self.0.many.notify_one();
        }
    }

    /// Takes what is there into `lines`, and leaves their room for what comes.
    fn take(&self, lines: &mut Vec<u8>) {
        lines.clear();
        lines.shrink_to(2 * FLUSH_AT);
        std::mem::swap(&mut *self.0.buffer.lock().unwrap_or_else(PoisonError::into_inner), lines);
    }
}

/// Writes what requests left, until the process ends.
pub struct Writer {
    audit: Audit,
    to: Settings,
    dropped: IntCounter,
    told: Mutex<Option<Instant>>,
    torn: AtomicBool,
}

impl Writer {
    /// `dropped` counts the lines lost when the disk does not take them.
    pub fn new(audit: Audit, to: Settings, dropped: IntCounter) -> Self {
        Writer { audit, to, dropped, told: Mutex::new(None), torn: AtomicBool::new(false) }
    }

    /// Writes what is there now, at the end of the process.
    pub fn finish(&self) {
        self.flush(&mut None, &mut Vec::new());
    }

    fn flush(&self, file: &mut Option<Open>, lines: &mut Vec<u8>) {
        self.audit.take(lines);
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.write(file, lines) {
            let lost = lines.iter().filter(|b| **b == b'\n').count() as u64;
            self.dropped.inc_by(lost);
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.is_none_or(|at| at.elapsed() > TELL_EVERY) {
                log::error!("audit: lines are lost, and counted in audit_dropped_total: {error}");
                *told = Some(Instant::now());
            }
            *file = None;
            self.torn.store(true, Ordering::Relaxed);
        }
    }

    fn write(&self, file: &mut Option<Open>, lines: &[u8]) -> std::io::Result<()> {
        match &self.to {
            Settings::Stdout => std::io::stdout().lock().write_all(lines),
            Settings::File(path) => {
                if file.as_ref().is_none_or(Open::moved) {
                    *file = Some(Open::at(path)?);
                }
                let Some(open) = file.as_mut() else { return Ok(()) };
                // The last write may have ended in the middle of a line.
                if self.torn.swap(false, Ordering::Relaxed) {
                    open.file.write_all(b"\n")?;
                }
                open.file.write_all(lines)
            }
        }
    }
}

#[async_trait]
impl BackgroundService for Writer {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let (mut file, mut lines) = (None, Vec::new());
        let mut stopping = false;
        loop {
            tokio::select! {
                _ = shutdown.changed(), if !stopping => stopping = true,
                () = self.audit.0.many.notified() => {}
                () = tokio::time::sleep(FLUSH_EVERY) => {}
            }
            self.flush(&mut file, &mut lines);
        }
    }
}

/// The file in use. Log rotation moves it away; the next write then opens a new one.
struct Open {
    path: PathBuf,
    file: std::fs::File,
    inode: (u64, u64),
}

impl Open {
    fn at(path: &PathBuf) -> std::io::Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
        let meta = file.metadata()?;
        Ok(Open { path: path.clone(), file, inode: (meta.dev(), meta.ino()) })
    }

    fn moved(&self) -> bool {
        std::fs::metadata(&self.path).map(|m| (m.dev(), m.ino()) != self.inode).unwrap_or(true)
    }
}

/// Whether the file can be written at all; asked once at start.
pub fn check(to: &Settings) -> std::io::Result<()> {
    match to {
        Settings::Stdout => Ok(()),
        Settings::File(path) => Open::at(path).map(|_| ()),
    }
}
