//! The route of a request whose path the log masks.
//!
//! A mask may stand where the candidate has a pattern in plain text: `/[number]/x` for `/2024010101/**`. The path alone
//! then leads elsewhere, so the name of the recorded route has the say: it is found again, or nothing is claimed.

use crate::config::Settings;
use crate::identity::SiteId;
use crate::policy::{Policy, RouteId};
use crate::wire::redact;

/// What stands in a log for what was taken out of a path.
const MASKS: [&str; 3] = ["[number]", "[opaque]", "[e-mail]"];

/// The patterns of the candidate that the log would mask.
pub(super) struct Masked {
    /// Each as the log would have it.
    patterns: Vec<(SiteId, String, RouteId)>,
}

impl Masked {
    pub(super) fn new(settings: &Settings) -> Self {
        let all = settings.policy.sites().flat_map(|(id, site)| {
            site.routes
                .patterns()
                .into_iter()
                .map(move |(pattern, route)| (id, redact::path(&pattern).into_owned(), route))
        });
        Masked { patterns: all.filter(|(_, pattern, _)| shows_mask(pattern)).collect() }
    }

    /// `found` is the route that the path leads to as it is logged. `None`: it may have been another one.
    pub(super) fn route(&self, policy: &Policy, found: RouteId, path: &str, recorded: &str) -> Option<RouteId> {
        let site = policy.route(found)?.site;
        let is_recorded = |id: RouteId| policy.route(id).is_some_and(|route| route.name == recorded);
        if !shows_mask(path) || is_recorded(found) {
            return Some(found);
        }
        let mut here = self.patterns.iter().filter(|(of, _, route)| *of == site && is_recorded(*route));
        here.find(|(_, pattern, _)| fits(pattern, path)).map(|(_, _, route)| *route)
    }
}

fn shows_mask(path: &str) -> bool {
    MASKS.iter().any(|mask| path.contains(mask))
}

/// Whether a path of the log is one of this pattern, both masked.
fn fits(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    for segment in pattern.split('/') {
        match (segment, path.next()) {
            ("**", Some(_)) => return true,
            ("*", Some(one)) if !one.is_empty() => {}
            (exact, Some(one)) if exact == one => {}
            _ => return false,
        }
    }
    path.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_path_fits_a_pattern_that_the_log_would_mask_alike() {
        for (pattern, path, expected) in [
            ("/hs/[number]/**", "/hs/[number]/x/y", true),
            ("/hs/[number]/**", "/hs/[number]/", true),
            ("/hs/[number]/**", "/hs/[number]", false),
            ("/hs/[number]/**", "/hs/[opaque]/x", false),
            ("/[opaque]", "/[opaque]", true),
            ("/[opaque]", "/[opaque]/x", false),
            ("/[opaque]/*/x", "/[opaque]/[number]/x", true),
            ("/[opaque]/*", "/[opaque]/", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }
}
