//! Every TOML example does what its page says of it.
//!
//! The words behind `toml` on the fence say it: `policy` is a whole policy that is fine;
//! `added FILE` is fine as one more file of the shipped policy; `refused CODE` gives that finding;
//! none is a part of a policy whose keys and values are fine.

use super::{pages, read, root};
use vneid_gate::config;
use vneid_gate::diagnostic::{Diagnostic, Source};

/// What a part of a policy lacks by nature: other tables, their names, the files that it mentions.
pub(super) const OF_A_PART: [&str; 4] = ["vg0202", "vg0206", "vg0302", "vg0305"];

/// A fenced block.
pub(super) struct Block {
    /// The words on the fence.
    pub info: String,
    pub text: String,
    /// Line of the fence, from 1.
    pub line: usize,
}

pub(super) fn blocks(page: &str) -> Vec<Block> {
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some(Block { info: info.into(), text: String::new(), line: number + 1 }),
            (Some(_), Some(_)) => all.extend(open.take()),
            (None, Some(block)) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    all
}

/// Errors and warnings of a policy made of these files.
pub(super) fn findings(files: &[(String, String)]) -> Vec<Diagnostic> {
    let mut sorted = files.to_vec();
    sorted.sort();
    let sources: Vec<Source> = sorted.into_iter().map(|(name, text)| Source { name, text }).collect();
    config::build(&sources, &root().join("policies/daknong"), jiff::Timestamp::now()).1
}

pub(super) fn codes(findings: &[Diagnostic]) -> Vec<&'static str> {
    findings.iter().map(|d| d.code.as_str()).collect()
}

fn shipped() -> Vec<(String, String)> {
    let folder = root().join("policies/daknong");
    let names = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name.ends_with(".toml"));
    names.map(|name| (name.clone(), read(format!("policies/daknong/{name}")))).collect()
}

#[test]
fn every_toml_example_is_what_its_page_says() {
    let mut seen = 0;
    for page in pages() {
        for block in blocks(&read(&page)).into_iter().filter(|b| b.info.starts_with("toml")) {
            seen += 1;
            let place = format!("{}:{}", page.display(), block.line);
            let words: Vec<&str> = block.info.split_whitespace().skip(1).collect();
            let (files, part, refused) = match words.as_slice() {
                [] => (vec![("part.toml".into(), block.text)], true, None),
                ["policy"] => (vec![("policy.toml".into(), block.text)], false, None),
                ["refused", code] => (vec![("part.toml".into(), block.text)], true, Some(*code)),
                ["added", name] => ([shipped(), vec![((*name).into(), block.text)]].concat(), false, None),
                ["added", name, "refused", code] => {
                    ([shipped(), vec![((*name).into(), block.text)]].concat(), false, Some(*code))
                }
                other => panic!("{place}: unknown words {other:?}"),
            };
            let found = findings(&files);
            let codes = codes(&found);
            match refused {
                Some(code) => assert!(codes.contains(&code), "{place}: {code} is not among {codes:?}"),
                None if part => {
                    let wrong: Vec<_> = found.iter().filter(|d| !OF_A_PART.contains(&d.code.as_str())).collect();
                    assert!(wrong.is_empty(), "{place}: {wrong:?}");
                }
                None => assert!(found.is_empty(), "{place}: {found:?}"),
            }
        }
    }
    assert!(seen > 20, "the pages have examples: {seen}");
}
