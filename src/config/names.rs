//! Names that other tables refer to: unique, and resolved with advice when they are not there.

use super::reader::Findings;
use super::reader::Value;
use crate::diagnostic::{At, Diagnostic, code, did_you_mean};
use std::collections::HashMap;

/// The names of one kind of table, in the order of definition; the index is the number used everywhere else.
pub(super) struct Names {
    kind: &'static str,
    list: Vec<At<String>>,
    /// The first of each name.
    places: HashMap<String, usize>,
}

impl Names {
    pub(super) fn new(kind: &'static str) -> Self {
        Names { kind, list: Vec::new(), places: HashMap::new() }
    }

    /// Adds a name; a second use of it is a finding, but gets a number of its own so that reading can go on.
    pub(super) fn define(&mut self, name: At<String>, findings: &Findings) {
        if let Some(first) = self.index(&name.value).and_then(|n| self.list.get(n)) {
            let message = format!("a second {} is called `{}`", self.kind, name.value);
            let help = "names are unique over all files, since rules, metrics and the log refer to them";
            let same_file = first.place.file == name.place.file;
            let help = if same_file { help.to_owned() } else { format!("{help}; the first stands in another file") };
            findings.borrow_mut().push(Diagnostic::error(code::DUPLICATE_NAME, message).at(name.place).help(help));
        }
        self.places.entry(name.value.clone()).or_insert(self.list.len());
        self.list.push(name);
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The number behind a name that a value refers to, or a finding.
    pub(super) fn resolve(&self, value: Value<'_>) -> Option<usize> {
        let text = value.text()?;
        if let Some(index) = self.index(text) {
            return Some(index);
        }
        let known = || self.list.iter().map(|n| n.value.as_str());
        let help = match did_you_mean(text, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.list.is_empty() => format!("there is no {} at all", self.kind),
            None => format!("known: {}", known().collect::<Vec<_>>().join(", ")),
        };
        value.fail(code::UNKNOWN_NAME, format!("no {} is called `{text}`", self.kind), help)
    }
}
