//! The stand-in National Portal: log-ins of organisations.
//!
//! A stand-in for the log-in of the National Public Service Portal, which serves organisations and citizens alike
//! and lets citizens through with VNeID too. Only the portal learns which of them came; the gate must be told. It
//! keeps no cookie and no session.

use super::authorization::{Asked, Provider, Unclear};
use super::html::Html;
use super::people::{self, SignedIn};
use super::web::{self, Answer, Request, Stand, Verb};
use super::{assets, pages};
use crate::identity::Login;
use http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

/// Where the portal sends a browser.
pub(super) const AUTHORIZE_PATH: &str = "/oauth2/authorize";

/// One line of the page: who, how they prove it there, and what the page says of it.
struct Choice {
    value: &'static str,
    signed_in: SignedIn,
    words: &'static str,
}

const CHOICES: &[Choice] = &[
    Choice {
        value: "organization",
        signed_in: SignedIn { person: people::COMPANY, login: Login::NationalPortal },
        words: "Tài khoản tổ chức do Cổng cấp · organisation account",
    },
    Choice {
        value: "citizen-vneid",
        signed_in: SignedIn { person: people::BINH, login: Login::Vneid },
        words: "Công dân, qua VNeID mức độ 2 · citizen, by way of VNeID",
    },
    Choice {
        value: "citizen",
        signed_in: SignedIn { person: people::AN, login: Login::NationalPortal },
        words: "Công dân, tài khoản cũ do Cổng cấp · citizen, old account of the National Portal",
    },
];

pub(super) struct NationalPortal {
    pub provider: Arc<Provider>,
}

impl Stand for NationalPortal {
    fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        match (request.path.as_str(), request.verb) {
            (AUTHORIZE_PATH, Verb::Read) => match self.provider.understand(&request.query) {
                Ok(asked) => choose(&asked),
                Err(why) => unclear(why),
            },
            (AUTHORIZE_PATH, Verb::Write) => match self.provider.understand(&request.form) {
                Ok(asked) => self.chosen(&asked, request, now),
                Err(why) => unclear(why),
            },
            (AUTHORIZE_PATH, Verb::Other) => web::wrong_method("GET, POST"),
            ("/", Verb::Read) => {
                show(StatusCode::OK, Html::filled(include_str!("pages/national_home.html").to_owned()))
            }
            (path, _) => assets::of_stand_in(path),
        }
    }
}

impl NationalPortal {
    fn chosen(&self, asked: &Asked, request: &Request, now: Timestamp) -> Answer {
        if request.form.value("action") == "cancel" {
            return web::redirect(&self.provider.decline(asked));
        }
        let wanted = request.form.value("person");
        match CHOICES.iter().find(|choice| choice.value == wanted) {
            Some(choice) => web::redirect(&self.provider.grant(asked, choice.signed_in, now)),
            None => choose(asked),
        }
    }
}

fn choose(asked: &Asked) -> Answer {
    let option = |(place, choice): (usize, &Choice)| {
        Html::filled(format!(
            include_str!("pages/national_person.html"),
            checked = if place == 0 { " checked" } else { "" },
            value = choice.value,
            name = Html::text(choice.signed_in.person.name),
            number = Html::text(choice.signed_in.person.number),
            words = Html::text(choice.words),
        ))
    };
    let people = CHOICES.iter().enumerate().map(option).collect::<Html>();
    let page = format!(include_str!("pages/national_choose.html"), hidden = asked.hidden(), people = people);
    show(StatusCode::OK, Html::filled(page))
}

fn unclear(why: Unclear) -> Answer {
    let page = format!(include_str!("pages/unclear.html"), why = Html::text(why.as_str()));
    show(StatusCode::BAD_REQUEST, Html::filled(page))
}

fn show(status: StatusCode, content: Html) -> Answer {
    web::page(status, pages::stand_in("Cổng Dịch vụ công quốc gia", "national", content))
}
