//! Anything as a policy file: mangled text, and tables whose values, keys and shapes are exchanged.

use super::chance::{Chance, for_each_case};
use crate::harness::{Ask, Gate, World, eventually};
use jiff::Timestamp;
use std::path::Path;
use toml::{Table, Value};
use vneid_gate::config::{Settings, build};
use vneid_gate::diagnostic::{Diagnostic, Source, render};

const BARE: &str = include_str!("../policies/bare.toml");
const SHIPPED: [&str; 5] = [
    include_str!("../../../policies/daknong/gate.toml"),
    include_str!("../../../policies/daknong/identity.toml"),
    include_str!("../../../policies/daknong/portal.toml"),
    include_str!("../../../policies/daknong/rules.toml"),
    include_str!("../../../policies/daknong/tests.toml"),
];

const PIECES: [&str; 44] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\"",
    "\"\"\"",
    "'",
    "'''",
    ".",
    ",",
    "#",
    "\n",
    "\r",
    "\t",
    "\u{0}",
    "\u{feff}",
    "\\u0000",
    "\\uD800",
    "0x",
    "1e999",
    "nan",
    "-inf",
    "9223372036854775808",
    "2024-02-30",
    "2024-07-01T00:00:00+99:99",
    "24:60:60",
    "[[rule]]",
    "[default]",
    "[gate]\n",
    "[[credential]]\n",
    "when = {",
    "then = \"login\"\n",
    "name = \"a\"\n",
    "paths",
    "**",
    "{id}",
    "Đắk",
    "e\u{301}",
    "\u{202e}",
    "𝟘",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

const TEXTS: [&str; 46] = [
    "",
    " ",
    "a",
    "portal",
    "default",
    "other",
    "forward",
    "anonymous",
    "login",
    "reject",
    "observe",
    "/",
    "/**",
    "/*",
    "/{id}",
    "//",
    "/..",
    "/%2e",
    "/\u{ff0f}",
    "**",
    "0s",
    "1ns",
    "9999999999h",
    "P1Y",
    "-5m",
    "18446744073709551615GiB",
    "1 KiB",
    "0.0.0.0/0",
    "::/0",
    "::ffff:10.0.0.0/104",
    "127.0.0.1:0",
    "[::]:65535",
    "[",
    "[::1",
    "http://[",
    "https://portal.example:99999/",
    "(a{1000}){1000}",
    "(?i)\\p{L}+$",
    "(",
    "İ",
    "ß",
    "\u{0}",
    "\u{10ffff}",
    "a\r\nb",
    "*",
    "files/../..",
];

/// A policy that is fine, as tables.
fn sound(chance: &mut Chance) -> Vec<Table> {
    if chance.once_in(3) { SHIPPED.map(|t| t.parse().unwrap()).into() } else { vec![BARE.parse().unwrap()] }
}

/// How many values a table holds, at any depth.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Table(t) => t.values().map(count).sum(),
        Value::Array(a) => a.iter().map(count).sum(),
        _ => 0,
    }
}

/// The n-th of them.
fn nth<'v>(value: &'v mut Value, n: &mut usize) -> Option<&'v mut Value> {
    if *n == 0 {
        return Some(value);
    }
    *n -= 1;
    match value {
        Value::Table(t) => t.iter_mut().find_map(|(_, v)| nth(v, n)),
        Value::Array(a) => a.iter_mut().find_map(|v| nth(v, n)),
        _ => None,
    }
}

fn odd(chance: &mut Chance) -> Value {
    let text = (*chance.pick(&TEXTS)).to_owned();
    let moment =
        *chance.pick(&["0000-01-01", "9999-12-31T23:59:59.999999999-23:59", "2016-12-31T23:59:60Z", "07:32:00"]);
    match chance.below(14) {
        0 => chance.pick(&[0, 1, -1, 2, 64, 65_536, i64::MAX, i64::MIN]).to_owned().into(),
        1 => chance.pick(&[0.0, -0.0, 1.5, f64::NAN, f64::INFINITY]).to_owned().into(),
        2 => chance.once_in(2).into(),
        3 => Value::Datetime(moment.parse().unwrap()),
        4 => Value::Array(vec![]),
        5 => Value::Array((0..chance.below(5)).map(|_| odd(chance)).collect()),
        6 => {
            Table::from_iter((0..chance.below(4)).map(|n| (format!("{}{n}", chance.pick(&TEXTS)), odd(chance)))).into()
        }
        7 => text.repeat(1 + chance.below(3_000)).into(),
        8 => (0..chance.below(60)).fold(Value::from(1), |inner, _| Value::Array(vec![inner])),
        9 => format!("/{}", "a/".repeat(chance.below(20_000))).into(),
        _ => text.into(),
    }
}

