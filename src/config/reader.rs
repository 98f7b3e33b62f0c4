//! Walks one parsed TOML file and never stops at the first mistake.
//!
//! A [`Table`] hands out its keys one by one, notes each as known, and reports what is missing, of the wrong type or
//! left over. It knows TOML and spans, and nothing of what the keys mean.

use crate::diagnostic::{At, Code, Diagnostic, Place, code, did_you_mean};
use std::cell::RefCell;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where findings are collected while several files are read.
pub(super) type Findings = RefCell<Vec<Diagnostic>>;

/// One TOML value with its position.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    pub toml: &'t DeValue<'t>,
    pub place: Place,
    pub findings: &'t Findings,
}

impl<'t> Value<'t> {
    pub(super) fn new(value: &'t Spanned<DeValue<'t>>, file: usize, findings: &'t Findings) -> Self {
        let span = value.span();
        let place = Place { file, start: span.start, end: span.end };
        Value { toml: value.get_ref(), place, findings }
    }

    /// Reports a finding at this value and gives `None`, so that readers can `return value.fail(…)`.
    pub(super) fn fail<T>(&self, code: Code, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.findings.borrow_mut().push(Diagnostic::error(code, message).at(self.place).help(help));
        None
    }

    pub(super) fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let got = self.toml.type_str();
        self.findings
            .borrow_mut()
            .push(Diagnostic::error(code::WRONG_TYPE, format!("expected {wanted}, found {got}")).at(self.place));
        None
    }

    pub(super) fn text(&self) -> Option<&'t str> {
        match self.toml {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong_type("a string"),
        }
    }

    pub(super) fn table(&self, name: &'static str) -> Option<Table<'t>> {
        match self.toml {
            DeValue::Table(table) => {
                Some(Table { name, toml: table, place: self.place, findings: self.findings, known: RefCell::default() })
            }
            _ => self.wrong_type("a table"),
        }
    }

    pub(super) fn elements(&self) -> Option<Vec<Value<'t>>> {
        match self.toml {
            DeValue::Array(array) => {
                Some(array.iter().map(|v| Value::new(v, self.place.file, self.findings)).collect())
            }
            _ => self.wrong_type("an array"),
        }
    }

    /// How many values stand here: an array counts its elements, anything else is one.
    pub(super) fn count(&self) -> usize {
        match self.toml {
            DeValue::Array(array) => array.len(),
            _ => 1,
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.toml, DeValue::Array(_))
    }
}

const TOP_LEVEL: &str = "the top level";

