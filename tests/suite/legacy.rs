//! Promises about portals that still take passwords: such a session is known as one.
//!
//! Officials from their own network, and citizens before the cut-over: the attempt travels as it was typed, and what it
//! opens is a password session, also when the policy changes under it.

use crate::harness::{
    Ask, Browser, Client, Gate, HOST, OFFICIAL, Origin, PASSWORD_PAGE, Policy, Reply, THEIR_NETWORK, UNBOUND, World,
    portal,
};

#[test]
fn an_officials_attempt_from_their_network_reaches_the_portal_as_it_was_typed() {
    let world = World::start();
    let body = format!("csrf=a%2Bb&username={OFFICIAL}&password=dung&x=%e1%bb%93+");
    let ask = Ask::form(&format!("{PASSWORD_PAGE}?return-url=%2F"), &body).with("X-Forwarded-For", THEIR_NETWORK);
    assert_eq!(world.gate.ask_at("proxied", &ask).status, 302);
    let request = world.origin.only();
    assert_eq!(String::from_utf8_lossy(&request.body), body);
    assert_eq!(request.target(), format!("{PASSWORD_PAGE}?return-url=%2F"));
    assert_eq!(request.value("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.vouched(), "official/password/0");

    let mut client = Client::connect(&world.gate.address("proxied"));
    let half = body.len() / 2;
    let (head, tail) = body.split_at(half);
    client.send(
        format!(
            "POST {PASSWORD_PAGE} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: {THEIR_NETWORK}\r\n\
             Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n\
             {half:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
            tail.len()
        )
        .as_bytes(),
    );
    assert_eq!(client.answer().status, 302);
    assert_eq!(String::from_utf8_lossy(&world.origin.only().body), body);
}

#[test]
fn an_official_works_from_their_network_only() {
    let world = World::start();
    let mut official = Browser::behind_proxy(&world.gate, THEIR_NETWORK).with_session("o");
    assert_eq!(official.type_password(OFFICIAL, "dung").status, 302);
    world.origin.take();
    assert_eq!(official.get("/nop-ho-so/1").status, 200);
    assert_eq!(world.origin.only().vouched(), "official/password/0");
    let mut elsewhere = Browser::behind_proxy(&world.gate, "203.0.113.5").with_session("o");
    assert_eq!(elsewhere.get("/nop-ho-so/1").status, 303);
    let mut spoofed = Browser::new(&world.gate).with_session("o");
    let claim = Ask::get("/nop-ho-so/1").navigating().with("X-Forwarded-For", THEIR_NETWORK);
    assert_eq!(spoofed.ask(claim).status, 303, "an address that nobody trusted said");
    world.expect_untouched();
}

#[test]
fn an_officials_attempt_from_elsewhere_gets_a_page_and_no_redirect() {
    let world = World::start();
    for mut browser in [Browser::new(&world.gate), Browser::behind_proxy(&world.gate, "203.0.113.5")] {
        let answer = browser.type_password(OFFICIAL, "dung");
        assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
        assert_eq!(answer.value("location"), None, "what was typed is not lost by a silent redirect");
        world.origin.expect_untouched();
    }
    world.expect_untouched();
}

#[test]
fn a_password_log_in_replaces_what_the_session_was_before() {
    let world = World::start();
    for (body, expected) in [("dung", "official/password/0"), ("sai", UNBOUND)] {
        let mut person = Browser::behind_proxy(&world.gate, THEIR_NETWORK);
        person.log_in_with_vneid(body);
        person.type_password(OFFICIAL, body);
        world.origin.take();
        person.get("/tra-cuu-ho-so");
        assert_eq!(world.origin.only().vouched(), expected, "password {body}");
    }
}

#[test]
fn a_log_in_by_json_succeeds_by_its_answer_not_by_its_status() {
    let world = World::start();
    for (password, expected) in [("dung", "official/password/0"), ("sai", UNBOUND)] {
        let text = format!("{{\"username\":\"can-bo@daknong.gov.vn\",\"password\":\"{password}\"}}");
        let mut person = Browser::behind_proxy(&world.gate, THEIR_NETWORK).with_session(password);
        let answer = person.ask(Ask::json("/api/dang-nhap", &text));
        assert_eq!(answer.status, 200);
        assert!(answer.json()["code"].is_string(), "the portal's answer arrives whole");
        assert_eq!(String::from_utf8_lossy(&world.origin.only().body), text);
        person.get("/tra-cuu-ho-so");
        assert_eq!(world.origin.only().vouched(), expected, "password {password}");
    }
}

/// The policy as it was before the cut-over.
fn before_the_cut_over(origin: &Origin) -> Policy {
    Policy::portal(origin).change_all("2024-07-01T00:00:00+07:00", "2999-07-01T00:00:00+07:00")
}

#[test]
fn a_session_that_a_password_opened_before_the_cut_over_ends_with_it() {
    let origin = Origin::answering(portal);
    let gate = Gate::start(&before_the_cut_over(&origin));
    let mut citizen = Browser::new(&gate).with_session("legacy");
    assert_eq!(citizen.type_password("079203001234", "dung").status, 302, "the eve of the cut-over still passes");
    origin.take();
    assert_eq!(citizen.get("/nop-ho-so/1").status, 200);
    assert_eq!(origin.only().vouched(), "citizen/password/0");

    gate.reload(&Policy::portal(&origin), "ok");
    assert_eq!(citizen.get("/assets/a.js").status, 200);
    assert_eq!(origin.only().vouched(), "citizen/password/0");
    for target in ["/nop-ho-so/1", "/tra-cuu-ho-so", "/"] {
        let mut browser = Browser::new(&gate).with_session("legacy");
        let page = browser.get(target);
        assert_eq!(page.status, 403, "{target}");
        assert!(page.text().contains("VNeID"));
        assert_eq!(browser.session, None, "the page clears the cookie: {:?}", page.head.fields);
        origin.expect_untouched();
        assert_eq!(browser.get("/").status, 200, "and then the start page is there again");
        origin.take();
    }
    let ask = Ask::json("/nop-ho-so/1", "{}").cookie("PHPSESSID=legacy");
    let answer = gate.ask(&ask);
    assert_eq!(answer.status, 403);
    assert_eq!(gate.audit_of(&answer.support_code())["decision"]["rule"], "citizen-uses-vneid");
    origin.expect_untouched();
}

#[test]
fn a_wrong_password_before_the_cut_over_binds_nothing() {
    let origin = Origin::answering(portal);
    let gate = Gate::start(&before_the_cut_over(&origin));
    let mut citizen = Browser::new(&gate).with_session("legacy");
    assert_eq!(citizen.type_password("079203001234", "sai").status, 200);
    assert_eq!(citizen.get("/nop-ho-so/1").status, 303);
}

#[test]
fn an_attempt_whose_answer_never_comes_leaves_no_old_session() {
    let world = World::start();
    let mut person = Browser::behind_proxy(&world.gate, THEIR_NETWORK);
    person.log_in_with_vneid("p");
    world.origin.answer(|_| Reply::hang_up());
    assert_eq!(person.type_password(OFFICIAL, "dung").status, 502);
    world.origin.answer(portal);
    world.origin.take();
    person.get("/tra-cuu-ho-so");
    assert_eq!(world.origin.only().vouched(), UNBOUND);
}

#[test]
fn a_session_is_not_believed_to_be_what_the_policy_in_force_could_not_have_made_it() {
    let world = World::start();
    let mut person = Browser::behind_proxy(&world.gate, THEIR_NETWORK).with_session("o");
    assert_eq!(person.type_password(OFFICIAL, "dung").status, 302);
    assert_eq!(world.vouched("PHPSESSID=o"), "official/password/0");
    // Names like theirs are no longer an official's: what was proved of the new policy must hold for old sessions too.
    let without_officials = world.gate.policy().change("@daknong\\.gov\\.vn$'", "@elsewhere\\.example$'");
    world.gate.reload(&without_officials, "ok");
    assert_eq!(world.vouched("PHPSESSID=o"), UNBOUND);
    assert_eq!(world.vouched(&world.vneid), "citizen/vneid/2", "a log-in that no name decides stays what it was");
}

#[test]
fn no_official_is_let_in_by_a_name_from_all_addresses_of_a_kind() {
    let anywhere = [
        "when = { account = \"official\", login = \"password\", client = [\"::/0\"] }",
        "when = { account = \"official\", login = \"password\" }\nunless = { client = \"192.0.2.0/24\" }",
    ];
    for when in anywhere {
        let rule = format!("[[rule]]\nname = \"by-name\"\n{when}\nthen = \"forward\"\n");
        let exit = Gate::command("check", &Policy::portal(&Origin::start()).file("0-first.toml", &rule), &[]);
        assert_eq!(exit.code, Some(1), "{when}");
        assert!(exit.stderr.contains("vg0403") && exit.stderr.contains("`by-name`"), "{when}: {}", exit.stderr);
    }
    let rule =
        "[[rule]]\nname = \"by-name\"\nwhen = { account = \"official\", login = \"password\" }\nthen = \"forward\"\n";
    for gate in ["[gate]\n", "[gate]\nmode = \"observe\"\n"] {
        let policy = Policy::portal(&Origin::start()).file("0-first.toml", rule).change("[gate]\n", gate);
        let exit = Gate::command("check", &policy, &[]);
        assert!(exit.stderr.contains("vg0403"), "a gate that observes is proved as if it did not: {}", exit.stderr);
    }
}