/// Exchanges, takes out, doubles and renames, somewhere.
fn disturb(policy: &mut Value, chance: &mut Chance) {
    let all = count(policy);
    let mut elsewhere = policy.clone();
    let other = nth(&mut elsewhere, &mut chance.below(all)).cloned().unwrap_or(Value::Boolean(true));
    let new = if chance.once_in(3) { other } else { odd(chance) };
    let Some(place) = nth(policy, &mut (1 + chance.below(all))) else { return };
    match (chance.below(6), place) {
        (0, Value::Table(t)) if !t.is_empty() => {
            let key = t.keys().nth(chance.below(t.len())).unwrap().clone();
            t.remove(&key);
        }
        (1, Value::Table(t)) if !t.is_empty() => {
            let key = t.keys().nth(chance.below(t.len())).unwrap().clone();
            let value = t.remove(&key).unwrap();
            t.insert(format!("{key}{}", chance.pick(&TEXTS)), value);
        }
        (2, Value::Table(t)) => {
            t.insert((*chance.pick(&TEXTS)).to_owned(), new);
        }
        (3, Value::Array(a)) => {
            let many = a.iter().cycle().take(a.len() * (1 + chance.below(4))).cloned().collect();
            *a = many;
        }
        (4, Value::Array(a)) => a.push(new),
        (_, place) => *place = new,
    }
}

fn load(files: &[String]) -> (Option<Settings>, Vec<Diagnostic>, Vec<Source>) {
    let named = files.iter().enumerate();
    let sources: Vec<Source> = named.map(|(n, t)| Source { name: format!("{n}.toml"), text: t.clone() }).collect();
    let (settings, found) = build(&sources, Path::new("/nowhere"), Timestamp::UNIX_EPOCH);
    (settings, found, sources)
}

/// What must hold of every load.
fn expect_an_answer(files: &[String]) -> bool {
    let (settings, found, sources) = load(files);
    let refused = found.iter().any(Diagnostic::is_error);
    assert_eq!(settings.is_none(), refused, "{found:?}");
    for finding in &found {
        let place = finding.place.unwrap_or_default();
        assert!(place.start <= place.end, "{finding:?}");
        assert!(place.end <= sources.get(place.file).map_or(0, |s| s.text.len() + 1), "{finding:?}");
        assert!(!finding.message.is_empty() && finding.help.as_deref() != Some(""), "{finding:?}");
    }
    assert!(render(&found, &sources).matches("[vg0").count() >= found.len());
    refused
}

#[test]
fn any_bytes_as_policy_files_are_answered() {
    for_each_case(300, |chance| {
        let mut files: Vec<Vec<u8>> = match chance.below(3) {
            0 => vec![chance.words(&PIECES, 60)],
            1 => vec![BARE.into()],
            _ => SHIPPED.map(Vec::from).into(),
        };
        let n = chance.below(files.len());
        chance.mangle(&mut files[n], &PIECES);
        let files: Vec<_> = files.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
        expect_an_answer(&files);
        files.concat()
    });
}

#[test]
fn any_tables_as_policy_files_are_answered() {
    let (mut refused, mut fine) = (0, 0);
    for_each_case(300, |chance| {
        let mut files: Vec<Value> = sound(chance).into_iter().map(Value::from).collect();
        for _ in 0..=chance.below(4) {
            let n = chance.below(files.len());
            disturb(&mut files[n], chance);
        }
        let files: Vec<_> = files.iter().map(|f| toml::to_string(f).unwrap_or_default()).collect();
        *(if expect_an_answer(&files) { &mut refused } else { &mut fine }) += 1;
        files.concat()
    });
    println!("{refused} refused, {fine} fine");
}