/// One TOML table being read. Call [`Table::done`] when every known key was asked for.
pub(super) struct Table<'t> {
    /// As in the handbook, for messages: `rule`, `credential.jwt`.
    pub name: &'static str,
    pub toml: &'t DeTable<'t>,
    pub place: Place,
    pub findings: &'t Findings,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Table<'t> {
    /// The whole of a file.
    pub(super) fn root(root: &'t Spanned<DeTable<'t>>, file: usize, findings: &'t Findings) -> Self {
        let place = Place { file, start: 0, end: 0 };
        Table { name: TOP_LEVEL, toml: root.get_ref(), place, findings, known: RefCell::default() }
    }

    /// The raw value of a key; marks the key as known.
    pub(super) fn raw(&self, key: &'static str) -> Option<Value<'t>> {
        self.known.borrow_mut().push(key);
        self.toml.get(key).map(|v| Value::new(v, self.place.file, self.findings))
    }

    /// An optional key; `None` when absent or when `read` reported a finding.
    pub(super) fn optional<T>(&self, key: &'static str, read: impl FnOnce(Value<'t>) -> Option<T>) -> Option<At<T>> {
        let value = self.raw(key)?;
        read(value).map(|v| At { value: v, place: value.place })
    }

    /// A mandatory key; its absence is a finding.
    pub(super) fn required<T>(&self, key: &'static str, read: impl FnOnce(Value<'t>) -> Option<T>) -> Option<At<T>> {
        if !self.toml.contains_key(key) {
            self.known.borrow_mut().push(key);
            self.report(code::MISSING_KEY, format!("`{}` lacks the key `{key}`", self.name), None);
            return None;
        }
        self.optional(key, read)
    }

    /// A list that must not be empty; the finding is told when it is. What could not be read is left out.
    pub(super) fn mandatory_list<T>(&self, key: &'static str, read: impl FnMut(Value<'t>) -> Option<T>) -> Vec<T> {
        let list: Vec<T> = self.list(key, read).into_iter().map(|v| v.value).collect();
        if self.raw(key).is_none_or(|v| v.count() == 0) {
            let help = "it is mandatory: never open by default";
            self.report(code::MISSING_KEY, format!("`{}` lacks `{key}`", self.name), Some(help.into()));
        }
        list
    }

    /// A list of values under a key: absent is empty.
    pub(super) fn list<T>(&self, key: &'static str, read: impl FnMut(Value<'t>) -> Option<T>) -> Vec<At<T>> {
        let Some(value) = self.raw(key) else { return Vec::new() };
        many(value, read)
    }

    /// A key of the design that this version does not do yet: refused, never ignored.
    pub(super) fn unsupported(&self, key: &'static str) {
        if let Some(value) = self.raw(key) {
            let message = format!("`{key}` in `{}` is not yet supported by this version", self.name);
            let finding = Diagnostic::error(code::NOT_YET_SUPPORTED, message).at(value.place);
            self.findings.borrow_mut().push(finding.help("take it out; it is refused so that it cannot be overlooked"));
        }
    }

    /// Reports at the head of this table.
    pub(super) fn report(&self, code: Code, message: impl Into<String>, help: Option<String>) {
        let place = Place { end: self.place.end.min(self.place.start + 120), ..self.place };
        let mut finding = Diagnostic::error(code, message).at(place);
        finding.help = help;
        self.findings.borrow_mut().push(finding);
    }

    /// Reports at one of the keys of this table.
    pub(super) fn report_key(&self, key: &str, code: Code, message: impl Into<String>, help: Option<&str>) {
        let span = self.toml.get_key_value(key).map_or(self.place.start..self.place.end, |(k, _)| k.span());
        let place = Place { file: self.place.file, start: span.start, end: span.end };
        let mut finding = Diagnostic::error(code, message).at(place);
        finding.help = help.map(str::to_owned);
        self.findings.borrow_mut().push(finding);
    }

    /// Each key that the author chose, as a value to report at, with its value.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'t str, Place, Value<'t>)> {
        let (file, findings) = (self.place.file, self.findings);
        self.toml.iter().map(move |(key, value)| {
            let span = key.span();
            let place = Place { file, start: span.start, end: span.end };
            (key.get_ref().as_ref(), place, Value::new(value, file, findings))
        })
    }

    /// Reports every key that nobody asked for, and ends the reading.
    pub(super) fn done(self) {
        self.report_unknown();
    }

    pub(super) fn report_unknown(&self) {
        let known = self.known.borrow();
        for (key, _) in self.toml.iter() {
            let word: &str = key.get_ref();
            if known.contains(&word) {
                continue;
            }
            let span = key.span();
            let (at, shown) = match self.name {
                TOP_LEVEL => ("at", TOP_LEVEL.to_owned()),
                name => ("in", format!("`{name}`")),
            };
            let help = match did_you_mean(word, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let mut known: Vec<&str> = known.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("{shown} knows: {}", known.join(", "))
                }
            };
            let message = format!("unknown key `{word}` {at} {shown}");
            let place = Place { file: self.place.file, start: span.start, end: span.end };
            self.findings.borrow_mut().push(Diagnostic::error(code::UNKNOWN_KEY, message).at(place).help(help));
        }
    }
}

/// One value or an array of them.
pub(super) fn many<'t, T>(value: Value<'t>, mut read: impl FnMut(Value<'t>) -> Option<T>) -> Vec<At<T>> {
    let values = if value.is_array() { value.elements().unwrap_or_default() } else { vec![value] };
    values.into_iter().filter_map(|v| read(v).map(|t| At { value: t, place: v.place })).collect()
}
