//! What may stand behind a key, and how JSON Schema says it.
//!
//! Patterns are as lenient as the readers or more so: an editor that underlines what the gate accepts is worse than one
//! that lets a mistake through to `check`.

use crate::policy::METHODS;
use serde_json::{Map, Value, json};

/// The form of a value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Not blank.
    Text,
    Name,
    Duration,
    Size,
    /// A JSON pointer.
    Pointer,
    /// A path on a site.
    Path,
    HostName,
    Header,
    Cookie,
    Method,
    /// A date, or date and time; editors hand it to the schema as text.
    Moment,
    Bool,
    /// From and to.
    Number(u64, u64),
    Word(&'static [&'static str]),
    /// Text, a whole number, or true or false.
    Scalar,
    /// Text that may be blank.
    Value,
    /// A JSON pointer, or a table.
    PointerOr(&'static [Key]),
    /// One, or a list.
    Many(&'static Kind),
    Table(&'static [Key]),
    /// `[[name]]` only.
    Tables(&'static [Key]),
    /// A table whose keys are chosen by the author.
    Map(&'static Kind),
    /// A list, or such a table.
    ManyOrMap(&'static Kind, &'static Kind),
}

/// One key of a table.
pub(super) struct Key {
    name: &'static str,
    kind: Kind,
    about: &'static str,
    required: bool,
    /// As JSON.
    default: Option<&'static str>,
}

/// An optional key, with the text that an editor shows.
pub(super) const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, about, required: false, default: None }
}

impl Key {
    pub(super) const fn required(self) -> Key {
        Key { required: true, ..self }
    }

    /// What holds when the key is absent, as JSON.
    pub(super) const fn or(self, default: &'static str) -> Key {
        Key { default: Some(default), ..self }
    }

    fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if let Some(members) = schema.as_object_mut() {
            members.insert("description".into(), self.about.into());
            if let Some(default) = self.default.and_then(|d| serde_json::from_str(d).ok()) {
                members.insert("default".into(), default);
            }
        }
        schema
    }
}

impl Kind {
    pub(super) fn schema(self) -> Value {
        match self {
            Kind::Text | Kind::Duration => text(r"\S"),
            Kind::Name => text("^[a-z0-9._-]{1,64}$"),
            Kind::Size => text("^[0-9]+ *([kKMG]i?B|B)?$"),
            Kind::Pointer | Kind::Path => text("^/"),
            Kind::HostName => text(r"^[a-z0-9._:\[\]-]+$"),
            Kind::Header => text("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
            Kind::Cookie => text("^[A-Za-z0-9._-]{1,128}$"),
            Kind::Moment => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}.*)?$"),
            // Other methods exist; these are offered.
            Kind::Method => json!({ "anyOf": [Kind::Word(&METHODS).schema(), text("^[A-Z][A-Z-]*$")] }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Number(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Kind::Word(words) => json!({ "type": "string", "enum": words }),
            Kind::Scalar => json!({ "type": ["string", "integer", "boolean"] }),
            Kind::Value => json!({ "type": "string" }),
            Kind::PointerOr(keys) => json!({ "anyOf": [Kind::Pointer.schema(), Kind::Table(keys).schema()] }),
            Kind::Many(one) => json!({ "anyOf": [one.schema(), { "type": "array", "items": one.schema() }] }),
            Kind::Tables(keys) => json!({ "type": "array", "items": Kind::Table(keys).schema() }),
            Kind::Map(value) => json!({ "type": "object", "additionalProperties": value.schema() }),
            Kind::ManyOrMap(one, value) => json!({ "anyOf": [Kind::Many(one).schema(), Kind::Map(value).schema()] }),
            Kind::Table(keys) => {
                let properties: Map<_, _> = keys.iter().map(|k| (k.name.to_owned(), k.schema())).collect();
                let required: Vec<_> = keys.iter().filter(|k| k.required).map(|k| k.name).collect();
                let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
                if !required.is_empty()
                    && let Some(members) = schema.as_object_mut()
                {
                    members.insert("required".into(), json!(required));
                }
                schema
            }
        }
    }
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}