/// What the gate says at a few places, and which policy it says is in force.
fn in_force(world: &World) -> (Vec<u16>, Vec<String>) {
    let asked = [Ask::get("/undeclared"), Ask::get("/tra-cuu-ho-so"), Ask::get("/nop-ho-so").cookie(&world.vneid)];
    let answers = asked.iter().map(|ask| world.gate.ask(ask).status).collect();
    (answers, world.gate.metrics().label_values("vneid_gate_policy_info", "digest"))
}

/// Writes a file, has the directory read, and tells whether the load was refused.
fn reload(gate: &Gate, name: &str, bytes: &[u8]) -> bool {
    let count = |result| gate.metric("vneid_gate_policy_reloads_total", &[("result", result)]);
    let (refused, taken) = (count("failed"), count("ok"));
    let next = gate.data().join("next");
    std::fs::write(&next, bytes).unwrap();
    std::fs::rename(&next, gate.directory().join(name)).unwrap();
    gate.signal("HUP");
    eventually("a reload", || match (count("failed") > refused, count("ok") > taken) {
        (false, false) => None,
        (_, taken) => Some(!taken),
    })
}

#[test]
fn a_refused_load_leaves_the_running_policy_as_it_was() {
    let world = World::start();
    let names = ["gate.toml", "identity.toml", "rules.toml"];
    let good = names.map(|name| std::fs::read(world.gate.directory().join(name)).unwrap());
    let before = in_force(&world);
    assert_eq!(before.0, [401, 200, 200]);
    let mut refused = 0;
    for_each_case(15, |chance| {
        let n = chance.below(names.len());
        let mut bytes = good[n].clone();
        chance.mangle(&mut bytes, &PIECES);
        if reload(&world.gate, names[n], &bytes) {
            assert_eq!(in_force(&world), before);
            refused += 1;
        }
        eventually("the good policy", || (!reload(&world.gate, names[n], &good[n])).then_some(()));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    assert!(refused > 0, "nothing was refused");
}

#[test]
fn a_path_of_very_many_segments_is_refused_and_does_not_end_the_process() {
    let path = format!("/{}", "a/".repeat(20_000));
    let text = BARE.replace("paths = \"/\"", &format!("paths = \"{path}\""));
    let (_, found, _) = load(&[text]);
    let said: Vec<_> = found.iter().map(|d| (d.code.as_str(), d.help.as_deref().unwrap_or_default())).collect();
    assert_eq!(said, [("vg0204", "a pattern has at most 64 segments")]);
}

#[test]
fn a_number_in_another_base_is_not_read_as_a_decimal() {
    let with = |number: &str| {
        let line = format!("success.json = {{ \"/code\" = {number} }}");
        let (settings, found, _) = load(&[BARE.replace("success.location = \"/\"", &line)]);
        let settings = settings.unwrap_or_else(|| panic!("{number}: {found:?}"));
        settings.identity.credentials.iter().find_map(|c| c.flows.first()).unwrap().success.json[0].1.clone()
    };
    assert_eq!([with("0x10"), with("0o10"), with("0b10"), with("1_0")], [16, 8, 2, 10].map(serde_json::Value::from));
}

#[test]
fn a_word_of_great_length_is_refused_without_looking_for_what_was_meant() {
    let began = std::time::Instant::now();
    let word = "forward".repeat(100_000);
    let (_, found, _) = load(&[BARE.replace("[default]\nthen = \"login\"", &format!("[default]\nthen = \"{word}\""))]);
    assert_eq!(found.iter().map(|d| d.code.as_str()).collect::<Vec<_>>(), ["vg0205"]);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn a_regular_expression_of_great_length_is_refused_before_it_is_read() {
    let began = std::time::Instant::now();
    let pattern = "(?i)\\p{L}+$".repeat(3_000);
    let (_, found, _) = load(&[BARE.replace("matches = \"^a\"", &format!("matches = '{pattern}'"))]);
    let said: Vec<_> = found.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(said, ["a regular expression of 33000 bytes is too long"]);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
