//! The schema, held against the readers: every key, type, word and bound, and no other.
//!
//! The readers are asked.
//! One key at a time is put into a bare policy, and what they say of it is held against the schema;
//! then every policy here is held against it as an editor would.

use super::examples::{OF_A_PART, blocks, codes, findings};
use super::keys::{BARE, STRANGER, told};
use super::{pages, read, root};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vneid_gate::config::schema::schema;
use vneid_gate::diagnostic::Diagnostic;

/// A place where a value may stand, and what the schema says of it.
struct Spot {
    path: Vec<String>,
    schema: Value,
}

impl Spot {
    fn shown(&self) -> String {
        self.path.join(".")
    }

    /// The table that may stand here, or several times.
    fn table(&self) -> Option<&Value> {
        alternatives(&self.schema).into_iter().find(|s| s["properties"].is_object())
    }
}

/// A schema and its alternatives.
fn forms(schema: &Value) -> Vec<&Value> {
    std::iter::once(schema).chain(schema["anyOf"].as_array().into_iter().flatten().flat_map(forms)).collect()
}

/// A schema, its alternatives and their elements.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let forms = forms(schema);
    let elements = forms.iter().filter_map(|s| s.get("items")).flat_map(alternatives).collect();
    [forms, elements].concat()
}

fn spots() -> Vec<Spot> {
    let mut all = vec![Spot { path: vec![], schema: schema() }];
    let mut next = 0;
    while let Some(spot) = all.get(next) {
        let mut below = Vec::new();
        for (key, schema) in spot.table().and_then(|t| t["properties"].as_object()).into_iter().flatten() {
            below.push(Spot { path: [&spot.path[..], std::slice::from_ref(key)].concat(), schema: schema.clone() });
        }
        all.extend(below);
        next += 1;
    }
    assert!(all.len() > 150, "{} spots", all.len());
    all
}

/// The bare policy with one value put where the path leads, in place of what was there.
fn put(path: &[String], value: toml::Value) -> toml::Table {
    let mut policy: toml::Table = BARE.parse().unwrap();
    let (last, way) = path.split_last().unwrap();
    let mut table = &mut policy;
    for (n, key) in way.iter().enumerate() {
        let below = table.entry(key).or_insert_with(|| toml::Table::new().into());
        table = match below {
            toml::Value::Array(many) => {
                // Of several, the one that has what comes next.
                let fits = many.iter().position(|t| t.as_table().unwrap().contains_key(&path[n + 1])).unwrap_or(0);
                many[fits].as_table_mut().unwrap()
            }
            toml::Value::Table(table) => table,
            other => panic!("{path:?} leads through {other}"),
        };
    }
    table.insert(last.clone(), value);
    policy
}

/// What the readers say.
fn said(policy: &toml::Table) -> Vec<Diagnostic> {
    findings(&[("bare.toml".into(), toml::to_string(policy).unwrap())])
}

fn with(path: &[String], key: &str, value: impl Into<toml::Value>) -> Vec<Diagnostic> {
    said(&put(&[path, &[key.to_owned()]].concat(), value.into()))
}

fn has(found: &[Diagnostic], code: &str) -> bool {
    found.iter().any(|d| d.code.as_str() == code)
}

/// Refused because this version does not do it yet.
fn is_planned(d: &Diagnostic, what: &str) -> bool {
    d.code.as_str() == "vg0104" && d.message.contains(what) && !d.message.contains(" beside ")
}

/// The bare policy's own table at this place.
fn own(path: &[String]) -> toml::Table {
    let policy: toml::Table = BARE.parse().unwrap();
    let mut table = &policy;
    for (n, key) in path.iter().enumerate() {
        let Some(below) = table.get(key) else { return toml::Table::new() };
        let many = below.as_array().into_iter().flatten().chain(below.is_table().then_some(below));
        let many: Vec<_> = many.filter_map(toml::Value::as_table).collect();
        table = many.iter().find(|t| path.get(n + 1).is_some_and(|key| t.contains_key(key))).unwrap_or(&many[0]);
    }
    table.clone()
}

/// As an editor hands it to a schema: dates are text.
fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Table(t) => {
            t.iter().map(|(k, v)| (k.clone(), as_json(v))).collect::<serde_json::Map<_, _>>().into()
        }
        toml::Value::Array(a) => a.iter().map(as_json).collect(),
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::String(s) => s.as_str().into(),
        toml::Value::Integer(n) => (*n).into(),
        toml::Value::Float(n) => (*n).into(),
        toml::Value::Boolean(b) => (*b).into(),
    }
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// What the schema has against a file; of a part, not that something is missing.
fn against(validator: &Validator, text: &str, part: bool) -> Vec<String> {
    let policy: toml::Table = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    let value = as_json(&policy.into());
    let errors = validator.iter_errors(&value);
    errors
        .filter(|e| !part || !e.to_string().contains("required"))
        .map(|e| format!("{e} at {}", e.instance_path()))
        .collect()
}

