//! Promises about requests whose credentials name two people.
//!
//! Whom the portal would serve nobody but the portal knows: so such a request is refused, whatever
//! each of the two may do.

use crate::harness::{Ask, Gate, Issuer, Origin, Policy, change, eventually, portal};
use serde_json::{Value, json};

struct World {
    origin: Origin,
    issuer: Issuer,
    gate: Gate,
}

impl World {
    fn start() -> World {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer));
        World { origin, issuer, gate }
    }

    fn token(&self, more: Value) -> String {
        let mut claims = self.issuer.vneid();
        change(&mut claims, more);
        self.issuer.key.mint(&claims)
    }

    fn of(&self, subject: &str) -> String {
        self.token(json!({ "preferred_username": subject }))
    }
}

fn both(header: &str, cookie: &str) -> Ask {
    Ask::get("/nop-ho-so/1").bearer(header).cookie(&format!("access_token={cookie}"))
}

#[test]
fn the_tokens_of_two_citizens_on_one_request_are_refused() {
    let world = World::start();
    let (one, other) = (world.of("079203001234"), world.of("079203001235"));
    for (header, cookie) in [(&one, &other), (&other, &one)] {
        let answer = world.gate.ask(&both(header, cookie));
        assert_eq!((answer.status, answer.reason().as_str()), (400, "ambiguous-request"));
    }
    let public = Ask::get("/tra-cuu-ho-so").bearer(&one).cookie(&format!("access_token={other}"));
    assert_eq!(world.gate.ask(&public).status, 400, "on public pages too");
    world.origin.expect_untouched();
    let told = || world.gate.audit().iter().any(|line| line["detail"] == "two-people").then_some(());
    eventually("an audit line that says why", told);
}

#[test]
fn a_browser_with_the_credentials_of_two_people_starts_over() {
    let world = World::start();
    let ask = both(&world.of("079203001234"), &world.of("079203001235")).navigating();
    let answer = world.gate.ask(&ask);
    assert_eq!(answer.status, 400);
    let expired = answer.values("set-cookie");
    for name in ["access_token=;", "PHPSESSID=;"] {
        assert!(expired.iter().any(|cookie| cookie.starts_with(name)), "{name} in {expired:?}");
    }
}

#[test]
fn two_spellings_of_one_name_are_one_person() {
    let world = World::start();
    let token = world.of("can.bo@daknong.gov.vn");
    for spelling in ["can.bo@daknong.gov.vn", "Can.Bo@DakNong.gov.vn", "ｃan.bo@daknong.gov.vn"] {
        assert_eq!(world.gate.ask(&both(&token, &world.of(spelling))).status, 200, "{spelling}");
        world.origin.only();
    }
}

#[test]
fn a_service_beside_a_person_is_nobody_else() {
    let world = World::start();
    let service = json!({ "azp": "public-pages", "identity_provider": null, "preferred_username": "service-account" });
    let (service, person) = (world.token(service), world.of("079203001234"));
    let ask = Ask::get("/tra-cuu-ho-so").bearer(&service).cookie(&format!("access_token={person}"));
    assert_eq!(world.gate.ask(&ask).status, 200);
}

#[test]
fn a_token_that_proves_nobody_is_no_second_person() {
    let world = World::start();
    let expired = world.token(json!({ "preferred_username": "079203001235", "exp": 1_700_000_000 }));
    let answer = world.gate.ask(&both(&world.of("079203001234"), &expired));
    assert_eq!((answer.status, answer.reason().as_str()), (401, "credential-expired"));
    world.origin.expect_untouched();
}
