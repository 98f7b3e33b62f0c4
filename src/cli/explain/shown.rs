//! What a request shows, in words that repeat nothing of it: no token, no cookie, no name typed, no subject.

use super::asker::{Asker, Terms};
use super::offline::Offline;
use crate::config::Settings;
use crate::identity::check::{Check, Failure};
use crate::identity::flow::Flow;
use crate::identity::presented::Location;
use crate::identity::{Credential, Evidence, Presented, Principal, token};
use crate::proxy::rehearsal::Request;
use crate::wire::cookie;

pub(super) fn nobody() -> Asker<'static> {
    Asker {
        principal: Principal::anonymous(),
        shown: "none that this policy knows".to_owned(),
        check: None,
        note: None,
        in_cookie: Some(false),
        steps: Vec::new(),
    }
}

pub(super) fn given<'s>(settings: &Settings, person: &Principal) -> Asker<'s> {
    let named = person.credential().and_then(|id| settings.identity.credential(id));
    let shown = named.map_or_else(|| "as --as says".to_owned(), |c| format!("as --as says, by `{}`", c.name));
    let no_cookie = matches!(person.evidence(), Evidence::None | Evidence::Attempt);
    let in_cookie = no_cookie.then_some(false);
    Asker { principal: person.clone(), shown, check: None, note: None, in_cookie, steps: Vec::new() }
}

pub(super) fn asker<'s>(settings: &Settings, request: &Request, known: &Offline, presented: &Presented) -> Asker<'s> {
    let credential = presented.principal.credential().and_then(|id| settings.identity.credential(id));
    let place = match &presented.location {
        Location::Header(name) => {
            let value = request.headers().get(name).map_or(&b""[..], |v| v.as_bytes());
            let value = match value.split_at_checked(7) {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
                _ => value,
            };
            format!("{} in the header `{}`", sized(value), title(name.as_str()))
        }
        Location::Cookie(name) => {
            let mut pairs = cookie::pairs(request.headers());
            let value = pairs.find(|(n, _)| *n == name.as_bytes()).map_or(&b""[..], |(_, value)| value);
            format!("{} in the cookie `{name}`", sized(value))
        }
        Location::Body => "a log-in attempt in the body".to_owned(),
    };
    let judge = credential.map_or_else(String::new, |c| format!(", read as `{}`", c.name));
    let missing = credential.and_then(|c| known.without_keys.iter().find(|(name, _)| *name == c.name));
    let note = match presented.check {
        Err(Failure::Unavailable) => missing.map(|(name, why)| format!("`{name}` cannot be judged here: {why}")),
        Err(Failure::Unbound) if credential.is_some_and(is_probed) => Some(
            "which sessions it saw being born, only the running gate knows; of others it asks the portal: use --as"
                .to_owned(),
        ),
        Err(Failure::Unbound) => {
            Some("which sessions it saw being born, only the running gate knows: use --as".to_owned())
        }
        _ if credential.is_none() => Some("no declared credential explains it".to_owned()),
        _ => None,
    };
    Asker {
        principal: presented.principal.clone(),
        shown: format!("{place}{judge}"),
        check: Some(presented.check),
        note,
        in_cookie: Some(matches!(presented.location, Location::Cookie(_))),
        steps: Vec::new(),
    }
}

/// Whether the portal is asked about sessions that nobody saw being born.
fn is_probed(credential: &Credential) -> bool {
    credential.session().and_then(|session| session.probe.as_ref()).is_some_and(|probe| probe.tells_login())
}

/// A token or something else, and how long it is.
fn sized(value: &[u8]) -> String {
    let is_token = std::str::from_utf8(value).is_ok_and(token::looks_like_jwt);
    format!("{} of {} bytes", if is_token { "a token" } else { "a value" }, value.len())
}

/// `x-access-token` -> `X-Access-Token`
fn title(name: &str) -> String {
    let mut upper = true;
    let letter = |c: char| {
        let shown = if upper { c.to_ascii_uppercase() } else { c };
        upper = c == '-';
        shown
    };
    name.chars().map(letter).collect()
}

/// The outcome of the check in words for people.
pub(super) fn outcome(check: Check, evidence: Evidence) -> &'static str {
    match check {
        Ok(()) if evidence == Evidence::Attempt => "the account is a guess from the name typed",
        Ok(()) => "genuine, current and meant for this portal",
        Err(Failure::Malformed) => "it has no form that could be judged",
        Err(Failure::Algorithm) => "not signed by an allowed algorithm",
        Err(Failure::UnknownKid) => "it names a key that is not in the key set",
        Err(Failure::Signature) => "the signature does not hold",
        Err(Failure::Expired) => "it has expired",
        Err(Failure::NotYetValid) => "it is not yet valid",
        Err(Failure::Issuer) => "it is from another issuer",
        Err(Failure::Audience) => "it is meant for another audience",
        Err(Failure::Party) => "it was given to another party",
        Err(Failure::Inactive) => "whoever issued it says that it is not in force",
        Err(Failure::Revoked) => "it was revoked",
        Err(Failure::Unbound) => "a session that nobody saw being born",
        Err(Failure::Unavailable) => "what is needed to judge it is not there",
    }
}

/// The log-in that a request belongs to, and what only the running gate can say of it.
pub(super) fn log_in(flow: &Flow) -> String {
    match flow.begins {
        Some(_) => format!(
            "the request is the call-back of the log-in `{}`: the running gate also asks whether the portal sent this \
             session to it",
            flow.name
        ),
        None => format!("the request is the log-in `{}`", flow.name),
    }
}

pub(super) fn notes(settings: &Settings, request: &Request, terms: &Terms<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if settings.policy.is_observing() {
        notes.push("the whole gate only observes: what is refused below would be forwarded and counted".to_owned());
    }
    if !terms.https && settings.listeners.iter().any(|l| l.redirect_https) {
        notes.push("a listener with `redirect = \"https\"` sends every plain request to https".to_owned());
    }
    if request.headers().contains_key("x-forwarded-for") {
        notes.push("X-Forwarded-For is believed from trusted proxies only, so not here: use --client".to_owned());
    }
    notes
}
