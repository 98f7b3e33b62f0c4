//! How lists and routes are said to people.

use crate::policy::{OTHER, Policy, RouteId};

/// `a, b or c`
pub(super) fn either(words: impl IntoIterator<Item = impl ToString>) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
        None => String::new(),
    }
}

/// With the site where routes of several sites may share it.
pub(super) fn route_name(policy: &Policy, id: RouteId) -> String {
    let Some(route) = policy.route(id) else { return String::new() };
    match policy.site(route.site) {
        Some(site) if route.name == OTHER && policy.sites().nth(1).is_some() => format!("{OTHER} ({})", site.name),
        _ => route.name.clone(),
    }
}
