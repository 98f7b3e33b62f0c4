//! Promises of the reader: who is meant, until when, and that nothing of the body comes back in a complaint.

use super::*;
use crate::identity::CredentialId;
use crate::identity::credential::{Kind, Session};
use crate::identity::fixtures::{ISSUER, credential as jwt};
use jsonwebtoken::Algorithm;

fn credentials() -> [Credential; 2] {
    let of = |id: u8, name: &str, kind| {
        let (sources, sites, flows, logouts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Credential { id: CredentialId(id), name: name.into(), sources, sites, kind, flows, logouts, logout_door: None }
    };
    let session = Session::new(60, 600);
    [of(0, "sso-token", Kind::Jwt(Box::new(jwt(&[Algorithm::RS256])))), of(1, "portal-session", Kind::Session(session))]
}

fn keyed() -> Keyed {
    Keyed::new(b"0123456789abcdef0123456789abcdef")
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00.5Z".parse().unwrap()
}

fn read(body: &Value) -> Result<Demand, String> {
    Demand::read(body.to_string().as_bytes(), &credentials(), &keyed(), now())
}

#[test]
fn each_way_of_naming_somebody_names_exactly_that() {
    let person = keyed().person("079203001234");
    for (body, whom) in [
        (json!({ "session": "00000000000000ff" }), Whom::Session(SessionName(255))),
        (json!({ "pseudonym": "00000000000000FF" }), Whom::Person(Pseudonym(255))),
        (json!({ "subject": "079203001234" }), Whom::Person(person)),
        (json!({ "token_id": "t", "credential": "sso-token" }), Whom::Token { issuer: ISSUER, id: "t" }),
        (json!({ "token_id": "t", "credential": "portal-session" }), Whom::Token { issuer: "portal-session", id: "t" }),
        (json!({ "credential": "sso-token" }), Whom::Credential("sso-token")),
        (json!({ "everything": true }), Whom::Everybody),
    ] {
        assert_eq!(read(&body).unwrap().whom(), whom, "{body}");
    }
}

#[test]
fn what_was_issued_before_the_moment_is_taken_away_and_what_was_issued_at_it_is_not() {
    let before = |at: &str| read(&json!({ "everything": true, "issued_before": at })).unwrap().before_s();
    assert_eq!(before("1970-01-01T00:01:40Z"), 99);
    assert_eq!(before("1970-01-01T00:01:40.1Z"), 100);
    assert_eq!(before("1970-01-01T07:01:40+07:00"), 99);
    assert_eq!(read(&json!({ "everything": true })).unwrap().before_s(), now().as_second(), "now, unless it says when");
    let token = read(&json!({ "token_id": "t", "credential": "sso-token" })).unwrap();
    assert_eq!((token.before_s(), token.issued_before), (WHENEVER, None));
}

#[test]
fn a_body_that_cannot_be_meant_is_told_what_to_do() {
    for (body, says) in [
        (json!([]), "a JSON object with one of"),
        (json!({}), "nobody is named"),
        (json!({ "issued_before": "2024-01-01T00:00:00Z" }), "nobody is named"),
        (json!({ "sesion": "00000000000000ff" }), "unknown key"),
        (json!({ "session": "00000000000000ff", "force": true }), "unknown key"),
        (json!({ "session": "00000000000000ff", "everything": true }), "only one thing"),
        (json!({ "subject": "x", "credential": "sso-token" }), "only one thing"),
        (json!({ "session": "ff" }), "16 hex digits"),
        (json!({ "session": 255 }), "16 hex digits"),
        (json!({ "session": "+0000000000000ff" }), "16 hex digits"),
        (json!({ "pseudonym": "079203001234" }), "16 hex digits"),
        (json!({ "subject": "" }), "a text"),
        (json!({ "subject": 79203001234_i64 }), "a text"),
        (json!({ "token_id": "t" }), "needs the credential"),
        (json!({ "token_id": "", "credential": "sso-token" }), "the claim `jti`"),
        (json!({ "token_id": "t", "credential": "sso" }), "there are: sso-token, portal-session"),
        (json!({ "credential": "sso" }), "there are: sso-token, portal-session"),
        (json!({ "credential": 1 }), "there are: sso-token, portal-session"),
        (json!({ "everything": false }), "everything is true"),
        (json!({ "everything": "true" }), "everything is true"),
        (json!({ "everything": true, "issued_before": "2024-07-01" }), "with an offset"),
        (json!({ "everything": true, "issued_before": 1 }), "with an offset"),
        (json!({ "everything": true, "issued_before": "2026-01-01T00:01:01Z" }), "in the future"),
        (
            json!({ "token_id": "t", "credential": "sso-token", "issued_before": "2024-01-01T00:00:00Z" }),
            "leave it out",
        ),
    ] {
        let said = read(&body).unwrap_err();
        assert!(said.contains(says), "{body}: {said}");
        assert!(!said.contains("0792"), "{said}");
    }
    assert!(read(&json!({ "everything": true, "issued_before": "2026-01-01T00:01:00Z" })).is_ok(), "a clock ahead");
    let twice = br#"{"session":"00000000000000ff","session":"00000000000000fe"}"#;
    assert!(Demand::read(twice, &credentials(), &keyed(), now()).is_err());
}

#[test]
fn neither_the_answer_nor_the_log_names_a_person() {
    let person = read(&json!({ "subject": "079203001234" })).unwrap();
    let pseudonym = format!("{:016x}", keyed().person("079203001234").0);
    assert_eq!(person.told(), json!({ "pseudonym": pseudonym }));
    assert_eq!(person.logged(), "one person");
    assert_eq!(read(&json!({ "session": "00000000000000ff" })).unwrap().logged(), "one session");
}
