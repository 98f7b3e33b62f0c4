//! Pools in front of real servers.

use super::*;
use crate::transport::testing::{Authority, answering, read_head, serve, within};
use pingora::connectors::http::Connector;
use pingora::upstreams::peer::Peer;
use std::sync::atomic::AtomicBool;
use tokio::io::AsyncWriteExt;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn settings(servers: &[SocketAddr]) -> PoolSettings {
    PoolSettings {
        name: "portal".to_owned(),
        servers: servers.iter().map(SocketAddr::to_string).collect(),
        tls: None,
        http2: false,
        health: None,
        connect: Duration::from_secs(2),
        read: Duration::from_secs(61),
        write: Duration::from_secs(62),
        idle: Duration::from_secs(30),
    }
}

fn health(path: Option<&str>) -> Option<Health> {
    Some(Health {
        path: path.map(str::to_owned),
        host: "portal.test".to_owned(),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        failures: 1,
        successes: 1,
    })
}

fn turns(pool: &Pool, count: usize) -> Vec<String> {
    (0..count).map(|_| pool.peer().unwrap()._address.to_string()).collect()
}

/// A server that answers 200 or 503, as told, and the switch for it.
async fn switched() -> (SocketAddr, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(true));
    let told = well.clone();
    let address = serve(None, move |mut connection| {
        let told = told.clone();
        async move {
            let head = read_head(&mut connection).await;
            assert!(head.starts_with("GET /song HTTP/1.1\r\n") && head.contains("portal.test"), "{head}");
            let answer = if told.load(Ordering::Relaxed) { OK } else { "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" };
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    (address, well)
}

/// An address that refuses connections.
async fn nobody() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[test]
fn servers_are_taken_in_turn() {
    let (a, b) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
    let pool = Pool::new(settings(&[a, b])).unwrap();
    assert_eq!(turns(&pool, 4), ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1", "127.0.0.1:2"]);
}

#[test]
fn every_time_out_of_a_peer_is_set() {
    let pool = Pool::new(settings(&[SocketAddr::from(([127, 0, 0, 1], 1))])).unwrap();
    let options = pool.peer().unwrap().options;
    assert_eq!(options.connection_timeout, Some(Duration::from_secs(2)));
    assert_eq!(options.total_connection_timeout, Some(Duration::from_secs(2)));
    assert_eq!(options.read_timeout, Some(Duration::from_secs(61)));
    assert_eq!(options.write_timeout, Some(Duration::from_secs(62)));
    assert_eq!(options.idle_timeout, Some(Duration::from_secs(30)));
}

#[test]
fn a_connection_that_may_become_a_tunnel_stays_with_its_thread() {
    let pool = Pool::new(settings(&["127.0.0.1:1".parse().unwrap()])).unwrap();
    let connections = || pool.peer_of_tunnel(Duration::from_secs(600)).unwrap().reuse_hash();
    assert_eq!(connections(), connections());
    let elsewhere = std::thread::scope(|scope| scope.spawn(connections).join().unwrap());
    assert_ne!(connections(), elsewhere);
    assert_ne!(connections(), pool.peer().unwrap().reuse_hash());
}

#[tokio::test]
async fn an_unhealthy_server_is_passed_over_until_it_answers_again() {
    let (first, _) = switched().await;
    let (second, well) = switched().await;
    let (third, _) = switched().await;
    let pool = Pool::new(PoolSettings { health: health(Some("/song")), ..settings(&[first, second, third]) }).unwrap();
    assert!(within(pool.check()).await.iter().all(|(_, healthy)| *healthy));

    well.store(false, Ordering::Relaxed);
    let beliefs = within(pool.check()).await;
    assert_eq!(beliefs, [(first.to_string(), true), (second.to_string(), false), (third.to_string(), true)]);
    let taken = turns(&pool, 6);
    // the two others share what the sick one would have got
    assert_eq!(taken.iter().filter(|server| **server == first.to_string()).count(), 3);
    assert_eq!(taken.iter().filter(|server| **server == third.to_string()).count(), 3);

    well.store(true, Ordering::Relaxed);
    within(pool.check()).await;
    assert!(turns(&pool, 3).contains(&second.to_string()));
}

#[tokio::test]
async fn a_server_changes_sides_only_after_as_many_answers_in_a_row_as_demanded() {
    let (server, well) = switched().await;
    let thresholds = Health { failures: 2, successes: 3, ..health(Some("/song")).unwrap() };
    let pool = Pool::new(PoolSettings { health: Some(thresholds), ..settings(&[server]) }).unwrap();
    let mut beliefs = Vec::new();
    for answer in [false, true, false, false, true, true, false, true, true, true] {
        well.store(answer, Ordering::Relaxed);
        beliefs.push(within(pool.check()).await[0].1);
    }
    assert_eq!(beliefs, [true, true, true, false, false, false, false, false, false, true]);
}

#[tokio::test]
async fn when_all_are_unhealthy_all_are_tried() {
    let (a, b) = (nobody().await, nobody().await);
    let pool = Pool::new(PoolSettings { health: health(None), ..settings(&[a, b]) }).unwrap();
    assert!(within(pool.check()).await.iter().all(|(_, healthy)| !healthy));
    let taken = turns(&pool, 2);
    assert!(taken.contains(&a.to_string()) && taken.contains(&b.to_string()));
}

#[tokio::test]
async fn a_check_without_a_path_asks_for_a_connection_only() {
    let server = answering(None, "").await;
    let pool = Pool::new(PoolSettings { health: health(None), ..settings(&[server]) }).unwrap();
    assert_eq!(within(pool.check()).await, [(server.to_string(), true)]);
}

#[tokio::test]
async fn a_server_whose_answer_never_ends_is_unhealthy() {
    let server = serve(None, |mut connection| async move {
        read_head(&mut connection).await;
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while connection.write_all(b"more").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let hasty = Health { timeout: Duration::from_millis(300), ..health(Some("/")).unwrap() };
    let pool = Pool::new(PoolSettings { health: Some(hasty), ..settings(&[server]) }).unwrap();
    assert_eq!(within(pool.check()).await, [(server.to_string(), false)]);
}

#[tokio::test]
async fn a_redirect_counts_as_healthy() {
    let server = answering(None, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
    let pool = Pool::new(PoolSettings { health: health(Some("/")), ..settings(&[server]) }).unwrap();
    assert_eq!(within(pool.check()).await, [(server.to_string(), true)]);
}

#[tokio::test]
async fn tls_servers_are_believed_only_with_a_certificate_for_the_name_from_the_authority() {
    let authority = Authority::new();
    let server = answering(Some(authority.acceptor("portal.test")), OK).await;
    let tls = |name: &str, ca: Option<PathBuf>| Some(UpstreamTls { server_name: name.to_owned(), ca });
    let stranger = Authority::new();
    for (tls, expected) in [
        (tls("portal.test", Some(authority.file())), true),
        (tls("other.test", Some(authority.file())), false),
        (tls("portal.test", Some(stranger.file())), false),
        (tls("portal.test", None), false),
    ] {
        for path in [Some("/"), None] {
            let pool =
                Pool::new(PoolSettings { health: health(path), tls: tls.clone(), ..settings(&[server]) }).unwrap();
            assert_eq!(within(pool.check()).await[0].1, expected, "{tls:?} {path:?}");
        }
        // and so does the peer that requests travel on
        let pool = Pool::new(PoolSettings { tls: tls.clone(), ..settings(&[server]) }).unwrap();
        let connected = within(Connector::new(None).get_http_session(&*pool.peer().unwrap())).await.is_ok();
        assert_eq!(connected, expected, "{tls:?}");
    }
}

#[test]
fn a_changed_ca_file_makes_another_pool_and_another_group_of_connections() {
    let server = SocketAddr::from(([127, 0, 0, 1], 1));
    let (authority, stranger) = (Authority::new(), Authority::new());
    let tls = Some(UpstreamTls { server_name: "portal.test".to_owned(), ca: Some(authority.file()) });
    let settings = PoolSettings { tls, ..settings(&[server]) };
    let (before, unchanged) = (Pool::new(settings.clone()).unwrap(), Pool::new(settings.clone()).unwrap());
    std::fs::copy(stranger.file(), authority.file()).unwrap();
    let after = Pool::new(settings).unwrap();
    assert!(before.is_same_as(&unchanged));
    assert!(!before.is_same_as(&after));
    let group = |pool: &Pool| pool.peer().unwrap().group_key;
    assert_eq!(group(&before), group(&unchanged));
    assert_ne!(group(&before), group(&after));
}

#[test]
fn what_cannot_work_is_refused_with_a_reason() {
    let good = settings(&[SocketAddr::from(([127, 0, 0, 1], 1))]);
    let with_server = |server: &str| PoolSettings { servers: vec![server.to_owned()], ..good.clone() };
    let with_name = |name: &str| {
        let tls = Some(UpstreamTls { server_name: name.to_owned(), ca: None });
        PoolSettings { tls, ..good.clone() }
    };
    let with_health = |path: &str, host: &str| {
        let health = Health { host: host.to_owned(), ..health(Some(path)).unwrap() };
        PoolSettings { health: Some(health), ..good.clone() }
    };
    for (settings, words) in [
        (PoolSettings { servers: Vec::new(), ..good.clone() }, "has no servers"),
        (with_server("127.0.0.1"), "is not `host:port`"),
        (with_server("127.0.0.1:http"), "is not `host:port`"),
        (with_server(":80"), "is not `host:port`"),
        (with_server("127.0.0.1:0"), "is not `host:port`"),
        (with_server(&format!("{}.test:80", "x".repeat(64))), "cannot be resolved"),
        (with_name(""), "needs a host name to check the certificate"),
        (with_name("not a name"), "needs a host name to check the certificate"),
        (with_health("no slash", "portal.test"), "no usable path"),
        (with_health("/a b", "portal.test"), "no usable path"),
        (with_health("/", "a\r\nb"), "no usable host"),
    ] {
        let error = Pool::new(settings).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_name_stands_for_its_ipv4_address() {
    let pool = Pool::new(PoolSettings { servers: vec!["localhost:8080".to_owned()], ..settings(&[]) }).unwrap();
    assert_eq!(turns(&pool, 1), ["127.0.0.1:8080"]);
}
