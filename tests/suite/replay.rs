//! Promises about replay: it says what other rules would have done, and what it could not know.
//!
//! Fixed logs against a fixed policy, compared word for word with what is kept in `golden/replay`;
//! and the log of a gate that was really visited, through its own policy and through a changed one.
//! `BLESS=1` writes the kept answers anew: read the difference before keeping it.

use crate::harness::{Ask, Browser, Gate, Origin, PASSWORD_PAGE, Policy, portal};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/golden/replay")
}

/// Runs the binary in the folder of the kept answers, so that paths in them are short.
fn run(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    command.args(arguments).current_dir(golden());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the command said and how it ended is what is kept under this name.
#[track_caller]
fn expect_kept(name: &str, arguments: &[&str]) -> Output {
    let output = run(arguments, b"");
    let code = output.status.code().expect("an exit status");
    let said = format!(
        "$ vneid-gate {}\nexit status {code}\n--- stdout\n{}--- stderr\n{}",
        arguments.join(" "),
        text(&output.stdout),
        text(&output.stderr)
    );
    let kept = golden().join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&kept, &said).unwrap();
    }
    let expected = fs::read_to_string(&kept).unwrap_or_else(|e| panic!("{}: {e}", kept.display()));
    assert!(said == expected, "{name} says now:\n{said}\ninstead of:\n{expected}");
    output
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn report(arguments: &[&str], stdin: &[u8]) -> Value {
    let output = run(arguments, stdin);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["recorded"]["logs"] = Value::Null;
    report
}

#[test]
fn a_replay_tells_who_would_have_been_locked_out() {
    expect_kept("july.txt", &["replay", "policy", "--log", "day.jsonl", "--at", "2026-07-02T12:00:00"]);
    expect_kept(
        "july.json",
        &["replay", "policy", "--log", "day.jsonl", "--at", "2026-07-02T12:00:00", "--format", "json"],
    );
}

#[test]
fn a_replay_as_of_the_time_of_each_request_finds_the_few_that_change() {
    expect_kept("june.txt", &["replay", "policy", "--log", "day.jsonl"]);
}

#[test]
fn observed_decisions_are_compared_with_observed_ones() {
    expect_kept(
        "observed.txt",
        &["replay", "policy", "--log", "day.jsonl", "--observed", "--at", "2026-07-02T12:00:00"],
    );
}

#[test]
fn what_cannot_be_read_is_told_by_its_place_and_the_rest_is_counted() {
    expect_kept("odd.txt", &["replay", "policy", "--log", "odd.jsonl", "--at", "2026-07-02T12:00:00+07:00"]);
    expect_kept("empty.txt", &["replay", "policy", "--log", "empty.jsonl"]);
}

#[test]
fn a_replay_that_cannot_run_says_why() {
    expect_kept("no-log.txt", &["replay", "policy", "--log", "nowhere.jsonl"]);
    expect_kept("no-policy.txt", &["replay", "nowhere", "--log", "day.jsonl"]);
    expect_kept("no-time.txt", &["replay", "policy", "--log", "day.jsonl", "--at", "noon"]);
}

#[test]
fn a_pipeline_may_ask_for_a_failure_when_a_decision_changes() {
    let status = |more: &[&str]| {
        let arguments = [&["replay", "policy", "--log", "day.jsonl", "--fail-on-change"], more].concat();
        run(&arguments, b"").status.code()
    };
    assert_eq!(status(&["--at", "2026-07-02T12:00:00"]), Some(1));
}

/// The exit status and what is said on standard error when a pipeline replays these bytes.
fn judged(log: &[u8]) -> (Option<i32>, String) {
    let output = run(&["replay", "policy", "--log", "-", "--fail-on-change"], log);
    (output.status.code(), text(&output.stderr))
}

#[test]
fn a_pipeline_is_not_green_when_nothing_could_be_compared() {
    let day = fs::read_to_string(golden().join("day.jsonl")).unwrap();
    let refused_before = day.lines().find(|line| line.contains("TEST-0024")).unwrap();
    let torn = &packed(day.as_bytes())[..12];
    for (log, counts) in [
        (&b""[..], "of 0 lines 0 were refused before any decision, 0 not placed, 0 unreadable"),
        (b"\x00\x01\xfe\xff\n\x80\x81", "of 2 lines 0 were refused before any decision, 0 not placed, 2 unreadable"),
        (torn, "of 0 lines 0 were refused before any decision, 0 not placed, 1 unreadable"),
        (refused_before.as_bytes(), "of 1 lines 1 were refused before any decision, 0 not placed, 0 unreadable"),
    ] {
        assert_eq!(judged(log), (Some(2), format!("error: nothing could be compared: {counts}\n")));
    }
}

