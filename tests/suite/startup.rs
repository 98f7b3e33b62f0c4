//! Promises about starting: a mistake in the policy is told with its place and a way out, and never starts a gate.
//!
//! Every case is one mistake in a policy that is otherwise good, and the words that must be said about it: where it
//! stands and what to do. A directory with many mistakes hears of all of them at once.

use crate::harness::{Exit, Gate, Origin, Policy};

/// From, to, what must be said.
type Mistake = (&'static str, &'static str, &'static [&'static str]);

const MISTAKES: &[Mistake] = &[
    ("upstream  = \"portal\"", "upstraem  = \"portal\"", &["gate.toml:31:1", "`upstraem`", "did you mean `upstream`?"]),
    ("idle = \"30m\"", "idle = 30", &["identity.toml:5:8", "expected", "integer"]),
    ("idle = \"30m\"", "idle = \"30 moments\"", &["identity.toml:5:8", "is not a duration", "\"30s\""]),
    ("name  = \"assets\"", "name  = \"public\"", &["gate.toml:", "a second route is called `public`"]),
    (
        "name = \"citizen-vneid\"",
        "name = \"citizen-uses-vneid\"",
        &["rules.toml:", "a second rule is called `citizen-uses-vneid`"],
    ),
    (
        "routes = [\"assets\", \"public\"",
        "routes = [\"asets\", \"public\"",
        &["rules.toml:", "`asets`", "did you mean `assets`?"],
    ),
    ("site  = \"portal\"", "site  = \"protal\"", &["gate.toml:", "`protal`", "did you mean `portal`?"]),
    (
        "account = \"citizen\", login = \"vneid\", level_min",
        "account = \"citizn\", login = \"vneid\", level_min",
        &["rules.toml:", "`citizn`", "did you mean `citizen`?"],
    ),
    ("then = \"login\"", "then = \"allow\"", &["rules.toml:", "`allow`", "forward"]),
    ("page = \"raise-level\"", "page = \"raise-levels\"", &["rules.toml:", "did you mean `raise-level`?"]),
    ("level_min = 2", "level_min = 4", &["rules.toml:", "`4`"]),
    ("level_min = 2", "level_min = \"2\"", &["rules.toml:", "expected"]),
    ("client = [\"10.20.0.0/16\"]", "client = [\"10.20.0.0/33\"]", &["rules.toml:", "`10.20.0.0/33`"]),
    ("client = [\"10.20.0.0/16\"]", "client = [\"10.20.3.0/16\"]", &["rules.toml:", "did you mean `10.20.0.0/16`?"]),
    (
        ", client = [\"10.20.0.0/16\"]",
        "",
        &["rule `officials-from-their-network` lets officials in by the shape of a name", "client = ["],
    ),
    ("paths = [\"/dang-xuat\"]", "paths = [\"dang-xuat\"]", &["gate.toml:", "`dang-xuat`"]),
    ("paths = [\"/dang-xuat\"]", "paths = [\"/dang-xuat/../x\"]", &["gate.toml:"]),
    ("paths = [\"/dang-xuat\"]", "paths = [\"/a/**/b\"]", &["gate.toml:", "`/a/**/b`"]),
    ("paths = [\"/dang-xuat\"]", "paths = [\"/nop-ho-so\"]", &["gate.toml:", "`/nop-ho-so`"]),
    (
        "login_url = \"/dich-vu-cong/cong-dan/dang-nhap\"",
        "login_url = \"/nop-ho-so\"",
        &["the log-in page `/nop-ho-so` of site `portal` is not open"],
    ),
    ("secret_file = \"@DATA@/secret\"", "secret_file = \"/nowhere/secret\"", &["gate.toml:5:15", "/nowhere/secret"]),
    (
        "secret_file = \"@DATA@/secret\"",
        "secret_file = \"gate.toml\"\nsecret_env = \"X\"",
        &["gate.toml:", "secret_env"],
    ),
    ("time_zone   = \"Asia/Ho_Chi_Minh\"", "time_zone   = \"Asia/Hanoi\"", &["gate.toml:", "`Asia/Hanoi`"]),
    (
        "hosts     = [\"dichvucong.daknong.gov.vn\"]",
        "hosts     = [\"https://dichvucong.daknong.gov.vn/\"]",
        &["gate.toml:", "is not a host name"],
    ),
    ("servers  = [\"@ORIGIN@\"]", "servers  = []", &["gate.toml:", "servers"]),
    ("servers  = [\"@ORIGIN@\"]", "servers  = [\"http://127.0.0.1:80\"]", &["gate.toml:", "is not a server"]),
    ("begins  = { location_host = [\"sso.dancuquocgia.gov.vn\"] }\n", "", &["identity.toml:", "begins"]),
    (
        "success = { status = [302, 303], location = [\"/\", \"/nop-ho-so/**\"] }\nis      = {",
        "success = { status = [302, 303] }\nis      = {",
        &["identity.toml:", "success"],
    ),
    ("'^[^@]+@daknong\\.gov\\.vn$'", "'^[^@+@daknong'", &["identity.toml:", "is not a regular expression"]),
    ("until = 2024-07-01T00:00:00+07:00", "until = \"2024-07-01\"", &["rules.toml:", "date-time"]),
    ("until = 2024-07-01T00:00:00+07:00", "until = 2024-07-32", &["rules.toml:"]),
    ("[default]\nthen = \"login\"", "", &["[default]"]),
    ("[credential.session]\nidle = \"30m\"", "", &["identity.toml:", "credential"]),
    (
        "[state]\nstore = \"memory\"",
        "[state]\nstore = \"memory\"\npath = \"state\"",
        &["gate.toml:", "`path` says nothing to `store = \"memory\"`", "store = \"embedded\""],
    ),
    ("[state]\nstore = \"memory\"", "[state]\nstore = \"embeded\"", &["gate.toml:18:9", "did you mean `embedded`?"]),
    ("[state]\nstore = \"memory\"", "[state]\nstore = \"redis\"", &["gate.toml:", "needs `url` or `url_env`"]),
    (
        "[state]\nstore = \"memory\"",
        "[state]\nstore = \"redis\"\nurl = \"redis://:mat-khau@10.0.10.30\"",
        &["a password in `url` of `[state]`", "password_file"],
    ),
    (
        "[state]\nstore = \"memory\"",
        "[state]\nstore = \"redis\"\nurl = \"10.0.10.30\"",
        &["gate.toml:19:7", "not the address of a Redis", "redis://"],
    ),
    (
        "[state]\nstore = \"memory\"",
        "[state]\nstore = \"embedded\"\non_store_loss = \"refuse\"",
        &["gate.toml:", "`on_store_loss` says nothing to `store = \"embedded\"`", "store = \"redis\""],
    ),
    (
        "[[listener]]\naddress         = ",
        "[[listener]]\nproxy_protocol = true\naddress         = ",
        &["gate.toml:", "not yet supported"],
    ),
    (
        "[default]",
        "[[invariant]]\nname = \"nobody\"\nnever = \"forward\"\n[default]",
        &["rules.toml:", "invariant `nobody` does not hold", "by rule `public-pages`"],
    ),
    ("[default]", "[[invariant]]\nname = \"n\"\nnever = []\n[default]", &["rules.toml:", "`never` is empty"]),
    ("review = 2025-07-01", "mode = \"observe\"\npercent = 5", &["rules.toml:", "`percent`", "only observes"]),
    ("review = 2025-07-01", "percent = 101", &["rules.toml:", "`101` is out of range"]),
    (
        "[credential.session]\nidle = \"30m\"",
        "[credential.introspection]\nendpoint = \"https://sso.example/\"",
        &["identity.toml:", "`credential.introspection` lacks the key `client`"],
    ),
    ("[[rule]]", "[[rule]\n", &["rules.toml:1:"]),
    ("[gate]", "[gate]\n[gate]", &["gate.toml:"]),
    ("[audit]", "[audits]", &["gate.toml:", "`audits`", "did you mean `audit`?"]),
];

