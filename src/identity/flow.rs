//! Log-in and log-out flows as they look from outside: which request, begun how, and what counts as success.
//!
//! Pure matching; what was seen earlier is kept by `state`, what it means is decided by the caller.

use super::form::NameField;
use super::words::{Account, Level, Login};
use http::header::{LOCATION, SET_COOKIE};
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
}

/// A request that means something to a session: a callback, a password post, a log-out.
#[derive(Clone, Debug)]
pub struct RequestShape {
    /// `None`: any method.
    pub method: Option<Method>,
    pub path: PathPattern,
    /// Query parameters that must all be there.
    pub query: Vec<String>,
    /// Form fields that must have these values; only for log-ins that name a user.
    pub form: Vec<(String, String)>,
}

impl RequestShape {
    /// Whether method, path and query fit; the form is looked at later, when the body is there.
    pub fn matches(&self, method: &Method, path: &str, query: Option<&str>) -> bool {
        self.method.as_ref().is_none_or(|m| m == method)
            && self.path.matches(path)
            && self.query.iter().all(|name| parameter(query.unwrap_or_default(), name).is_some())
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
    pub location: Vec<PathPattern>,
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
    /// Whether the head of the answer shows success; the body is judged by [`Success::body_holds`].
    pub fn head_succeeds(&self, status: StatusCode, headers: &HeaderMap, own_hosts: &[String]) -> bool {
        let s = &self.success;
        let location = || headers.get(LOCATION).and_then(|v| v.to_str().ok()).and_then(|l| local_path(l, own_hosts));
        (s.status.is_empty() || s.status.contains(&status.as_u16()))
            && (s.location.is_empty() || location().is_some_and(|path| s.location.iter().any(|p| p.matches(path))))
            && s.header.iter().all(|(name, value)| one_value(headers, name).is_some_and(|v| fits(v, value.as_deref())))
            && s.set_cookie.iter().all(|name| set_cookies(headers).any(|c| c.name == name && c.sets()))
    }
}

impl Success {
    pub fn is_empty(&self) -> bool {
        self.location.is_empty() && self.header.is_empty() && self.json.is_empty() && self.set_cookie.is_empty()
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

/// The raw value of a query parameter, first of its name.
pub fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).find(|(n, _)| *n == name).map(|(_, v)| v)
}

/// The path of a Location that stays on the portal; `None` for another host or a form that browsers read otherwise.
pub fn local_path<'l>(location: &'l str, own_hosts: &[String]) -> Option<&'l str> {
    let path = if location.starts_with('/') && !location.starts_with("//") {
        location
    } else {
        let (host, rest) = host_and_rest(location)?;
        own_hosts.contains(&host).then_some(if rest.is_empty() { "/" } else { rest })?
    };
    if path.contains('\\') {
        return None;
    }
    Some(path.split(['?', '#']).next().unwrap_or_default())
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

fn authority_and_rest(location: &str) -> Option<(&str, &str)> {
    let rest = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    (!authority.contains('@')).then_some((authority, rest))
}

/// One Set-Cookie of an answer (RFC 6265 §5.2), as far as the ledger needs it.
#[derive(Debug, PartialEq, Eq)]
pub struct SetCookie<'h> {
    pub name: &'h str,
    pub value: &'h str,
    /// The portal takes the cookie back: empty value, Max-Age of nothing, or an Expires in the past century's style.
    pub expired: bool,
}

impl SetCookie<'_> {
    pub fn sets(&self) -> bool {
        !self.expired && !self.value.is_empty()
    }
}

/// Every readable Set-Cookie of an answer.
pub fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = SetCookie<'_>> {
    headers.get_all(SET_COOKIE).iter().filter_map(|field| parse_set_cookie(field.to_str().ok()?))
}

/// `None` when there is no `name=`.
pub fn parse_set_cookie(field: &str) -> Option<SetCookie<'_>> {
    let mut parts = field.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let expired = parts.any(|attribute| {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (key, value) = (key.trim(), value.trim());
        if key.eq_ignore_ascii_case("max-age") {
            return value.parse::<i64>().is_ok_and(|s| s <= 0);
        }
        // PHP, Java and .NET all take a cookie back with a date in 1970, or a year ago: long before this gate was built.
        key.eq_ignore_ascii_case("expires")
            && httpdate::parse_http_date(&value.replace('-', " "))
                .ok()
                .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
                .is_none_or(|since| since.as_secs() < LONG_AGO_S)
    });
    let value = value.trim().trim_matches('"');
    Some(SetCookie { name: name.trim(), value, expired: expired || value.is_empty() || value == "deleted" })
}

/// 2024-01-01: no session cookie that is meant to live expires before it.
const LONG_AGO_S: u64 = 1_704_067_200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_stays_local_or_is_none() {
        let own = ["dvc.test".to_owned()];
        assert_eq!(local_path("/nop-ho-so/1?x=1#y", &own), Some("/nop-ho-so/1"));
        assert_eq!(local_path("https://dvc.test/a", &own), Some("/a"));
        assert_eq!(local_path("http://DVC.test:8080", &own), Some("/"));
        for foreign in ["//evil.example/a", "https://evil.example/a", "https://dvc.test@evil.example/", "a", "/\\evil"]
        {
            assert_eq!(local_path(foreign, &own), None, "{foreign}");
        }
    }

    #[test]
    fn a_cookie_taken_back_is_not_set() {
        assert!(parse_set_cookie("PHPSESSID=abc; path=/; HttpOnly").unwrap().sets());
        assert!(parse_set_cookie("S=abc; Expires=Wed, 21 Oct 2099 07:28:00 GMT").unwrap().sets());
        for gone in [
            "S=; path=/",
            "S=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0",
            "S=x; Max-Age=0",
            "S=x; Max-Age=-5",
            "S=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert!(!parse_set_cookie(gone).unwrap().sets(), "{gone}");
        }
    }

    #[test]
    fn a_callback_needs_its_parameters() {
        let shape = RequestShape {
            method: Some(Method::GET),
            path: PathPattern::Exact("/cb".into()),
            query: vec!["code".into(), "state".into()],
            form: vec![],
        };
        assert!(shape.matches(&Method::GET, "/cb", Some("code=a%2B&state=")));
        assert!(!shape.matches(&Method::GET, "/cb", Some("code=a")));
        assert!(!shape.matches(&Method::POST, "/cb", Some("code=a&state=b")));
        assert!(!shape.matches(&Method::GET, "/cb/x", Some("code=a&state=b")));
    }
}
