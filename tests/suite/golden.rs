//! The command line's golden files: `explain` and `table`, byte for byte.
//!
//! Every file in `golden/cli` begins with a command, in which `<` names a request beside it, and
//! goes on with what it prints and its exit status; `BLESS=1` writes that anew.
//! The handbook's own examples are held against the program likewise.

use super::docs::{LANGUAGES, handbook, root};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn folder() -> PathBuf {
    root().join("tests/suite/golden/cli")
}

/// Words of a command line; quotes keep spaces together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').expect("a closing quote"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// Runs a command line from the repository's root.
fn run(line: &str) -> Output {
    let (command, input) = line.split_once(" < ").map_or((line, None), |(command, file)| (command, Some(file)));
    let words = words(command);
    assert_eq!(words[0], "vneid-gate", "{line}");
    let mut process = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    process.args(&words[1..]).current_dir(root());
    match input {
        Some(file) => process.stdin(fs::File::open(folder().join(file.trim())).unwrap()),
        None => process.stdin(Stdio::null()),
    };
    process.output().unwrap()
}

fn said(line: &str) -> String {
    let output = run(line);
    let text = |bytes| String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let stderr = if stderr.is_empty() { stderr } else { format!("--- stderr\n{stderr}") };
    format!("$ {line}\n{stdout}{stderr}--- exit {}\n", output.status.code().expect("no signal"))
}

#[test]
fn every_command_says_what_is_written_down() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "txt") {
            continue;
        }
        count += 1;
        let written = fs::read_to_string(&path).unwrap();
        let line = written.lines().next().and_then(|l| l.strip_prefix("$ ")).expect("a command in the first line");
        let said = said(line);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &said).unwrap();
        } else if said != written {
            wrong.push(format!("{}\n{said}", path.display()));
        }
    }
    assert!(count > 20, "{count} commands");
    assert!(wrong.is_empty(), "BLESS=1 writes anew what has changed:\n{}", wrong.join("\n"));
}

#[test]
fn no_table_for_a_terminal_is_wider_than_120_columns() {
    for entry in fs::read_dir(root().join("policies/examples")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        for at in ["2024-06-01", "2025-06-01", "2026-06-01"] {
            let line = format!("vneid-gate table {} --at {at}", path.display());
            let text = said(&line);
            assert!(text.ends_with("--- exit 0\n"), "{text}");
            let widest = text.lines().skip(2).map(|l| l.chars().count()).max();
            assert!(widest <= Some(120), "{line}: {widest:?}");
        }
    }
}

#[test]
fn every_example_passes_the_check_without_a_warning_and_tests_every_rule() {
    let examples = fs::read_dir(root().join("policies/examples")).unwrap().map(|e| e.unwrap().path());
    let all: Vec<PathBuf> = examples.filter(|p| p.is_dir()).collect();
    assert!(all.len() > 4, "{all:?}");
    for policy in all {
        let output = run(&format!("vneid-gate check {}", policy.display()));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for words in ["0 errors, 0 warnings", "every rule decides a test"] {
            assert!(said.contains(words), "{words}:\n{said}");
        }
    }
}

#[test]
fn what_the_handbook_shows_is_what_the_program_says() {
    for language in LANGUAGES {
        let page = handbook(language, "policy");
        let mut shown = 0;
        for block in page.split("```sh\n").skip(1) {
            let (line, rest) = block.split_once("\n```\n").expect("one command in a block");
            if !line.starts_with("vneid-gate explain ") && !line.starts_with("vneid-gate table ") {
                continue;
            }
            shown += 1;
            let text = rest.trim_start().strip_prefix("```text\n").and_then(|t| t.split_once("```")).map(|(t, _)| t);
            let text = text.unwrap_or_else(|| panic!("{language}: `{line}` shows nothing"));
            let said = String::from_utf8(run(line).stdout).unwrap();
            assert!(said.contains(text), "{language}: {line}\n{said}");
        }
        assert!(shown >= 3, "{language}: {shown}");
    }
}

#[test]
fn policies_that_declare_otherwise_do_not_pass_for_the_same() {
    let shipped = root().join("policies/daknong");
    for (file, from, to, note) in [
        ("portal.toml", "methods = [\"GET\"]", "methods = [\"GET\", \"PUT\"]", "takes other methods: GET -> GET, PUT"),
        (
            "portal.toml",
            "body = \"200MB\"",
            "body = \"100MB\"",
            "takes bodies of other sizes: 200000000 -> 100000000 bytes",
        ),
        (
            "portal.toml",
            "login_url = \"",
            "case_insensitive = true\nlogin_url = \"",
            "relaxes `case_insensitive` on its site `portal`",
        ),
        (
            "portal.toml",
            "login_url = \"/dich-vu-cong/cong-dan/dang-nhap\"",
            "login_url = \"/dich-vu-cong/cong-dan/dang-nhap?x\"",
            "the site `portal` has another `login_url`",
        ),
        ("identity.toml", "level = 2 }", "level = 3 }", "the credential `portal-session` is declared otherwise"),
        ("identity.toml", "[0-9]{10}-?[0-9]{3}", "[0-9]{10}-[0-9]{3}", "the `[[username]]` shapes differ"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&shipped).unwrap().map(Result::unwrap).filter(|e| e.file_name() != "tests.toml") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let changed = if entry.file_name() == file { text.replacen(from, to, 1) } else { text.clone() };
            assert!(entry.file_name() != file || changed != text, "{file} has no {from}");
            fs::write(folder.path().join(entry.file_name()), changed).unwrap();
        }
        let diff = format!("vneid-gate table policies/daknong --at 2026-01-01 --diff {}", folder.path().display());
        let text = said(&diff);
        assert!(text.ends_with("--- exit 1\n") && text.replace("\n  ", " ").contains(note), "{note}:\n{text}");
    }
}
