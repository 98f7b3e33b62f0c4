//! Tunnels through a whole gate on real sockets, and people who are revoked while they are open.

use super::*;
use crate::authn::Authenticator;
use crate::config::{self, settings};
use crate::diagnostic::Source;
use crate::identity::{Account, Credential, Facts, Level, Login, SessionKey};
use crate::snapshot::{Live, Snapshot};
use crate::state::ledger::{Birth, Outcome, Proof, Start};
use crate::state::revocations::{WHENEVER, Whom};
use crate::telemetry::{Telemetry, audit};
use crate::transport::Running;
use crate::transport::guard::{Guarded, Limits, Meters};
use crate::transport::testing::{read_head, serve, until, within};
use jiff::Timestamp;
use pingora::apps::ServerApp;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use prometheus::{IntCounter, IntGauge};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Semaphore, watch};

const SWITCHES: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const NOW_S: i64 = 1_719_766_800;

/// What happens to whoever shows this evidence; everybody else is turned away.
fn policy(origin: SocketAddr, evidence: &str, then: &str) -> settings::Settings {
    let text = format!(
        r#"
        gate.name = "town"
        listener = [{{ address = "127.0.0.1:8080" }}]
        admin.address = "127.0.0.1:9180"
        state.store = "memory"
        upstream = [{{ name = "portal", servers = "{origin}" }}]
        site = [{{ name = "portal", hosts = "portal.test", upstream = "portal" }}]
        route = [{{ name = "all", site = "portal", paths = "/**" }}]
        rule = [{{ name = "r", when.evidence = "{evidence}", then = "{then}" }}]
        default.then = "reject"
        [[credential]]
        name = "session"
        from = [{{ cookie = "S" }}]
        [credential.session]
        [[credential.login]]
        name = "vneid"
        request = {{ method = "GET", path = "/callback" }}
        begins.location_host = "sso.test"
        success = {{ status = 302, location = "/" }}
        is = {{ account = "citizen", login = "vneid", level = 2 }}
        "#
    );
    let (settings, found) = config::build(&[Source { name: "town.toml".into(), text }], Path::new("."), at());
    settings.unwrap_or_else(|| panic!("{found:?}"))
}

fn at() -> Timestamp {
    Timestamp::from_second(NOW_S).unwrap()
}

fn running(settings: settings::Settings, generation: u64) -> Running {
    Running::new(Snapshot { generation, digest: "0".into(), settings }, None).unwrap()
}

/// A gate, and a portal that agrees to every tunnel and sends everything back.
struct Town {
    address: SocketAddr,
    origin: SocketAddr,
    live: Arc<Live<Running>>,
    state: Arc<State>,
    telemetry: Arc<Telemetry>,
    tunnels: Arc<Tunnels>,
    /// The portal agrees as often as there are permits.
    agrees: Arc<Semaphore>,
    /// Upgrades that have reached the portal.
    asked: UnboundedReceiver<()>,
    /// Tunnels that have ended on the portal's side.
    ended: UnboundedReceiver<()>,
    _shutdown: watch::Sender<bool>,
}

impl Town {
    async fn new() -> Self {
        let agrees = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let ((asks, asked), (ends, ended)) = (unbounded_channel(), unbounded_channel());
        let may = agrees.clone();
        let origin = serve(None, move |mut connection| {
            let (asks, ends, may) = (asks.clone(), ends.clone(), may.clone());
            async move {
                read_head(&mut connection).await;
                let _ = asks.send(());
                may.acquire().await.unwrap().forget();
                let _ = connection.write_all(SWITCHES).await;
                let mut bytes = [0; 64];
                while let Ok(count @ 1..) = connection.read(&mut bytes).await {
                    let _ = connection.write_all(&bytes[..count]).await;
                }
                let _ = ends.send(());
            }
        })
        .await;
        let telemetry = Arc::new(Telemetry::new().unwrap());
        let live = Arc::new(Live::new(running(policy(origin, "valid", "forward"), 1)));
        let settings = &live.current().snapshot.settings;
        let state = State::new(&settings.gate, &settings.state, telemetry.metrics.store.clone(), NOW_S).unwrap();
        let (state, tunnels) = (Arc::new(state), Arc::new(Tunnels::default()));
        let listener = settings.listeners[0].clone();
        let authn = Arc::new(Authenticator::new(state.clone(), telemetry.clone(), 100));
        let judges = (state.clone(), authn);
        let gate = Enforcer::new(live.clone(), judges, telemetry.clone(), listener, tunnels.clone());
        let (shutdown, watching) = watch::channel(false);
        let keeper = Keeper { state: state.clone(), tunnels: tunnels.clone() };
        let never = watching.clone();
        tokio::spawn(async move { keeper.start(never).await });
        let address = guarded(gate, watching).await;
        Town { address, origin, live, state, telemetry, tunnels, agrees, asked, ended, _shutdown: shutdown }
    }

