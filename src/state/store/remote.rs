//! The connection to Redis or Valkey: one, shared by all requests, kept by a thread of its own.
//!
//! A request never connects and never waits for a connection: it finds one, or is told at once that the store is lost.
//! Whatever goes wrong on the way (no answer in time, a refusal to write, a broken connection) ends the connection;
//! the thread then makes a new one, and proves that it takes writes, before anybody is given it.

use super::follow::{Following, Follows};
use super::{Meters, no_answer};
use crate::config::settings::Redis;
use crate::state::keyed::{Keyed, hex};
use crate::state::ledger::StoreLost;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, RedisError, ScriptInvocation};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;

/// A connection that nobody uses is asked this often whether it still answers; one that is lost, whether it is back.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why a shared store cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("the address cannot be used")]
    Address(#[from] RedisError),
    #[error("cannot read `{path}`")]
    Authorities { path: String, source: std::io::Error },
    #[error("the thread that keeps the connection cannot be started")]
    Thread(#[source] std::io::Error),
}

#[derive(Debug)]
pub struct Remote {
    shared: Arc<Shared>,
    prefix: String,
    timeout: Duration,
}

struct Shared {
    connection: Mutex<Option<MultiplexedConnection>>,
    /// As it is told: `None` while the store answers.
    trouble: Mutex<Option<String>>,
    /// Something went wrong: look now.
    wrong: Notify,
    closed: AtomicBool,
    reported_full: Mutex<Option<Instant>>,
    meters: Meters,
}

/// How often it is logged that the store is full.
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({:?})", lock(&self.trouble))
    }
}

impl Remote {
    /// Waits a moment for the first connection; a store that is away does not keep the gate from starting.
    pub fn new(
        settings: &Redis,
        keyed: &Keyed,
        meters: Meters,
        stream: &str,
        follower: Arc<dyn Follows>,
    ) -> Result<Self, RemoteError> {
        let shared = Arc::new(Shared {
            connection: Mutex::new(None),
            trouble: Mutex::new(Some("not connected yet".to_owned())),
            wrong: Notify::new(),
            closed: AtomicBool::new(false),
            reported_full: Mutex::default(),
            meters,
        });
        let keeper = Keeper {
            client: client(settings)?,
            shared: shared.clone(),
            timeout: settings.timeout,
            secret_key: format!("{}secret", settings.prefix),
            secret: hex(&keyed.store_id()),
            stream: Following::new(key(&settings.prefix, stream, b""), follower, settings.timeout),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RemoteError::Thread)?;
        let thread = std::thread::Builder::new().name("store".into());
        thread.spawn(move || runtime.block_on(keeper.keep())).map_err(RemoteError::Thread)?;
        let deadline = Instant::now() + settings.timeout;
        while lock(&shared.connection).is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Remote { shared, prefix: settings.prefix.clone(), timeout: settings.timeout })
    }

    /// A key of this gate's: what kind, and whose.
    pub fn key(&self, kind: &str, of: &[u8]) -> Vec<u8> {
        key(&self.prefix, kind, of)
    }

    /// Runs a script; each is one step to everybody else.
    pub async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreLost> {
        let Some(mut connection) = lock(&self.shared.connection).clone() else { return Err(StoreLost) };
        let began = Instant::now();
        let answer = timeout(self.timeout, script.invoke_async(&mut connection)).await;
        self.shared.meters.seconds.observe(began.elapsed().as_secs_f64());
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if error.code() == Some("OOM") => Err(self.shared.is_full()),
            Ok(Err(error)) => Err(self.shared.went_wrong(&error.to_string())),
            Err(_) => Err(self.shared.went_wrong(&no_answer(self.timeout))),
        }
    }

    pub fn trouble(&self) -> Option<String> {
        lock(&self.shared.trouble).clone()
    }

    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.shared.wrong.notify_one();
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn went_wrong(&self, why: &str) -> StoreLost {
        self.meters.errors.inc();
        *lock(&self.connection) = None;
        let before = lock(&self.trouble).replace(why.to_owned());
        if before.is_none() {
            log::error!("the store of sessions is lost: {why}");
            self.wrong.notify_one();
        }
        StoreLost
    }

    /// It takes no more and still answers: who is known stays in, and new log-ins are refused until there is room.
    fn is_full(&self) -> StoreLost {
        self.meters.errors.inc();
        let mut reported = lock(&self.reported_full);
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            *reported = Some(Instant::now());
            log::error!("the store of sessions is full (`maxmemory`): new log-ins are refused until it has room");
        }
        StoreLost
    }

    fn is_back(&self, connection: MultiplexedConnection) {
        *lock(&self.connection) = Some(connection);
        *lock(&self.trouble) = None;
        log::info!("the store of sessions answers");
    }
}

