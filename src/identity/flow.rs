//! Log-in and log-out flows as they look from outside: which request, begun how, and what counts as success.
//!
//! Pure matching; what was seen earlier is kept by `state`, what it means is decided by the caller.

use super::destination::{Destination, Part, authority_and_rest, host_and_rest, local_place};
use super::probe::Probe;
use super::username::Shape;
use super::words::{Account, Level, Login};
use crate::wire::form::NameField;
use crate::wire::set_cookie::set_cookies;
use crate::wire::spelling::{may_be_name, same_path};
use aws_lc_rs::digest::{SHA256, digest};
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde_json::Value;

/// A path pattern: exact, or `prefix/**` for the prefix with its slash and all below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Exact(String),
    /// Holds the prefix with its closing slash.
    Below(String),
}

impl PathPattern {
    pub fn matches(&self, path: &str) -> bool {
        match self {
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Below(prefix) => path.starts_with(prefix.as_str()),
        }
    }

    fn fits_loosely(&self, path: &str) -> bool {
        match self {
            PathPattern::Exact(exact) => same_path(path.trim_end_matches('/'), exact.trim_end_matches('/')),
            PathPattern::Below(prefix) => match path.get(..prefix.len()) {
                Some(head) => same_path(head, prefix),
                None => false,
            },
        }
    }
}

/// A request that means something to a session: a callback, a password post, a log-out.
#[derive(Clone, Debug)]
pub struct RequestShape {
    /// `None`: any method.
    pub method: Option<Method>,
    pub path: PathPattern,
    /// Query parameters that must all be there.
    pub query: Vec<Parameter>,
    /// Form fields that must have these values; only for log-ins that name a user.
    pub form: Vec<(String, String)>,
    /// Form fields of which one of these values says that the request is no log-in; anything else is one.
    pub unless_form: Vec<(String, Vec<String>)>,
}

/// A query parameter that a request of this shape has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// `None`: any value. A value is compared decoded; where a path has several uses, it tells them apart.
    pub value: Option<String>,
}

impl Parameter {
    fn stands_in(&self, query: &str) -> bool {
        let mut values = parameters(query, &self.name);
        match &self.value {
            None => values.next().is_some(),
            Some(wanted) => values.any(|value| value == *wanted),
        }
    }
}

/// How a request stands to a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Whole,
    /// The path alone: another method, or parameters missing.
    Path,
    None,
}

impl RequestShape {
    /// Compares as loosely as any portal might: case and one closing slash of the path do not matter, HEAD counts as
    /// GET, parameter names are decoded. The form is looked at later, when the body is there.
    pub fn fit(&self, method: &Method, path: &str, query: Option<&str>) -> Fit {
        if !self.path.fits_loosely(path) {
            return Fit::None;
        }
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let query = query.unwrap_or_default();
        if self.query.iter().any(|p| p.value.is_some() && !p.stands_in(query)) {
            return Fit::None;
        }
        let whole = self.method.as_ref().is_none_or(|m| m == method) && self.query.iter().all(|p| p.stands_in(query));
        if whole { Fit::Whole } else { Fit::Path }
    }

    pub fn matches(&self, method: &Method, path: &str, query: Option<&str>) -> bool {
        self.fit(method, path, query) == Fit::Whole
    }

    /// A parameter that decides is there twice: servers differ in which one they take.
    pub fn repeats_a_parameter(&self, query: Option<&str>) -> bool {
        let query = query.unwrap_or_default();
        let names = self.query.iter().map(|p| p.name.as_str()).chain(["state"]);
        names.into_iter().any(|name| parameters(query, name).nth(1).is_some())
    }

    /// Whether a parameter whose value tells the uses of this path apart is there twice, or in another spelling: some server
    /// may take it for a log-in that another does not see.
    pub fn is_unclear(&self, path: &str, query: Option<&str>) -> bool {
        let alike = |name: &str| {
            let pairs = query.unwrap_or_default().split(['&', ';']);
            let names = pairs.map(|pair| pair.split('=').next().unwrap_or_default());
            names.filter(|written| may_be_name(written.as_bytes(), name)).map(str::to_owned).collect::<Vec<_>>()
        };
        let told_by_value = self.query.iter().filter(|p| p.value.is_some());
        let unclear = |p: &Parameter| {
            let names = alike(&p.name);
            names.len() > 1 || names.iter().any(|written| *written != p.name)
        };
        told_by_value.clone().next().is_some() && self.path.fits_loosely(path) && told_by_value.into_iter().any(unclear)
    }

