//! The JSON Schema of policy files, for editors: tables, keys and words.
//!
//! One line a key, in the order of the handbook.
//! The readers are not made from this, so a test asks them: about every key, every type, every word
//! and every bound, in both directions.
//! What needs more than one value to be judged (names, conflicts, files) stays with the readers.

mod kind;
mod portal;
mod process;
mod rules;
mod who;

use kind::{Kind, key};
use serde_json::{Value, json};

const TOP: Kind = Kind::Table(&[
    key("gate", Kind::Table(process::GATE), "The process as a whole; exactly one."),
    key("listener", Kind::Tables(process::LISTENER), "Where clients come in; one or more."),
    key("admin", Kind::Table(process::ADMIN), "Where operators and Prometheus ask; exactly one."),
    key("state", Kind::Table(process::STATE), "What is remembered of sessions; at most one."),
    key("audit", Kind::Table(process::AUDIT), "Where the audit log goes; at most one."),
    key("upstream", Kind::Tables(portal::UPSTREAM), "Servers of the portal that do the same work."),
    key("site", Kind::Tables(portal::SITE), "Host names that one upstream serves."),
    key("route", Kind::Tables(portal::ROUTE), "A named set of paths and methods of a site."),
    key("credential", Kind::Tables(who::CREDENTIAL), "Something on a request that claims an identity."),
    key(
        "username",
        Kind::Tables(who::USERNAME),
        "What the shape of a typed name hints at; the first that matches holds.",
    ),
    key("rule", Kind::Tables(rules::RULE), "Where, who and when, and what then; the first that matches holds."),
    key("default", Kind::Table(rules::DEFAULT), "What happens when no rule matches; exactly one."),
    key("invariant", Kind::Tables(rules::INVARIANT), "What must hold whatever else is changed; proved at every load."),
    key("test", Kind::Tables(rules::TEST), "A question to the policy and its answer; run at every load."),
]);

/// The schema of one policy file, in draft 7: the oldest that can say it all. No top-level table is required, since any
/// file may hold any table.
pub fn schema() -> Value {
    let mut schema = TOP.schema();
    if let Some(members) = schema.as_object_mut() {
        members.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        members.insert("title".into(), json!("vneid-gate policy"));
    }
    schema
}
