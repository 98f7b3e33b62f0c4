//! The table against the plain meaning of rules: tried in order, one by one.

use super::*;
use crate::identity::{Account, Evidence, Level, Login, Principal, SiteId};
use crate::policy::{Action, Bucket, Condition, Finite, Policy, Query, Route, Rule, class};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

pub(crate) const CREDENTIALS: usize = 3;
pub(crate) const CLIENTS: [&str; 6] = ["10.20.0.1", "10.20.9.9", "10.21.0.1", "192.0.2.1", "2001:db8::1", "::1"];
const NETWORKS: [&str; 4] = ["10.20.0.0/16", "10.20.9.0/24", "2001:db8::/32", "0.0.0.0/0"];

pub(crate) fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn condition(random: &mut StdRng) -> Condition {
    let mut mask = |words: usize| random.random_bool(0.5).then(|| random.random_range(1..1_u32 << words));
    let (accounts, logins, evidence) = (mask(Account::ALL.len()), mask(Login::ALL.len()), mask(Evidence::ALL.len()));
    let finite = Finite {
        accounts,
        logins,
        evidence,
        level_min: if random.random_bool(0.2) { Level::new(random.random_range(0..=3)) } else { None },
        credentials: random.random_bool(0.2).then(|| random.random_range(0..8)),
    };
    let networks = if random.random_bool(0.3) { random.random_range(1..3) } else { 0 };
    let client = NETWORKS.choose_multiple(random, networks).map(|n| n.parse().unwrap()).collect();
    Condition { finite, client }
}

fn rule(random: &mut StdRng, nth: usize) -> Rule {
    let from = random.random_bool(0.3).then(|| moment(random.random_range(0..10)));
    let until = random.random_bool(0.3).then(|| moment(random.random_range(10..20)));
    Rule {
        name: format!("rule-{nth}"),
        place: Default::default(),
        why: None,
        when: condition(random),
        unless: random.random_bool(0.3).then(|| condition(random)),
        from,
        until,
        then: *Action::ALL.choose(random).unwrap(),
        page: None,
        share: *[100, 100, 100, 0, 30, 60].choose(random).unwrap(),
        review: None,
    }
}

fn default() -> Rule {
    let mut random = StdRng::seed_from_u64(0);
    let plain = rule(&mut random, 0);
    Rule { when: Condition::default(), unless: None, from: None, until: None, share: 100, ..plain }
}

fn route(rules: Vec<RuleId>) -> Route {
    Route { name: "somewhere".into(), site: SiteId(0), methods: None, body_max: 0, rules }
}

pub(crate) fn policy(random: &mut StdRng, rules: usize) -> Policy {
    let all: Vec<Rule> = (0..rules).map(|n| rule(random, n)).chain([default()]).collect();
    let ids = || (0..rules).map(|n| RuleId(n as u16));
    let mut some = || ids().filter(|_| random.random_bool(0.5)).collect::<Vec<_>>();
    let routes = vec![route(ids().collect()), route(some()), route(some()), route(vec![])];
    Policy::new(vec![], routes, all, CREDENTIALS).unwrap()
}

/// Rule enforced, rules observed before it.
fn tried(policy: &Policy, query: &Query, principal: &Principal, bucket: Bucket) -> (RuleId, Option<RuleId>) {
    let mut observed = None;
    for id in &policy.route(query.route).unwrap().rules {
        let rule = policy.rule(*id).unwrap();
        if rule.hits(principal, query.client, query.at) {
            if bucket.is_among(rule.share) {
                return (*id, observed);
            }
            observed = observed.or(Some(*id));
        }
    }
    (policy.default_id(), observed)
}

#[test]
fn the_table_says_what_trying_the_rules_in_order_says() {
    let everybody = class::all(CREDENTIALS);
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let policy = policy(&mut random, 1 + seed as usize);
        for _ in 0..4_000 {
            let query = Query {
                route: RouteId(random.random_range(0..4)),
                client: CLIENTS.choose(&mut random).unwrap().parse().unwrap(),
                at: moment(random.random_range(-1..21)),
            };
            let principal = everybody.choose(&mut random).unwrap();
            let bucket = Bucket::new(random.random_range(0..100)).unwrap();
            let decision = policy.decide(&query, std::iter::once(principal), &bucket);
            let (rule, observed) = tried(&policy, &query, principal, bucket);
            assert_eq!(decision.verdict.rule, rule, "seed {seed}, {query:?}, {principal:?}, {bucket:?}");
            assert_eq!(decision.observed.map(|v| v.rule), observed, "seed {seed}, {query:?}, {principal:?}");
        }
    }
}

#[test]
fn the_walk_meets_every_outcome_that_a_request_can_have() {
    let everybody = class::all(CREDENTIALS);
    for seed in 0..10 {
        let mut random = StdRng::seed_from_u64(seed);
        let policy = policy(&mut random, 12);
        let groups = policy.groups();
        for _ in 0..400 {
            let principal = everybody.choose(&mut random).unwrap();
            let group = groups.choose(&mut random).unwrap();
            let query = Query {
                route: group.routes[0],
                client: CLIENTS.choose(&mut random).unwrap().parse().unwrap(),
                at: moment(random.random_range(-1..21)),
            };
            let bucket = Bucket::new(random.random_range(0..100)).unwrap();
            let verdict = policy.decide(&query, std::iter::once(principal), &bucket).verdict;
            let mut met = false;
            policy.enumerate(group, principal, &[], |o| {
                let then = o.from.is_none_or(|f| f <= query.at) && o.until.is_none_or(|u| query.at < u);
                met |= then && o.verdict == verdict;
            });
            assert!(met, "seed {seed}, {query:?}, {principal:?}, {verdict:?}");
        }
    }
}

