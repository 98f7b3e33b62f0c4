//! Promises about the command line: help, completions, manual pages and exit statuses.

use super::docs::root;
use std::process::{Command, Output, Stdio};

fn vneid_gate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vneid-gate")).args(arguments).output().unwrap()
}

/// What a command prints that ends well and complains of nothing.
fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = vneid_gate(arguments);
    assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(stdout).unwrap()
}

/// Every command, as the help lists them.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let first = lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    let all: Vec<_> = first.filter(|word| word != "help").collect();
    assert!(all.len() > 5 && all.iter().any(|c| c == "check"), "{all:?}");
    all
}

#[test]
fn each_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            let entry = match shell {
                "bash" => format!("vneid__gate,{command})"),
                "zsh" => format!("'{command}:"),
                _ => format!("-a \"{command}\""),
            };
            assert!(script.contains(&entry), "{shell} does not know `{command}`: {script}");
        }
        assert!(script.contains("format"), "{shell} does not know `--format`");
    }
}

#[test]
fn bash_completes_a_command_that_was_begun() {
    let asked = "source <(\"$0\" completions bash); COMP_WORDS=(vneid-gate ch); COMP_CWORD=1; \
                 _vneid__gate vneid-gate ch vneid-gate; echo \"${COMPREPLY[@]}\"";
    let bash = Command::new("bash").args(["-c", asked, env!("CARGO_BIN_EXE_vneid-gate")]).output().unwrap();
    assert_eq!(String::from_utf8(bash.stdout).unwrap(), "check\n", "{}", String::from_utf8_lossy(&bash.stderr));
}

#[test]
fn every_command_has_a_manual_page_and_the_first_page_names_them_all() {
    let folder = tempfile::tempdir().unwrap();
    // A folder that is not there yet is made.
    let pages = folder.path().join("share/man1");
    assert_eq!(printed(&["man", pages.to_str().unwrap()]), "");
    let first = std::fs::read_to_string(pages.join("vneid-gate.1")).unwrap();
    for command in commands() {
        // In a manual page a hyphen that is typed is escaped.
        assert!(first.contains(&format!("vneid\\-gate\\-{command}(1)")), "{command}: {first}");
        let own = std::fs::read_to_string(pages.join(format!("vneid-gate-{command}.1"))).unwrap();
        assert!(own.contains(".SH SYNOPSIS"), "{command}: {own}");
    }
    let check = std::fs::read_to_string(pages.join("vneid-gate-check.1")).unwrap();
    assert!(check.contains("\\-\\-format"), "{check}");
}

#[test]
fn manual_pages_that_cannot_be_written_end_with_2() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("man1");
    let output = vneid_gate(&["man", below.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot write manual pages to `"));
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_was_meant() {
    for (arguments, said) in [
        (&[][..], "Usage: vneid-gate"),
        (&["checkk", "x"], "a similar subcommand exists: 'check'"),
        (&["check"], "<DIRECTORY>"),
        (&["check", "a", "b"], "unexpected argument 'b'"),
        (&["check", "a", "--format", "xml"], "[possible values: text, json]"),
        (&["check", "a", "--fromat", "json"], "'--format'"),
        (&["run"], "<DIRECTORY>"),
        (&["completions", "tcsh"], "[possible values: bash, zsh, fish]"),
        (&["man"], "<DIRECTORY>"),
    ] {
        let output = vneid_gate(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

/// Commands that report much, with the exit status that each ends with.
const REPORTS: [(&[&str], i32); 7] = [
    (&["check", "policies/daknong"], 0),
    (&["check", "policies/daknong", "--format", "json"], 0),
    (&["explain", "policies/daknong", "--url", "https://dichvucong.daknong.gov.vn/"], 0),
    (&["explain", "policies/daknong", "--url", "https://elsewhere.example/"], 1),
    (&["table", "policies/daknong", "--format", "json"], 0),
    (&["schema"], 0),
    (&["completions", "bash"], 0),
];

fn with_stdout(arguments: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    let output = command.args(arguments).current_dir(root()).stdout(stdout).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_reader_that_has_gone_away_changes_no_exit_status() {
    for (arguments, status) in REPORTS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, stderr) = with_stdout(arguments, writer);
        assert_eq!(code, Some(status), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("cannot write"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_report_that_finds_no_room_ends_with_2_and_says_so() {
    for (arguments, _) in REPORTS {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, stderr) = with_stdout(arguments, full);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains("error: cannot write to standard output: "), "{arguments:?}: {stderr}");
    }
}

#[test]
fn complaints_that_nobody_reads_do_not_change_the_exit_status() {
    for (arguments, status) in [(&["check", "policies/daknong"], 0), (&["man", "/dev/null/man1"], 2)] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
        let output = command.args(arguments).current_dir(root()).stderr(full).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn a_directory_in_which_no_policy_can_be_read_ends_with_2_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    std::fs::create_dir_all(folder.path().join("unreadable/a.toml")).unwrap();
    let unreadable = folder.path().join("unreadable");
    let log = folder.path().join("log");
    std::fs::write(&log, "").unwrap();
    let log = log.to_str().unwrap();
    for directory in ["/no/such/directory", empty, unreadable.to_str().unwrap()] {
        for (command, options) in [
            ("check", &[][..]),
            ("run", &[]),
            ("table", &[]),
            ("table", &["--diff", "policies/daknong"]),
            ("table", &["--at", "2026-01-01"]),
            ("explain", &["--url", "https://dichvucong.daknong.gov.vn/"]),
            ("replay", &["--log", log]),
        ] {
            let arguments = [&[command, directory], options].concat();
            let (code, stderr) = with_stdout(&arguments, Stdio::null());
            assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
            assert!(stderr.contains("error[vg010"), "{arguments:?}: {stderr}");
        }
    }
}

#[test]
fn a_moment_that_no_clock_has_ends_with_2_and_says_so() {
    for options in [
        &["check", "policies/daknong"][..],
        &["table", "policies/daknong"],
        &["explain", "policies/daknong", "--url", "https://dichvucong.daknong.gov.vn/"],
        &["replay", "policies/daknong", "--log", "/dev/null"],
    ] {
        let arguments = [options, &["--at", "9999-12-31T23:59:59"]].concat();
        let (code, stderr) = with_stdout(&arguments, Stdio::null());
        assert_eq!((code, stderr.as_str()), (Some(2), "error: --at: no clock can show this moment\n"), "{arguments:?}");
    }
}
