//! From the files of a policy directory to settings: every mistake of every file at once.
//!
//! Reads a policy directory into [`Settings`], or into diagnostics: all mistakes of all files at once. After this
//! room there is no `Result` about configuration any more.

mod backchannel;
pub mod files;
mod introspection;
mod invariants;
mod login;
mod names;
mod outside;
mod place;
mod portal;
mod probe;
mod process;
mod prove;
mod reader;
mod rules;
pub mod schema;
pub mod settings;
mod state;
mod tests_table;
mod tokens;
mod values;
mod who;

pub use files::{Loaded, read_directory, read_directory_at};
pub use settings::Settings;

use crate::diagnostic::{Diagnostic, Place, Source, code};
use crate::policy::{Policy, Route, Rule, Site, TooLarge, table};
use invariants::Subjects;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reader::{Findings, Table, Value};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The arrays of tables at the top level, in the order of the handbook.
const ARRAYS: [&str; 9] =
    ["listener", "upstream", "site", "route", "credential", "username", "rule", "test", "invariant"];
/// The single tables at the top level.
const SINGLES: [&str; 5] = ["gate", "admin", "state", "audit", "default"];

/// The time zone of the gate, also where a policy is not fine otherwise; `None` where it names one that there is not.
pub fn time_zone(sources: &[Source]) -> Option<TimeZone> {
    let findings = RefCell::default();
    let parsed: Vec<_> = sources.iter().enumerate().map(|(n, source)| parse(n, source, &findings)).collect();
    let roots = parsed.iter().enumerate().map(|(n, root)| Table::root(root, n, &findings)).collect();
    let files = Files { roots, findings: &findings, base: Path::new(""), read: RefCell::default() };
    process::time_zone(&files)
}

/// What `[admin]` says, whatever else is wrong; what is wrong with it otherwise.
pub fn admin(sources: &[Source], base: &Path) -> Result<settings::Admin, Vec<Diagnostic>> {
    let (syntax, findings) = (RefCell::default(), RefCell::default());
    let parsed: Vec<_> = sources.iter().enumerate().map(|(n, source)| parse(n, source, &syntax)).collect();
    let roots = parsed.iter().enumerate().map(|(n, root)| Table::root(root, n, &findings)).collect();
    let files = Files { roots, findings: &findings, base, read: RefCell::default() };
    let admin = process::admin(&files).filter(|_| findings.borrow().is_empty());
    admin.ok_or_else(|| [syntax.take(), findings.take()].concat())
}

/// All files, parsed; what the readers of single tables work from.
struct Files<'t> {
    roots: Vec<Table<'t>>,
    findings: &'t Findings,
    /// Relative paths in the policy start here.
    base: &'t Path,
    /// Files that were read on the way.
    read: RefCell<Vec<PathBuf>>,
}

/// Builds settings from text. `base` is the policy directory: keys ending in `_file` are read relative to it. `now` is
/// when tests ask that name no moment, and what is past.
pub fn build(sources: &[Source], base: &Path, now: Timestamp) -> (Option<Settings>, Vec<Diagnostic>) {
    let findings = RefCell::new(Vec::new());
    let parsed: Vec<Spanned<DeTable<'_>>> = sources.iter().enumerate().map(|(n, s)| parse(n, s, &findings)).collect();
    let settings = {
        let roots = parsed.iter().enumerate().map(|(n, root)| Table::root(root, n, &findings)).collect();
        let files = Files { roots, findings: &findings, base, read: RefCell::default() };
        files.check_top_level();
        assemble(&files, now)
    };
    let findings = findings.into_inner();
    let broken = findings.iter().any(Diagnostic::is_error);
    (settings.filter(|_| !broken), findings)
}

fn parse<'s>(file: usize, source: &'s Source, findings: &Findings) -> Spanned<DeTable<'s>> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let span = error.span().unwrap_or_default();
        let place = Place { file, start: span.start, end: span.end.max(span.start + 1) };
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        findings.borrow_mut().push(Diagnostic::error(code::TOML_SYNTAX, message).at(place));
    }
    root
}

/// Reads every table in the order in which names are needed; `None` when something essential is missing.
fn assemble(files: &Files<'_>, now: Timestamp) -> Option<Settings> {
    let gate = process::gate(files);
    let zone = gate.as_ref().map_or(TimeZone::UTC, |g| g.zone.clone());
    let listeners = process::listeners(files);
    let admin = process::admin(files);
    process::addresses_apart(files);
    let state = state::state(files, gate.as_ref());
    let audit = process::audit(files);
    let (upstreams, upstream_names) = portal::upstreams(files);
    let (mut sites, site_names) = portal::sites(files, &upstream_names);
    let (mut routes, route_names) = portal::routes(files, &mut sites, &site_names);
    let around = who::Around { site_names: &site_names, sites: &sites, routes: &routes, state: &state };
    let (identity, credential_names) = who::identity(files, &around);
    let rules = rules::rules(files, &mut routes, &route_names, &credential_names, &zone);
    let policy = compile(files, sites, routes, rules, credential_names.count())?;
    let policy = policy.observing(gate.as_ref().is_some_and(|g| g.observing));
    let invariants = invariants::invariants(
        files,
        &Subjects { policy: &policy, routes: &route_names, credentials: &credential_names, zone: &zone },
    );
    let cases = tests_table::cases(files, &credential_names, &zone, now);
    if files.findings.borrow().iter().any(Diagnostic::is_error) {
        return None;
    }
    prove::prove(files, &policy, &identity.identity, &invariants, &cases);
    Some(Settings {
        gate: gate?,
        listeners,
        admin: admin?,
        state,
        audit,
        upstreams,
        identity: identity.identity,
        keys: identity.keys,
        introspections: identity.introspections,
        policy,
        cases,
        invariants,
        files: files.read.take(),
    })
}

