//! Tests of key sets: which keys are in force, from when and until when.

use super::*;
use crate::config::settings::KeysAt;
use crate::identity::CredentialId;
use jsonwebtoken::Algorithm;
use serde_json::json;

const NOW_S: i64 = 1_719_766_800;

fn remote(url: &str) -> RemoteKeys {
    RemoteKeys { at: KeysAt::Set(url.into()), ca_file: None, client_tls: None }
}

fn source() -> KeySource {
    KeySource {
        credential: CredentialId(0),
        name: "sso".into(),
        pinned: None,
        remote: Some(remote("a")),
        grace_s: None,
        max_age_s: None,
    }
}

/// A set of keys that differ by id alone.
fn set(kids: &[&str]) -> KeySet {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let keys: Vec<_> = kids.iter().map(|kid| json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": x })).collect();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), &[Algorithm::EdDSA]).unwrap().0
}

fn known(keys: &Keys, now_s: i64) -> Vec<&'static str> {
    let set = keys.of("sso", now_s).set;
    ["file", "old", "new"].into_iter().filter(|kid| set.as_ref().is_some_and(|set| set.knows(kid))).collect()
}

#[test]
fn pinned_and_fetched_keys_count_together_each_once() {
    let keys = Keys::default();
    keys.adopt(&[KeySource { pinned: Some(Arc::new(set(&["file", "old"]))), ..source() }], NOW_S);
    assert_eq!(known(&keys, NOW_S), ["file", "old"]);
    assert!(keys.fetched("sso", &remote("a"), set(&["old", "new"]), NOW_S));
    assert_eq!(known(&keys, NOW_S), ["file", "old", "new"]);
    assert_eq!(keys.of("sso", NOW_S).set.unwrap().len(), 3);
    assert!(!keys.fetched("sso", &remote("b"), set(&["evil"]), NOW_S), "another place");
}

#[test]
fn a_key_that_is_gone_counts_for_its_grace_and_no_longer() {
    for (grace_s, until) in [(None, 0), (Some(600), 600)] {
        let keys = Keys::default();
        keys.adopt(&[KeySource { grace_s, ..source() }], NOW_S);
        keys.fetched("sso", &remote("a"), set(&["old"]), NOW_S);
        let before = keys.of("sso", NOW_S).version;
        keys.fetched("sso", &remote("a"), set(&["new"]), NOW_S);
        assert_ne!(keys.of("sso", NOW_S).version, before, "what the old key proved is verified again");
        if grace_s.is_some() {
            assert_eq!(known(&keys, NOW_S + until - 1), ["old", "new"]);
        }
        let during = keys.of("sso", NOW_S).version;
        assert_eq!(known(&keys, NOW_S + until), ["new"]);
        assert_eq!(keys.of("sso", NOW_S + until).version == during, grace_s.is_none());
    }
}

#[test]
fn a_set_that_is_too_old_proves_nothing_and_pinned_keys_stay() {
    for (pinned, left) in [(None, &[][..]), (Some(Arc::new(set(&["file"]))), &["file"][..])] {
        let keys = Keys::default();
        keys.adopt(&[KeySource { pinned, max_age_s: Some(3_600), ..source() }], NOW_S);
        keys.fetched("sso", &remote("a"), set(&["new"]), NOW_S);
        assert!(known(&keys, NOW_S + 3_599).contains(&"new"));
        assert_eq!(known(&keys, NOW_S + 3_600), left);
        assert_eq!(keys.missing(NOW_S + 3_600).is_empty(), !left.is_empty());
        keys.fetched("sso", &remote("a"), set(&["new"]), NOW_S + 4_000);
        assert!(known(&keys, NOW_S + 4_000).contains(&"new"));
    }
}

#[test]
fn grace_does_not_outlive_the_age_of_the_set() {
    let keys = Keys::default();
    keys.adopt(&[KeySource { grace_s: Some(6_000), max_age_s: Some(100), ..source() }], NOW_S);
    keys.fetched("sso", &remote("a"), set(&["old"]), NOW_S);
    keys.fetched("sso", &remote("a"), set(&["new"]), NOW_S + 50);
    assert_eq!(known(&keys, NOW_S + 99), ["old", "new"]);
    assert_eq!(known(&keys, NOW_S + 100), ["new"]);
}

#[test]
fn a_new_policy_keeps_what_comes_from_the_same_place() {
    let keys = Keys::default();
    keys.adopt(&[source()], NOW_S);
    keys.fetched("sso", &remote("a"), set(&["old"]), NOW_S);
    keys.adopt(&[KeySource { pinned: Some(Arc::new(set(&["file"]))), ..source() }], NOW_S);
    assert_eq!(known(&keys, NOW_S), ["file", "old"]);
    keys.adopt(&[KeySource { remote: Some(remote("b")), ..source() }], NOW_S);
    assert_eq!(known(&keys, NOW_S), [""; 0]);
}

#[tokio::test]
async fn a_key_id_that_nobody_has_is_looked_for_once_in_a_while() {
    let keys = Keys::default();
    keys.adopt(&[source()], NOW_S);
    let wanted = keys.wanted("sso");
    let is_wanted = || async {
        let moment = std::time::Duration::from_millis(5);
        tokio::time::timeout(moment, wanted.notified()).await.is_ok()
    };
    keys.want("sso", Some("junk"), NOW_S);
    assert!(is_wanted().await);
    keys.want("sso", Some("junk"), NOW_S + STRANGER_S - 1);
    assert!(!is_wanted().await, "it was looked for");
    keys.want("sso", Some("other"), NOW_S + 1);
    assert!(is_wanted().await);
    keys.want("sso", Some("junk"), NOW_S + STRANGER_S);
    assert!(is_wanted().await, "that was a while ago");
}

#[test]
fn a_storm_of_key_ids_is_remembered_within_bounds() {
    let keys = Keys::default();
    keys.adopt(&[source()], NOW_S);
    for n in 0..100_000 {
        keys.want("sso", Some(&n.to_string()), NOW_S);
    }
    let cells = keys.cells.read().unwrap();
    assert!(cells["sso"].strangers.len() <= STRANGERS);
}