    /// Whether the provider itself says that the log-in failed (RFC 6749 §4.1.2.1), or says nothing: whatever the portal
    /// answers to that is no success.
    pub fn says_failure(&self, query: Option<&str>) -> bool {
        let query = query.unwrap_or_default();
        let empty = |p: &Parameter| parameters(query, &p.name).any(|value| value.trim().is_empty());
        parameters(query, "error").next().is_some() || self.query.iter().any(empty)
    }
}

/// How a flow by redirect begins: the portal sent this session to one of these hosts.
#[derive(Clone, Debug)]
pub struct Begins {
    /// `host` for any port, or `host:port`.
    pub location_hosts: Vec<String>,
}

impl Begins {
    /// The query of a Location that leads to one of the hosts.
    pub fn query_of<'l>(&self, location: &'l str) -> Option<&'l str> {
        let (authority, rest) = authority_and_rest(location)?;
        let (host, _) = host_and_rest(location)?;
        let leads = self.location_hosts.iter().any(|h| *h == host || h.eq_ignore_ascii_case(authority));
        leads.then(|| rest.split('#').next().and_then(|r| r.split_once('?')).map_or("", |(_, query)| query))
    }
}

/// The positive signs of success; all that are given must hold.
#[derive(Clone, Debug, Default)]
pub struct Success {
    pub status: Vec<u16>,
    pub location: Vec<Destination>,
    /// Header and exact value; `None` is any non-empty value.
    pub header: Vec<(HeaderName, Option<String>)>,
    /// JSON pointer and value in the body.
    pub json: Vec<(String, Value)>,
    pub set_cookie: Vec<String>,
}

/// Names of trusted answer headers; they never reach the client.
#[derive(Clone, Debug, Default)]
pub struct TrustedHeaders {
    pub account: Option<HeaderName>,
    pub login: Option<HeaderName>,
    pub level: Option<HeaderName>,
    pub subject: Option<HeaderName>,
}

impl TrustedHeaders {
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        [&self.account, &self.login, &self.level, &self.subject].into_iter().flatten()
    }
}

/// What a log-in is called and what it proves, as one number: when the policy changes it, the number changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowStamp(pub u64);

/// One way to log in.
#[derive(Clone, Debug)]
pub struct Flow {
    pub name: String,
    pub begins: Option<Begins>,
    pub request: RequestShape,
    pub success: Success,
    /// `None`: from the trusted header, or from the shape of the user name.
    pub account: Option<Account>,
    pub account_from_username: bool,
    pub login: Option<Login>,
    pub level: Level,
    pub headers: TrustedHeaders,
    pub username: Option<NameField>,
}

impl Flow {
    /// Of words, not of numbers: sessions outlive the program that saw them being born. Everything is in it that facts
    /// are made of, so that no session is believed to be what the policy in force could not have made it.
    pub fn stamp(&self, shapes: &[Shape], probe: Option<&Probe>) -> FlowStamp {
        let account = self.account.map_or("", Account::as_str);
        let login = self.login.map_or("", Login::as_str);
        let mut words = vec![self.name.as_str(), account, login, self.level.as_str()];
        let trusted = [&self.headers.account, &self.headers.login, &self.headers.level];
        words.extend(trusted.map(|header| header.as_ref().map_or("", HeaderName::as_str)));
        if self.account_from_username {
            words.extend(shapes.iter().flat_map(|shape| [shape.matches.as_str(), shape.account.as_str()]));
        }
        let probed = probe.map(Probe::words).unwrap_or_default();
        words.extend(probed.iter().map(String::as_str));
        digest_of(&words)
    }

    /// The same for a log-in that is under way: it counts only under a policy that begins it at the same providers.
    pub fn begun_stamp(&self, shapes: &[Shape]) -> FlowStamp {
        let hosts = self.begins.iter().flat_map(|b| &b.location_hosts).map(String::as_str);
        let stamp = self.stamp(shapes, None).0.to_string();
        digest_of(&std::iter::once(stamp.as_str()).chain(hosts).collect::<Vec<_>>())
    }

    /// Whether the head of the answer shows success; the body is judged by [`Success::body_holds`].
    pub fn head_succeeds(&self, status: StatusCode, headers: &HeaderMap, own_hosts: &[String], now_s: i64) -> bool {
        let s = &self.success;
        let location = || one_value(headers, &LOCATION).and_then(|l| local_place(l, own_hosts));
        (s.status.is_empty() || s.status.contains(&status.as_u16()))
            && (s.location.is_empty() || location().is_some_and(|place| s.location.iter().any(|d| d.matches(place))))
            && s.header.iter().all(|(name, value)| one_value(headers, name).is_some_and(|v| fits(v, value.as_deref())))
            && s.set_cookie.iter().all(|name| set_cookies(headers, now_s).any(|c| c.name == name && c.sets()))
    }
}

