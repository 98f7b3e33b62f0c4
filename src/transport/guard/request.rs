//! The end of a request from outside: what the loop over a connection knows of the request that it serves.
//!
//! Whether it has begun, which only the application can tell, and whether somebody outside wants it to end. A tunnel
//! waits for its client, for its server, or for nothing but time, and pingora offers no handle on it. So the loop
//! waits for two things: for the application, and for a word from outside. At the word it drops what it serves where
//! it stands: the connections of both sides are closed with it, and neither is used again.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;

tokio::task_local! {
    /// The request on the HTTP/1 connection that this task serves.
    static UNDER_WAY: Request;
}

#[derive(Default)]
struct Request {
    began: Cell<bool>,
    /// The word to end, where the application has asked for it.
    word: RefCell<Option<oneshot::Receiver<()>>>,
}

/// Ends the request it was made for, from any thread and whatever that waits for. Dropped, it does nothing.
#[derive(Debug)]
pub struct Ender(oneshot::Sender<()>);

impl Ender {
    /// Closes the connections of both sides. What is on its way in either direction is lost.
    pub fn end(self) {
        // A request that has ended by itself does not listen any more.
        let _ = self.0.send(());
    }
}

/// To be called by the application where a request begins: what is written before is kept from the client.
pub fn request_began() {
    // Outside a guarded HTTP/1 connection nobody asks.
    let _ = UNDER_WAY.try_with(|request| request.began.set(true));
}

pub(super) fn request_has_begun() -> bool {
    UNDER_WAY.try_with(|request| request.began.get()).unwrap_or(false)
}

/// What ends the request that this task serves; only the last one made does.
/// `None` outside a guarded HTTP/1 connection: an HTTP/2 connection holds many requests, and no
/// tunnel.
pub fn ender() -> Option<Ender> {
    let (sender, word) = oneshot::channel();
    UNDER_WAY.try_with(|request| request.word.replace(Some(word))).ok()?;
    Some(Ender(sender))
}

/// Lets the application serve one request; `None` also when it was ended from outside.
pub(super) async fn serve<T>(serving: impl Future<Output = Option<T>>) -> Option<T> {
    let until_ended = async {
        tokio::select! {
            biased; // the application first: it makes the ender that is listened to next
            served = serving => served,
            () = poll_fn(poll_end) => None,
        }
    };
    UNDER_WAY.scope(Request::default(), until_ended).await
}

fn poll_end(cx: &mut Context<'_>) -> Poll<()> {
    UNDER_WAY.try_with(|request| request.poll_end(cx)).unwrap_or(Poll::Pending)
}

impl Request {
    fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut word = self.word.borrow_mut();
        let Some(listening) = word.as_mut() else { return Poll::Pending };
        if ready!(Pin::new(listening).poll(cx)).is_ok() {
            return Poll::Ready(());
        }
        *word = None; // nobody can say it any more
        Poll::Pending
    }
}
