//! Anything as a request: paths and hosts, credentials, and whole heads on a socket.

use super::chance::{Chance, for_each_case};
use crate::harness::{Ask, HOST, World};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use vneid_gate::authn::{Authenticator, Head, InForce};
use vneid_gate::config::{Settings, read_directory};
use vneid_gate::identity::{Account, CredentialId, Evidence, Facts, Level, Login, Principal};
use vneid_gate::policy::{Action, Bucket, Query};
use vneid_gate::state::State;
use vneid_gate::telemetry::Telemetry;
use vneid_gate::wire::target::{RawTarget, Relaxed, canonical_path, host_name};

const PATHS: [&str; 40] = [
    "/",
    "//",
    "/.",
    "/..",
    "/../",
    "\\",
    "%",
    "%2f",
    "%2F",
    "%5c",
    "%2e%2e",
    "%25",
    "%00",
    "%0a",
    "%7f",
    "%3b",
    ";",
    ";a=b",
    "?",
    "#",
    "&",
    "=",
    "*",
    "http://",
    "https://",
    "HTTP://",
    "@",
    ":",
    ":80",
    "[::1]",
    "nop-ho-so",
    "NOP-HO-SO",
    "tra-cuu-ho-so",
    "assets",
    "dang-nhap",
    "%e1%bb%93",
    "%ef%bc%8f",
    "%c0%af",
    "%E2%84%AA",
    "a",
];

fn shipped() -> Settings {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/daknong");
    read_directory(&directory).settings.expect("the shipped policy is fine")
}

#[test]
fn any_target_is_read_in_one_way_or_refused() {
    let settings = shipped();
    let (mut read, mut refused) = (0, 0);
    for_each_case(5_000, |chance| {
        let raw = chance.words(&PATHS, 12);
        let relaxed = Relaxed {
            path_parameters: chance.once_in(2),
            empty_segments: chance.once_in(2),
            case_insensitive: chance.once_in(2),
        };
        let tried = format!("{} {relaxed:?}", raw.escape_ascii());
        let target = RawTarget::split(&raw);
        if let Ok(host) = target.and_then(|t| t.authority.map(host_name).transpose()).map(Option::unwrap_or_default) {
            assert!(!host.contains(['/', '@', ' ', '%']) && host.to_ascii_lowercase() == host, "{tried}: {host}");
        }
        let Some(path) = target.ok().and_then(|t| canonical_path(t.path, relaxed).ok()) else {
            refused += 1;
            return tried;
        };
        read += 1;
        assert!(path.starts_with('/') && !path.contains(['%', '\\', ';', '?', '#']), "{tried}: {path}");
        assert!(!path.chars().any(char::is_control), "{tried}: {path}");
        let (last, inner) =
            path[1..].split('/').collect::<Vec<_>>().split_last().map(|(l, i)| (*l, i.to_vec())).unwrap();
        assert!(inner.iter().all(|s| !["", ".", ".."].contains(s)) && ![".", ".."].contains(&last), "{tried}: {path}");
        assert_eq!(
            canonical_path(&path, relaxed).as_deref(),
            Ok(&*path),
            "{tried} is read in another way when read again"
        );
        for (_, site) in settings.policy.sites() {
            if let Some(route) = site.routes.find(&path) {
                assert!(settings.policy.route(route).is_some());
            }
        }
        tried
    });
    assert!(read > 0 && refused > 0 || read + refused < 100, "{read} read, {refused} refused");
}

const FIELDS: [&str; 8] = [
    "authorization",
    "cookie",
    "cookie2",
    "x-forwarded-for",
    "x-gate-account",
    "proxy-authorization",
    "upgrade",
    "host",
];

const VALUES: [&str; 32] = [
    "Bearer ",
    "bearer ",
    "Basic ",
    "PHPSESSID",
    "phpsessid",
    "=",
    "; ",
    ";",
    ",",
    "\"",
    "a",
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJSUzI1NiJ9",
    ".",
    "eyJpc3MiOiJodHRwczovL3NzbyJ9",
    "%3d",
    "%22",
    "access_token",
    "born-by-vneid",
    "\\",
    " ",
    "\t",
    "$Version=1",
    "-",
    "_",
    "=====",
    "AAAA",
    "e30",
    "é",
    "\u{ff1d}",
    "0123456789abcdef0123456789abcdef",
    "PHPSESSID=a; PHPSESSID=b",
];

/// Fields as an attacker would send them.
fn headers(chance: &mut Chance) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for _ in 0..chance.below(6) {
        let name: &&str = chance.pick(&FIELDS);
        let name = HeaderName::from_static(name);
        if let Ok(value) = HeaderValue::from_bytes(&chance.words(&VALUES, 8)) {
            headers.append(name, value);
        }
    }
    headers
}

