//! The cost of a session that several gates share: finding one that was asked about a moment ago,
//! asking the store about one, writing a log-in down.
//!
//! A real server on loopback (`redis-server`, or the one that `STORE_SERVER` names), once as it
//! comes with an append-only file and once waiting for the disk with every change.
//! Beside each question stands a bare PING over the same client: what the way there and back costs
//! by itself.
//! The gate's own parts run on one thread, as a request does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench stops at the first surprise, and prints"
)]

use std::future::Future;
use std::hint::black_box;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vneid_gate::config::settings::{OnStoreLoss, Redis};
use vneid_gate::identity::SessionFound;
use vneid_gate::identity::flow::FlowStamp;
use vneid_gate::identity::{Account, Facts, Level, Login, SessionKey};
use vneid_gate::state::keyed::Keyed;
use vneid_gate::state::ledger::{Birth, Outcome, Proof, Shared, Start, Terms};
use vneid_gate::state::store::follow::Follows;
use vneid_gate::state::store::remote::Remote;
use vneid_gate::telemetry::Telemetry;

const SESSIONS: usize = 50_000;
const QUESTIONS: usize = 20_000;
const LOG_INS: usize = 4_000;
const FLOWS: [FlowStamp; 1] = [FlowStamp(7)];
const TERMS: Terms<'static> = Terms { idle_s: 1_800, lifetime_s: 43_200, flows: &FLOWS };

fn main() {
    for fsync in ["everysec", "always"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), fsync);
        println!("{}, appendfsync {fsync}, {SESSIONS} sessions", server.version);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(measure(&server));
    }
}

async fn measure(server: &Server) {
    let keyed = Keyed::new(b"a synthetic secret of thirty-two b");
    let ledger = Arc::new(open(server, &keyed));
    let keys: Vec<SessionKey> =
        (0..SESSIONS).map(|n| keyed.session("portal", "cookie", format!("{n:016x}").as_bytes())).collect();
    let bind = |key| {
        let ledger = ledger.clone();
        async move { assert_eq!(ledger.bind(key, birth(), Proof::default()).await, Ok(Outcome::Bound)) }
    };
    each(&keys, 64, bind).await;

    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let ping = |_| {
        let mut connection = connection.clone();
        async move { redis::cmd("PING").query_async::<()>(&mut connection).await.unwrap() }
    };
    let ask = |key| {
        let ledger = ledger.clone();
        async move {
            let fetched = ledger.fetch(key).await;
            assert!(matches!(ledger.judge_fetched(&fetched, key, TERMS, 1_001), SessionFound::Bound(..)));
        }
    };
    let log_in = |key| {
        let ledger = ledger.clone();
        async move {
            let last = ledger.depart(key).await.unwrap();
            let proof = Proof { departure: Some(&last), login: None };
            assert_eq!(ledger.bind(key, birth(), proof).await, Ok(Outcome::Bound));
        }
    };
    fresh(&ledger, &keys).await;
    for at_once in [1, 16] {
        told(&format!("PING, {at_once} at once"), each(&scattered(&keys, QUESTIONS), at_once, ping).await);
        told(&format!("look-up that asks, {at_once} at once"), each(&scattered(&keys, QUESTIONS), at_once, ask).await);
        told(&format!("a log-in, {at_once} at once"), each(&scattered(&keys, LOG_INS), at_once, log_in).await);
    }
}

/// Look-ups of what was asked about a moment ago. Each piece is asked about and looked up before it is stale.
async fn fresh(ledger: &Shared, keys: &[SessionKey]) {
    let clock = median((0..10_000).map(|_| Instant::now().elapsed()).collect());
    let mut taken = Vec::new();
    for some in keys.chunks(100).take(QUESTIONS / 100) {
        for key in some {
            let _ = ledger.fetch(*key).await;
        }
        for key in some {
            let began = Instant::now();
            let found = black_box(ledger.look_up(*key, TERMS, 1_001));
            taken.push(began.elapsed().saturating_sub(clock));
            assert!(matches!(found, SessionFound::Bound(..)));
        }
    }
    told("look-up of one asked about a moment ago", taken);
}

/// Times one piece of work for each key, so many at a time.
async fn each<F>(keys: &[SessionKey], at_once: usize, work: impl Fn(SessionKey) -> F) -> Vec<Duration>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut taken = Vec::with_capacity(keys.len());
    for some in keys.chunks(at_once) {
        let mut all = tokio::task::JoinSet::new();
        for key in some {
            let work = work(*key);
            all.spawn(async move {
                let began = Instant::now();
                work.await;
                began.elapsed()
            });
        }
        taken.extend(all.join_all().await);
    }
    taken
}

/// In an order that no cache guesses.
fn scattered(keys: &[SessionKey], count: usize) -> Vec<SessionKey> {
    (0..count).map(|n| keys[(n * 30_011) % keys.len()]).collect()
}

fn told(what: &str, mut taken: Vec<Duration>) {
    taken.sort();
    let share = |of: f64| taken[(taken.len() as f64 * of) as usize].as_secs_f64() * 1e6;
    println!("  {what:<48} {:>9.1} µs median {:>9.1} p99", share(0.5), share(0.99));
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn birth() -> Birth {
    let level = Level::new(2).unwrap();
    let subject = Some("079203001234".into());
    let facts = Facts { account: Account::Citizen, login: Login::Vneid, level, subject };
    Birth { facts, flow: FlowStamp(7), start: Start::Clean, idle_s: 1_800, lifetime_s: 43_200, at_s: 1_000 }
}

/// Nothing is taken away while this runs.
struct Nobody;

impl Follows for Nobody {
    fn begins(&self) {}
    fn take(&self, _fields: &[Vec<u8>]) {}
    fn knew_all(&self, _at: Instant) {}
    fn missed(&self) -> Vec<Vec<Vec<u8>>> {
        Vec::new()
    }
    fn keep_s(&self) -> i64 {
        1
    }
}

fn open(server: &Server, keyed: &Keyed) -> Shared {
    let settings = Redis {
        url: server.url(),
        username: None,
        password: None,
        ca_file: None,
        timeout: Duration::from_secs(5),
        prefix: "bench:".to_owned(),
        on_loss: OnStoreLoss::Refuse,
    };
    let meters = Telemetry::new().unwrap().metrics.store;
    let remote = Remote::new(&settings, keyed, meters, "revocations", Arc::new(Nobody)).unwrap();
    Shared::new(Arc::new(remote), Arc::new(keyed.seal().unwrap()), SessionFound::Unavailable)
}

/// A store of its own; it goes down when dropped.
struct Server {
    process: Child,
    port: u16,
    version: String,
}

impl Server {
    fn start(folder: &Path, fsync: &str) -> Server {
        let program = std::env::var("STORE_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let version = Command::new(&program).arg("--version").output().expect("the store's server is installed").stdout;
        let version = String::from_utf8_lossy(&version).split(" sha=").next().unwrap().to_owned();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", fsync]);
        command.args(["--port", &port.to_string(), "--dir"]).arg(folder).stdout(Stdio::null());
        let server = Server { process: command.spawn().unwrap(), port, version };
        let deadline = Instant::now() + Duration::from_secs(20);
        while redis::Client::open(server.url()).unwrap().get_connection().is_err() {
            assert!(Instant::now() < deadline, "the store does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
