//! What `check` prints of broken policies, byte for byte.
//!
//! Every file in `policies/broken` is put into a bare policy in place of the tables of its kinds.
//! What comes out stands beside it; `BLESS=1` writes it anew.
//! Every code that `check` can give, and every message in the readers, has its case.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const BARE: &str = include_str!("policies/bare.toml");

/// Begins another file within a case.
const NEXT_FILE: &str = "# ---- ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("tests/suite/policies/broken")
}

/// The kinds of tables at the top level that a text has.
fn kinds(text: &str) -> BTreeSet<String> {
    let header = Regex::new(r"(?m)^\[+([a-z]+)|^([a-z]+) = \{").unwrap();
    header.captures_iter(text).filter_map(|c| c.get(1).or(c.get(2))).map(|m| m.as_str().to_owned()).collect()
}

/// The bare policy without tables of these kinds, and without those that refer to them.
fn bare_without(kinds: &BTreeSet<String>) -> String {
    let referring = [("site", "route"), ("credential", "test")];
    let referring = referring.iter().filter(|(to, _)| kinds.contains(*to)).map(|(_, from)| (*from).to_owned());
    let kinds: BTreeSet<_> = kinds.iter().cloned().chain(referring).collect();
    let mut kept = String::new();
    let mut keep = true;
    for line in BARE.lines() {
        if let Some(header) = line.strip_prefix('[') {
            let kind: String = header.trim_start_matches('[').chars().take_while(char::is_ascii_lowercase).collect();
            keep = !kinds.contains(&kind);
        }
        if keep {
            kept.push_str(&format!("{line}\n"));
        }
    }
    kept
}

/// A directory in which `policy` holds these files, beside what they may name.
fn lay_out(files: &[(&str, &[u8])]) -> TempDir {
    let home = TempDir::new().unwrap();
    let policy = home.path().join("policy");
    fs::create_dir_all(policy.join("files")).unwrap();
    for (name, bytes) in files {
        fs::write(policy.join(name), bytes).unwrap();
    }
    for entry in fs::read_dir(folder().join("files")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, policy.join("files").join(path.file_name().unwrap())).unwrap();
    }
    for (name, from, until) in [("expired", 2001, 2002), ("not-yet", 2998, 2999)] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let file = |end: &str| policy.join(format!("files/{name}.{end}"));
        fs::write(file("pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(file("key"), key.serialize_pem()).unwrap();
    }
    home
}

/// A case put into the bare policy.
fn broken(case: &[u8]) -> TempDir {
    let text = String::from_utf8_lossy(case);
    // A case without any table is about what is not there.
    let kinds = kinds(&text);
    let bare = if kinds.is_empty() { String::new() } else { bare_without(&kinds) };
    let Some((first, rest)) = text.split_once(NEXT_FILE) else {
        return lay_out(&[("bare.toml", bare.as_bytes()), ("broken.toml", case)]);
    };
    let (name, second) = rest.split_once('\n').unwrap();
    lay_out(&[("bare.toml", bare.as_bytes()), ("broken.toml", first.as_bytes()), (name, second.as_bytes())])
}

/// All that `check` says, and how it ends.
fn said(home: &TempDir, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    let arguments = ["check", "policy", "--at", "2026-01-01T00:00:00Z"];
    let output = command.current_dir(home).args(arguments).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    format!("exit status {}\n\nstdout:\n{stdout}\nstderr:\n{stderr}", output.status.code().unwrap())
}