    fn key(&self, cookie: &str) -> SessionKey {
        let running = self.live.current();
        let credential: &Credential = &running.snapshot.settings.identity.credentials[0];
        self.state.keyed.session("portal", &credential.name, cookie.as_bytes())
    }

    /// Somebody who has logged in with VNeID, and has a session of this value.
    async fn citizen(&self, cookie: &str) {
        let running = self.live.current();
        let session = running.snapshot.settings.identity.credentials[0].session().unwrap();
        let subject = Some(format!("the person of {cookie}").as_str().into());
        let level = Level::new(2).unwrap();
        let facts = Facts { account: Account::Citizen, login: Login::Vneid, level, subject };
        let at_s = Timestamp::now().as_second();
        let (flow, idle_s, lifetime_s) = (session.flows[0], session.idle_s, session.lifetime_s);
        let birth = Birth { facts, flow, start: Start::Clean, idle_s, lifetime_s, at_s };
        assert_eq!(self.state.ledger.bind(self.key(cookie), birth, Proof::default()).await, Ok(Outcome::Bound));
    }

    async fn revoke(&self, whom: Whom<'_>) {
        assert_eq!(self.state.revocations.revoke(whom, WHENEVER, Timestamp::now().as_second()).await, Ok(()));
    }

    /// Asks for a tunnel.
    async fn ask(&self, cookie: &str) -> TcpStream {
        let mut client = within(TcpStream::connect(self.address)).await.unwrap();
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
        let head = format!("GET /ws HTTP/1.1\r\nHost: portal.test\r\nCookie: S={cookie}\r\n{upgrade}\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client
    }

    async fn open(&self, cookie: &str) -> TcpStream {
        self.citizen(cookie).await;
        let mut client = self.ask(cookie).await;
        assert_eq!(status(&mut client).await, 101);
        client
    }

    /// The audit line of the only request so far, once it is over.
    async fn line(&self) -> Value {
        until(|| self.telemetry.metrics.in_flight() == 0).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        let to = settings::Audit::File(file.path().to_owned());
        audit::Writer::new(self.telemetry.audit.clone(), to, self.telemetry.metrics.audit_dropped.clone()).finish();
        serde_json::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap()
    }
}

async fn guarded(gate: Enforcer, watching: ShutdownWatch) -> SocketAddr {
    let counter = || IntCounter::new("counted", "x").unwrap();
    let (open, refused, slow_heads, long_heads) =
        (IntGauge::new("open", "x").unwrap(), counter(), counter(), counter());
    let meters = Meters { open, refused, slow_heads, long_heads };
    let proxy = http_proxy(&Arc::new(ServerConf::default()), gate.clone());
    let guarded = Arc::new(Guarded::new(Arc::new(proxy), Limits::default(), meters, Arc::new(gate)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (guarded, watching) = (guarded.clone(), watching.clone());
            let socket = pingora::protocols::l4::stream::Stream::from(socket);
            tokio::spawn(async move { guarded.process_new(Box::new(socket), &watching).await });
        }
    });
    address
}

async fn status(client: &mut TcpStream) -> u16 {
    let head = within(read_head(client)).await;
    head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no answer: {head:?}"))
}

async fn echo(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
    let mut back = vec![0; text.len()];
    within(client.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, text.as_bytes());
}

async fn until_close(client: &mut TcpStream) {
    let mut all = Vec::new();
    let _ = within(client.read_to_end(&mut all)).await;
    assert_eq!(all, b"");
}

