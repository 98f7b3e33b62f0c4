//! Promises of the mapping from claims to facts.

use super::*;
use serde_json::json;

fn rule(account: Account, login: Login) -> ClaimRule {
    let is = Is { account, login, level: LevelFrom::Constant(Level::UNKNOWN) };
    ClaimRule { equals: vec![], matches: vec![], present: vec![], absent: vec![], is }
}

fn equals(pointer: &str, value: Value) -> ClaimRule {
    ClaimRule { equals: vec![(pointer.into(), value)], ..rule(Account::Citizen, Login::Vneid) }
}

fn matches(pointer: &str, shape: &str) -> ClaimRule {
    ClaimRule { matches: vec![(pointer.into(), Regex::new(shape).unwrap())], ..rule(Account::Citizen, Login::Password) }
}

fn present(pointer: &str) -> ClaimRule {
    ClaimRule { present: vec![pointer.into()], ..rule(Account::Citizen, Login::Vneid) }
}

fn absent(pointer: &str) -> ClaimRule {
    ClaimRule { absent: vec![pointer.into()], ..rule(Account::Citizen, Login::Password) }
}

fn read(rules: &[ClaimRule], claims: Value) -> Facts {
    facts(rules, &claims, "someone".into())
}

fn holds(rule: ClaimRule, claims: Value) -> bool {
    read(&[rule], claims).account == Account::Citizen
}

fn level_of(claims: Value) -> u8 {
    let from_claim = LevelFrom::Claim("/vneid_level".into());
    let is = Is { level: from_claim, ..rule(Account::Citizen, Login::Vneid).is };
    let level = ClaimRule { is, ..rule(Account::Citizen, Login::Vneid) };
    read(&[level], claims).level.number()
}

#[test]
fn the_first_rule_that_matches_wins() {
    let rules = [
        ClaimRule {
            equals: vec![("/idp".into(), json!("npsp"))],
            ..rule(Account::Organization, Login::NationalPortal)
        },
        equals("/idp", json!("vneid")),
        rule(Account::Service, Login::ClientCredentials),
    ];
    assert_eq!(read(&rules, json!({"idp": "vneid"})).account, Account::Citizen);
    assert_eq!(read(&rules, json!({"idp": "npsp"})).login, Login::NationalPortal);
    assert_eq!(read(&rules, json!({})).account, Account::Service);
}

#[test]
fn claims_that_no_rule_explains_are_unknown_and_keep_their_subject() {
    let facts = read(&[equals("/idp", json!("vneid"))], json!({"idp": "other"}));
    assert_eq!(facts, Facts { subject: Some("someone".into()), ..Facts::UNKNOWN });
    assert_eq!(read(&[], json!({})).account, Account::Unknown);
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let both = ClaimRule {
        absent: vec!["/idp".into()],
        present: vec!["/sid".into()],
        matches: vec![("/name".into(), Regex::new(r"^\d{12}$").unwrap())],
        ..equals("/azp", json!("web"))
    };
    let good = json!({"azp": "web", "sid": "s", "name": "001099000001"});
    assert!(holds(both.clone(), good.clone()));
    for (pointer, value) in [("azp", json!("app")), ("sid", json!(null)), ("name", json!("x")), ("idp", json!("v"))] {
        let mut bad = good.clone();
        bad[pointer] = value;
        assert!(!holds(both.clone(), bad), "{pointer}");
    }
}

#[test]
fn equals_compares_whole_values_of_one_type() {
    assert!(holds(equals("/a", json!("vneid")), json!({"a": "vneid"})));
    assert!(holds(equals("/a", json!(3)), json!({"a": 3})));
    assert!(holds(equals("/a", json!(true)), json!({"a": true})));
    assert!(holds(equals("/a", json!(["x"])), json!({"a": ["x"]})));
    for (value, claim) in [
        (json!("3"), json!(3)),
        (json!(3), json!("3")),
        (json!(true), json!("true")),
        (json!("vneid"), json!(["vneid"])),
        (json!("vneid"), json!("not-vneid")),
        (json!("vneid"), json!("vneid ")),
        (json!("vneid"), json!("VNeID")),
        (json!("vneid"), json!({"vneid": "vneid"})),
        (json!("vneid"), json!(null)),
    ] {
        assert!(!holds(equals("/a", value.clone()), json!({ "a": claim })), "{value} and {claim}");
    }
    assert!(!holds(equals("/a", json!("vneid")), json!({})));
}

