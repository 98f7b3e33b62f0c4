//! What the gate shows of itself to servers about identity, and whom it believes there.
//!
//! Tokens are asked about, and key sets fetched, over real TLS from servers that demand a
//! certificate.
//! Whatever is wrong on either side, the tokens are unavailable, nothing reaches the portal, and
//! the log says which side is to be mended.

use crate::harness::{Ask, Authority, Front, Gate, Issuer, Origin, Policy, Reply, eventually, now, portal};
use serde_json::json;

const TOKEN: &str = "opaque-0123456789";

/// Lines for a policy: whom to trust, and what to show.
fn showing(trusted: &Authority, client: Option<&Authority>) -> String {
    let shown = client.map(|authority| {
        let (certificate, key) = authority.certify(&["gate"]);
        format!("client_tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n")
    });
    format!("ca_file = \"{}\"\n{}", trusted.file().display(), shown.unwrap_or_default())
}

fn asking(origin: &Origin, front: &Front, lines: &str) -> Policy {
    let policy = Policy::portal(origin).file("introspection.toml", include_str!("policies/introspection.toml"));
    let policy = policy.change("http://@SERVER@", &front.url()).file("client.secret", "a synthetic secret");
    policy.change("# more, if any: @MORE@", lines)
}

fn fetching(origin: &Origin, issuer: &Issuer, front: &Front, lines: &str) -> Policy {
    let keys = format!("jwks_url = \"{}/certs\"\n{lines}", front.url());
    Policy::portal_with_tokens(origin, issuer).change("jwks_url   = \"@JWKS@\"", &keys)
}

/// An authorization server that finds every token in force.
fn server() -> Origin {
    Origin::answering(|_| {
        let who = json!({ "sub": "079203001234", "identity_provider": "vneid", "vneid_level": 2 });
        let mut answer =
            json!({ "active": true, "token_type": "Bearer", "client_id": "web-padsvc", "exp": now() + 600 });
        crate::harness::change(&mut answer, who);
        Reply::json(200, &answer)
    })
}

fn file(gate: &Gate, token: &str) -> (u16, Option<String>) {
    let answer = gate.ask(&Ask::get("/nop-ho-so/1").bearer(token));
    (answer.status, answer.is_the_gates().then(|| answer.reason()))
}

fn unavailable() -> (u16, Option<String>) {
    (503, Some("identity-unavailable".to_owned()))
}

/// Servers that cannot be asked with what is shown to them, or must not be believed: the name on
/// the certificate, whether its authority is trusted, who vouches for the gate, and what the log
/// says.
struct Trouble<'a> {
    name: &'a str,
    trusted: &'a Authority,
    client: Option<&'a Authority>,
    says: &'a str,
}

fn troubles<'a>(servers: &'a Authority, clients: &'a Authority, strangers: &'a Authority) -> [Trouble<'a>; 4] {
    let fine = Trouble { name: "localhost", trusted: servers, client: Some(clients), says: "" };
    [
        Trouble { client: None, says: "`localhost` wants a certificate from the gate", ..fine },
        Trouble { client: Some(strangers), says: "`localhost` does not accept the certificate of the gate", ..fine },
        Trouble { trusted: strangers, says: "the certificate of `localhost` is not trusted: UnknownIssuer", ..fine },
        Trouble {
            name: "sso.other.test",
            says: "the certificate of `localhost` is not trusted: certificate not valid",
            ..fine
        },
    ]
}

#[test]
fn with_the_certificate_that_is_wanted_tokens_are_asked_about_over_one_connection() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let (origin, server) = (Origin::answering(portal), server());
    let front = Front::of(&server.address(), "localhost", &servers, Some(&clients));
    let gate = Gate::start(&asking(&origin, &front, &showing(&servers, Some(&clients))));
    for n in 0..5 {
        assert_eq!(file(&gate, &format!("token-{n}")), (200, None));
    }
    assert_eq!(server.requests().len(), 5);
    assert_eq!(front.connections(), 1);
}

