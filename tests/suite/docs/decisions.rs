//! The list of decisions and their files: each file is listed, each listed file is there, no number twice.

use super::{read, root};
use regex::Regex;
use std::collections::BTreeSet;

#[test]
fn every_decision_is_a_file_with_a_number_of_its_own_and_stands_in_the_list() {
    let folder = root().join("docs/architecture/decisions");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let index = read("docs/architecture/decisions.md");
    let line = Regex::new(r"(?m)^- \[(\d{4})\]\(decisions/([^)]+)\) (.+)$").unwrap();
    let mut listed: Vec<_> = line.captures_iter(&index).map(|c| c.extract::<3>().1).collect();
    listed.sort();
    assert_eq!(listed.iter().map(|[_, file, _]| *file).collect::<Vec<_>>(), files);
    let numbers: BTreeSet<_> = listed.iter().map(|[number, ..]| *number).collect();
    assert_eq!(numbers.len(), listed.len(), "two decisions have one number");
    for [number, file, title] in listed {
        assert!(file.starts_with(&format!("{number}-")), "{file} is listed as {number}");
        let text = read(format!("docs/architecture/decisions/{file}"));
        let heading = format!("# {}. {title}", number.trim_start_matches('0'));
        assert_eq!(text.lines().next(), Some(heading.as_str()), "{file}");
        for part in ["\n## Context\n", "\n## Decision\n", "\n## Cost\n"] {
            assert!(text.contains(part), "{file} has no {}", part.trim());
        }
    }
}
