//! `vneid-gate check DIR`: every finding of a policy directory, for people or for pipelines.

use super::NOT_FINE;
use crate::config::settings::Settings;
use crate::config::{Loaded, read_directory};
use crate::diagnostic::{Diagnostic, Severity, Source, code, render, summary};
use crate::transport::tls::Certificate;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn check(directory: &Path, as_json: bool) -> ExitCode {
    let mut loaded = read_directory(directory);
    if let Some(settings) = &loaded.settings {
        loaded.diagnostics.extend(certificates(settings));
    }
    let fine = !loaded.diagnostics.iter().any(Diagnostic::is_error);
    if as_json {
        println!("{:#}", report(&loaded));
    } else {
        eprint!("{}", render(&loaded.diagnostics, &loaded.sources));
        println!("{}", said(directory, &loaded));
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::from(NOT_FINE) }
}

/// Certificates are opened here as they would be at start, since an expired one is found too late there.
fn certificates(settings: &Settings) -> Vec<Diagnostic> {
    let now_s = Timestamp::now().as_second();
    let files = settings.listeners.iter().flat_map(|l| &l.tls);
    files
        .flat_map(|f| match Certificate::read(&f.certificate, &f.key) {
            Ok(c) => c.warnings(now_s).into_iter().map(|w| Diagnostic::warning(code::UNUSABLE_FILE, w)).collect(),
            Err(error) => vec![Diagnostic::error(code::UNUSABLE_FILE, error.to_string())],
        })
        .collect()
}

fn said(directory: &Path, loaded: &Loaded) -> String {
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    let Some(settings) = loaded.settings.as_ref().filter(|_| !broken) else {
        return format!("{}: not fine: {}", directory.display(), summary(&loaded.diagnostics));
    };
    let today = Timestamp::now().to_zoned(settings.gate.zone.clone()).date();
    let mut text = format!(
        "{}: fine: {} rules, {} routes, {} tests passed, {}",
        directory.display(),
        settings.policy.rules().len(),
        settings.policy.routes().count(),
        settings.cases.len(),
        summary(&loaded.diagnostics)
    );
    for rule in settings.policy.reviews_due(today) {
        text.push_str(&format!(
            "\nreview due: rule `{rule}` has passed its review date; the law behind it may have changed"
        ));
    }
    if let Some((rule, at)) = settings.policy.next_transition(Timestamp::now()) {
        text.push_str(&format!("\nnext transition: rule `{rule}` at {}", at.to_zoned(settings.gate.zone.clone())));
    }
    text
}

fn report(loaded: &Loaded) -> Value {
    json!({
        "fine": !loaded.diagnostics.iter().any(Diagnostic::is_error),
        "digest": loaded.digest,
        "diagnostics": loaded.diagnostics.iter().map(|d| finding(d, &loaded.sources)).collect::<Vec<_>>(),
    })
}

fn finding(d: &Diagnostic, sources: &[Source]) -> Value {
    let place = d.place.and_then(|p| sources.get(p.file).map(|s| (p, s)));
    let before = place.and_then(|(p, s)| s.text.get(..p.start));
    json!({
        "severity": if d.severity == Severity::Error { "error" } else { "warning" },
        "code": d.code.as_str(),
        "message": d.message,
        "help": d.help,
        "file": place.map(|(_, s)| s.name.as_str()),
        "line": before.map(|t| t.matches('\n').count() + 1),
        "column": before.map(|t| t.rsplit('\n').next().unwrap_or_default().chars().count() + 1),
    })
}
