//! A stream that puts deadlines on reads which another crate performs.
//!
//! [`Watched`] wraps a connection and fails a read when its time or its bytes are used up. It is told where a head
//! starts and finds where it ends; between an end and the next start it passes everything through untouched. What is
//! written before the application has begun a request is pingora's refusal of the head (`guard::refusal`).
//!
//! Cost: one timer for each connection, made once and polled only when a head is awaited and no byte is there. It
//! is set again when it fires too early for the phase reached meanwhile, or when a deadline moves closer; a request
//! whose head comes in one read never touches it.

use super::Terms;
use super::head::Head;
use super::refusal::{Cause, KEPT_BYTES_MAX, Refused};
use super::request::request_has_begun;
use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};

/// RFC 9113 section 3.4.
const PREFACE_BYTES: usize = 24;

/// A connection under guard.
pub(super) struct Watched {
    inner: Stream,
    phase: Phase,
    /// End of the present phase; measured when the first read of the phase finds no byte.
    deadline: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    terms: Arc<Terms>,
    /// The head under way, or its beginning.
    kept: Vec<u8>,
    /// What pingora made of the head, if it refused it.
    refused: Option<Cause>,
}

#[derive(Debug)]
enum Phase {
    /// A head is awaited or under way; `reused` when a request came before it.
    Head { head: Head, reused: bool },
    /// The head is whole; whether a request begins with it, pingora says next.
    Whole,
    /// So many bytes of the HTTP/2 preface are missing.
    Preface { missing: usize },
    /// Everything passes.
    Open,
    /// Nothing is read any more, and nothing of pingora's is written.
    Cut,
}

impl Watched {
    pub(super) fn http1(inner: Stream, terms: Arc<Terms>) -> Self {
        Self::new(inner, Phase::Head { head: Head::default(), reused: false }, terms)
    }

    pub(super) fn http2(inner: Stream, terms: Arc<Terms>) -> Self {
        Self::new(inner, Phase::Preface { missing: PREFACE_BYTES }, terms)
    }

    fn new(inner: Stream, phase: Phase, terms: Arc<Terms>) -> Self {
        let timer = Box::pin(tokio::time::sleep(terms.limits.head));
        Watched { inner, phase, deadline: None, timer, terms, kept: Vec::new(), refused: None }
    }

    /// The last request is finished: what is read next is a new head.
    pub(super) fn expect_head(&mut self) {
        self.kept.clear();
        self.enter(Phase::Head { head: Head::default(), reused: true });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.deadline = None;
    }

    /// No request has begun, and one came before.
    fn is_idle(&self) -> bool {
        matches!(&self.phase, Phase::Head { head, reused: true } if head.bytes() == 0)
    }

    fn time_allowed(&self) -> Duration {
        if self.is_idle() { self.terms.limits.idle } else { self.terms.limits.head }
    }

    /// Follows what was read.
    fn note(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> io::Result<()> {
        let was_idle = self.is_idle();
        let next = match &mut self.phase {
            Phase::Head { head, .. } => {
                let room = KEPT_BYTES_MAX.saturating_sub(self.kept.len()).min(bytes.len());
                self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
                let ended = head.feed(bytes);
                if head.bytes() > self.terms.limits.head_bytes_max {
                    self.terms.meters.long_heads.inc();
                    return Err(self.cut(cx, Some(Cause::Long), io::ErrorKind::InvalidData, "request head too long"));
                }
                if head.is_ambiguous() {
                    let why = "ambiguous request line";
                    return Err(self.cut(cx, Some(Cause::Malformed), io::ErrorKind::InvalidData, why));
                }
                if ended { Some(Phase::Whole) } else { None }
            }
            Phase::Preface { missing } => {
                *missing = missing.saturating_sub(bytes.len());
                if *missing == 0 { Some(Phase::Open) } else { None }
            }
            Phase::Whole | Phase::Open | Phase::Cut => return Ok(()),
        };
        if let Some(next) = next {
            self.enter(next);
        } else if was_idle && !bytes.is_empty() {
            self.deadline = None; // from waiting for a head to reading one
        }
        Ok(())
    }

    /// Pending, or the error that ends the connection.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let allowed = self.time_allowed();
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + allowed);
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= deadline {
                break;
            }
            self.timer.as_mut().reset(deadline);
        }
        if self.is_idle() {
            return Poll::Ready(Err(self.cut(cx, None, io::ErrorKind::TimedOut, "idle between requests for too long")));
        }
        self.terms.meters.slow_heads.inc();
        // an answer nobody asked for would be read as the answer to a later request
        let asked = matches!(&self.phase, Phase::Head { head, .. } if head.bytes() > 0);
        Poll::Ready(Err(self.cut(
            cx,
            asked.then_some(Cause::Slow),
            io::ErrorKind::TimedOut,
            "request head took too long",
        )))
    }

    /// Ends the reading.
    fn cut(&mut self, cx: &mut Context<'_>, cause: Option<Cause>, kind: io::ErrorKind, why: &'static str) -> io::Error {
        self.enter(Phase::Cut);
        if let Some(cause) = cause {
            self.answer(cx, cause);
        }
        io::Error::new(kind, why)
    }

    /// The answer is tried once: a client that does not take it gets none.
    fn answer(&mut self, cx: &mut Context<'_>, cause: Cause) {
        let client = self.inner.get_socket_digest().and_then(|digest| digest.peer_addr()?.as_inet().copied());
        let answer = self.terms.refuse.refuse(&Refused { cause, head: &self.kept, client });
        let mut rest = answer.as_slice();
        while let Poll::Ready(Ok(written @ 1..)) = Pin::new(&mut self.inner).poll_write(cx, rest) {
            rest = rest.get(written..).unwrap_or_default();
        }
        let _ = Pin::new(&mut self.inner).poll_flush(cx);
    }

    /// Whether what is written now is an answer to a request. What is not is kept from the client.
    fn answers_a_request(&mut self, written: &[u8]) -> bool {
        match self.phase {
            Phase::Open | Phase::Preface { .. } => true,
            Phase::Head { .. } | Phase::Whole if request_has_begun() => {
                self.enter(Phase::Open);
                true
            }
            Phase::Head { .. } | Phase::Whole => {
                self.refused.get_or_insert(Cause::of(written));
                false
            }
            Phase::Cut => false,
        }
    }

    /// What pingora made of a head that began no request.
    fn verdict(&self) -> Option<Cause> {
        let unsaid = matches!(self.phase, Phase::Whole) && !request_has_begun();
        self.refused.or(unsaid.then_some(Cause::Malformed)).filter(|_| !matches!(self.phase, Phase::Cut))
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        match me.phase {
            Phase::Open | Phase::Whole => return Pin::new(&mut me.inner).poll_read(cx, buf),
            Phase::Cut => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Phase::Head { .. } | Phase::Preface { .. } => {}
        }
        let filled = buf.filled().len();
        match Pin::new(&mut me.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => Poll::Ready(me.note(buf.filled().get(filled..).unwrap_or_default(), cx)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => me.poll_deadline(cx),
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if !me.answers_a_request(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut me.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if let Some(cause) = me.verdict() {
            me.enter(Phase::Cut);
            me.answer(cx, cause);
        }
        Pin::new(&mut me.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if !me.answers_a_request(bufs.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut me.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Watched {
    async fn shutdown(&mut self) {
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

#[async_trait]
impl Peek for Watched {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buf).await
    }
}

impl UniqueID for Watched {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Watched {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watched {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for Watched {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.inner.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Watched {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("phase", &self.phase).finish_non_exhaustive()
    }
}