#[tokio::test]
async fn an_idle_tunnel_ends_on_both_sides_within_a_second_when_its_person_is_taken_away_and_others_go_on() {
    let mut town = Town::new().await;
    let mut an = town.open("an").await;
    let mut binh = town.open("binh").await;
    echo(&mut an, "xin chào").await;
    assert_eq!(town.tunnels.count(), 2);
    let began = Instant::now();
    town.revoke(Whom::Person(town.state.keyed.person("the person of an"))).await;
    until_close(&mut an).await;
    within(town.ended.recv()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for text in ["một", "hai"] {
        echo(&mut binh, text).await;
    }
    assert_eq!(town.tunnels.count(), 1);
    drop(binh);
    within(town.ended.recv()).await.unwrap();
    until(|| town.tunnels.count() == 0).await;
}

#[tokio::test]
async fn every_way_to_name_somebody_ends_their_tunnel_and_the_next_one_does_not_open() {
    for nth in 0..4 {
        let mut town = Town::new().await;
        let mut client = town.open("an").await;
        let whom = [
            Whom::Session(town.key("an").name),
            Whom::Person(town.state.keyed.person("the person of an")),
            Whom::Credential("session"),
            Whom::Everybody,
        ];
        town.revoke(whom[nth]).await;
        until_close(&mut client).await;
        until(|| town.tunnels.count() == 0).await;
        within(town.asked.recv()).await.unwrap();
        assert_eq!(status(&mut town.ask("an").await).await, 403, "{:?}", whom[nth]);
        assert!(town.asked.try_recv().is_err(), "it reached the portal");
    }
}

#[tokio::test]
async fn a_burst_of_revocations_ends_everybody_whom_it_names() {
    let town = Town::new().await;
    let names: Vec<String> = (0..20).map(|n| format!("person-{n}")).collect();
    let mut clients = Vec::new();
    for name in &names {
        clients.push(town.open(name).await);
    }
    for name in &names[1..] {
        town.revoke(Whom::Session(town.key(name).name)).await;
    }
    for client in &mut clients[1..] {
        until_close(client).await;
    }
    echo(&mut clients[0], "còn đây").await;
    assert_eq!(town.tunnels.count(), 1);
}

#[tokio::test]
async fn whoever_is_taken_away_while_the_portal_is_asked_gets_no_tunnel() {
    let mut town = Town::new().await;
    town.agrees.forget_permits(Semaphore::MAX_PERMITS);
    town.citizen("an").await;
    let mut client = town.ask("an").await;
    within(town.asked.recv()).await.unwrap();
    town.revoke(Whom::Session(town.key("an").name)).await;
    town.agrees.add_permits(1);
    assert_eq!(status(&mut client).await, 401);
    within(town.ended.recv()).await.unwrap();
    assert_eq!(town.tunnels.count(), 0);
    drop(client);
    let line = town.line().await;
    let told = ["status", "source", "reason"].map(|member| line[member].to_string());
    assert_eq!(told, ["401", "\"gate\"", "\"credential-revoked\""]);
    assert_eq!(line["decision"]["reason"], "allowed", "it was decided before");
}

#[tokio::test]
async fn the_audit_line_tells_whether_the_gate_ended_a_tunnel() {
    for ends in [true, false] {
        let town = Town::new().await;
        let mut client = town.open("an").await;
        if ends {
            town.revoke(Whom::Everybody).await;
        } else {
            client.shutdown().await.unwrap();
        }
        until_close(&mut client).await;
        let line = town.line().await;
        let detail = if ends { Value::from("credential-revoked") } else { Value::Null };
        assert_eq!((&line["detail"], &line["complete"]), (&detail, &Value::from(!ends)));
        let told = ["status", "reason", "source", "path"].map(|member| line[member].to_string());
        assert_eq!(told, ["101", "\"allowed\"", "\"upstream\"", "\"/ws\""]);
    }
}

#[tokio::test]
async fn a_tunnel_outlives_a_policy_that_would_not_open_it_and_can_still_be_ended() {
    let town = Town::new().await;
    let mut client = town.open("an").await;
    town.live.publish(running(policy(town.origin, "valid", "reject"), 2));
    town.revoke(Whom::Session(town.key("somebody-else").name)).await;
    echo(&mut client, "vẫn mở").await;
    assert_eq!(status(&mut town.ask("an").await).await, 403);
    town.revoke(Whom::Session(town.key("an").name)).await;
    until_close(&mut client).await;
}

#[tokio::test]
async fn a_tunnel_that_nobody_stands_behind_is_nobodys() {
    let mut town = Town::new().await;
    town.live.publish(running(policy(town.origin, "unbound", "forward"), 2));
    let mut client = town.ask("never-seen").await;
    assert_eq!(status(&mut client).await, 101);
    within(town.asked.recv()).await.unwrap();
    assert_eq!(town.tunnels.count(), 0);
    town.revoke(Whom::Everybody).await;
    echo(&mut client, "khách").await;
}