#[test]
fn the_schema_has_every_key_that_the_readers_know_and_no_other() {
    for spot in spots().iter().filter(|s| s.table().is_some()) {
        let found = with(&spot.path, STRANGER, 1);
        let stranger = found.iter().find(|d| d.message.contains(STRANGER));
        let help = stranger.and_then(|d| d.help.as_deref()).unwrap_or_else(|| panic!("{}: {found:?}", spot.shown()));
        let known = help.split_once(" knows: ").unwrap_or_else(|| panic!("{}: {help}", spot.shown())).1.split(", ");
        // What this version refuses to do yet is nothing to offer.
        let refused = |key: &str| with(&spot.path, key, 1).iter().any(|d| is_planned(d, &format!("`{key}` ")));
        let done = known.filter(|key| !refused(key));
        let listed = spot.table().unwrap()["properties"].as_object().unwrap();
        let listed: BTreeSet<_> = listed.keys().map(String::as_str).collect();
        assert_eq!(listed, done.collect(), "{}", spot.shown());
    }
}

#[test]
fn a_type_is_refused_by_the_schema_exactly_when_the_readers_refuse_it() {
    let moment: toml::value::Datetime = "2026-01-01T00:00:00Z".parse().unwrap();
    let single: [(&str, toml::Value); 6] = [
        ("string", "/x".into()),
        ("integer", 1.into()),
        ("number", 1.5.into()),
        ("boolean", true.into()),
        ("moment", moment.into()),
        ("object", toml::Table::new().into()),
    ];
    let allowed = |schema: &Value| -> BTreeSet<String> {
        let types = match &schema["type"] {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        let is_moment = schema["pattern"].as_str().is_some_and(|p| p.starts_with("^[0-9]{4}-"));
        types.iter().filter_map(Value::as_str).map(|t| if is_moment { "moment" } else { t }.to_owned()).collect()
    };
    let mut asked = 0;
    for spot in spots().iter().skip(1) {
        let schemas = forms(&spot.schema);
        let here: BTreeSet<_> = schemas.iter().copied().flat_map(allowed).collect();
        let elements = schemas.iter().filter_map(|s| s.get("items")).flat_map(forms);
        let inside: BTreeSet<_> = elements.flat_map(allowed).collect();
        let values = schemas.iter().filter_map(|s| s.get("additionalProperties")).filter(|s| s.is_object());
        let behind_keys: BTreeSet<_> = values.flat_map(allowed).collect();
        for (kind, value) in &single {
            let mut probes = vec![(value.clone(), &here)];
            if here.contains("array") {
                probes.push((vec![value.clone()].into(), &inside));
            }
            if !behind_keys.is_empty() {
                // One of the two is a key that such a table may have: a pointer, or a name.
                let map: toml::Table =
                    [("/x".into(), value.clone()), ("x".into(), value.clone())].into_iter().collect();
                probes.push((map.into(), &behind_keys));
            }
            for (probe, allowed) in probes {
                let found = said(&put(&spot.path, probe.clone()));
                let (refused, shown) = (has(&found, "vg0203"), spot.shown());
                assert_eq!(refused, !allowed.contains(*kind), "{shown} = {probe}: {allowed:?}, {found:?}");
                asked += 1;
            }
        }
        let found = said(&put(&spot.path, toml::Value::Array(vec![])));
        assert_eq!(has(&found, "vg0203"), !here.contains("array"), "{} = []", spot.shown());
    }
    assert!(asked > 1_000, "{asked}");
}

#[test]
fn the_words_and_bounds_of_the_schema_are_those_of_the_readers() {
    let mut asked = 0;
    for spot in spots() {
        let shown = spot.shown();
        for schema in alternatives(&spot.schema) {
            if let Some(words) = schema["enum"].as_array() {
                let words: BTreeSet<_> = words.iter().map(|w| w.as_str().unwrap().to_owned()).collect();
                let refused = |word: &str| {
                    let found = said(&put(&spot.path, word.into()));
                    found.into_iter().find(|d| d.code.as_str() == "vg0205" || is_planned(d, word))
                };
                for word in &words {
                    assert!(refused(word).is_none(), "{shown} = {word}");
                }
                let stranger = refused("not a word").unwrap_or_else(|| panic!("{shown} takes any word"));
                let help = stranger.help.unwrap_or_default();
                let known = help.split_once(": ").unwrap_or_else(|| panic!("{shown}: {help}")).1.split(", ");
                let done = known.filter(|word| refused(word).is_none()).map(str::to_owned);
                assert_eq!(words, done.collect(), "{shown}");
                asked += 1;
            }
            if let (Some(min), Some(max)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
                let refused = |n: i64| has(&said(&put(&spot.path, n.into())), "vg0204");
                let found = [min - 1, min, max, max + 1].map(refused);
                assert_eq!(found, [true, false, false, true], "{shown}: {min} to {max}");
                asked += 1;
            }
        }
    }
    assert!(asked > 30, "{asked}");
}

#[test]
fn what_is_mandatory_in_the_schema_is_mandatory_to_the_readers() {
    for spot in spots().iter().skip(1) {
        let Some(table) = spot.table() else { continue };
        let required: BTreeSet<_> =
            table["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for key in table["properties"].as_object().unwrap().keys() {
            let mut without = own(&spot.path);
            without.remove(key);
            let value: toml::Value = without.into();
            let value = if spot.schema["type"] == "array" { vec![value].into() } else { value };
            let found = said(&put(&spot.path, value));
            let missed = found.iter().any(|d| {
                let (table, what) = d.message.split_once(" lacks ").unwrap_or_default();
                table.starts_with('`') && what.trim_start_matches("the key ") == format!("`{key}`")
            });
            assert_eq!(required.contains(key.as_str()), missed, "{} without {key}: {found:?}", spot.shown());
        }
    }
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_handbook() {
    let spots = spots();
    let mut compared = 0;
    for told in told("en") {
        let path = format!("{}.{}", told.heading.trim_matches(['[', ']']), told.key);
        let Some(spot) = spots.iter().find(|s| s.shown() == path) else { continue };
        let written = told.default.strip_prefix('`').and_then(|d| d.strip_suffix('`')).filter(|d| !d.contains('`'));
        let value = written.map(|d| as_json(&format!("x = {d}").parse::<toml::Table>().unwrap()["x"]));
        // A table that may be left out as a whole has a default for what is mandatory in it.
        if path != "audit.path" {
            assert_eq!(spot.schema.get("default"), value.as_ref(), "{path}");
        }
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "broken") {
            files.extend(toml_files(&path));
        } else if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_policy_here_is_fine_by_the_schema() {
    let validator = validator();
    let files = ["policies", "tests/suite/policies"].map(|f| toml_files(&root().join(f))).concat();
    assert!(files.len() > 9, "{files:?}");
    for file in files {
        assert_eq!(against(&validator, &read(&file), false), [""; 0], "{}", file.display());
    }
    for page in pages() {
        for block in blocks(&read(&page)).iter().filter(|b| b.info.starts_with("toml") && !b.info.contains("refused")) {
            assert_eq!(against(&validator, &block.text, true), [""; 0], "{}:{}", page.display(), block.line);
        }
    }
}

#[test]
fn a_wrong_key_type_or_word_is_underlined_by_the_schema_too() {
    let validator = validator();
    let mut seen = BTreeSet::new();
    for page in pages() {
        for block in blocks(&read(&page)).iter().filter(|b| b.info.starts_with("toml") && b.info.contains("refused")) {
            let code = block.info.split_whitespace().last().unwrap().to_owned();
            if ["vg0201", "vg0205"].contains(&code.as_str()) {
                assert!(!against(&validator, &block.text, true).is_empty(), "{}:{}", page.display(), block.line);
                seen.insert(code);
            }
        }
    }
    assert_eq!(seen.len(), 2);
    for wrong in ["gate.threads = \"2\"", "rule = { name = \"x\" }", "default.then = 1", "site = [{ name = \"A b\" }]"]
    {
        assert!(!against(&validator, wrong, true).is_empty(), "{wrong}");
    }
    assert_eq!(against(&validator, BARE, false), [""; 0]);
    assert!(codes(&said(&BARE.parse().unwrap())).iter().all(|c| OF_A_PART.contains(c)), "the bare policy is fine");
    assert!(!validator.is_valid(&json!({ "rule": [{ "name": "x" }] })), "a rule without `then`");
}

#[test]
fn the_committed_schema_is_the_one_that_the_program_prints() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_vneid-gate")).arg("schema").output().unwrap();
    let printed = String::from_utf8(program.stdout).unwrap();
    assert!(program.status.success() && program.stderr.is_empty());
    let path = root().join("policies/schema.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), printed, "write it anew with BLESS=1");
}
