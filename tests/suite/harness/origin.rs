//! The portal's server, which records what reached it byte for byte.
//!
//! A server that records every request from its head on, before anything is answered, and answers as a test has
//! scripted it. A request that must be refused is proved refused here: [`Origin::expect_untouched`].

use super::reply::{Manner, Reply};
use super::wire::{Head, Reader, latin1};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

type Script = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub head: Head,
    /// Decoded when it came in chunks.
    pub body: Vec<u8>,
    /// Whether the body arrived to its end.
    pub complete: bool,
    /// Counts the connections of this origin from 1.
    pub connection: usize,
}

impl Received {
    pub(crate) fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap_or_default()
    }
    /// The request target as it stands on the wire.
    pub(crate) fn target(&self) -> &str {
        let line = &self.head.start;
        let inner = line.split_once(' ').map_or("", |(_, rest)| rest);
        inner.rsplit_once(' ').map_or(inner, |(target, _)| target)
    }
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.head.values(name)
    }
    /// The value of a cookie, the first one of that name.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let all = self.values("cookie").join("; ");
        all.split("; ").filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v.to_owned())
    }
    /// Account, login and level as the gate vouched for them, `citizen/vneid/2`.
    pub(crate) fn vouched(&self) -> String {
        ["x-gate-account", "x-gate-login", "x-gate-level"].map(|name| self.values(name).join(",")).join("/")
    }
}

struct Shared {
    requests: Mutex<Vec<Received>>,
    arrived: Condvar,
    script: Mutex<Script>,
    streams: Mutex<Vec<TcpStream>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

/// A running origin; it goes down when dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Origin {
    /// Answers everything with 200.
    pub(crate) fn start() -> Origin {
        Origin::answering(|_| Reply::ok("from the origin"))
    }

    pub(crate) fn answering(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Origin {
        Origin::at("127.0.0.1:0", script)
    }

    /// Listens at a given address, for an origin that comes up late or comes back.
    pub(crate) fn at(address: &str, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Origin {
        let listener = TcpListener::bind(address).expect("an address for the origin");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            arrived: Condvar::new(),
            script: Mutex::new(Arc::new(script)),
            streams: Mutex::default(),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &served));
        Origin { address, shared }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Replaces the script.
    pub(crate) fn answer(&self, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// Everything that arrived since the start or the last [`Origin::take`].
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Everything that arrived, and forgets it. Only between requests: a body on its way is lost.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }

    /// The one request that arrived, and forgets it.
    #[track_caller]
    pub(crate) fn only(&self) -> Received {
        let mut all = self.take();
        assert!(all.len() == 1, "one request was to arrive, not {}: {:?}", all.len(), starts(&all));
        all.remove(0)
    }

    /// Fails if anything arrived.
    #[track_caller]
    pub(crate) fn expect_untouched(&self) {
        let all = self.requests();
        assert!(all.is_empty(), "nothing was to arrive, but: {:?}", starts(&all));
    }

    /// Waits until this many requests have arrived in full.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Received> {
        let requests = self.shared.requests.lock().unwrap();
        let missing = |all: &mut Vec<Received>| all.iter().filter(|r| r.complete).count() < count;
        let (requests, result) = self.shared.arrived.wait_timeout_while(requests, super::PATIENCE, missing).unwrap();
        assert!(!result.timed_out(), "{count} requests were to arrive, but only: {:?}", starts(&requests));
        requests.clone()
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn starts(all: &[Received]) -> Vec<&str> {
    all.iter().map(|request| request.head.start.as_str()).collect()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        shared.streams.lock().unwrap().push(stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let mut reader = Reader::new(stream);
            while matches!(serve(&mut reader, connection, &shared), Ok(true)) {}
            let _ = reader.stream.shutdown(Shutdown::Both);
        });
    }
}

/// Serves one request; `false` when the connection is to end.
fn serve(reader: &mut Reader, connection: usize, shared: &Shared) -> std::io::Result<bool> {
    let Some(head) = reader.head()? else {
        if !reader.ahead().is_empty() {
            let head = Head { start: latin1(reader.ahead()), fields: Vec::new(), raw: reader.ahead().to_vec() };
            shared.requests.lock().unwrap().push(Received { head, body: Vec::new(), complete: false, connection });
        }
        return Ok(false);
    };
    let length = head.request_body();
    let mut request = Received { head, body: Vec::new(), complete: false, connection };
    shared.requests.lock().unwrap().push(request.clone());
    let (body, complete) = reader.body(length)?;
    (request.body, request.complete) = (body, complete);
    note_body(shared, &request);
    if !complete {
        return Ok(false);
    }
    let script = Arc::clone(&shared.script.lock().unwrap());
    bring(&script(&request), &request, reader)
}

fn note_body(shared: &Shared, request: &Received) {
    let mut requests = shared.requests.lock().unwrap();
    let same = |r: &&mut Received| r.connection == request.connection && r.head.raw == request.head.raw && !r.complete;
    if let Some(noted) = requests.iter_mut().find(same) {
        *noted = request.clone();
    }
    shared.arrived.notify_all();
}

fn bring(reply: &Reply, request: &Received, reader: &mut Reader) -> std::io::Result<bool> {
    if let Some(latch) = &reply.latch {
        latch.wait();
    }
    match &reply.manner {
        Manner::Plain => reader.stream.write_all(&reply.bytes(request.method() == "HEAD"))?,
        Manner::Raw(bytes) => {
            reader.stream.write_all(bytes)?;
            return Ok(false);
        }
        Manner::HangUp => return Ok(false),
        Manner::Silent => {
            while reader.more()? > 0 {}
            return Ok(false);
        }
        Manner::Echo => {
            reader.stream.write_all(&reply.bytes(false))?;
            loop {
                let seen = reader.ahead().len();
                if seen == 0 && reader.more()? == 0 {
                    return Ok(false);
                }
                let bytes = reader.drain();
                reader.stream.write_all(&bytes)?;
            }
        }
    }
    Ok(true)
}
