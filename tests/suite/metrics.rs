//! Promises about metrics: they say what happened, under the names that dashboards and alerts rely on.
//!
//! Every name and label of the contract is there from the start; labels come from closed lists, whatever a request
//! says.

use crate::harness::{Ask, Browser, Gate, Issuer, Origin, PASSWORD_PAGE, Policy, World, portal};
use std::io::Write;
use std::process::{Command, Stdio};

/// Metrics that have a series from the start, with all their labels.
const NAMES: &[(&str, &[&str])] = &[
    ("decisions_total", &["account", "action", "login", "mode", "reason", "route", "rule", "site"]),
    ("requests_total", &["code", "method", "route", "site", "source"]),
    ("decision_duration_seconds_count", &[]),
    ("request_duration_seconds_count", &["route"]),
    ("upstream_duration_seconds_count", &["upstream"]),
    ("requests_in_flight", &["listener"]),
    ("connections_open", &["listener"]),
    ("credential_checks_total", &["credential", "result"]),
    ("jwks_refreshes_total", &["credential", "result", "trigger"]),
    ("jwks_keys", &["credential"]),
    ("jwks_last_success_timestamp_seconds", &["credential"]),
    ("logins_total", &["flow", "result", "site"]),
    ("ledger_sessions", &[]),
    ("policy_reloads_total", &["result"]),
    ("policy_last_reload_successful", &[]),
    ("policy_loaded_timestamp_seconds", &[]),
    ("policy_info", &["digest"]),
    ("policy_reviews_due", &[]),
    ("refused_requests_total", &["cause"]),
    ("upstream_healthy", &["server", "upstream"]),
    ("upstream_failures_total", &["kind", "upstream"]),
    ("audit_dropped_total", &[]),
    ("build_info", &["version"]),
];

type Labels = &'static [(&'static str, &'static str)];

fn with_tokens() -> (Origin, Issuer, Gate) {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let observed = "mode = \"observe\"\nreview = 2025-07-01";
    let policy = Policy::portal_with_tokens(&origin, &issuer).change("review = 2025-07-01", observed);
    let gate = Gate::start(&policy);
    (origin, issuer, gate)
}

#[test]
fn every_metric_of_the_contract_is_there_from_the_start() {
    let (_origin, _issuer, gate) = with_tokens();
    gate.ask(&Ask::get("/assets/a.js"));
    gate.settle();
    let scrape = gate.metrics();
    for (name, labels) in NAMES {
        let name = format!("vneid_gate_{name}");
        assert!(scrape.maybe(&name, &[]).is_some(), "{name} is missing");
        let found: Vec<String> = scrape.label_names(&name);
        assert_eq!(found, *labels, "labels of {name}");
    }
    assert!(scrape.text.contains("process_resident_memory_bytes"), "process metrics");
    for name in scrape.text.lines().filter(|line| !line.starts_with('#')) {
        assert!(name.starts_with("vneid_gate_") || name.starts_with("process_"), "the prefix is missing: {name}");
    }
}

#[test]
fn closed_lists_are_complete_from_the_start() {
    let (_origin, _issuer, gate) = with_tokens();
    let scrape = gate.metrics();
    let values = |name: &str, label: &str| scrape.label_values(&format!("vneid_gate_{name}"), label);
    assert_eq!(
        values("credential_checks_total", "result"),
        [
            "algorithm",
            "audience",
            "expired",
            "inactive",
            "issuer",
            "malformed",
            "not_yet_valid",
            "ok",
            "party",
            "revoked",
            "signature",
            "unavailable",
            "unbound",
            "unknown_kid"
        ]
    );
    assert_eq!(
        values("refused_requests_total", "cause"),
        ["ambiguous_target", "framing", "overload", "rate", "too_large", "unknown_host"]
    );
    assert_eq!(values("logins_total", "flow"), ["log-out", "national-portal", "password", "password-json", "vneid"]);
    assert_eq!(values("decisions_total", "mode"), ["enforce", "observe"]);
    for rule in ["citizen-vneid", "citizen-uses-vneid", "public-pages", "default", "organization-national-portal"] {
        assert_eq!(scrape.sum("vneid_gate_decisions_total", &[("rule", rule)]), 0.0, "{rule} starts at 0");
    }
    assert_eq!(scrape.sum("vneid_gate_policy_reviews_due", &[]), 1.0);
    assert_eq!(scrape.sum("vneid_gate_policy_info", &[]), 1.0);
    assert_eq!(scrape.sum("vneid_gate_upstream_healthy", &[("upstream", "portal")]), 1.0);
    assert_eq!(scrape.sum("vneid_gate_jwks_keys", &[("credential", "sso-token")]), 1.0);
}