#[test]
fn a_pipeline_is_told_of_the_lines_that_were_not_compared() {
    let day = fs::read_to_string(golden().join("day.jsonl")).unwrap();
    let same = day.lines().find(|line| line.contains("TEST-0002")).unwrap();
    let elsewhere = same.replace("dvc.test", "elsewhere.test");
    assert_eq!(judged(same.as_bytes()), (Some(0), String::new()));
    let some = [same, "no line", &elsewhere, &same[..300]].join("\n");
    assert_eq!(judged(some.as_bytes()), (Some(0), "warning: not compared: 2 unreadable, 1 not placed\n".to_owned()));
}

#[test]
fn packed_and_piped_and_split_logs_are_one_log() {
    let at = ["--at", "2026-07-02T12:00:00", "--format", "json"];
    let day = fs::read(golden().join("day.jsonl")).unwrap();
    let plain = report(&[&["replay", "policy", "--log", "day.jsonl"], &at[..]].concat(), b"");
    let piped = [&["replay", "policy", "--log", "-"], &at[..]].concat();
    assert_eq!(report(&piped, &day), plain);
    assert_eq!(report(&piped, &packed(&day)), plain, "told by its first bytes");
    let half = day.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(12).unwrap().0 + 1;
    let members = [packed(&day[..half]), packed(&day[half..])].concat();
    assert_eq!(report(&piped, &members), plain, "as log rotation appends them");
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a"), folder.path().join("b.gz"));
    fs::write(&first, &day[..half]).unwrap();
    fs::write(&second, packed(&day[half..])).unwrap();
    let split = [&["replay", "policy", "--log", first.to_str().unwrap(), second.to_str().unwrap()], &at[..]].concat();
    assert_eq!(report(&split, b""), plain);
}

#[test]
fn a_packed_log_that_is_cut_off_counts_as_far_as_it_goes() {
    let day = fs::read(golden().join("day.jsonl")).unwrap();
    let whole = packed(&day.repeat(2_000));
    let cut = report(&["replay", "policy", "--log", "-", "--format", "json"], &whole[..whole.len() / 2]);
    assert!(cut["lines"]["read"].as_u64().unwrap() > 10_000, "{}", cut["lines"]);
    assert!(cut["lines"]["unreadable"].as_u64().unwrap() >= 1, "{}", cut["lines"]);
    let marks = cut["lines"]["unreadable_first"].to_string();
    assert!(marks.contains("the packed file ends or is damaged here"), "{marks}");
}

