//! The portal's log-ins: password, VNeID, National Portal.
//!
//! The old form with user name and password, and two flows by redirect: VNeID and the National Portal. The answer to
//! a National Portal log-in says in its own header fields which account came, because only the portal learns it. It
//! never asks how a session was born once it is open.

use super::session::{self, Pending, Visitor, Wanted};
use super::{LOGIN_PATH, Portal, pages};
use crate::demo::authorization::Provider;
use crate::demo::form::encode;
use crate::demo::html::Html;
use crate::demo::pages::mistake;
use crate::demo::people::{self, SignedIn};
use crate::demo::shelf::unguessable;
use crate::demo::web::{self, Answer, Request};
use crate::identity::Login;
use http::{HeaderName, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;

const ACCOUNT_FIELD: HeaderName = HeaderName::from_static("x-portal-account");
const LOGIN_FIELD: HeaderName = HeaderName::from_static("x-portal-login");
const LEVEL_FIELD: HeaderName = HeaderName::from_static("x-portal-level");

/// Asks for a log-in and remembers where the visitor wanted to go.
pub(super) fn ask(wanted: Wanted) -> Answer {
    web::redirect(&format!("{LOGIN_PATH}?return-url={}", encode(wanted.path())))
}

impl Portal {
    pub(crate) fn ways_in(&self, visitor: &Visitor, request: &Request) -> Answer {
        let wanted = Wanted::parse(request.query.value("return-url"));
        pages::ways_in(visitor, wanted, "", Html::nothing())
    }

    /// 302 with a session, or the form again with 200: like the real one, it does not say "no" by status.
    pub(crate) fn password(&self, visitor: &Visitor, request: &Request) -> Answer {
        let username = request.form.value("username").trim();
        let wanted = Wanted::parse(request.form.value("return-url"));
        let person = people::find(people::WITH_PASSWORD, username);
        let Some(person) = person.filter(|_| request.form.value("password") == people::PASSWORD) else {
            let mistake = mistake("Tên đăng nhập hoặc mật khẩu không đúng.", "Wrong user name or password.");
            return pages::ways_in(visitor, wanted, username, mistake);
        };
        let answer = self.sessions.sign_in(visitor, person, web::redirect(wanted.path()));
        if request.form.value("remember") == "1" { self.sessions.remember(person, answer) } else { answer }
    }

    /// Off to an identity provider.
    pub(crate) fn begin(&self, visitor: &Visitor, request: &Request, provider: &Arc<Provider>) -> Answer {
        let wanted = Wanted::parse(request.query.value("return-url"));
        let state = unguessable();
        let answer = web::redirect(&provider.authorize(&self.origin(request), &state));
        let pending = Pending { callback_path: provider.callback_path(), state, wanted };
        self.sessions.expect(visitor, pending, answer)
    }

    /// Back from an identity provider.
    pub(crate) fn come_back(
        &self,
        visitor: &Visitor,
        request: &Request,
        provider: &Arc<Provider>,
        now: Timestamp,
    ) -> Answer {
        let Some(pending) = self.sessions.came_back(visitor, provider, request.query.value("state")) else {
            return pages::message(visitor, StatusCode::BAD_REQUEST, pages::Message::UnexpectedReturn);
        };
        if request.query.value("error") == "access_denied" {
            return pages::message(visitor, StatusCode::OK, pages::Message::LoginCancelled);
        }
        let Some(signed_in) = provider.redeem(request.query.value("code"), now) else {
            return pages::message(visitor, StatusCode::BAD_REQUEST, pages::Message::UnexpectedReturn);
        };
        let answer = self.sessions.sign_in(visitor, signed_in.person, web::redirect(pending.wanted.path()));
        if Arc::ptr_eq(provider, &self.national_portal) { told(answer, &signed_in) } else { answer }
    }

    pub(crate) fn leave(&self, visitor: &Visitor) -> Answer {
        self.sessions.end(visitor);
        session::forget(web::redirect("/"))
    }

    /// What the visitor's browser calls this portal, as the gate passes it on.
    fn origin(&self, request: &Request) -> String {
        let scheme = match request.header("x-forwarded-proto") {
            "https" => "https",
            _ => "http",
        };
        let named = [request.header("x-forwarded-host"), request.header("host")];
        match named.into_iter().find(|host| is_host(host)) {
            Some(host) => format!("{scheme}://{host}"),
            None => self.gate_url.clone(),
        }
    }
}

/// Tells the gate who came; it takes these fields off before the answer reaches the browser.
fn told(answer: Answer, signed_in: &SignedIn) -> Answer {
    let answer = web::with(answer, ACCOUNT_FIELD, signed_in.person.account.as_str());
    let answer = web::with(answer, LOGIN_FIELD, signed_in.login.as_str());
    let level = match signed_in.login {
        Login::Vneid => signed_in.person.level.as_str(),
        _ => "0",
    };
    web::with(answer, LEVEL_FIELD, level)
}

fn is_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    !host.is_empty() && host.len() <= 255 && host.bytes().all(plain)
}