#[test]
fn promtool_finds_nothing_to_say() {
    let (_origin, _issuer, gate) = with_tokens();
    gate.ask(&Ask::get("/assets/a.js"));
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is part of the test setup");
    promtool.stdin.take().unwrap().write_all(gate.metrics().text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_request_moves_its_own_series_by_one() {
    let world = World::start();
    let before = world.gate.metrics();
    let cases: [(Ask, u16, Labels); 4] = [
        (
            Ask::get("/assets/a.js"),
            200,
            &[
                ("route", "assets"),
                ("rule", "public-pages"),
                ("action", "forward"),
                ("account", "anonymous"),
                ("login", "none"),
            ],
        ),
        (
            Ask::get("/undeclared"),
            401,
            &[("route", "other"), ("rule", "default"), ("action", "login"), ("reason", "not-logged-in")],
        ),
        (
            Ask::form(PASSWORD_PAGE, "username=0912345678&password=x"),
            403,
            &[
                ("route", "login"),
                ("rule", "citizen-password-attempt"),
                ("action", "reject"),
                ("account", "citizen"),
                ("login", "password"),
            ],
        ),
        (
            Ask::post("/nop-ho-so", "x").cookie(&world.vneid),
            200,
            &[
                ("route", "filing"),
                ("rule", "citizen-vneid"),
                ("action", "forward"),
                ("account", "citizen"),
                ("login", "vneid"),
            ],
        ),
    ];
    for (ask, status, decision) in &cases {
        assert_eq!(world.gate.ask(ask).status, *status);
        let now = before.sum("vneid_gate_decisions_total", decision) + 1.0;
        world.gate.until_metric("vneid_gate_decisions_total", decision, |count| count == now);
        let code = status.to_string();
        let source = if *status == 200 { "upstream" } else { "gate" };
        let request = [
            ("site", "portal"),
            decision[0],
            ("method", ask.method.as_str()),
            ("code", code.as_str()),
            ("source", source),
        ];
        let now = before.maybe("vneid_gate_requests_total", &request).unwrap_or(0.0) + 1.0;
        world.gate.until_metric("vneid_gate_requests_total", &request, |count| count == now);
    }
    let after = world.gate.metrics();
    for (name, count) in [("decision_duration_seconds_count", 4.0), ("request_duration_seconds_count", 4.0)] {
        let name = format!("vneid_gate_{name}");
        assert_eq!(after.sum(&name, &[]) - before.sum(&name, &[]), count, "{name}");
    }
    let name = "vneid_gate_upstream_duration_seconds_count";
    assert_eq!(after.sum(name, &[]) - before.sum(name, &[]), 2.0, "{name}");
    assert_eq!(after.sum("vneid_gate_requests_in_flight", &[]), 0.0);
}

#[test]
fn no_request_can_make_a_new_label() {
    let world = World::start();
    world.gate.ask(&Ask::get("/assets/a.js"));
    let labels = |name: &str, label: &str| world.gate.metrics().label_values(name, label);
    for n in 0..20 {
        for ask in [
            Ask::get(&format!("/undeclared-{n}")),
            Ask::new(&format!("METHOD{n}"), "/assets/a.js"),
            Ask::get("/assets/a.js").with("Host", &format!("host{n}.example")),
            Ask::form(PASSWORD_PAGE, &format!("username=name-{n}&password=x")),
            Ask::get("/assets/a.js").with("User-Agent", &format!("agent-{n}")).cookie(&format!("PHPSESSID=s{n}")),
        ] {
            world.gate.ask(&ask);
        }
    }
    let series = world.gate.metrics();
    assert!(!series.text.contains("host1.example") && !series.text.contains("undeclared-1"));
    assert!(!series.text.contains("name-1") && !series.text.contains("METHOD1"));
    assert!(labels("vneid_gate_requests_total", "method").len() <= 10);
    assert!(labels("vneid_gate_requests_total", "route").len() <= 7);
}

#[test]
fn a_rule_in_observe_mode_is_counted_and_changes_nothing() {
    let rule = "[[rule]]\nname = \"trial\"\nroutes = [\"public\"]\nmode = \"observe\"\nthen = \"reject\"\n\n[[rule]]\nname = \"officials";
    let world = World::with(|policy| policy.change("[[rule]]\nname = \"officials", rule));
    let observed = [("rule", "trial"), ("mode", "observe"), ("action", "reject")];
    let differs = [("rule", "trial"), ("enforced", "forward"), ("observed", "reject")];
    assert_eq!(world.gate.metric("vneid_gate_decisions_total", &observed), 0.0);
    assert_eq!(world.gate.metric("vneid_gate_observe_disagreements_total", &differs), 0.0);
    assert_eq!(world.gate.ask(&Ask::get("/tra-cuu-ho-so")).status, 200);
    world.gate.until_metric("vneid_gate_decisions_total", &observed, |count| count == 1.0);
    world.gate.until_metric("vneid_gate_observe_disagreements_total", &differs, |count| count == 1.0);
    assert_eq!(world.gate.metric("vneid_gate_decisions_total", &[("rule", "public-pages"), ("route", "public")]), 1.0);
    let line = world.gate.audit().into_iter().rev().find(|line| line["path"] == "/tra-cuu-ho-so");
    assert!(line.is_none_or(|line| line["decision"]["action"] == "forward" && line["observed"]["action"] == "reject"));
}

#[test]
fn log_ins_and_checks_are_counted_by_their_result() {
    let world = World::start();
    let checks = |result: &'static str| [("credential", "portal-session"), ("result", result)];
    let before = world.gate.metrics();
    world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid));
    world.gate.ask(&Ask::get("/nop-ho-so").cookie("PHPSESSID=unseen"));
    for result in ["ok", "unbound"] {
        let now = before.sum("vneid_gate_credential_checks_total", &checks(result)) + 1.0;
        world.gate.until_metric("vneid_gate_credential_checks_total", &checks(result), |count| count == now);
    }
    Browser::new(&world.gate).get(&format!("{}?code=good&state=s", crate::harness::CALLBACK));
    Browser::new(&world.gate).log_in_with_vneid("x");
    for result in ["begun", "bound"] {
        let labels = [("flow", "vneid"), ("result", result)];
        let now = before.sum("vneid_gate_logins_total", &labels) + 1.0;
        world.gate.until_metric("vneid_gate_logins_total", &labels, |count| count == now);
    }
}

#[test]
fn the_admin_listener_answers_what_it_knows_and_nothing_else() {
    let world = World::start();
    for path in ["/metrics", "/livez", "/readyz", "/status"] {
        assert_eq!(world.gate.admin(path).status, 200, "{path}");
    }
    for path in ["/", "/metrics/x", "/../metrics", "/nop-ho-so", "/debug/pprof"] {
        assert_eq!(world.gate.admin(path).status, 404, "{path}");
    }
    let kind = world.gate.admin("/metrics").value("content-type").unwrap_or_default().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    for page in ["/metrics", "/status"] {
        let answer = world.gate.ask(&Ask::get(page));
        assert_eq!(answer.status, 401, "no page of the admin listener is on the portal's");
    }
    world.expect_untouched();
}
