//! What the ledger promises about the life of a session.

use super::*;
use crate::identity::SessionName;
use crate::state::bounded::Alias;
use prometheus::IntCounter;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

const K: SessionKey = SessionKey { alias: [1; 16], exact: [1; 16], name: SessionName(1) };
const L: SessionKey = SessionKey { alias: [2; 16], exact: [2; 16], name: SessionName(2) };
const FLOWS: [FlowStamp; 1] = [FlowStamp(7)];
const TERMS: Terms<'static> = Terms { idle_s: 60, lifetime_s: 600, flows: &FLOWS };

fn bound(ledger: &Local, key: SessionKey, terms: Terms<'_>, now_s: i64) -> bool {
    matches!(ledger.look_up(key, terms, now_s), SessionFound::Bound(..))
}

fn memory(capacity: usize) -> Local {
    Local::new(capacity, IntCounter::new("evicted", "evicted").unwrap())
}

/// In memory nothing waits.
fn done<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory does not wait"),
    }
}

fn bind(ledger: &Local, key: SessionKey, birth: Birth) {
    assert_eq!(done(ledger.bind(key, birth, Proof::default())), Ok(Outcome::Bound));
}

fn birth(at_s: i64) -> Birth {
    Birth { facts: Facts::UNKNOWN, flow: FlowStamp(7), start: Start::Clean, idle_s: 60, lifetime_s: 600, at_s }
}

#[test]
fn a_session_lives_while_it_is_used_and_not_beyond_its_lifetime() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    assert!(bound(&ledger, K, TERMS, 59));
    assert!(bound(&ledger, K, TERMS, 118));
    assert!(!bound(&ledger, K, TERMS, 178));
    assert!(!bound(&ledger, K, TERMS, 118), "once forgotten, forgotten");
    bind(&ledger, K, birth(0));
    for t in (0..600).step_by(30) {
        assert!(bound(&ledger, K, TERMS, t));
    }
    assert!(!bound(&ledger, K, TERMS, 600));
}

#[test]
fn a_clock_that_steps_back_neither_panics_nor_prolongs() {
    let ledger = memory(100);
    bind(&ledger, K, birth(1_000));
    assert!(bound(&ledger, K, TERMS, 0));
    assert!(!bound(&ledger, K, TERMS, 1_060));
}

#[test]
fn a_renamed_session_keeps_its_facts() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    done(ledger.rename(K, L, 1)).unwrap();
    assert!(bound(&ledger, L, TERMS, 2));
    assert!(bound(&ledger, K, TERMS, 2), "requests side by side still show the old value");
    assert!(bound(&ledger, L, TERMS, 40));
    assert!(!bound(&ledger, K, TERMS, 61), "but not for ever");
    assert!(bound(&ledger, L, TERMS, 61));
}

#[test]
fn a_session_is_not_followed_to_a_value_that_is_known() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    let other = Birth { idle_s: 1, ..birth(0) };
    bind(&ledger, L, other);
    done(ledger.rename(K, L, 1)).unwrap();
    done(ledger.forget(K)).unwrap();
    assert!(bound(&ledger, L, TERMS, 2), "the other session is as it was");
}

#[test]
fn a_log_out_under_one_name_ends_the_session_under_all() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    done(ledger.rename(K, L, 1)).unwrap();
    done(ledger.forget(K)).unwrap();
    assert!(!bound(&ledger, L, TERMS, 2));
}

#[test]
fn another_spelling_is_not_believed_but_ends_the_session() {
    let ledger = memory(100);
    let spelled = SessionKey { exact: [9; 16], ..K };
    bind(&ledger, K, birth(0));
    assert!(matches!(ledger.look_up(spelled, TERMS, 1), SessionFound::OtherSpelling));
    assert!(bound(&ledger, K, TERMS, 1));
    done(ledger.depart(spelled)).unwrap();
    assert!(!bound(&ledger, K, TERMS, 1));
}

#[test]
fn a_session_born_of_a_log_in_that_the_policy_changed_is_not_believed() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    let changed = [FlowStamp(8)];
    assert!(!bound(&ledger, K, Terms { flows: &changed, ..TERMS }, 1));
}

#[test]
fn of_two_log_ins_under_way_only_the_last_to_depart_may_bind() {
    let ledger = memory(100);
    let first = done(ledger.depart(K)).unwrap();
    let second = done(ledger.depart(K)).unwrap();
    let by = |departure| Proof { departure: Some(departure), login: None };
    assert_eq!(done(ledger.bind(K, birth(0), by(&first))), Ok(Outcome::Conflict));
    assert!(!bound(&ledger, K, TERMS, 1));
    assert_eq!(done(ledger.bind(K, birth(0), by(&second))), Ok(Outcome::Bound));
    assert!(bound(&ledger, K, TERMS, 1));
    let third = done(ledger.depart(L)).unwrap();
    done(ledger.forget(L)).unwrap();
    assert_eq!(done(ledger.bind(L, birth(0), by(&third))), Ok(Outcome::Conflict), "a log-out departed since");
}

#[test]
fn a_success_that_meets_a_known_session_leaves_nobody_known() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    assert_eq!(done(ledger.bind(K, birth(0), Proof::default())), Ok(Outcome::Conflict));
    assert!(!bound(&ledger, K, TERMS, 1));
}

#[test]
fn a_log_in_is_bound_once() {
    let ledger = memory(100);
    let once = || Proof { departure: None, login: Some([7; 16]) };
    assert_eq!(done(ledger.bind(K, birth(0), once())), Ok(Outcome::Bound));
    done(ledger.forget(K)).unwrap();
    assert_eq!(done(ledger.bind(K, birth(1), once())), Ok(Outcome::Replayed));
    assert!(!bound(&ledger, K, TERMS, 1));
    ledger.sweep(BEGUN_S);
    assert_eq!(done(ledger.bind(K, birth(1), once())), Ok(Outcome::Bound), "nobody is asked about it any more");
}

#[test]
fn sweeping_drops_what_is_over() {
    let ledger = memory(100);
    bind(&ledger, K, birth(0));
    bind(&ledger, L, birth(100));
    ledger.sweep(120);
    assert_eq!(ledger.count(), 1);
}

#[test]
fn who_has_to_go_for_newer_sessions_is_the_oldest_and_is_counted() {
    let evicted = IntCounter::new("evicted", "evicted").unwrap();
    let ledger = Local::new(32, evicted.clone());
    let key = |n: u8| {
        let alias: Alias = [n; 16];
        SessionKey { alias, exact: alias, name: SessionName(0) }
    };
    (0..64).for_each(|n| bind(&ledger, key(n), birth(0)));
    assert_eq!((ledger.count(), evicted.get()), (32, 32));
    assert!((0..32).all(|n| !bound(&ledger, key(n), TERMS, 1)));
    assert!((32..64).all(|n| bound(&ledger, key(n), TERMS, 1)));
}