#[test]
fn the_page_stands_alone_and_escapes_what_came_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let page = |language: &str, log: &str| {
        let path = folder.path().join(language);
        let to = path.to_str().unwrap();
        let output = run(
            &["replay", "policy", "--log", log, "--at", "2026-07-02T12:00:00", "--html", to, "--lang", language],
            b"",
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read_to_string(&path).unwrap()
    };
    for (language, said) in
        [("vi", "<b>4 người</b> lẽ ra đã bị chặn"), ("en", "<b>4 people</b> would have been locked out")]
    {
        let html = page(language, "day.jsonl");
        assert!(html.contains(said), "{html}");
        assert!(html.contains(&format!("<html lang=\"{language}\">")) && html.contains("<svg "), "{html}");
        for foreign in ["<script", "http://", "https://", "javascript:", "style=\"", "onload", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
    }
    let hostile = fs::read_to_string(golden().join("day.jsonl"))
        .unwrap()
        .replace("password-until-cut-over", "<img src=x>&\u{1b}");
    let log = folder.path().join("hostile.jsonl");
    fs::write(&log, hostile.replace('\u{1b}', "\\u001b")).unwrap();
    let html = page("en", log.to_str().unwrap());
    assert!(html.contains("&lt;img src=x&gt;&amp;\u{fffd}") && !html.contains("<img"), "{html}");
}

/// A gate on the eve of the cut-over, visited by three people with passwords, two with VNeID, and some who are nobody.
fn visited() -> (Gate, Origin) {
    let origin = Origin::answering(portal);
    let gate =
        Gate::start(&Policy::portal(&origin).change_all("2024-07-01T00:00:00+07:00", "2099-07-01T00:00:00+07:00"));
    for name in ["079203001111", "079203002222", "079203003333"] {
        let mut person = Browser::new(&gate);
        person.get(&format!("/?sid=s-{name}"));
        assert_eq!(person.type_password(name, "dung").status, 302);
        for path in ["/", "/tra-cuu-ho-so", "/nop-ho-so/1", "/assets/a.js"] {
            assert_eq!(person.get(path).status, 200);
        }
    }
    for name in ["one", "two"] {
        let mut person = Browser::new(&gate);
        person.log_in_with_vneid(name);
        assert_eq!(person.get("/nop-ho-so/079203001234").status, 200);
        assert_eq!(person.ask(Ask::new("DELETE", "/nop-ho-so/1")).status, 405);
    }
    let mut nobody = Browser::new(&gate).with_session("never-seen");
    assert_eq!(nobody.get("/nop-ho-so").status, 303);
    assert_eq!(gate.ask(&Ask::get("/assets/../x")).status, 400);
    gate.audit_mark();
    (gate, origin)
}

fn replayed(gate: &Gate, directory: &Path) -> Value {
    let log = gate.data().join("audit.jsonl");
    let arguments = ["replay", directory.to_str().unwrap(), "--log", log.to_str().unwrap(), "--format", "json"];
    report(&arguments, b"")
}

#[test]
fn a_log_through_the_policy_that_wrote_it_changes_nothing() {
    let (gate, _origin) = visited();
    let report = replayed(&gate, &gate.directory());
    assert_eq!((&report["changed"], &report["same_action_other_rule"]), (&0.into(), &0.into()), "{report}");
    assert_eq!(report["lines"]["read"], gate.audit().len(), "{report}");
    assert_eq!((&report["lines"]["unreadable"], &report["lines"]["not_placed"]), (&0.into(), &serde_json::json!({})));
    let undecided = serde_json::json!({ "ambiguous-request": 1, "method-not-allowed": 2 });
    assert_eq!(report["lines"]["undecided"], undecided, "{report}");
    assert_eq!(report["people"]["seen"], 5, "three by their names, two by their sessions: {report}");
}

/// Patterns in plain text that the log masks.
const MASKED: &str = "\"/ho-so/2024010101/**\", \"/thu-tuc-dang-ky-khai-sinh-dich-vu-cong-truc-tuyen-muc-do-4\"";

/// A gate with these patterns on its public route, visited at both; and its directory once more,
/// where they stand no more.
fn visited_where_the_log_masks() -> (Gate, Origin, tempfile::TempDir) {
    let origin = Origin::answering(portal);
    let public = "paths = [\"/\", \"/tra-cuu-ho-so\"";
    let gate = Gate::start(&Policy::portal(&origin).change(public, &format!("{public}, {MASKED}")));
    for path in ["/ho-so/2024010101/x", "/thu-tuc-dang-ky-khai-sinh-dich-vu-cong-truc-tuyen-muc-do-4"] {
        gate.ask(&Ask::get(path));
    }
    gate.audit_mark();
    let without = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(gate.directory()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap().replace(&format!(", {MASKED}"), "");
        fs::write(without.path().join(path.file_name().unwrap()), text).unwrap();
    }
    (gate, origin, without)
}

#[test]
fn a_path_that_the_log_masks_is_no_lock_out_through_the_policy_that_wrote_it() {
    let (gate, _origin, _) = visited_where_the_log_masks();
    // A line is written after its answer has left, so two requests one after the other may stand in either order.
    let mut paths: Vec<_> = gate.audit().iter().take(2).map(|line| line["path"].to_string()).collect();
    paths.sort();
    assert_eq!(paths, ["\"/[opaque]\"", "\"/ho-so/[number]/x\""]);
    let report = replayed(&gate, &gate.directory());
    assert_eq!((&report["changed"], &report["lines"]["not_placed"]), (&0.into(), &serde_json::json!({})), "{report}");
    assert_eq!(report["lines"]["decided"], gate.audit().len(), "{report}");
}

#[test]
fn a_masked_path_that_does_not_lead_to_its_route_is_not_placed() {
    let (gate, _origin, without) = visited_where_the_log_masks();
    let report = replayed(&gate, without.path());
    let not_placed = serde_json::json!({ "masked-path": 2 });
    assert_eq!((&report["changed"], &report["lines"]["not_placed"]), (&0.into(), &not_placed), "{report}");
}

#[test]
fn a_log_through_a_changed_policy_tells_exactly_whom_it_hits() {
    let (gate, _origin) = visited();
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(gate.directory()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap().replace("2099-07-01T00:00:00+07:00", "2024-07-01T00:00:00+07:00");
        fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    let report = replayed(&gate, folder.path());
    // Each of the three: the attempt, and three of their four pages; what a page loads stays open to them.
    assert_eq!(
        (&report["changed"], &report["locked_out"], &report["let_in"]),
        (&12.into(), &12.into(), &0.into()),
        "{report}"
    );
    assert_eq!((&report["people"]["locked_out"], &report["people"]["let_in"]), (&3.into(), &0.into()), "{report}");
    assert_eq!(report["people"]["not_told_apart"]["password_attempts"], 3, "{report}");
    let rules: Vec<_> = report["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["from_rule"].as_str().unwrap(),
                r["to_rule"].as_str().unwrap(),
                r["requests"].as_u64().unwrap(),
                r["people"].as_u64().unwrap(),
            )
        })
        .collect();
    // On the attempt itself the cookie that was not bound yet had the say; now the attempt has.
    assert_eq!(
        rules,
        [("legacy-until-cut-over", "citizen-uses-vneid", 9, 3), ("public-pages", "citizen-password-attempt", 3, 0)],
        "{report}"
    );
    let routes: Vec<_> = report["routes"].as_array().unwrap().iter().filter(|r| r["locked_out"] != 0).collect();
    let routes: Vec<_> =
        routes.iter().map(|r| (r["route"].as_str().unwrap(), r["locked_out"].as_u64().unwrap())).collect();
    assert_eq!(routes, [("public", 6), ("login", 3), ("filing", 3)], "{report}");
    let way = &report["journeys"][0];
    assert_eq!(
        (&way["refused"], &way["visits"], &way["login"]),
        (&"public".into(), &3.into(), &"password".into()),
        "{report}"
    );
}