#[test]
fn a_server_that_cannot_be_asked_or_believed_leaves_tokens_undecided_and_the_log_says_why() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    for trouble in troubles(&servers, &clients, &strangers) {
        let (origin, server) = (Origin::answering(portal), server());
        let front = Front::of(&server.address(), trouble.name, &servers, Some(&clients));
        let gate = Gate::start(&asking(&origin, &front, &showing(trouble.trusted, trouble.client)));
        assert_eq!(file(&gate, TOKEN), unavailable(), "{}", trouble.says);
        server.expect_untouched();
        origin.expect_untouched();
        let line = format!("credential `api-token`: no answer about a token: {}", trouble.says);
        eventually(&line, || gate.stderr().contains(&line).then_some(()));
        assert!(!gate.everything_written().contains(TOKEN));
    }
}

#[test]
fn with_the_certificate_that_is_wanted_keys_are_fetched() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let front = Front::of(&issuer.address(), "localhost", &servers, Some(&clients));
    let gate = Gate::start(&fetching(&origin, &issuer, &front, &showing(&servers, Some(&clients))));
    assert_eq!(file(&gate, &issuer.key.mint(&issuer.vneid())), (200, None));
}

#[test]
fn a_key_set_that_cannot_be_fetched_or_believed_is_missed_by_name_and_the_log_says_why() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    for trouble in troubles(&servers, &clients, &strangers) {
        let (origin, issuer) = (Origin::answering(portal), Issuer::start());
        let front = Front::of(&issuer.address(), trouble.name, &servers, Some(&clients));
        let lines = showing(trouble.trusted, trouble.client);
        let gate = Gate::start_unready(&fetching(&origin, &issuer, &front, &lines));
        let line = format!("credential `sso-token`: key set not fetched: {}", trouble.says);
        eventually(&line, || gate.stderr().contains(&line).then_some(()));
        assert_eq!(file(&gate, &issuer.key.mint(&issuer.vneid())), unavailable(), "{}", trouble.says);
        let ready = gate.admin("/readyz");
        assert!(ready.status == 503 && ready.text().contains("`sso-token` has no key set yet"), "{}", ready.text());
        assert_eq!(issuer.fetches(), 0);
        origin.expect_untouched();
    }
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (origin, server) = (Origin::answering(portal), server());
    let front = Front::of(&server.address(), "localhost", &servers, Some(&clients));
    let gate = Gate::start(&asking(&origin, &front, &showing(&servers, Some(&strangers))));
    assert_eq!(file(&gate, TOKEN), unavailable());
    let (certificate, key) = clients.certify(&["gate"]);
    let (old_certificate, old_key) = strangers.paths("gate");
    std::fs::copy(key, old_key).unwrap();
    std::fs::copy(certificate, old_certificate).unwrap();
    eventually("the new certificate to be accepted", || (file(&gate, TOKEN).0 == 200).then_some(()));
}

#[test]
fn a_certificate_and_a_key_of_different_pairs_are_refused_at_load() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let (origin, server, issuer) = (Origin::answering(portal), server(), Issuer::start());
    let front = Front::of(&server.address(), "localhost", &servers, Some(&clients));
    let (certificate, _) = clients.certify(&["gate"]);
    let (_, key) = clients.certify(&["another"]);
    let lines = format!("client_tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}");
    for (policy, credential) in [
        (asking(&origin, &front, &lines), "credential `api-token`"),
        (fetching(&origin, &issuer, &front, &lines), "credential `sso-token`"),
    ] {
        for exit in [Gate::refused(&policy), Gate::command("check", &policy, &[])] {
            assert_eq!(exit.code, Some(1), "{}", exit.stderr);
            assert!(exit.stderr.contains(credential) && exit.stderr.contains("does not belong"), "{}", exit.stderr);
        }
    }
}
