//! The trace against the decision: whoever tells why must tell what was decided.

use super::Met;
use crate::identity::Principal;
use crate::policy::table::tests::{CLIENTS, CREDENTIALS, moment, policy};
use crate::policy::{Bucket, Policy, Query, RouteId, class};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

fn query(random: &mut StdRng) -> Query {
    Query {
        route: RouteId(random.random_range(0..4)),
        client: CLIENTS.choose(random).unwrap().parse().unwrap(),
        at: moment(random.random_range(-1..21)),
    }
}

/// Asks about many people, places and moments of many policies.
fn ask(mut about: impl FnMut(&Policy, &Query, &Principal, Bucket)) {
    let everybody = class::all(CREDENTIALS);
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let policy = policy(&mut random, 1 + seed as usize);
        for _ in 0..500 {
            let query = query(&mut random);
            let bucket = Bucket::new(random.random_range(0..100)).unwrap();
            about(&policy, &query, everybody.choose(&mut random).unwrap(), bucket);
        }
    }
}

#[test]
fn the_trace_ends_at_the_rule_that_decides_and_names_the_first_that_was_observed() {
    ask(|policy, query, principal, bucket| {
        let decision = policy.decide(query, std::iter::once(principal), &bucket);
        let steps = policy.trace(query, principal, bucket);
        let last = steps.last().unwrap();
        assert_eq!((last.id, last.met), (decision.verdict.rule, Met::Decides), "{query:?}, {principal:?}, {bucket:?}");
        let observed = steps.iter().find(|step| step.met == Met::Observed).map(|step| step.id);
        assert_eq!(observed, decision.observed.map(|v| v.rule), "{query:?}, {principal:?}, {bucket:?}");
        assert!(steps.iter().map(|step| step.id.0).eq(0..=last.id.0), "every rule, in order");
    });
}

#[test]
fn a_rule_hits_exactly_where_the_trace_says_so() {
    ask(|policy, query, principal, bucket| {
        for step in policy.trace(query, principal, bucket) {
            if step.id == policy.default_id() {
                continue;
            }
            let covered = policy.route(query.route).unwrap().rules.contains(&step.id);
            let hits = covered && step.rule.hits(principal, query.client, query.at);
            assert_eq!(hits, matches!(step.met, Met::Observed | Met::Decides), "{query:?}, {principal:?}, {step:?}");
        }
    });
}

#[test]
fn the_next_change_is_the_first_second_that_decides_otherwise() {
    ask(|policy, query, principal, bucket| {
        let decided = |at| {
            let decision = policy.decide(&Query { at, ..*query }, std::iter::once(principal), &bucket);
            (decision.verdict, decision.observed)
        };
        let slow = (query.at.as_second() + 1..=21).map(moment).find(|at| decided(*at) != decided(query.at));
        let change = policy.next_change(query, &[principal], &bucket);
        assert_eq!(change.as_ref().map(|(at, _)| *at), slow, "{query:?}, {principal:?}, {bucket:?}");
        if let Some((at, decision)) = change {
            assert_eq!((decision.verdict, decision.observed), decided(at));
        }
    });
}
