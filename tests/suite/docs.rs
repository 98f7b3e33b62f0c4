//! README, handbook and architecture, held against the program.
//!
//! What they list (metrics, log fields, reasons, diagnostics, keys, commands) is compared with the
//! crate, both ways and in both languages; their TOML is built; their links are followed.
//! Whoever changes a word finds out here which page says it.

mod decisions;
mod examples;
mod keys;
mod schema;

use regex::Regex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vneid_gate::identity::check::check_words;
use vneid_gate::identity::logout_token::LogoutError;
use vneid_gate::identity::{Account, Evidence, Login};
use vneid_gate::policy::{Action, Page, Reason};
use vneid_gate::telemetry::series;
use vneid_gate::wire::form::BodyError;
use vneid_gate::wire::target::Ambiguous;

pub(super) const LANGUAGES: [&str; 2] = ["en", "vi"];

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(super) fn handbook(language: &str, page: &str) -> String {
    read(format!("docs/handbook/{language}/{page}.md"))
}

/// Every page, relative to the repository.
fn pages() -> Vec<PathBuf> {
    let mut found: Vec<_> = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).into();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The cells of every table row that starts with a word in backticks.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Every word that stands in backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    let word = Regex::new("`([^`\n]+)`").unwrap();
    word.captures_iter(text).map(|c| c[1].to_owned()).collect()
}

fn set<'w>(words: impl IntoIterator<Item = &'w str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// What stands between two texts that are both there.
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap_or_else(|| panic!("no `{start}`"));
    let length = text[from..].find(end).unwrap_or_else(|| panic!("no `{end}` after `{start}`"));
    &text[from..from + length]
}

#[test]
fn every_metric_is_in_the_handbook_with_its_labels_and_no_other() {
    let mut source = read("src/telemetry/metrics.rs");
    let named = Regex::new(r"struct (\w+Labels) \{[^§]*?NAMES: \[&'static str; \d+\] =\s*(\[[^\]]+\])").unwrap();
    for labels in named.captures_iter(&read("src/telemetry/labels.rs")) {
        source = source.replace(&format!("&{}::NAMES", &labels[1]), &format!("&{}", &labels[2]));
    }
    let made = Regex::new(
        r#"(?:counters|gauges|histograms?|Gauge::new|Counter::new)\(\s*(?:&(?:r|self\.registry),\s*)?"([a-z_]+)",\s*"[^"]+"(?:,\s*(?:&\[([^\]]*)\]|"([a-z]+)"))?"#,
    )
    .unwrap();
    let label = Regex::new("[a-z]+").unwrap();
    let exported: BTreeSet<(String, BTreeSet<String>)> = made
        .captures_iter(&source)
        .map(|c| {
            let labels = c.get(2).or(c.get(3)).map_or("", |l| l.as_str());
            (format!("vneid_gate_{}", &c[1]), set(label.find_iter(labels).map(|l| l.as_str())))
        })
        .collect();
    assert!(exported.len() > 20, "the table of metrics is written in another way now");
    for language in LANGUAGES {
        let told = rows(&handbook(language, "operating")).into_iter().filter(|r| r[0].starts_with("`vneid_gate_"));
        let told: BTreeSet<_> = told.map(|r| (r[0].trim_matches('`').to_owned(), quoted(&r[2]))).collect();
        assert_eq!(told, exported, "{language}");
    }
}

#[test]
fn every_value_of_a_label_that_the_handbook_explains_exists() {
    for language in LANGUAGES {
        let metrics = rows(&handbook(language, "operating"));
        let of = |name: &str| {
            let row = metrics.iter().find(|r| r[0] == format!("`vneid_gate_{name}`"));
            quoted(&row.unwrap_or_else(|| panic!("{language}: {name}"))[3])
        };
        assert_eq!(of("credential_checks_total"), set(check_words()), "{language}");
        assert_eq!(of("refused_requests_total"), set(series::REFUSED), "{language}");
        assert_eq!(of("upstream_failures_total"), set(series::FAILURES), "{language}");
        assert_eq!(of("introspections_total"), set(series::INTROSPECTIONS), "{language}");
        let logouts = set(series::LOGOUT_RESULTS.into_iter().chain(LogoutError::WORDS.iter().copied()));
        assert_eq!(of("backchannel_logouts_total"), logouts, "{language}");
        let logins = set(series::LOGIN_RESULTS.into_iter().chain([series::LOG_OUT, series::LOGGED_OUT]));
        assert_eq!(of("logins_total"), logins, "{language}");
    }
}

