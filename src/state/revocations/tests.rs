//! What the list promises about who is revoked, and who is not.

use super::*;
use crate::identity::credential::{Kind, Session};
use crate::identity::fixtures::{ISSUER, credential as jwt};
use crate::identity::registered::TokenIds;
use crate::identity::{CredentialId, SessionName};
use jsonwebtoken::Algorithm;
use serde_json::json;

const NOW_S: i64 = 1_000;

fn list() -> Revocations {
    Revocations::in_memory(Arc::new(Keyed::new(b"0123456789abcdef0123456789abcdef")), 3_600)
}

fn of(name: &str, kind: Kind) -> Credential {
    let (sources, sites, flows, logouts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Credential { id: CredentialId(0), name: name.into(), sources, sites, kind, flows, logouts, logout_door: None }
}

fn by_token() -> Credential {
    of("sso-token", Kind::Jwt(Box::new(jwt(&[Algorithm::RS256]))))
}

fn by_session() -> Credential {
    of("portal-session", Kind::Session(Session::new(60, 600)))
}

fn person(name: &str) -> Facts {
    Facts { subject: Some(name.into()), ..Facts::UNKNOWN }
}

fn token(claims: &serde_json::Value) -> Identifiers {
    Identifiers::of_token(&Arc::new(TokenIds::read(claims)), NOW_S)
}

async fn revoke(list: &Revocations, whom: Whom<'_>, before_s: i64) {
    assert_eq!(list.revoke(whom, before_s, NOW_S).await, Ok(()));
}

#[tokio::test]
async fn a_token_is_taken_away_by_its_id_its_log_in_or_its_subject_and_no_other_is() {
    let claims = json!({ "jti": "t1", "sid": "s1", "sub": "u1", "iat": 900 });
    let others = [
        json!({ "jti": "t2", "sid": "s2", "sub": "u2", "iat": 900 }),
        json!({ "jti": "s1", "sid": "u1", "sub": "t1" }),
    ];
    for whom in [
        Whom::Token { issuer: ISSUER, id: "t1" },
        Whom::LogIn { issuer: ISSUER, id: "s1" },
        Whom::Subject { issuer: ISSUER, subject: "u1" },
    ] {
        let list = list();
        assert!(!list.cover(&by_token(), &Facts::UNKNOWN, &token(&claims)));
        revoke(&list, whom, WHENEVER).await;
        assert!(list.cover(&by_token(), &Facts::UNKNOWN, &token(&claims)), "{whom:?}");
        assert!(list.cover_any(&list.names(&by_token(), &Facts::UNKNOWN, &token(&claims))), "{whom:?}");
        for other in &others {
            assert!(!list.cover(&by_token(), &Facts::UNKNOWN, &token(other)), "{whom:?} {other}");
            assert!(!list.cover_any(&list.names(&by_token(), &Facts::UNKNOWN, &token(other))), "{whom:?} {other}");
        }
    }
}

#[tokio::test]
async fn what_one_issuer_takes_away_another_keeps() {
    let list = list();
    revoke(&list, Whom::Token { issuer: "https://another.example", id: "t1" }, WHENEVER).await;
    assert!(!list.cover(&by_token(), &Facts::UNKNOWN, &token(&json!({ "jti": "t1" }))));
}

#[tokio::test]
async fn whoever_logs_in_after_the_moment_is_in_again() {
    let list = list();
    let who = person("079203001234");
    let pseudonym = list.keyed.person("079203001234");
    revoke(&list, Whom::Person(pseudonym), 950).await;
    for (born_s, covered) in [(949, true), (950, true), (951, false)] {
        let identifiers = Identifiers::of_session(SessionName(1), born_s);
        assert_eq!(list.cover(&by_session(), &who, &identifiers), covered, "{born_s}");
        assert_eq!(list.cover_any(&list.names(&by_session(), &who, &identifiers)), covered, "{born_s}, by its names");
        assert!(!list.cover(&by_session(), &person("079203005678"), &identifiers), "somebody else");
    }
    revoke(&list, Whom::Person(pseudonym), 940).await;
    assert!(
        list.cover(&by_session(), &who, &Identifiers::of_session(SessionName(1), 950)),
        "an earlier moment undoes nothing"
    );
}

#[tokio::test]
async fn a_token_that_hides_its_age_counts_as_old_and_one_that_was_met_before_is_not_younger_than_that() {
    let list = list();
    revoke(&list, Whom::Everybody, NOW_S).await;
    let covered = |claims| list.cover(&by_token(), &Facts::UNKNOWN, &token(&claims));
    assert!(covered(json!({ "jti": "t1" })));
    assert!(covered(json!({ "iat": NOW_S + 20 })), "its issuer's clock is fast: it was met at {NOW_S}");
    let met_later = Identifiers::of_token(&Arc::new(TokenIds::read(&json!({ "iat": NOW_S + 20 }))), NOW_S + 19);
    assert!(!list.cover(&by_token(), &Facts::UNKNOWN, &met_later));
    assert!(covered(json!({ "iat": NOW_S as f64 + 0.9 })), "of the same second");
}

#[tokio::test]
async fn everything_of_one_credential_leaves_the_others_alone() {
    let list = list();
    revoke(&list, Whom::Credential("sso-token"), NOW_S).await;
    assert!(list.cover(&by_token(), &Facts::UNKNOWN, &token(&json!({ "iat": 1 }))));
    assert!(!list.cover(&by_session(), &Facts::UNKNOWN, &Identifiers::of_session(SessionName(1), 1)));
}

#[tokio::test]
async fn an_entry_is_kept_as_long_as_was_said_and_a_later_one_prolongs_it() {
    let list = list();
    let whom = Whom::Session(SessionName(7));
    revoke(&list, whom, WHENEVER).await;
    list.sweep(NOW_S + 3_599);
    assert_eq!(list.count(), 1);
    assert_eq!(list.revoke(whom, WHENEVER, NOW_S + 100).await, Ok(()));
    list.sweep(NOW_S + 3_600);
    assert!(list.cover(&by_session(), &Facts::UNKNOWN, &Identifiers::of_session(SessionName(7), 1)));
    list.sweep(NOW_S + 3_700);
    assert_eq!(list.count(), 0);
}

#[tokio::test]
async fn that_a_logout_token_was_used_is_remembered_while_it_is_good_and_no_longer() {
    let list = list();
    let used = |id| Whom::LogoutToken { issuer: ISSUER, id };
    assert_eq!(list.use_up(ISSUER, "short", NOW_S + 150, NOW_S).await, Ok(()));
    assert_eq!(list.use_up(ISSUER, "endless", i64::MAX, NOW_S).await, Ok(()));
    list.sweep(NOW_S + 149);
    assert!(list.has(used("short")) && list.has(used("endless")));
    list.sweep(NOW_S + 150);
    assert!(!list.has(used("short")) && list.has(used("endless")));
    list.sweep(NOW_S + 3_600);
    assert_eq!(list.count(), 0);
}

#[tokio::test]
async fn whoever_holds_something_open_is_told_of_each_entry() {
    let list = list();
    let mut changes = list.changes();
    assert!(!changes.has_changed().unwrap());
    revoke(&list, Whom::Session(SessionName(7)), WHENEVER).await;
    assert!(changes.has_changed().unwrap());
    assert_eq!(*changes.borrow_and_update(), list.known());
}

#[tokio::test]
async fn what_is_known_already_is_news_to_nobody() {
    let list = list();
    for _ in 0..2 {
        revoke(&list, Whom::Session(SessionName(7)), 950).await;
        assert_eq!(list.known(), 1, "each request would ask again");
    }
    revoke(&list, Whom::Session(SessionName(7)), 960).await;
    assert_eq!(list.known(), 2);
}