/// Makes connections, looks after the one in use, and follows the stream on it.
struct Keeper {
    client: Client,
    shared: Arc<Shared>,
    timeout: Duration,
    secret_key: String,
    secret: String,
    stream: Following,
}

impl Keeper {
    async fn keep(mut self) {
        while !self.shared.closed.load(Ordering::Relaxed) {
            let current = lock(&self.shared.connection).clone();
            match current {
                Some(mut connection) => {
                    if let Err(why) = self.stream.catch_up(&mut connection).await {
                        self.shared.went_wrong(&why);
                        continue;
                    }
                }
                None => match self.connect().await {
                    Ok(connection) => self.shared.is_back(connection),
                    Err(why) => {
                        self.shared.meters.errors.inc();
                        let before = lock(&self.shared.trouble).replace(why.clone());
                        if before.as_ref() != Some(&why) {
                            log::error!("the store of sessions is lost: {why}");
                        }
                    }
                },
            }
            // Until it is time, or a request met with trouble.
            let _ = timeout(LOOK_EVERY, self.shared.wrong.notified()).await;
        }
    }

    /// A connection that takes writes, to a store that belongs to this secret.
    async fn connect(&mut self) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let connecting = timeout(self.timeout * 2, self.client.get_multiplexed_async_connection_with_config(&config));
        let mut connection = match connecting.await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(no_answer(self.timeout)),
        };
        // Asked before it is written: a store that is full takes no writes and can be followed all the same.
        let mut ask = redis::cmd("GET");
        ask.arg(&self.secret_key);
        let mut answer = timeout(self.timeout, ask.query_async::<Option<String>>(&mut connection)).await;
        if matches!(answer, Ok(Ok(None))) {
            let mut write = redis::pipe();
            write.set_nx(&self.secret_key, &self.secret).ignore().get(&self.secret_key);
            let written = timeout(self.timeout, write.query_async::<(Option<String>,)>(&mut connection)).await;
            answer = written.map(|result| result.map(|(secret,)| secret));
        }
        match answer {
            Ok(Ok(Some(secret))) if secret == self.secret => {
                self.stream.begin();
                self.stream.catch_up(&mut connection).await?;
                self.warn_of_eviction(&mut connection).await;
                Ok(connection)
            }
            Ok(Ok(_)) => Err("it holds the sessions of a gate with another secret: give both the same, or this one \
                              another `prefix`"
                .to_owned()),
            other => Err(self.failure(other).unwrap_or_default()),
        }
    }

    /// A store that is full must refuse log-ins, not forget people. Where the question is forbidden nothing is said.
    async fn warn_of_eviction(&self, connection: &mut MultiplexedConnection) {
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET").arg("maxmemory-policy");
        let answer = timeout(self.timeout, ask.query_async::<Vec<String>>(connection)).await;
        let Ok(Ok(answer)) = answer else { return };
        if let Some(policy) = answer.get(1).filter(|policy| *policy != "noeviction") {
            log::warn!(
                "the store of sessions forgets what it chooses when it is full (`maxmemory-policy {policy}`): people \
                 would be logged out and revocations lost; set `noeviction`"
            );
        }
    }

    fn failure<T>(&self, answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>) -> Option<String> {
        match answer {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(no_answer(self.timeout)),
        }
    }
}

fn client(settings: &Redis) -> Result<Client, RemoteError> {
    let info = settings.url.as_str().into_connection_info()?;
    let mut account = info.redis_settings().clone();
    if let Some(username) = &settings.username {
        account = account.set_username(username);
    }
    if let Some(password) = &settings.password {
        account = account.set_password(String::from_utf8_lossy(&password.0));
    }
    let info = info.set_redis_settings(account);
    match &settings.ca_file {
        Some(path) => {
            let failed = |source| RemoteError::Authorities { path: path.display().to_string(), source };
            let authorities = std::fs::read(path).map_err(failed)?;
            let trusted = redis::TlsCertificates { client_tls: None, root_cert: Some(authorities) };
            Ok(Client::build_with_tls(info, trusted)?)
        }
        None => Ok(Client::open(info)?),
    }
}

fn key(prefix: &str, kind: &str, of: &[u8]) -> Vec<u8> {
    [prefix.as_bytes(), kind.as_bytes(), b":", of].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
