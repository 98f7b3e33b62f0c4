//! The routes that a rule or an invariant applies to: `routes`, `except_routes`, or neither for everywhere.

use super::names::Names;
use super::reader::{Table, many};
use crate::diagnostic::code;
use std::collections::BTreeSet;

/// Routes by their place in the merged files, sorted; the built-in `other` of a site comes with
/// everything but `routes`.
pub(super) enum Reach {
    Everywhere,
    Only(Vec<usize>),
    Except(Vec<usize>),
}

impl Reach {
    pub(super) fn of(t: &Table<'_>, routes: &Names) -> Reach {
        let list = |key| {
            let named = t.raw(key).map(|v| many(v, |v| routes.resolve(v)))?;
            let places: BTreeSet<usize> = named.into_iter().map(|route| route.value).collect();
            Some(places.into_iter().collect::<Vec<_>>())
        };
        let (only, except) = (list("routes"), list("except_routes"));
        match (only, except) {
            (Some(_), Some(_)) => {
                let message = "`routes` and `except_routes` at once";
                t.report_key("except_routes", code::CONFLICTING_KEYS, message, Some("keep one"));
                Reach::Only(vec![])
            }
            (Some(only), None) => {
                if let Some(value) = t.raw("routes").filter(|v| v.count() == 0) {
                    let message = format!("`routes` is empty: the {} would apply nowhere", t.name);
                    value.fail::<()>(code::BAD_VALUE, message, "take it out for everywhere");
                }
                Reach::Only(only)
            }
            (None, Some(except)) => Reach::Except(except),
            (None, None) => Reach::Everywhere,
        }
    }

    /// The places of the routes that are meant, of so many; those of `other` come after the declared ones.
    pub(super) fn places(&self, count: usize) -> Vec<usize> {
        match self {
            Reach::Only(list) => list.clone(),
            Reach::Everywhere => (0..count).collect(),
            Reach::Except(list) => (0..count).filter(|n| list.binary_search(n).is_err()).collect(),
        }
    }
}
