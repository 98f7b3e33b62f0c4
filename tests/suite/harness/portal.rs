//! A portal that cannot tell a password session from a VNeID session, and a browser that uses it.
//!
//! The portal does what its query asks for: `sid=…` sets the session cookie to that value on any page. The browser
//! keeps that cookie and those of the gate, and follows nothing but the gate's wish to begin a log-in anew.

use super::ask::Ask;
use super::client::{Client, Response};
use super::gate::Gate;
use super::origin::{Origin, Received};
use super::policy::Policy;
use super::reply::Reply;
use std::collections::BTreeMap;

/// The portal's host name.
pub(crate) const HOST: &str = "dichvucong.daknong.gov.vn";
/// What is vouched for a session that the gate did not see being born.
pub(crate) const UNBOUND: &str = "unknown/unknown/0";
/// What is vouched for a citizen who came with VNeID.
pub(crate) const VNEID: &str = "citizen/vneid/2";
/// Where VNeID sends the browser back to.
pub(crate) const CALLBACK: &str = "/dang-nhap/vneid/callback";
/// An official's user name, encoded for a form.
pub(crate) const OFFICIAL: &str = "can-bo%40daknong.gov.vn";
/// An address in the officials' network.
pub(crate) const THEIR_NETWORK: &str = "10.20.3.4";
/// The page that takes user name and password.
pub(crate) const PASSWORD_PAGE: &str = "/dich-vu-cong/cong-dan/dang-nhap";

/// The portal's script. The right password is `dung`, a good code starts with `good`.
pub(crate) fn portal(request: &Received) -> Reply {
    let reply = page(request);
    match parameter(request, "sid") {
        Some(id) => reply.with("Set-Cookie", &format!("PHPSESSID={id}; path=/; HttpOnly")),
        None => reply,
    }
}

fn page(request: &Received) -> Reply {
    let code = parameter(request, "code").unwrap_or_default();
    let state = parameter(request, "state").map(|s| format!("&state={s}")).unwrap_or_default();
    let body = String::from_utf8_lossy(&request.body);
    match (request.method(), request.path()) {
        ("GET", "/dang-nhap/vneid") => {
            Reply::redirect(&format!("https://sso.dancuquocgia.gov.vn/oauth2/authorize?client_id=portal{state}"))
        }
        ("GET", "/dang-nhap/quoc-gia") => {
            Reply::redirect(&format!("https://xacthuc.dichvucong.gov.vn/oauth2/authorize?client_id=portal{state}"))
        }
        ("GET", CALLBACK) if code.starts_with("good") => Reply::redirect("/"),
        ("GET", CALLBACK) => Reply::redirect("/dang-nhap/loi"),
        ("GET", "/dang-nhap/quoc-gia/callback") if code.starts_with("good") => Reply::redirect("/")
            .with("X-Portal-Account", code.trim_start_matches("good-"))
            .with("X-Portal-Login", "national-portal")
            .with("X-Portal-Level", "2"),
        ("POST", PASSWORD_PAGE) if body.contains("password=dung") => Reply::redirect("/"),
        ("POST", PASSWORD_PAGE) => Reply::ok("wrong user name or password"),
        ("POST", "/api/dang-nhap") if body.contains("\"dung\"") => {
            Reply::json(200, &serde_json::json!({ "code": "0" }))
        }
        ("POST", "/api/dang-nhap") => Reply::json(200, &serde_json::json!({ "code": "1" })),
        (_, "/dang-xuat") => Reply::redirect("/"),
        _ => Reply::ok("from the origin"),
    }
}

fn parameter(request: &Received, name: &str) -> Option<String> {
    let query = request.target().split_once('?')?.1;
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v.to_owned())
}

/// A gate with the portal behind it, and the cookie of a citizen who has come with VNeID.
pub(crate) struct World {
    pub origin: Origin,
    pub gate: Gate,
    /// `PHPSESSID=…` of a session that the gate saw being born by VNeID.
    pub vneid: String,
}

impl World {
    #[track_caller]
    pub(crate) fn start() -> World {
        World::with(|policy| policy)
    }