fn compile(
    files: &Files<'_>,
    sites: Vec<Site>,
    routes: Vec<Route>,
    rules: Vec<Rule>,
    credentials: usize,
) -> Option<Policy> {
    let (message, help) = match Policy::new(sites, routes, rules, credentials) {
        Ok(policy) => return Some(policy),
        Err(TooLarge::Memory(bytes)) => (
            format!("the decision table needs over {} MiB", bytes >> 20),
            format!(
                "the bound is {} MiB: 4 bytes for each set of rules that routes share and each kind of principal, \
                 24 for each change in time; give more routes the same rules, or fewer rules dates of their own",
                table::BYTES_MAX >> 20
            ),
        ),
        Err(TooLarge::List { route, rules }) => (
            format!("{rules} rules may have to be tried one after the other on route `{route}`"),
            format!(
                "rules with `client`, `percent` or `observe` cannot be looked up, and {} of them may meet; \
                 put networks with the same outcome into one rule",
                table::LIST_MAX
            ),
        ),
        Err(TooLarge::Cases { route, cases }) => (
            format!("{cases} cases would have to be looked at to prove what holds on route `{route}`"),
            format!(
                "rules that depend on the client or on a share of the people, times the networks they name, times the \
                 shares: at most {} on one route; put networks with the same outcome into one rule, or roll out one \
                 rule after the other",
                table::CASES_MAX
            ),
        ),
        Err(TooLarge::Networks) => (
            "more than 65,535 different lists of networks".to_owned(),
            "let rules that mean the same networks list them in the same order".to_owned(),
        ),
    };
    files.findings.borrow_mut().push(Diagnostic::error(code::POLICY_TOO_LARGE, message).help(help));
    None
}

impl<'t> Files<'t> {
    fn check_top_level(&self) {
        for root in &self.roots {
            for key in ARRAYS.into_iter().chain(SINGLES) {
                let Some(value) = root.raw(key) else { continue };
                if ARRAYS.contains(&key) && !value.is_array() {
                    let help = format!("write `[[{key}]]`: there may be several");
                    value.fail::<()>(code::WRONG_TYPE, format!("`{key}` is an array of tables"), help);
                }
            }
            root.report_unknown();
        }
    }

    /// Every `[[name]]` of all files, in order.
    fn arrays(&self, key: &'static str) -> Vec<Table<'t>> {
        let values = self.roots.iter().filter_map(|root| root.raw(key)).filter(Value::is_array);
        values.flat_map(|v| v.elements().unwrap_or_default()).filter_map(|v| v.table(key)).collect()
    }

    /// What stands under `key` in every table of these kinds, whatever it is: nothing is reported.
    fn values_in(&self, kinds: &[&'static str], key: &str) -> Vec<Value<'t>> {
        let tables = kinds.iter().flat_map(|kind| self.roots.iter().filter_map(|root| root.raw(kind)));
        let tables = tables.flat_map(|v| if v.is_array() { v.elements().unwrap_or_default() } else { vec![v] });
        let fields = tables.filter_map(|v| match v.toml {
            DeValue::Table(table) => table.get(key).map(|field| Value::new(field, v.place.file, v.findings)),
            _ => None,
        });
        fields.collect()
    }

    /// The one `[name]` of all files; a second one is a finding.
    fn single(&self, key: &'static str) -> Option<Table<'t>> {
        let mut tables = self.roots.iter().filter_map(|root| root.raw(key)).filter_map(|v| v.table(key));
        let first = tables.next()?;
        for again in tables {
            again.report(
                code::DUPLICATE_TABLE,
                format!("a second `[{key}]`"),
                Some("there is one for all files".into()),
            );
        }
        Some(first)
    }

    /// The one `[name]`, which must be there.
    fn mandatory(&self, key: &'static str) -> Option<Table<'t>> {
        let table = self.single(key);
        if table.is_none() && !self.roots.iter().any(|root| root.toml.contains_key(key)) {
            let finding = Diagnostic::error(code::MISSING_KEY, format!("no file has the table `[{key}]`"));
            self.findings.borrow_mut().push(finding.help("it is mandatory; see policies/daknong for an example"));
        }
        table
    }

    /// The path of a file that must be there.
    fn path(&self, value: Value<'_>) -> Option<PathBuf> {
        self.read(value).and(value.text().map(|name| self.base.join(name)))
    }

    /// Reads a file that the policy names; a failure is a finding at the place where it is named.
    fn read(&self, value: Value<'_>) -> Option<Vec<u8>> {
        let name = value.text()?;
        let path = self.base.join(name);
        match files::read(&path) {
            Ok(bytes) => {
                self.read.borrow_mut().push(path);
                Some(bytes)
            }
            Err(error) => value.fail(
                code::UNUSABLE_FILE,
                format!("cannot read `{name}`: {error}"),
                "relative paths start at the policy directory",
            ),
        }
    }
}