#[test]
fn a_share_of_the_people_is_the_same_people_in_a_replay() {
    let trial = "[[rule]]\nname = \"trial\"\nroutes = [\"filing\"]\nwhen = { login = \"vneid\" }\npercent = 50\nthen = \"reject\"\n\n";
    let first = "[[rule]]\nname = \"officials-from-their-network\"";
    let origin = Origin::answering(portal);
    let policy = Policy::portal(&origin).change("idle = \"30m\"", "idle = \"30m\"\nfollow = \"always\"");
    let gate = Gate::start(&policy.change(first, &format!("{trial}{first}")));
    let mut statuses = Vec::new();
    for nth in 0..12 {
        let mut person = Browser::new(&gate);
        person.log_in_with_vneid(&format!("first-{nth}"));
        let before = person.get("/nop-ho-so/1").status;
        person.get(&format!("/tra-cuu-ho-so?sid=second-{nth}"));
        assert_eq!(person.get("/nop-ho-so/1").status, before, "a new cookie is no new lot");
        statuses.push(before);
    }
    assert!(statuses.contains(&200) && statuses.contains(&403), "{statuses:?}");
    gate.audit_mark();
    let report = replayed(&gate, &gate.directory());
    assert_eq!((&report["changed"], &report["lines"]["not_placed"]), (&0.into(), &serde_json::json!({})), "{report}");
}

#[test]
fn a_support_code_leads_to_the_decision_in_words() {
    expect_kept("why.txt", &["why", "test-oo28", "--log", "day.jsonl", "--policy", "policy"]);
    expect_kept("why-let-through.txt", &["why", "TEST-0013", "--log", "day.jsonl"]);
    expect_kept("why.json", &["why", "TEST-0001", "--log", "empty.jsonl", "day.jsonl", "--format", "json"]);
    expect_kept("why-refused-before.txt", &["why", "TEST-0024", "--log", "day.jsonl"]);
}

#[test]
fn a_code_that_is_not_there_or_is_none_is_told() {
    expect_kept("why-not-found.txt", &["why", "ZZZZ-ZZZZ", "--log", "day.jsonl", "odd.jsonl"]);
    expect_kept("why-no-code.txt", &["why", "K7PM", "--log", "day.jsonl"]);
}

#[test]
fn a_broken_line_with_the_code_is_told_and_every_other_line_with_it_is_shown() {
    let day = fs::read_to_string(golden().join("day.jsonl")).unwrap();
    let line = day.lines().nth(12).unwrap();
    let log = [line, &line[..300], line].join("\n");
    let output = run(&["why", "TEST-0013", "--log", "-"], &packed(log.as_bytes()));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout).matches("\ntime ").count(), 2, "{}", text(&output.stdout));
    assert_eq!(text(&output.stderr), "warning: standard input:2: holds the code and cannot be read: broken off\n");
}

#[test]
fn the_help_desk_finds_the_refusal_that_a_person_reads_out() {
    let origin = Origin::answering(portal);
    let gate = Gate::start(&Policy::portal(&origin));
    let answer = gate.ask(&Ask::form(PASSWORD_PAGE, "username=079203001234&password=dung").navigating());
    let code = answer.support_code();
    gate.audit_of(&code);
    let (log, policy) = (gate.data().join("audit.jsonl"), gate.directory());
    let said = run(&["why", &code, "--log", log.to_str().unwrap(), "--policy", policy.to_str().unwrap()], b"");
    let said = text(&said.stdout);
    for words in
        ["reject by rule citizen-password-attempt: password-attempt", "chỉ đăng nhập bằng VNeID", "page use-vneid"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("079203001234") && !said.contains("note"), "{said}");
}
