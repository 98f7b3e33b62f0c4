//! Decisions and loads with 10 rules and with 10,000: cost, time and memory.
//!
//! Generated policies of 10 to 10,000 rules over 2 to 2,000 routes, with dates, networks, lists of people and shares.
//! A decision is asked for one route again and again (hot), and for routes, people and moments in turn (mixed): the
//! second pays for memory that is not in the cache too. Allocations are counted, not estimated. Medians over parts of
//! fifty decisions; compare within one run only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise, and prints"
)]

use jiff::{SignedDuration, Timestamp};
use std::fmt::Write;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use vneid_gate::config::{Settings, build};
use vneid_gate::diagnostic::{Source, render};
use vneid_gate::identity::Principal;
use vneid_gate::policy::{Bucket, Query, RouteId, class};

const BATCHES: usize = 15;
const CALLS: usize = 20_000;
const PART: usize = 50;

fn main() {
    println!(
        "{:>7} {:>7} {:>11} {:>11} {:>8} {:>11} {:>11} {:>9} {:>9}",
        "rules", "routes", "hot ns", "mixed ns", "allocs", "load ms", "compile ms", "table KiB", "heap MiB"
    );
    for (rules, routes) in [(10, 2), (100, 20), (1_000, 200), (10_000, 2_000)] {
        measure(rules, routes);
    }
}

fn measure(rules: usize, routes: usize) {
    let sources = [Source { name: "generated.toml".into(), text: generated(rules, routes) }];
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut kept = None;
    let taken = allocation_counter::measure(|| kept = Some(timed(|| loaded(&sources, now))));
    let (settings, load) = kept.unwrap();
    let policy = &settings.policy;
    let list = policy.routes().map(|(_, r)| r.clone()).collect::<Vec<_>>();
    let (table, compile) =
        timed(|| vneid_gate::policy::table::compile(&list, policy.rules(), settings.identity.credentials.len()));
    assert_eq!(table.unwrap().bytes(), policy.table().bytes());

    let everybody = class::all(settings.identity.credentials.len());
    let asked: Vec<(Query, &Principal)> = (0..CALLS).map(|n| question(n, routes, &everybody, now)).collect();
    let one = vec![(asked[1].0, &everybody[40]); CALLS];
    let decide = |(query, who): &(Query, &Principal)| {
        black_box(policy.decide(black_box(query), std::iter::once(*who), &Bucket::FIRST));
    };
    let (hot, mixed) = (per_call(&one, decide), per_call(&asked, decide));
    let allocations = allocation_counter::measure(|| asked.iter().for_each(decide)).count_total;
    println!(
        "{:>7} {:>7} {:>11.1} {:>11.1} {:>8} {:>11.1} {:>11.1} {:>9} {:>9.1}",
        policy.rules().len() - 1,
        routes,
        hot,
        mixed,
        allocations,
        load.as_secs_f64() * 1e3,
        compile.as_secs_f64() * 1e3,
        policy.table().bytes() >> 10,
        taken.bytes_current as f64 / f64::from(1 << 20)
    );
}

fn question(n: usize, routes: usize, everybody: &[Principal], now: Timestamp) -> (Query, &Principal) {
    let spread = n.wrapping_mul(7_919);
    let client = IpAddr::from([10, (spread % 256) as u8, 0, 1]);
    let at = now + SignedDuration::from_hours((spread % 20_000) as i64 - 10_000);
    let query = Query { route: RouteId((spread % routes) as u16), client, at };
    (query, &everybody[spread % everybody.len()])
}

fn loaded(sources: &[Source], now: Timestamp) -> Settings {
    let (settings, findings) = build(sources, Path::new(env!("CARGO_MANIFEST_DIR")), now);
    settings.unwrap_or_else(|| panic!("{}", render(&findings, sources)))
}

/// Four in five rules speak of one route; one in five of several. One in four has dates, one in ten networks, one in
/// fifty a share; two invariants and two tests go with them.
fn generated(rules: usize, routes: usize) -> String {
    let mut text = String::from(HEAD);
    for n in 0..routes {
        writeln!(text, "[[route]]\nname = \"r{n}\"\nsite = \"portal\"\npaths = [\"/r{n}\", \"/r{n}/**\"]").unwrap();
    }
    let accounts = ["citizen", "organization", "official", "service", "unknown"];
    let logins = ["vneid", "national-portal", "password", "client-credentials", "unknown"];
    for n in 0..rules {
        let (account, login) = (accounts[n % 5], logins[n / 5 % 5]);
        writeln!(text, "[[rule]]\nname = \"rule-{n}\"").unwrap();
        match n % 5 {
            0 => writeln!(text, "routes = [\"r{}\", \"r{}\"]", n % routes, (n * 31 + 1) % routes.max(3) % routes),
            _ => writeln!(text, "routes = \"r{}\"", n % routes),
        }
        .unwrap();
        let client = if n % 10 == 3 { format!(", client = \"10.{}.0.0/16\"", n % 256) } else { String::new() };
        writeln!(text, "when = {{ account = \"{account}\", login = \"{login}\", evidence = [\"valid\", \"attempt\"], level_min = {}{client} }}", n % 4)
            .unwrap();
        if n % 4 == 1 {
            writeln!(text, "from = 2025-{:02}-01T00:00:00Z", n % 12 + 1).unwrap();
        }
        writeln!(text, "then = \"{}\"", if n % 3 == 0 { "reject" } else { "forward" }).unwrap();
        if n % 50 == 7 {
            writeln!(text, "percent = {}", n % 100).unwrap();
        }
    }
    text.push_str(TAIL);
    text
}

const HEAD: &str = r#"
[gate]
name = "generated"
[[listener]]
address = "127.0.0.1:8080"
[admin]
address = "127.0.0.1:9180"
[state]
store = "memory"
[[upstream]]
name = "portal"
servers = "127.0.0.1:8081"
[[site]]
name = "portal"
hosts = "portal.example"
upstream = "portal"
[[credential]]
name = "token"
from = [{ header = "authorization" }]
[credential.jwt]
issuer = "https://sso.example"
audience = "account"
algorithms = "RS256"
jwks_url = "https://sso.example/certs"
[[credential.principal]]
equals = { "/idp" = "vneid" }
is = { account = "citizen", login = "vneid", level_from = "/level" }
[[credential.principal]]
is = { account = "service", login = "client-credentials" }
[[credential]]
name = "session"
from = [{ cookie = "S" }]
[credential.session]
[[credential.login]]
name = "password"
request = { method = "POST", path = "/log-in" }
username.form = "username"
success.location = "/"
headers = { account = "X-Account", login = "X-Login", level = "X-Level" }
is = { login = "password", account_from = "username" }
"#;

const TAIL: &str = r#"
[default]
then = "login"
[[invariant]]
name = "nobody without a log-in"
never = ["forward", "anonymous"]
when = { evidence = ["none", "invalid", "expired", "unbound"] }
[[invariant]]
name = "no attempt by a service"
never = "forward"
when = { evidence = "attempt", account = "service" }
[[test]]
name = "nobody"
request.url = "https://portal.example/r0"
expect.then = "login"
"#;

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Median nanoseconds of a call, over the parts of all batches: a part is long enough for the clock.
fn per_call<T>(questions: &[T], decide: impl Fn(&T)) -> f64 {
    let mut parts = Vec::new();
    for _ in 0..BATCHES {
        for part in questions.chunks_exact(PART) {
            parts.push(timed(|| part.iter().for_each(&decide)).1.as_secs_f64() * 1e9 / PART as f64);
        }
    }
    parts.sort_by(f64::total_cmp);
    parts[parts.len() / 2]
}