#[test]
fn no_credential_that_is_made_up_proves_anything() {
    let settings = shipped();
    let telemetry = Arc::new(Telemetry::new().unwrap());
    let state = State::in_memory(&settings.gate, &settings.state, &telemetry.metrics.store);
    let authn = Authenticator::new(Arc::new(state), telemetry, 1);
    let in_force = InForce { identity: &settings.identity, generation: 1, running: None };
    let mut shown = 0;
    for_each_case(3_000, |chance| {
        let headers = headers(chance);
        for (site, _) in settings.policy.sites() {
            let head = Head { in_force, site, headers: &headers, now_s: 1_800_000_000 };
            for presented in authn.authenticate_unasked(head).unwrap_or_default() {
                let (evidence, account) = (presented.principal.evidence(), presented.principal.account());
                assert!(![Evidence::Valid, Evidence::Attempt].contains(&evidence), "{headers:?}: {presented:?}");
                assert_eq!(account, Principal::unproved(None, evidence).account(), "{headers:?}: {presented:?}");
                shown += 1;
            }
        }
        format!("{headers:?}")
    });
    assert!(shown > 0, "nothing was taken for a credential");
}

fn principal(chance: &mut Chance, credentials: usize) -> Principal {
    let id = CredentialId(u8::try_from(chance.below(credentials)).unwrap());
    let account = *chance.pick(Account::ALL);
    let level = Level::new(u8::try_from(chance.below(4)).unwrap()).unwrap();
    match chance.below(4) {
        0 => Principal::unproved(Some(id), *chance.pick(&[Evidence::Expired, Evidence::Invalid, Evidence::Unbound])),
        1 => Principal::attempt(id, account),
        2 => Principal::anonymous(),
        _ => Principal::valid(id, Facts { account, login: *chance.pick(Login::ALL), level, subject: None }),
    }
}

#[test]
fn the_most_severe_decision_holds_and_only_a_grant_lets_through() {
    let Settings { policy, identity, .. } = shipped();
    let edges = [0, 1_719_766_799, 1_719_766_800, 1_751_302_800, 253_402_207_200, -377_705_023_201];
    let addresses = [Ipv4Addr::new(10, 20, 3, 4), Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST].map(IpAddr::V4);
    for_each_case(3_000, |chance| {
        let routes: Vec<_> = policy.routes().map(|(id, _)| id).collect();
        let client = if chance.once_in(4) { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { *chance.pick(&addresses) };
        let at = Timestamp::from_second(*chance.pick(&edges)).unwrap();
        let query = Query { route: *chance.pick(&routes), client, at };
        let lot = Bucket::new(u8::try_from(chance.below(100)).unwrap()).unwrap();
        let who: Vec<_> = (0..=chance.below(4)).map(|_| principal(chance, identity.credentials.len())).collect();
        let tried = format!("{query:?} {who:?}");
        let decision = policy.decide(&query, who.iter(), &lot);
        let action = decision.verdict.action;
        let alone = who.iter().map(|p| policy.decide(&query, std::iter::once(p), &lot).verdict.action.severity());
        assert_eq!(Some(action.severity()), alone.max(), "{tried}");
        assert_eq!(decision.grant.is_some(), matches!(action, Action::Forward | Action::Anonymous), "{tried}");
        assert!(policy.rule(decision.verdict.rule).is_some() && decision.deciding < who.len(), "{tried}");
        tried
    });
}

const PARTS: [&str; 44] = [
    "GET ",
    "POST ",
    "get ",
    "CONNECT ",
    "OPTIONS * ",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "/",
    "/nop-ho-so",
    "//",
    "..",
    "%2f",
    "%00",
    "?",
    "#",
    " ",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    " HTTP/0.9",
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\t",
    ":",
    "Host: ",
    "host:",
    "dichvucong.daknong.gov.vn",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding : x\r\n",
    "Connection: upgrade, x-gate-account\r\n",
    "Upgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "Cookie: PHPSESSID=x\r\n",
    "Authorization: Bearer x\r\n",
    "X-Gate-Account: citizen\r\n",
    "X-Original-URL: /nop-ho-so\r\n",
    "Range: bytes=0-\r\n",
    "\u{0}",
    "\u{80}",
    "é",
    "0\r\n\r\nGET /nop-ho-so HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\n\r\n",
];

#[test]
fn any_head_on_a_socket_is_answered_or_cut_and_brings_nobody_in() {
    let world = World::start();
    for_each_case(150, |chance| {
        let target = *chance.pick(&["/", "/nop-ho-so", "/assets/x", "/tra-cuu-ho-so/1"]);
        let mut head = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nAccept: */*\r\n").into_bytes();
        chance.mangle(&mut head, &PARTS);
        head.extend_from_slice(b"\r\n\r\n");
        let tried = head.escape_ascii().to_string();
        let mut client = world.gate.connect();
        client.sends(&head);
        client.end();
        // A connection that hangs ends this with "no answer in time".
        while let Some(answer) = client.maybe_answer() {
            assert!((200..=505).contains(&answer.status), "{tried}: {}", answer.status);
        }
        for request in world.origin.take() {
            assert!(!request.path().to_lowercase().starts_with("/nop-ho-so"), "{tried} reached {}", request.target());
            assert!(request.values("x-gate-account").len() == 1, "{tried}: {:?}", request.head);
            assert_eq!(request.value("x-gate-account"), Some("anonymous"), "{tried}");
        }
        tried
    });
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 200);
}
