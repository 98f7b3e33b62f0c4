//! Where a Location of the portal leads: off the site, or to a path with its query and fragment.

use super::flow::PathPattern;

/// Where a Location leads: path, query and fragment, each compared as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub path: PathPattern,
    pub query: Part,
    pub fragment: Part,
}

/// What may stand behind the path of a [`Destination`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Absent,
    /// Absent, empty or anything.
    Any,
    Exactly(String),
}

impl Part {
    fn matches(&self, part: Option<&str>) -> bool {
        match self {
            Part::Absent => part.is_none(),
            Part::Any => true,
            Part::Exactly(exact) => part == Some(exact),
        }
    }
}

impl Destination {
    pub fn matches(&self, place: LocalPlace<'_>) -> bool {
        self.path.matches(place.path) && self.query.matches(place.query) && self.fragment.matches(place.fragment)
    }
}

/// A Location that stays on the portal, in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalPlace<'l> {
    pub path: &'l str,
    pub query: Option<&'l str>,
    pub fragment: Option<&'l str>,
}

/// `None` for another host or a form that browsers read otherwise.
pub fn local_place<'l>(location: &'l str, own_hosts: &[String]) -> Option<LocalPlace<'l>> {
    let target = if location.starts_with('/') && !location.starts_with("//") {
        location
    } else {
        let (host, rest) = host_and_rest(location)?;
        own_hosts.contains(&host).then_some(rest)?
    };
    if target.contains('\\') {
        return None;
    }
    let (target, fragment) = target.split_once('#').map_or((target, None), |(t, f)| (t, Some(f)));
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    Some(LocalPlace { path: if path.is_empty() { "/" } else { path }, query, fragment })
}

/// Host (lower case, without port) and the rest of an absolute http(s) URL.
pub fn host_and_rest(location: &str) -> Option<(String, &str)> {
    let (authority, rest) = authority_and_rest(location)?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    Some((host.to_ascii_lowercase(), rest))
}

pub(super) fn authority_and_rest(location: &str) -> Option<(&str, &str)> {
    let rest = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    (!authority.contains('@')).then_some((authority, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_stays_local_or_is_none() {
        let own = ["dvc.test".to_owned()];
        let place = |path, query, fragment| Some(LocalPlace { path, query, fragment });
        assert_eq!(local_place("/nop-ho-so/1?x=1#y", &own), place("/nop-ho-so/1", Some("x=1"), Some("y")));
        assert_eq!(local_place("/?", &own), place("/", Some(""), None));
        assert_eq!(local_place("/#a?b", &own), place("/", None, Some("a?b")));
        assert_eq!(local_place("https://dvc.test/a", &own), place("/a", None, None));
        assert_eq!(local_place("http://DVC.test:8080", &own), place("/", None, None));
        assert_eq!(local_place("https://dvc.test?x", &own), place("/", Some("x"), None));
        for foreign in ["//evil.example/a", "https://evil.example/a", "https://dvc.test@evil.example/", "a", "/\\evil"]
        {
            assert_eq!(local_place(foreign, &own), None, "{foreign}");
        }
    }

    #[test]
    fn a_destination_is_path_query_and_fragment() {
        let home = |query, fragment| Destination { path: PathPattern::Exact("/".into()), query, fragment };
        let fits =
            |destination: Destination, location| local_place(location, &[]).is_some_and(|p| destination.matches(p));
        assert!(fits(home(Part::Absent, Part::Absent), "/"));
        for failure in ["/?dang-nhap=that-bai", "/#loi", "/?", "/#", "/x"] {
            assert!(!fits(home(Part::Absent, Part::Absent), failure), "{failure}");
        }
        assert!(fits(home(Part::Any, Part::Absent), "/?a=b") && fits(home(Part::Any, Part::Absent), "/"));
        assert!(!fits(home(Part::Any, Part::Absent), "/?a=b#c") && fits(home(Part::Any, Part::Any), "/?a=b#c"));
        assert!(fits(home(Part::Exactly("ok=1".into()), Part::Absent), "/?ok=1"));
        assert!(!fits(home(Part::Exactly("ok=1".into()), Part::Absent), "/?ok=10"));
    }
}