fn digest_of(words: &[&str]) -> FlowStamp {
    let digest = digest(&SHA256, words.join("\0").as_bytes());
    FlowStamp(digest.as_ref().first_chunk().copied().map_or(0, u64::from_be_bytes))
}

impl Success {
    pub fn is_empty(&self) -> bool {
        self.location.is_empty() && self.header.is_empty() && self.json.is_empty() && self.set_cookie.is_empty()
    }

    /// A place is the only sign, and whatever stands behind it counts.
    pub fn shows_little(&self) -> bool {
        let any = |part: &Part| *part == Part::Any;
        let only = self.header.is_empty() && self.json.is_empty() && self.set_cookie.is_empty();
        only && self.location.iter().any(|place| any(&place.query) || any(&place.fragment))
    }

    pub fn needs_body(&self) -> bool {
        !self.json.is_empty()
    }

    pub fn body_holds(&self, body: &Value) -> bool {
        self.json.iter().all(|(pointer, wanted)| body.pointer(pointer) == Some(wanted))
    }
}

/// The one value of a header; two are none.
pub fn one_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok().map(str::trim),
        _ => None,
    }
}

fn fits(value: &str, wanted: Option<&str>) -> bool {
    wanted.map_or(!value.is_empty(), |w| w == value)
}

/// The decoded values of a query parameter; its name is compared decoded too.
pub fn parameters<'q>(query: &'q str, name: &'q str) -> impl Iterator<Item = String> + 'q {
    let decoded = |raw: &str| {
        let spaced = raw.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split(['&', ';']).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(n, _)| *n == name || decoded(n) == name).map(move |(_, value)| decoded(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_that_says_failure_is_no_success() {
        let shape = callback();
        for failed in
            ["code=a&state=b&error=access_denied", "code=&state=b", "code=%20&state=b", "code=a&state=b&%65rror="]
        {
            assert!(shape.says_failure(Some(failed)), "{failed}");
        }
        assert!(!shape.says_failure(Some("code=a&state=b&error_count=0")));
    }

    #[test]
    fn a_value_tells_the_uses_of_one_path_apart() {
        let door = Parameter { name: "p_p_id".into(), value: Some("58".into()) };
        let shape = RequestShape { query: vec![door], method: Some(Method::POST), ..callback() };
        assert_eq!(shape.fit(&Method::POST, "/cb", Some("a=1&p_p_id=5%38")), Fit::Whole);
        assert_eq!(shape.fit(&Method::GET, "/cb", Some("p_p_id=58")), Fit::Path);
        assert_eq!(shape.fit(&Method::POST, "/cb", Some("p_p_id=59")), Fit::None);
        assert_eq!(shape.fit(&Method::POST, "/cb", None), Fit::None);
    }

    fn callback() -> RequestShape {
        let any = |name: &str| Parameter { name: name.into(), value: None };
        RequestShape {
            method: Some(Method::GET),
            path: PathPattern::Exact("/cb".into()),
            query: vec![any("code"), any("state")],
            form: vec![],
            unless_form: vec![],
        }
    }

    #[test]
    fn a_callback_needs_its_parameters() {
        let shape = callback();
        assert!(shape.matches(&Method::GET, "/cb", Some("code=a%2B&state=")));
        assert!(!shape.matches(&Method::GET, "/cb", Some("code=a")));
        assert!(!shape.matches(&Method::POST, "/cb", Some("code=a&state=b")));
        assert!(!shape.matches(&Method::GET, "/cb/x", Some("code=a&state=b")));
        for (method, path, query) in [
            (Method::HEAD, "/cb", "code=a&state=b"),
            (Method::GET, "/cb/", "code=a&state=b"),
            (Method::GET, "/CB", "code=a&state=b"),
            (Method::GET, "/cb", "%63ode=a&st%61te=b"),
        ] {
            assert!(shape.matches(&method, path, Some(query)), "{method} {path}?{query}");
        }
        assert_eq!(shape.fit(&Method::POST, "/cb", None), Fit::Path);
        assert!(shape.repeats_a_parameter(Some("code=a&state=b&%73tate=c")));
        assert!(!shape.repeats_a_parameter(Some("code=a&state=b&x=c&x=d")));
        assert_eq!(parameters("a=1&s=ab%2bc%3d+x", "s").next().as_deref(), Some("ab+c= x"));
    }
}
