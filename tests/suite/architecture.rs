//! The plan of the house, held against the sources.
//!
//! The plan is the arrow line in `src/lib.rs`: a room uses what stands to its right, never what
//! stands to its left or beside it.
//! Read from the sources as text; knows nothing of what the rooms do.

use regex::Regex;
use std::path::{Path, PathBuf};

/// A source file: its room, how many modules deep it stands, and its text without comments.
struct File {
    path: PathBuf,
    room: String,
    depth: usize,
    text: String,
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Groups of rooms from left to right; those of one group stand beside each other.
fn arrow_line(text: &str) -> Vec<Vec<String>> {
    let line = text.lines().find(|line| line.contains("main -> cli ->")).expect("the arrow line");
    let line = line.trim_start_matches("//!").trim();
    line.split("->").map(|group| group.split(',').map(|room| room.trim().to_owned()).collect()).collect()
}

fn plan() -> Vec<Vec<String>> {
    arrow_line(&std::fs::read_to_string(source_folder().join("lib.rs")).unwrap())
}

fn files() -> Vec<File> {
    let (root, mut folders, mut all) = (source_folder(), vec![source_folder()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let module = path.strip_prefix(&root).unwrap().with_extension("");
                let mut parts: Vec<_> = module.iter().map(|p| p.to_str().unwrap().to_owned()).collect();
                parts.retain(|part| part != "mod");
                let text = std::fs::read_to_string(&path).unwrap();
                all.push(File { room: parts[0].clone(), depth: parts.len(), path, text });
            }
        }
    }
    all
}

/// The code alone: what is said in comments and texts is no use of a room.
fn code(text: &str) -> String {
    let comment = Regex::new(r#"(?m)"(?:[^"\\\n]|\\.)*"|//.*$"#).unwrap();
    comment.replace_all(text, "").into_owned()
}

/// Rooms that a file names, by `crate::room`, `crate::{room, …}` or as many `super` as lead out of its room.
fn used(file: &File) -> Vec<String> {
    let text = code(&file.text);
    let single = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let group = Regex::new(r"\bcrate::\{([^;]*)\};").unwrap();
    let inside = Regex::new(r"(?:^|[,{]\s*)([a-z_]+)").unwrap();
    let climbing = Regex::new(&format!(r"\b(?:super::){{{}}}([a-z_]+)", file.depth)).unwrap();
    let mut names: Vec<String> = single.captures_iter(&text).map(|c| c[1].to_owned()).collect();
    for list in group.captures_iter(&text) {
        names.extend(inside.captures_iter(&list[1]).map(|c| c[1].to_owned()));
    }
    names.extend(climbing.captures_iter(&text).map(|c| c[1].to_owned()));
    names
}

#[test]
fn a_room_uses_what_stands_to_its_right_and_never_what_stands_to_its_left() {
    let plan = plan();
    let place = |room: &str| plan.iter().position(|group| group.iter().any(|r| r == room));
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| f.room != "lib") {
        let own = place(&file.room).unwrap_or_else(|| panic!("{} stands in no room", file.path.display()));
        for name in used(file) {
            if name != file.room && place(&name).is_some_and(|other| other <= own) {
                wrong.push(format!("{} uses {name}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_plan_names_every_room_and_no_other() {
    let lib = std::fs::read_to_string(source_folder().join("lib.rs")).unwrap();
    let room = Regex::new(r"(?m)^pub mod ([a-z_]+);$").unwrap();
    let mut built: Vec<_> = room.captures_iter(&lib).map(|c| c[1].to_owned()).collect();
    let mut planned: Vec<_> = plan().concat().into_iter().filter(|room| room != "main").collect();
    built.sort();
    planned.sort();
    assert_eq!(built, planned);
}

#[test]
fn the_page_on_the_architecture_shows_the_same_plan() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(arrow_line(&page), plan());
    for room in plan().concat() {
        assert!(page.contains(&format!("| `{room}")), "the page has no row for `{room}`");
    }
}

#[test]
fn every_file_opens_with_what_it_is_about_and_ends_before_line_400() {
    for file in files() {
        let (shown, lines) = (file.path.display(), file.text.lines().count());
        assert!(file.text.starts_with("//! "), "{shown} opens with something else");
        assert!(lines <= 400, "{shown} has {lines} lines");
    }
}

#[test]
fn a_use_that_goes_left_is_seen_in_every_spelling() {
    let in_config =
        |text: &str| File { path: "src/config/rules.rs".into(), room: "config".into(), depth: 2, text: text.into() };
    for text in [
        "use crate::proxy::Enforcer;",
        "use crate::{policy::Policy, proxy::{Enforcer, answer}};",
        "use crate::{\n    policy,\n    proxy,\n};",
        "fn f() { crate::proxy::answer() }",
        "use super::super::proxy;",
    ] {
        assert!(used(&in_config(text)).contains(&"proxy".to_owned()), "{text}");
    }
    for text in ["// crate::proxy", "//! [`crate::proxy`]", "let x = \"crate::proxy\";", "use super::proxy;"] {
        assert!(!used(&in_config(text)).contains(&"proxy".to_owned()), "{text}");
    }
}
