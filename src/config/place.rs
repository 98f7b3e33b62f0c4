//! On which routes does a rule or an invariant apply? `routes`, `except_routes`, or neither for everywhere.

use super::names::Names;
use super::reader::{Table, many};
use crate::diagnostic::code;
use crate::policy::OTHER;

/// Routes by their place in the merged files; the built-in `other` of a site comes with everything but `routes`.
pub(super) enum Reach {
    Everywhere,
    Only(Vec<usize>),
    Except(Vec<usize>),
}

impl Reach {
    pub(super) fn of(t: &Table<'_>, routes: &Names) -> Reach {
        let list =
            |key| t.raw(key).map(|v| many(v, |v| routes.resolve(v)).into_iter().map(|r| r.value).collect::<Vec<_>>());
        let (only, except) = (list("routes"), list("except_routes"));
        match (only, except) {
            (Some(_), Some(_)) => {
                t.report(code::CONFLICTING_KEYS, "`routes` and `except_routes` at once", Some("keep one".into()));
                Reach::Only(vec![])
            }
            (Some(only), None) if only.is_empty() => {
                t.report(
                    code::BAD_VALUE,
                    format!("`routes` is empty: the {} would apply nowhere", t.name),
                    Some("take it out for everywhere".into()),
                );
                Reach::Only(only)
            }
            (Some(only), None) => Reach::Only(only),
            (None, Some(except)) => Reach::Except(except),
            (None, None) => Reach::Everywhere,
        }
    }

    /// The n-th route, with its name.
    pub(super) fn covers(&self, nth: usize, name: &str) -> bool {
        match self {
            Reach::Everywhere => true,
            Reach::Only(list) => name != OTHER && list.contains(&nth),
            Reach::Except(list) => name == OTHER || !list.contains(&nth),
        }
    }
}