    /// The same with a changed policy.
    #[track_caller]
    pub(crate) fn with(change: impl FnOnce(Policy) -> Policy) -> World {
        let origin = Origin::answering(portal);
        let gate = Gate::start(&change(Policy::portal(&origin)));
        Browser::new(&gate).log_in_with_vneid("born-by-vneid");
        gate.settle();
        origin.take();
        World { origin, gate, vneid: "PHPSESSID=born-by-vneid".to_owned() }
    }

    /// What the gate vouches for on a public page under this cookie: account, login, level.
    #[track_caller]
    pub(crate) fn vouched(&self, cookie: &str) -> String {
        self.origin.take();
        assert_eq!(self.gate.ask(&Ask::get("/tra-cuu-ho-so").cookie(cookie)).status, 200);
        self.origin.only().vouched()
    }

    /// Proves that nothing but this last harmless request has reached the portal.
    #[track_caller]
    pub(crate) fn expect_untouched(&self) {
        self.origin.expect_untouched();
        assert_eq!(self.gate.ask(&Ask::get("/assets/fence")).status, 200);
        assert_eq!(self.origin.only().target(), "/assets/fence");
    }
}

/// One person's browser.
pub(crate) struct Browser<'g> {
    gate: &'g Gate,
    port: &'static str,
    fields: Vec<(String, String)>,
    /// The value of PHPSESSID.
    pub session: Option<String>,
    /// Cookies of the gate's own.
    pub own: BTreeMap<String, String>,
}

impl<'g> Browser<'g> {
    pub(crate) fn new(gate: &'g Gate) -> Browser<'g> {
        Browser { gate, port: "main", fields: Vec::new(), session: None, own: BTreeMap::new() }
    }

    /// A browser behind the proxy that the gate trusts, at this address.
    pub(crate) fn behind_proxy(gate: &'g Gate, address: &str) -> Browser<'g> {
        let fields = vec![("X-Forwarded-For".to_owned(), address.to_owned())];
        Browser { gate, port: "proxied", fields, session: None, own: BTreeMap::new() }
    }

    pub(crate) fn with_session(mut self, id: &str) -> Browser<'g> {
        self.session = Some(id.to_owned());
        self
    }

    #[track_caller]
    pub(crate) fn get(&mut self, target: &str) -> Response {
        let response = self.ask(Ask::get(target).navigating());
        if response.status == 303 && response.value("location") == Some(target) {
            return self.ask(Ask::get(target).navigating());
        }
        response
    }

    /// Sends a request with the cookie and takes over the one that comes back.
    #[track_caller]
    pub(crate) fn ask(&mut self, mut ask: Ask) -> Response {
        for (name, value) in &self.fields {
            ask = ask.with(name, value);
        }
        let session = self.session.iter().map(|id| format!("PHPSESSID={id}"));
        let cookies: Vec<_> = session.chain(self.own.iter().map(|(name, value)| format!("{name}={value}"))).collect();
        if !cookies.is_empty() {
            ask = ask.cookie(&cookies.join("; "));
        }
        let response = Client::connect(&self.gate.address(self.port)).ask(&ask);
        for cookie in response.values("set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let gone = value.is_empty() || attributes.to_ascii_lowercase().contains("max-age=0");
            match (name, gone) {
                ("PHPSESSID", _) => self.session = (!gone).then(|| value.to_owned()),
                (name, true) if name.contains("vneid-gate-") => drop(self.own.remove(name)),
                (name, false) if name.contains("vneid-gate-") => {
                    self.own.insert(name.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        response
    }

    /// A whole log-in with VNeID; the session is `id` from its first page on.
    #[track_caller]
    pub(crate) fn log_in_with_vneid(&mut self, id: &str) {
        let state = format!("state-of-{id}");
        assert_eq!(self.get(&format!("/dang-nhap/vneid?sid={id}&state={state}")).status, 302);
        assert_eq!(self.get(&format!("{CALLBACK}?code=good-{id}&state={state}")).status, 302);
    }

    /// Types user name (encoded) and password into the portal's own page.
    #[track_caller]
    pub(crate) fn type_password(&mut self, username: &str, password: &str) -> Response {
        self.ask(Ask::form(PASSWORD_PAGE, &format!("username={username}&password={password}")).navigating())
    }
}
