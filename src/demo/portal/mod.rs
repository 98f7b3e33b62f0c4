//! The portal behind the gate.
//!
//! A small public-service portal of the older, server-rendered kind: one opaque session cookie, and a session looks
//! the same whether it was opened with a password or with VNeID. It lets both file applications, as the real one
//! does; keeping the first kind out is the gate's work alone. Everything lies in memory and is bounded.

mod api;
mod cases;
mod filing;
mod look_up;
mod pages;
mod session;
mod sign_in;

use super::assets;
use super::authorization::Provider;
use super::web::{self, Answer, Request, Stand, Verb};
use cases::Cases;
use http::StatusCode;
use jiff::Timestamp;
use session::Sessions;
use std::sync::Arc;

/// Shows the ways to log in; takes the old password form.
pub(super) const LOGIN_PATH: &str = "/dich-vu-cong/cong-dan/dang-nhap";
pub(super) const VNEID_CALLBACK: &str = "/dang-nhap/vneid/callback";
pub(super) const NATIONAL_CALLBACK: &str = "/dang-nhap/quoc-gia/callback";

pub(super) struct Portal {
    /// What browsers call the portal when the request does not say: `http://127.0.0.1:8080`.
    gate_url: String,
    sessions: Sessions,
    cases: Cases,
    vneid: Arc<Provider>,
    national_portal: Arc<Provider>,
}

impl Portal {
    pub(super) fn new(gate_url: String, vneid: Arc<Provider>, national_portal: Arc<Provider>, now: Timestamp) -> Self {
        Portal { gate_url, sessions: Sessions::new(), cases: Cases::with_sample(now), vneid, national_portal }
    }
}

impl Stand for Portal {
    fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        let mut visitor = self.sessions.visitor(request);
        // Whoever is remembered is let in on any page.
        let leaves = request.path == "/dang-xuat";
        let recalled = self.sessions.recalled(request).filter(|_| visitor.signed_in().is_none() && !leaves);
        if let Some(person) = &recalled {
            visitor.session.signed_in = Some(*person);
        }
        let answer = self.page(&visitor, request, now);
        match recalled {
            Some(person) => self.sessions.sign_in(&visitor, person, answer),
            None => answer,
        }
    }
}

impl Portal {
    fn page(&self, visitor: &session::Visitor, request: &Request, now: Timestamp) -> Answer {
        match (request.path.as_str(), request.verb) {
            ("/", Verb::Read) => pages::home(visitor, self.cases.count()),
            ("/tra-cuu-ho-so", Verb::Read) => self.look_up(visitor, request.query.value("ma")),
            ("/nop-ho-so", Verb::Read) => self.filing_form(visitor, request),
            ("/nop-ho-so", Verb::Write) => self.file(visitor, request, now),
            ("/thanh-toan", Verb::Read) => pages::payment(visitor, request),
            ("/khai-sinh-khai-tu", Verb::Read) => pages::registry(visitor, request),
            (LOGIN_PATH, Verb::Read) => self.ways_in(visitor, request),
            (LOGIN_PATH, Verb::Write) => self.password(visitor, request),
            ("/dang-nhap/vneid", Verb::Read) => self.begin(visitor, request, &self.vneid),
            ("/dang-nhap/quoc-gia", Verb::Read) => self.begin(visitor, request, &self.national_portal),
            (VNEID_CALLBACK, Verb::Read) => self.come_back(visitor, request, &self.vneid, now),
            (NATIONAL_CALLBACK, Verb::Read) => self.come_back(visitor, request, &self.national_portal, now),
            ("/dang-xuat", Verb::Read | Verb::Write) => self.leave(visitor),
            ("/api/ho-so", Verb::Read) => self.api_list(visitor, request),
            ("/nop-ho-so" | LOGIN_PATH | "/dang-xuat", Verb::Other) => web::wrong_method("GET, POST"),
            (path, Verb::Read) => self.below(path, visitor, request),
            (_, Verb::Write | Verb::Other) => web::wrong_method("GET"),
        }
    }

    /// Paths that end in the number of a case, files, and what is not there.
    fn below(&self, path: &str, visitor: &session::Visitor, request: &Request) -> Answer {
        if let Some(number) = path.strip_prefix("/tra-cuu-ho-so/") {
            return self.look_up(visitor, number);
        }
        if let Some(number) = path.strip_prefix("/nop-ho-so/") {
            return self.own_case(visitor, number);
        }
        if let Some(number) = path.strip_prefix("/api/ho-so/") {
            return self.api_case(visitor, request, number);
        }
        if path.starts_with("/assets/") || path == "/favicon.ico" {
            return assets::of_portal(path);
        }
        pages::message(visitor, StatusCode::NOT_FOUND, pages::Message::NoSuchPage)
    }
}