#[test]
fn every_field_of_the_audit_line_is_in_the_handbook_and_no_other() {
    let source = read("src/telemetry/line.rs");
    let member = Regex::new(r#"member!\("([a-z_]+)"\)|[{,]\\"([a-z_]+)\\":"#).unwrap();
    let of = |start: &str, end: &str| {
        let all = member.captures_iter(between(&source, start, end));
        all.filter_map(|c| c.get(1).or(c.get(2))).map(|m| m.as_str().to_owned()).collect::<BTreeSet<_>>()
    };
    let login = of("line.list(f.logins", "});");
    let written = &of("impl Shared", "\n}") | &of("fn write(out: &mut Vec<u8>", "\n}");
    let line = &written - &login;
    for language in LANGUAGES {
        let page = handbook(language, "operating");
        let table = rows(between(&page, "| `time` |", "\n\n"));
        let told: BTreeSet<_> = table.iter().flat_map(|r| quoted(&r[0])).collect();
        assert_eq!(told, line, "{language}");
        let explained = |name: &str| quoted(&table.iter().find(|r| r[0] == format!("`{name}`")).unwrap()[1]);
        assert_eq!(explained("principals"), of("fn principal", "\n    }"), "{language}");
        assert_eq!(explained("decision"), of("fn verdict", "\n    }"), "{language}");
        assert_eq!(explained("logins"), login, "{language}");
    }
}

#[test]
fn every_reason_page_and_detail_is_in_the_handbook_and_no_other() {
    let rejection = read("src/proxy/rejection.rs");
    let detail = Regex::new(r#"Some\("([a-z-]+)"\)"#).unwrap();
    let written = detail.captures_iter(between(&rejection, "fn detail", "fn cause")).map(|c| c[1].to_owned());
    let ambiguous: BTreeSet<_> = set(Ambiguous::WORDS.iter().copied()).into_iter().chain(written).collect();
    for language in LANGUAGES {
        let page = handbook(language, "refusals");
        let first = |start: &str| rows(between(&page, start, "\n\n")).into_iter().flat_map(|r| quoted(&r[0]));
        assert_eq!(first("| `allowed`").collect::<BTreeSet<_>>(), set(Reason::WORDS.iter().copied()), "{language}");
        assert_eq!(first("| `not-origin-form`").collect::<BTreeSet<_>>(), ambiguous, "{language}");
        let body = first("| `content-type`").collect::<BTreeSet<_>>();
        assert_eq!(body, set(BodyError::WORDS.iter().copied()), "{language}");

        let logouts = first("| `log_in`").collect::<BTreeSet<_>>();
        assert_eq!(logouts, set(series::LOGOUT_RESULTS.into_iter().chain(LogoutError::WORDS.iter().copied())));

        let policy = handbook(language, "policy");
        let pages = rows(between(&policy, "| `use-vneid` |", "\n\n")).into_iter().flat_map(|r| quoted(&r[0]));
        assert_eq!(pages.collect::<BTreeSet<_>>(), set(Page::WORDS.iter().copied()), "{language}");
        let words = quoted(between(&policy, "| account", "\n\n"));
        for word in [Account::WORDS, Login::WORDS, Evidence::WORDS, Action::WORDS].concat() {
            assert!(words.contains(word), "{language}: `{word}` is not among the words");
        }
    }
}

#[test]
fn every_diagnostic_has_a_section_and_no_other_has_one() {
    let source = read("src/diagnostic/code.rs");
    let code = Regex::new(r#"Code\("(vg\d{4})"\)"#).unwrap();
    let known: Vec<_> = code.captures_iter(&source).map(|c| c[1].to_owned()).collect();
    let section = Regex::new(r"(?m)^### (vg\d{4})$").unwrap();
    for language in LANGUAGES {
        let page = handbook(language, "diagnostics");
        let told: Vec<_> = section.captures_iter(&page).map(|c| c[1].to_owned()).collect();
        assert_eq!(told, known, "{language}");
    }
}

#[test]
fn every_command_in_a_page_is_one_of_the_binary() {
    let cli = read("src/cli/mod.rs");
    let variant = Regex::new(r"(?m)^    ([A-Z][a-z]+)(?:,| \{|\(.*\),)$").unwrap();
    let commands: BTreeSet<_> =
        variant.captures_iter(between(&cli, "enum Command {", "\n}")).map(|c| c[1].to_lowercase()).collect();
    assert!(commands.contains("run"), "{commands:?}");
    let named = Regex::new(r"(?:vneid-gate|cargo run[^\n`]* --) ([a-z]+)\b").unwrap();
    for page in pages() {
        for block in examples::blocks(&read(&page)).iter().filter(|b| b.info == "sh") {
            for command in named.captures_iter(&block.text) {
                assert!(commands.contains(&command[1]), "{}: `{}`", page.display(), &command[0]);
            }
        }
    }
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for page in pages() {
        let text = read(&page);
        for target in link.captures_iter(&text).map(|c| c[1].to_owned()).filter(|t| !t.contains("://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(root().join(&file).exists(), "{}: `{target}`", page.display());
            let found = anchor.is_empty() || read(&file).lines().any(|line| anchor_of(line).as_deref() == Some(anchor));
            assert!(found, "{}: `{target}`", page.display());
        }
    }
}

/// The anchor that a heading gets when the page is shown.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))?;
    let mut anchor = heading.to_lowercase().replace(' ', "-");
    anchor.retain(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    Some(anchor)
}