#[test]
fn a_null_that_is_asked_for_is_not_a_missing_claim() {
    assert!(holds(equals("/a", json!(null)), json!({"a": null})));
    assert!(!holds(equals("/a", json!(null)), json!({})));
}

#[test]
fn absent_means_missing_or_null() {
    assert!(holds(absent("/idp"), json!({})));
    assert!(holds(absent("/idp"), json!({"idp": null})));
    for claim in [json!(""), json!(0), json!(false), json!([]), json!({}), json!("vneid")] {
        assert!(!holds(absent("/idp"), json!({ "idp": claim })), "{claim}");
    }
}

#[test]
fn present_means_there_and_not_null() {
    for claim in [json!(""), json!(0), json!(false), json!([]), json!("vneid")] {
        assert!(holds(present("/idp"), json!({ "idp": claim })), "{claim}");
    }
    assert!(!holds(present("/idp"), json!({})));
    assert!(!holds(present("/idp"), json!({"idp": null})));
}

#[test]
fn an_expression_looks_at_strings_only() {
    assert!(holds(matches("/name", r"^\d{12}$"), json!({"name": "001099000001"})));
    for claim in [json!(1099000001u64), json!(["001099000001"]), json!(null), json!("001099000001\n"), json!("1")] {
        assert!(!holds(matches("/name", r"^\d{12}$"), json!({ "name": claim })), "{claim}");
    }
    assert!(!holds(matches("/name", ""), json!({})));
}

#[test]
fn pointers_reach_into_objects_and_arrays() {
    let claims = json!({"act": {"idp": ["vneid"]}, "https://a/b": 1, "m~n": 2});
    assert!(holds(equals("/act/idp/0", json!("vneid")), claims.clone()));
    assert!(holds(equals("/https:~1~1a~1b", json!(1)), claims.clone()));
    assert!(holds(equals("/m~0n", json!(2)), claims.clone()));
    assert!(!holds(equals("/act/idp/1", json!("vneid")), claims));
}

#[test]
fn a_level_claim_is_an_integer_or_one_digit_from_0_to_3() {
    for (claim, level) in [
        (json!(0), 0),
        (json!(1), 1),
        (json!(2), 2),
        (json!(3), 3),
        (json!("0"), 0),
        (json!("1"), 1),
        (json!("2"), 2),
        (json!("3"), 3),
    ] {
        assert_eq!(level_of(json!({ "vneid_level": claim })), level, "{claim}");
    }
}

#[test]
fn any_other_level_claim_is_level_0() {
    for claim in [
        json!(null),
        json!(4),
        json!(-1),
        json!(258),
        json!(u64::MAX),
        json!(2.0),
        json!(2.5),
        json!(true),
        json!(""),
        json!("4"),
        json!("02"),
        json!("2.0"),
        json!(" 2"),
        json!("2 "),
        json!("+2"),
        json!("２"),
        json!("two"),
        json!("23"),
        json!([2]),
        json!({"2": 2}),
    ] {
        assert_eq!(level_of(json!({ "vneid_level": claim })), 0, "{claim}");
    }
    assert_eq!(level_of(json!({})), 0);
}

#[test]
fn a_constant_level_needs_no_claim() {
    let is = Is { level: LevelFrom::Constant(Level::MAX), ..rule(Account::Citizen, Login::Vneid).is };
    let constant = ClaimRule { is, ..rule(Account::Citizen, Login::Vneid) };
    assert_eq!(read(&[constant], json!({"vneid_level": 1})).level, Level::MAX);
}
