//! Every key of a policy is in the handbook, with an example that is accepted and the default that holds.
//!
//! The crate itself is asked: an unknown key makes it list those it knows, and a default written out changes nothing.

use super::examples::{OF_A_PART, codes, findings};
use super::{LANGUAGES, handbook, quoted, read, root};
use regex::Regex;
use vneid_gate::config;
use vneid_gate::diagnostic::Source;

/// Nobody's key, and near to none.
pub(super) const STRANGER: &str = "qqqqqqqq";

/// A heading of the handbook, the table below it, and how a policy gets there.
const TABLES: [(&str, &str, &str); 43] = [
    ("[gate]", "", "[gate]\n"),
    ("[gate]", "limits.", "[gate.limits]\n"),
    ("[gate]", "timeouts.", "[gate.timeouts]\n"),
    ("[[listener]]", "", "[[listener]]\n"),
    ("[[listener]]", "tls.", "[[listener]]\ntls."),
    ("[admin]", "", "[admin]\n"),
    ("[state]", "", "[state]\n"),
    ("[audit]", "", "[audit]\n"),
    ("[[upstream]]", "", "[[upstream]]\n"),
    ("[[upstream]]", "tls.", "[[upstream]]\ntls."),
    ("[[upstream]]", "health.", "[[upstream]]\nhealth."),
    ("[[upstream]]", "timeouts.", "[[upstream]]\ntimeouts."),
    ("[[site]]", "", "[[site]]\n"),
    ("[[route]]", "", "[[route]]\n"),
    ("[[route]]", "limits.", "[[route]]\nlimits."),
    ("[[credential]]", "", "[[credential]]\n"),
    ("[credential.jwt]", "", "[[credential]]\n[credential.jwt]\n"),
    ("[credential.jwt]", "client_tls.", "[[credential]]\n[credential.jwt]\nclient_tls."),
    ("[credential.jwt]", "logout.", "[[credential]]\n[credential.jwt]\nlogout."),
    ("[credential.introspection]", "", "[[credential]]\n[credential.introspection]\n"),
    ("[credential.introspection]", "client.", "[[credential]]\n[credential.introspection]\nclient."),
    ("[credential.introspection]", "client_tls.", "[[credential]]\n[credential.introspection]\nclient_tls."),
    ("[credential.session]", "", "[[credential]]\n[credential.session]\n"),
    ("[credential.session.probe]", "", "[[credential]]\n[credential.session]\n[credential.session.probe]\n"),
    ("[[credential.principal]]", "", "[[credential]]\n[credential.jwt]\n[[credential.principal]]\n"),
    ("[[credential.principal]]", "is.", "[[credential]]\n[credential.jwt]\n[[credential.principal]]\nis."),
    ("[[credential.login]]", "", "[[credential]]\n[[credential.login]]\n"),
    ("[[credential.login]]", "request.", "[[credential]]\n[[credential.login]]\nrequest."),
    ("[[credential.login]]", "begins.", "[[credential]]\n[[credential.login]]\nbegins."),
    ("[[credential.login]]", "success.", "[[credential]]\n[[credential.login]]\nsuccess."),
    ("[[credential.login]]", "username.", "[[credential]]\n[[credential.login]]\nusername."),
    ("[[credential.login]]", "is.", "[[credential]]\n[[credential.login]]\nis."),
    ("[[credential.login]]", "headers.", "[[credential]]\n[[credential.login]]\nheaders."),
    ("[[credential.logout]]", "", "[[credential]]\n[[credential.logout]]\n"),
    ("[[username]]", "", "[[username]]\n"),
    ("[[rule]]", "", "[[rule]]\n"),
    ("[[rule]]", "when.", "[[rule]]\nwhen."),
    ("[default]", "", "[default]\n"),
    ("[[invariant]]", "", "[[invariant]]\n"),
    ("[[test]]", "", "[[test]]\n"),
    ("[[test]]", "request.", "[[test]]\nrequest."),
    ("[[test]]", "as.", "[[test]]\nas."),
    ("[[test]]", "expect.", "[[test]]\nexpect."),
];

/// One key as a page tells it.
pub(super) struct Told {
    pub heading: String,
    pub key: String,
    pub default: String,
    example: String,
}

