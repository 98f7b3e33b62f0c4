//! Finds the route of a canonical path: an index of segments, no scan. The most specific pattern wins.
//!
//! A pattern is made of segments: exact text, `*` or `{name}` for one segment, `**` (last) for one or more. At each
//! segment exact beats one beats rest; two equal patterns of a site are a mistake found while building.

use std::collections::HashMap;

/// An index as deep as a pattern is long is walked down recursively: a pattern without end would end the stack.
const SEGMENTS_MAX: usize = 64;

/// The number of a route, over all sites; each site's built-in `other` has one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u16);

/// Why a pattern cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// The same requests already belong to this route.
    Taken(RouteId),
    /// With advice.
    Malformed(&'static str),
}

/// The routes of one site.
#[derive(Clone, Debug, Default)]
pub struct RouteIndex {
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    exact: HashMap<Box<str>, Node>,
    one: Option<Box<Node>>,
    rest: Option<RouteId>,
    here: Option<RouteId>,
}

impl RouteIndex {
    /// Adds a pattern. One that cannot be told from an earlier one is an error that names the earlier one.
    pub fn insert(&mut self, pattern: &str, route: RouteId) -> Result<(), PatternError> {
        let Some(below) = pattern.strip_prefix('/') else {
            return Err(PatternError::Malformed("a pattern starts with `/`"));
        };
        if below.split('/').nth(SEGMENTS_MAX).is_some() {
            return Err(PatternError::Malformed("a pattern has at most 64 segments"));
        }
        let mut node = &mut self.root;
        let mut segments = below.split('/').peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            node = match segment {
                "**" if last => return set(&mut node.rest, route),
                "**" => return Err(PatternError::Malformed("`**` stands at the end: it is all that follows")),
                "*" => node.one.get_or_insert_default(),
                "." | ".." => return Err(PatternError::Malformed("dot segments never reach a route")),
                "" if !last => return Err(PatternError::Malformed("empty segments never reach a route")),
                of_pseudonym if of_pseudonym.starts_with('{') && of_pseudonym.ends_with('}') => {
                    node.one.get_or_insert_default()
                }
                odd if odd.contains(['*', '{', '}', '?', '#', '%', ';', '\\']) => {
                    return Err(PatternError::Malformed(
                        "a segment is plain text, `*`, `{name}` or a closing `**`; write it decoded, without % ; ? #",
                    ));
                }
                exact => node.exact.entry(exact.into()).or_default(),
            };
        }
        set(&mut node.here, route)
    }

    /// Every pattern with its route, in the order of the alphabet; `{name}` is told as `*`.
    pub fn patterns(&self) -> Vec<(String, RouteId)> {
        let mut all = Vec::new();
        self.root.collect("", &mut all);
        all.sort();
        all
    }

    /// `path` is canonical and starts with `/`.
    pub fn find(&self, path: &str) -> Option<RouteId> {
        self.root.find(path.strip_prefix('/')?)
    }
}

impl Node {
    fn collect(&self, path: &str, all: &mut Vec<(String, RouteId)>) {
        all.extend(self.here.map(|route| (path.to_owned(), route)));
        all.extend(self.rest.map(|route| (format!("{path}/**"), route)));
        let one = self.one.iter().map(|node| ("*", node.as_ref()));
        for (segment, node) in self.exact.iter().map(|(segment, node)| (&**segment, node)).chain(one) {
            node.collect(&format!("{path}/{segment}"), all);
        }
    }

    fn find(&self, rest: &str) -> Option<RouteId> {
        let (segment, below) = match rest.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (rest, None),
        };
        let step = |node: &Node| match below {
            Some(below) => node.find(below),
            None => node.here,
        };
        self.exact
            .get(segment)
            .and_then(step)
            .or_else(|| if segment.is_empty() { None } else { self.one.as_deref().and_then(step) })
            .or(self.rest)
    }
}

fn set(place: &mut Option<RouteId>, route: RouteId) -> Result<(), PatternError> {
    match place {
        Some(taken) => Err(PatternError::Taken(*taken)),
        None => {
            *place = Some(route);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(patterns: &[&str]) -> RouteIndex {
        let mut index = RouteIndex::default();
        for (n, p) in patterns.iter().enumerate() {
            index.insert(p, RouteId(n as u16)).unwrap();
        }
        index
    }

    #[test]
    fn the_most_specific_pattern_wins_whatever_the_order() {
        let index = index(&["/**", "/x/**", "/x/{id}", "/x/new", "/x", "/", "/x/*/edit"]);
        let cases = [
            ("/", Some(5)),
            ("/x", Some(4)),
            ("/x/", Some(1)),
            ("/x/new", Some(3)),
            ("/x/7", Some(2)),
            ("/x/7/edit", Some(6)),
            ("/x/new/edit", Some(6)),
            ("/x/7/other", Some(1)),
            ("/y/z", Some(0)),
        ];
        for (path, route) in cases {
            assert_eq!(index.find(path), route.map(RouteId), "{path}");
        }
    }

    #[test]
    fn patterns_are_told_as_they_were_written() {
        let mut patterns = ["/", "/**", "/x", "/x/", "/x/*", "/x/*/edit", "/x/new", "/y/**"];
        let told = index(&patterns).patterns();
        patterns.sort_unstable();
        assert_eq!(told.iter().map(|(pattern, _)| pattern.as_str()).collect::<Vec<_>>(), patterns);
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let index = index(&["/tra-cuu/**"]);
        assert_eq!(index.find("/tra-cuu-noi-bo"), None);
        assert_eq!(index.find("/tra-cuu"), None);
        assert_eq!(index.find("/tra-cuu/"), Some(RouteId(0)));
        assert_eq!(index.find("/"), None);
    }

    #[test]
    fn equal_or_malformed_patterns_are_named() {
        let mut routes = index(&["/a/*"]);
        assert_eq!(routes.insert("/a/{id}", RouteId(9)), Err(PatternError::Taken(RouteId(0))));
        for bad in ["a", "/a/**/b", "/a//b", "/a/../b", "/a*", "/a%20b", "/a?b"] {
            assert!(matches!(routes.insert(bad, RouteId(9)), Err(PatternError::Malformed(_))), "{bad}");
        }
    }
}