fn with_mistake((from, to, _): &Mistake) -> Policy {
    Policy::portal(&Origin::start()).change(from, to)
}

#[track_caller]
fn expect_said(exit: &Exit, what: &str, words: &[&str]) {
    let said = format!("{}{}", exit.stdout, exit.stderr);
    for word in words {
        assert!(said.contains(word), "{what}\nwas to say: {word}\nsaid: {said}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    let mut silent = Vec::new();
    for mistake in MISTAKES {
        let exit = Gate::command("check", &with_mistake(mistake), &[]);
        let said = format!("{}{}", exit.stdout, exit.stderr);
        let missing: Vec<&str> = mistake.2.iter().copied().filter(|words| !said.contains(words)).collect();
        let placed = mistake.2.iter().any(|words| words.contains(".toml:"));
        if exit.code != Some(1) || !missing.is_empty() || (placed && !said.contains('^')) {
            silent.push(format!(
                "{} => {}\nexit {:?}, not said: {missing:?}, said:\n{said}",
                mistake.0, mistake.1, exit.code
            ));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n----\n"));
}

#[test]
fn no_mistake_starts_a_gate() {
    for mistake in MISTAKES.iter().step_by(5) {
        let exit = Gate::refused(&with_mistake(mistake));
        assert!(matches!(exit.code, Some(1 | 2)), "{:?}: {:?}", mistake, exit.code);
        expect_said(&exit, mistake.1, mistake.2);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let origin = Origin::start();
    let policy = Policy::portal(&origin)
        .change("upstream  = \"portal\"", "upstraem  = \"portal\"")
        .change("idle = \"30m\"", "idle = \"soon\"")
        .change("then = \"login\"", "then = \"allow\"")
        .change("level_min = 2", "level_min = 7");
    let exit = Gate::command("check", &policy, &[]);
    assert_eq!(exit.code, Some(1));
    let places = ["gate.toml:31:1", "lacks the key `upstream`", "identity.toml:5:8", "`allow`", "`7`"];
    expect_said(&exit, "four mistakes", &places);
    let said = format!("{}{}", exit.stdout, exit.stderr);
    assert!(said.contains("5 errors"), "{said}");
}

#[test]
fn a_mistake_is_underlined_where_it_stands() {
    let origin = Origin::start();
    let policy = Policy::portal(&origin).change("idle = \"30m\"", "idel = \"30m\"");
    let exit = Gate::command("check", &policy, &[]);
    let said = format!("{}{}", exit.stdout, exit.stderr);
    assert!(said.contains("5 | idel = \"30m\"\n  | ^^^^\n"), "{said}");
}

#[test]
fn a_policy_that_is_fine_passes_the_check() {
    let origin = Origin::start();
    let exit = Gate::command("check", &Policy::portal(&origin), &[]);
    assert_eq!(exit.code, Some(0), "{}{}", exit.stdout, exit.stderr);
}

#[test]
fn a_directory_without_a_policy_is_an_error() {
    let exit = Gate::command("check", &Policy::empty(), &[]);
    assert!(matches!(exit.code, Some(1 | 2)));
    let exit = Gate::refused(&Policy::empty());
    assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
    expect_said(&exit, "missing", &["policy"]);
    let exit = Gate::refused(&Policy::empty().file("README.md", "nothing here"));
    assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
    expect_said(&exit, "empty", &[".toml"]);
    let exit = Gate::refused(&Policy::empty().file("empty.toml", ""));
    assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
    expect_said(&exit, "an empty file", &["gate"]);
}

#[test]
fn a_failing_test_of_the_policy_is_a_mistake() {
    let origin = Origin::start();
    let test = |rule: &str| {
        format!(
            "\n[[test]]\nname = \"the start page is open\"\nat = 2026-01-01T00:00:00+07:00\nrequest = {{ method = \"GET\", \
             url = \"https://dichvucong.daknong.gov.vn/\" }}\nexpect = {{ then = \"forward\", rule = \"{rule}\" }}\n"
        )
    };
    let good = Policy::portal(&origin).append("rules.toml", &test("public-pages"));
    let exit = Gate::command("check", &good, &[]);
    assert_eq!(exit.code, Some(0), "{}{}", exit.stdout, exit.stderr);
    let bad = Policy::portal(&origin).append("rules.toml", &test("citizen-vneid"));
    let exit = Gate::command("check", &bad, &[]);
    assert_eq!(exit.code, Some(1));
    expect_said(&exit, "a test", &["rules.toml:", "the start page is open", "public-pages", "citizen-vneid"]);
    let exit = Gate::refused(&bad);
    assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
    expect_said(&exit, "a test", &["the start page is open"]);
}

#[test]
fn a_port_that_is_taken_is_told_by_its_address() {
    let origin = Origin::start();
    let taken = origin.address();
    let policy = Policy::portal(&origin);
    for listener in ["127.0.0.1:@PORT:main@", "127.0.0.1:@PORT:admin@"] {
        let exit = Gate::refused(&policy.clone().change(listener, &taken));
        assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
        expect_said(&exit, "a taken port", &[&taken, "in use"]);
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_by_its_file() {
    let origin = Origin::start();
    let listener = "[[listener]]\naddress = \"127.0.0.1:@PORT:main@\"";
    let tls = |certificate: &str, key: &str| {
        let tls = format!("{listener}\ntls = {{ certificate = \"{certificate}\", key = \"{key}\" }}");
        Policy::portal(&origin).change(listener, &tls).file("tls/junk.pem", "no certificate")
    };
    for (certificate, key) in [("tls/none.pem", "tls/none.key"), ("tls/junk.pem", "tls/junk.pem")] {
        let exit = Gate::refused(&tls(certificate, key));
        assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
        expect_said(&exit, "a certificate", &[certificate]);
    }
}

#[test]
fn wrong_usage_is_told_apart_from_a_wrong_policy() {
    let origin = Origin::start();
    for arguments in [&["--no-such-option"][..], &["--at", "yesterday"], &["--format", "yaml"]] {
        let exit = Gate::command("check", &Policy::portal(&origin), arguments);
        assert_eq!(exit.code, Some(2), "{arguments:?}: {}{}", exit.stdout, exit.stderr);
    }
    assert_eq!(Gate::command("no-such-command", &Policy::portal(&origin), &[]).code, Some(2));
}
