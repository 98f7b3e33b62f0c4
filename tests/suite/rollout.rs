//! Promises about roll-outs: a rule can be tried before it bites, and bites when it should.
//!
//! A gate that only observes changes nothing and tells everything; a share of the people is always the same people; a
//! date takes effect at its instant, without a reload.

use crate::harness::{
    Ask, Browser, Gate, HOST, Issuer, Origin, PASSWORD_PAGE, Policy, World, change, eventually, portal,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;

const OBSERVING: (&str, &str) = ("[gate]\n", "[gate]\nmode = \"observe\"\n");

#[test]
fn a_gate_that_only_observes_forwards_what_it_would_refuse_and_says_so() {
    let world = World::with(|policy| policy.change(OBSERVING.0, OBSERVING.1));
    let disagreements = [("rule", "default"), ("enforced", "forward"), ("observed", "login")];
    assert_eq!(world.gate.metric("vneid_gate_observe_disagreements_total", &disagreements), 0.0);
    let unseen = "PHPSESSID=unseen";
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so/1").cookie(unseen)).status, 200);
    let arrived = world.origin.only();
    assert_eq!(arrived.value("cookie"), Some(unseen), "the credential travels");
    assert_eq!(arrived.vouched(), "anonymous/none/0", "and nobody is vouched for");

    let line = eventually("the audit line", || world.gate.audit().into_iter().find(|l| l["path"] == "/nop-ho-so/1"));
    assert_eq!(line["decision"], json!({ "action": "forward", "rule": "default", "reason": "observed" }));
    assert_eq!(line["observed"], json!({ "action": "login", "rule": "default", "reason": "session-unbound" }));
    world.gate.until_metric("vneid_gate_observe_disagreements_total", &disagreements, |n| n == 1.0);
    let observed = [("mode", "observe"), ("action", "login"), ("rule", "default"), ("reason", "session-unbound")];
    assert_eq!(world.gate.metric("vneid_gate_decisions_total", &observed), 1.0);
}

#[test]
fn a_gate_that_only_observes_lets_a_password_through_and_learns_what_it_opened() {
    let world = World::with(|policy| policy.change(OBSERVING.0, OBSERVING.1));
    let mut citizen = Browser::new(&world.gate).with_session("c");
    assert_eq!(citizen.type_password("079203001234", "dung").status, 302);
    assert_eq!(world.origin.only().path(), PASSWORD_PAGE);
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
    let line = eventually("the audit line", || world.gate.audit().into_iter().find(|l| l["path"] == "/nop-ho-so/1"));
    assert_eq!(line["observed"]["rule"], "citizen-uses-vneid");
    assert_eq!(line["principals"][0]["login"], "password");
}

#[test]
fn a_gate_that_only_observes_still_refuses_what_it_cannot_decide() {
    let world = World::with(|policy| policy.change(OBSERVING.0, OBSERVING.1));
    let refused = [
        (Ask::get("/assets/../x"), 400, "ambiguous-request"),
        (Ask::get("/x").cookie("PHPSESSID=a; PHPSESSID=b"), 400, "ambiguous-request"),
        (Ask::get("/x").with("Host", "evil.example"), 421, "unknown-host"),
        (Ask::form(PASSWORD_PAGE, "username=a&username=b"), 400, "login-body-unreadable"),
    ];
    for (ask, status, reason) in refused {
        let answer = world.gate.ask(&ask);
        assert_eq!((answer.status, answer.reason().as_str()), (status, reason), "{ask:?}");
    }
    world.expect_untouched();
}

/// Which of a hundred people are refused when a rule with this share is in force.
fn refused(share: u8) -> BTreeSet<usize> {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let rule = format!(
        "[[rule]]\nname = \"trial\"\nroutes = [\"filing\"]\nwhen = {{ login = \"vneid\" }}\nthen = \"reject\"\npercent = {share}\n"
    );
    let gate = Gate::start(&Policy::portal_with_tokens(&origin, &issuer).file("0-trial.toml", &rule));
    let status = |person: usize| {
        let mut claims = issuer.vneid();
        change(&mut claims, json!({ "preferred_username": format!("{person:012}") }));
        let token = issuer.key.mint(&claims);
        let answers: BTreeSet<u16> =
            (0..2).map(|_| gate.ask(&Ask::get("/nop-ho-so/1").bearer(&token)).status).collect();
        assert_eq!(answers.len(), 1, "the same person, the same answer");
        answers.into_iter().next()
    };
    let refused = (0..100).filter(|person| status(*person) == Some(403)).collect();
    let disagreements = [("rule", "trial"), ("enforced", "forward"), ("observed", "reject")];
    let spared = |refused: &BTreeSet<usize>| 2.0 * (100 - refused.len()) as f64;
    gate.until_metric("vneid_gate_observe_disagreements_total", &disagreements, |n| n == spared(&refused));
    refused
}

#[test]
fn a_share_is_always_the_same_people_and_a_larger_one_only_adds_some() {
    let (none, some, more) = (refused(0), refused(20), refused(60));
    assert!(none.is_empty());
    assert!((5..40).contains(&some.len()), "{} of 100", some.len());
    assert!(some.is_subset(&more) && more.len() > some.len(), "{some:?} {more:?}");
}

#[test]
fn a_date_takes_effect_at_its_instant_without_a_reload() {
    let origin = Origin::answering(portal);
    let instant = Timestamp::now() + SignedDuration::from_secs(6);
    let rule = format!("[[rule]]\nname = \"closed\"\nroutes = [\"public\"]\nfrom = {instant}\nthen = \"reject\"\n");
    // The log-in must stay open, and is on a route of its own.
    let gate = Gate::start(&Policy::portal(&origin).file("0-closed.toml", &rule));
    let next = gate.status()["policy"]["next_transition"]["rule"].clone();
    assert_eq!(next, "closed");
    let ask = Ask::get("/tra-cuu-ho-so");
    eventually("the instant", || (gate.ask(&ask).status == 403).then_some(()));
    assert_eq!(gate.status()["policy"]["generation"], 1, "nothing was loaded again");
    for line in gate.audit().iter().filter(|l| l["host"] == HOST && l["route"] == "public") {
        let at: Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        let expected = if at < instant { "forward" } else { "reject" };
        assert_eq!(line["decision"]["action"], expected, "{line}");
    }
    assert!(gate.audit().iter().any(|l| l["decision"]["action"] == "forward"), "it was open before");
}