pub(super) fn told(language: &str) -> Vec<Told> {
    let mut heading = String::new();
    let mut all = Vec::new();
    for line in handbook(language, "keys").lines() {
        if let Some(text) = line.strip_prefix("### `") {
            heading = text.split('`').next().unwrap().to_owned();
        } else if line.starts_with("| `") {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [keys, _, default, _, example] = cells[..] else { panic!("{language}: {line}") };
            all.extend(quoted(keys).into_iter().map(|key| Told {
                heading: heading.clone(),
                key,
                default: default.to_owned(),
                example: example.to_owned(),
            }));
        }
    }
    all
}

/// The TOML that leads to a table by its heading.
fn opening(heading: &str) -> String {
    match heading.trim_matches(['[', ']']).split_once('.') {
        Some((parent, _)) => format!("[[{parent}]]\n{heading}\n"),
        None => format!("{heading}\n"),
    }
}

#[test]
fn every_key_is_in_the_handbook() {
    for language in LANGUAGES {
        let told = told(language);
        for (heading, prefix, opening) in TABLES {
            let found = findings(&[("part.toml".into(), format!("{opening}{STRANGER} = 1\n"))]);
            let stranger = found.iter().find(|d| d.message.contains(STRANGER));
            let stranger = stranger.unwrap_or_else(|| panic!("{opening}: {found:?}"));
            let help = stranger.help.as_deref().unwrap_or_default();
            let known = help.split_once(" knows: ").unwrap_or_else(|| panic!("{opening}: {help}")).1;
            for key in known.split(", ") {
                let full = format!("{prefix}{key}");
                let bare = heading.trim_matches(['[', ']']);
                let section = [format!("[{bare}.{key}]"), format!("[[{bare}.{key}]]")];
                let here = told.iter().filter(|t| t.heading == heading);
                let is_told = here.into_iter().any(|t| t.key == full || t.key.starts_with(&format!("{full}.")))
                    || told.iter().any(|t| section.contains(&t.heading));
                assert!(is_told, "{language}: `{heading}` does not tell of `{full}`");
            }
        }
    }
}

#[test]
fn every_example_of_a_key_is_accepted() {
    for language in LANGUAGES {
        for Told { heading, key, example, .. } in told(language) {
            let Some(value) = example.strip_prefix('`').and_then(|e| e.strip_suffix('`')) else {
                assert!(example.is_empty(), "{language}: {heading} {key}: {example}");
                continue;
            };
            let mut files = vec![("part.toml".into(), format!("{}{key} = {value}\n", opening(&heading)))];
            if heading == "[state]" && key != "store" {
                // Each store has keys of its own.
                let store = if ["path", "sessions"].contains(&key.as_str()) { "embedded" } else { "redis" };
                files[0].1.push_str(&format!("store = \"{store}\"\n"));
            }
            if heading == "[[rule]]" || heading == "[[invariant]]" {
                // A rule whose routes do not exist would apply nowhere.
                files.push(("portal.toml".into(), read("policies/daknong/portal.toml")));
            }
            let found = findings(&files);
            let wrong: Vec<_> = codes(&found).into_iter().filter(|code| !OF_A_PART.contains(code)).collect();
            assert!(wrong.is_empty(), "{language}: {heading} {key} = {value}: {found:?}");
        }
    }
}

/// Every table once, with what is mandatory only.
pub(super) const BARE: &str = include_str!("../policies/bare.toml");

/// All that a policy means, but for where it was written.
fn settings(text: &str) -> String {
    let (settings, found) =
        config::build(&[Source { name: "bare.toml".into(), text: text.into() }], root(), jiff::Timestamp::now());
    let all = format!("{:?}", settings.unwrap_or_else(|| panic!("{text}: {found:?}")));
    Regex::new(r"Place \{[^}]*\}").unwrap().replace_all(&all, "Place").into_owned()
}

#[test]
fn every_default_in_the_handbook_is_the_one_that_holds() {
    let bare = settings(BARE);
    for language in LANGUAGES {
        let mut compared = 0;
        for Told { heading, key, default, .. } in told(language) {
            let Some(value) = default.strip_prefix('`').and_then(|d| d.strip_suffix('`')) else { continue };
            let line = format!("{key} = {value}\n");
            let opening = format!("\n{heading}\n");
            let text = match BARE.split_once(&opening) {
                Some((_, table)) if table.split("\n[").next().unwrap().contains(&format!("{key} = ")) => continue,
                Some((before, after)) => format!("{before}{opening}{line}{after}"),
                None => format!("{BARE}{opening}{line}"),
            };
            assert_eq!(settings(&text), bare, "{language}: {heading} {line}");
            compared += 1;
        }
        assert!(compared > 35, "{language}: {compared}");
    }
}