/// Compares with the file, or writes it.
fn hold_against(golden: &Path, said: &str) -> Result<(), String> {
    if std::env::var_os("BLESS").is_some() {
        fs::write(golden, said).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    if expected == said { Ok(()) } else { Err(format!("{}: expected\n{expected}\nsaid\n{said}", golden.display())) }
}

fn cases() -> Vec<PathBuf> {
    let all = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    let mut cases: Vec<_> = all.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    cases.sort();
    assert!(cases.len() > 25, "{cases:?}");
    cases
}

fn goldens() -> String {
    let all = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    all.filter(|p| p.extension().is_some_and(|e| e == "txt")).map(|p| fs::read_to_string(p).unwrap()).collect()
}

#[test]
fn every_broken_policy_is_told_as_it_was_agreed() {
    let wrong: Vec<_> = cases()
        .iter()
        .filter_map(|case| {
            hold_against(&case.with_extension("txt"), &said(&broken(&fs::read(case).unwrap()), &[])).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_directory_that_is_no_policy_is_told_as_it_was_agreed() {
    let empty = TempDir::new().unwrap();
    fs::create_dir(empty.path().join("policy")).unwrap();
    fs::write(empty.path().join("policy/.hidden.toml"), BARE).unwrap();
    hold_against(&folder().join("no-file.txt"), &said(&empty, &[])).unwrap();
    hold_against(&folder().join("no-directory.txt"), &said(&TempDir::new().unwrap(), &[])).unwrap();
}

#[test]
fn a_pipeline_is_told_the_same_as_it_was_agreed() {
    let size = Regex::new("\"table_bytes\": [0-9]+").unwrap();
    for name in ["names-unknown", "warning-keys-left-out"] {
        let case = fs::read(folder().join(format!("{name}.toml"))).unwrap();
        let said = said(&broken(&case), &["--format", "json"]);
        // How large the compiled table is, is no promise.
        let said = size.replace(&said, "\"table_bytes\": …");
        hold_against(&folder().join(format!("{name}.json.txt")), &said).unwrap();
    }
}

#[test]
fn a_policy_that_is_too_large_says_how_large_it_may_be() {
    let times =
        |count: usize, table: &str| -> String { (0..count).map(|n| table.replace('@', &n.to_string())).collect() };
    for (count, table, says) in [
        (257, "[[rule]]\nname = \"r@\"\nwhen.client = \"2001:db8::@\"\nthen = \"login\"\n", "[vg0408]: 258 rules may"),
        (65, "[[credential]]\nname = \"c@\"\nfrom = [{ cookie = \"C@\" }]\nsession = {}\n", "[vg0204]: more than 64"),
        (10_000, "[[route]]\nname = \"r@\"\nsite = \"portal\"\npaths = \"/@\"\n", "[vg0204]: more than 10,000"),
        (20_001, "[[rule]]\nname = \"r@\"\nthen = \"login\"\n", "[vg0204]: more than 20,000"),
    ] {
        let said = said(&broken(times(count, table).as_bytes()), &[]);
        assert!(said.contains(says) && said.starts_with("exit status 1\n"), "{says}: {said}");
    }
}

#[test]
fn every_code_that_check_can_give_has_a_case() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let sources: String = ["src/cli/check.rs"].into_iter().map(read).chain(readers()).collect();
    let code = Regex::new(r#"pub const ([A-Z_]+): Code = Code\("(vg\d{4})"\)"#).unwrap();
    // What needs a very large policy is asked for in this file.
    let goldens = goldens() + &read("tests/suite/broken.rs");
    let mut seen = 0;
    for found in code.captures_iter(&read("src/diagnostic/code.rs")) {
        if sources.contains(&format!("code::{}", &found[1])) {
            assert!(goldens.contains(&format!("[{}]", &found[2])), "no case gives {}", &found[2]);
            seen += 1;
        }
    }
    assert!(seen > 17, "{seen}");
}

/// The texts of the readers.
fn readers() -> Vec<String> {
    let all = fs::read_dir(root().join("src/config")).unwrap().map(|e| e.unwrap().path());
    all.filter(|p| p.is_file()).map(|p| fs::read_to_string(p).unwrap()).collect()
}

/// What no file in a directory can bring about here: counts have a test of their own; the others need a failing disk.
const WITHOUT_A_CASE: [&str; 4] =
    ["more than 64 credentials", "more than 10,000 routes", "more than 20,000 rules", "a number"];

#[test]
fn every_message_of_the_readers_has_a_case() {
    let message = Regex::new(
        r#"(?:code::[A-Z_]+,\s*(?:format!\(\s*)?|let message =\s*format!\(\s*|wrong_type\(|no_policy\(format!\(\s*)"((?:[^"\\]|\\.)*)""#,
    )
    .unwrap();
    let hole = Regex::new(r"\{[^}]*\}").unwrap();
    let goldens = goldens();
    let (mut seen, mut missing) = (0, Vec::new());
    for text in readers() {
        for found in message.captures_iter(&text) {
            let template = found[1].replace("\\\"", "\"");
            let pattern = hole.split(&template).map(regex::escape).collect::<Vec<_>>().join(".+");
            seen += 1;
            if !WITHOUT_A_CASE.contains(&&*template) && !Regex::new(&pattern).unwrap().is_match(&goldens) {
                missing.push(template);
            }
        }
    }
    assert!(seen > 80, "the readers are written in another way now: {seen}");
    assert!(missing.is_empty(), "no case says: {missing:#?}");
}