#[test]
fn routes_with_the_same_rules_and_people_whom_no_rule_tells_apart_are_kept_once() {
    let citizens =
        Condition { finite: Finite { accounts: Some(Account::Citizen.bit()), ..Finite::default() }, client: vec![] };
    let rules = vec![Rule { when: citizens, ..default() }, default()];
    let routes: Vec<Route> = (0..1_000).map(|_| route(vec![RuleId(0)])).collect();
    let table = compile(&routes, &rules, CREDENTIALS).unwrap();
    assert_eq!((table.rows(), table.width), (1, 2));
    assert!(table.bytes() < 6_000, "{} bytes", table.bytes());
}

#[test]
fn a_policy_beyond_the_bounds_is_refused_with_what_is_too_much() {
    let anywhere =
        |n: u32| Condition { client: vec![ipnet::Ipv4Net::new(n.into(), 32).unwrap().into()], ..Condition::default() };
    let rules: Vec<Rule> = (0..300).map(|n| Rule { when: anywhere(n), ..default() }).chain([default()]).collect();
    let all = (0..300).map(RuleId).collect();
    let refused = compile(&[route(all)], &rules, 1).unwrap_err();
    assert_eq!(refused, TooLarge::List { route: "somewhere".into(), rules: 301 });

    // Few rules, but many networks and shares: what holds could be proved only by looking at each with each.
    let mixed = |n: u16| Rule {
        when: Condition {
            client: (0..40_u8).map(|m| ipnet::Ipv4Net::new([10, n as u8, m, 0].into(), 24).unwrap().into()).collect(),
            ..Condition::default()
        },
        share: (n % 100) as u8,
        ..default()
    };
    let rules: Vec<Rule> = (0..100).map(mixed).chain([default()]).collect();
    let all = (0..100).map(RuleId).collect();
    assert!(matches!(compile(&[route(all)], &rules, 1), Err(TooLarge::Cases { cases, .. }) if cases > CASES_MAX));

    // Nearly every rule has a column, and every route, with two rules of its own, a row.
    let kind = |n: u16| Finite {
        accounts: Some(1 << (n % 6)),
        logins: Some(1 << (n / 6 % 6)),
        level_min: Level::new((n / 36 % 4) as u8),
        credentials: Some(1 << (n / 144)),
        ..Finite::default()
    };
    let count = 400;
    let of = |n: u16| Rule { when: Condition { finite: kind(n), client: vec![] }, ..default() };
    let rules: Vec<Rule> = (0..count).map(of).chain([default()]).collect();
    let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| vec![RuleId(a), RuleId(b)]));
    let routes: Vec<Route> = pairs.take(60_000).map(route).collect();
    assert!(matches!(compile(&routes, &rules, 3), Err(TooLarge::Memory(bytes)) if bytes > BYTES_MAX));
}

#[test]
fn a_decision_allocates_nothing() {
    let mut random = StdRng::seed_from_u64(7);
    let policy = policy(&mut random, 40);
    let everybody = class::all(CREDENTIALS);
    let queries: Vec<Query> = (0..400)
        .map(|n| Query {
            route: RouteId(n % 4),
            client: CLIENTS[usize::from(n) % CLIENTS.len()].parse().unwrap(),
            at: moment(i64::from(n % 22)),
        })
        .collect();
    let mut allowed = 0;
    let taken = allocation_counter::measure(|| {
        for (query, who) in queries.iter().zip(everybody.iter().cycle()) {
            allowed += usize::from(policy.decide(query, std::iter::once(who), &Bucket::FIRST).grant.is_some());
        }
    });
    assert_eq!(taken.count_total, 0);
    assert!((1..400).contains(&allowed), "{allowed} of 400");
}

#[test]
fn a_rule_that_never_decides_is_found_with_those_that_stand_before_it() {
    let of = |account: Account| Condition {
        finite: Finite { accounts: Some(account.bit()), ..Finite::default() },
        client: vec![],
    };
    let rule = |name: &str, when: Condition| Rule { name: name.into(), when, ..default() };
    let late = Rule { from: Some(moment(10)), ..rule("late", of(Account::Citizen)) };
    let rules = vec![
        Rule { until: Some(moment(10)), ..rule("early", of(Account::Citizen)) },
        Rule { share: 0, ..rule("watched", of(Account::Service)) },
        late,
        rule("behind both", of(Account::Citizen)),
        rule("after a watched one", of(Account::Service)),
        rule("of nobody", of(Account::Official)),
        default(),
    ];
    let policy = Policy::new(vec![], vec![route((0..6).map(RuleId).collect())], rules, 1).unwrap();
    let everybody = class::all(1);
    let people: Vec<Principal> = everybody.into_iter().filter(|p| p.account() != Account::Official).collect();
    let lint = policy.lint(&people);
    let found: Vec<(u16, Vec<u16>)> =
        lint.unreachable.iter().map(|d| (d.rule.0, d.behind.iter().map(|r| r.0).collect())).collect();
    assert_eq!(found, [(3, vec![0, 2]), (5, vec![])]);
    let left: Vec<Account> = lint.uncovered[0].people.iter().map(|place| people[*place].account()).collect();
    assert!(left.contains(&Account::Organization) && !left.contains(&Account::Service));
}
