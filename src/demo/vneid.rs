//! The stand-in VNeID: log-ins of citizens.
//!
//! A stand-in for the national provider: choose a person, type the one-time code that is shown, go back to the
//! portal. Like the real one it turns away an account below level 2. It keeps no cookie and no session: the request
//! travels through the steps in hidden fields and is judged anew at each.

use super::authorization::{Asked, Provider, Unclear};
use super::html::Html;
use super::people::{self, Person, SignedIn};
use super::web::{self, Answer, Request, Stand, Verb};
use super::{assets, pages};
use crate::identity::{Level, Login};
use http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

/// Where the portal sends a browser.
pub(super) const AUTHORIZE_PATH: &str = "/auth";
/// The path of the second step.
const OTP_PATH: &str = "/auth/otp";
/// A real one comes by SMS; this one stands on the page.
const OTP: &str = "246810";

pub(super) struct Vneid {
    pub provider: Arc<Provider>,
}

impl Stand for Vneid {
    fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        match (request.path.as_str(), request.verb) {
            (AUTHORIZE_PATH, Verb::Read) => self.with(&request.query, |asked| choose(&asked)),
            (AUTHORIZE_PATH, Verb::Write) => self.with(&request.form, |asked| self.chosen(&asked, request)),
            (OTP_PATH, Verb::Write) => self.with(&request.form, |asked| self.typed(&asked, request, now)),
            (AUTHORIZE_PATH, Verb::Other) => web::wrong_method("GET, POST"),
            (OTP_PATH, Verb::Read | Verb::Other) => web::wrong_method("POST"),
            ("/", Verb::Read) => show(StatusCode::OK, Html::filled(include_str!("pages/vneid_home.html").to_owned())),
            (path, _) => assets::of_stand_in(path),
        }
    }
}

impl Vneid {
    fn with(&self, fields: &super::form::Fields, then: impl FnOnce(Asked) -> Answer) -> Answer {
        match self.provider.understand(fields) {
            Ok(asked) => then(asked),
            Err(why) => unclear(why),
        }
    }

    fn chosen(&self, asked: &Asked, request: &Request) -> Answer {
        if request.form.value("action") == "cancel" {
            return web::redirect(&self.provider.decline(asked));
        }
        let Some(person) = people::find(people::WITH_VNEID, request.form.value("person")) else {
            return choose(asked);
        };
        if !is_strong_enough(&person) {
            return too_weak(asked, &person);
        }
        one_time_code(asked, &person, Html::nothing())
    }

    fn typed(&self, asked: &Asked, request: &Request, now: Timestamp) -> Answer {
        // the person comes from a field that anyone may edit: the level is asked again
        let person = people::find(people::WITH_VNEID, request.form.value("person"));
        let Some(person) = person.filter(is_strong_enough) else { return choose(asked) };
        if request.form.value("otp").trim() != OTP {
            return one_time_code(asked, &person, pages::mistake("Mã OTP không đúng.", "Wrong one-time code."));
        }
        let signed_in = SignedIn { person, login: Login::Vneid };
        web::redirect(&self.provider.grant(asked, signed_in, now))
    }
}

/// The national provider serves accounts of level 2 and above to public services (Decree 59/2022).
fn is_strong_enough(person: &Person) -> bool {
    Level::new(2).is_some_and(|two| person.level >= two)
}

fn choose(asked: &Asked) -> Answer {
    let option = |(place, person): (usize, &Person)| {
        Html::filled(format!(
            include_str!("pages/vneid_person.html"),
            checked = if place == 0 { " checked" } else { "" },
            number = Html::text(person.number),
            name = Html::text(person.name),
            level = person.level.as_str(),
        ))
    };
    let people = people::WITH_VNEID.iter().enumerate().map(option).collect::<Html>();
    let page = format!(include_str!("pages/vneid_choose.html"), hidden = asked.hidden(), people = people);
    show(StatusCode::OK, Html::filled(page))
}

fn one_time_code(asked: &Asked, person: &Person, mistake: Html) -> Answer {
    let page = format!(
        include_str!("pages/vneid_otp.html"),
        hidden = asked.hidden(),
        name = Html::text(person.name),
        number = Html::text(person.number),
        otp = OTP,
        mistake = mistake,
    );
    show(StatusCode::OK, Html::filled(page))
}

fn too_weak(asked: &Asked, person: &Person) -> Answer {
    let page = format!(
        include_str!("pages/vneid_level.html"),
        hidden = asked.hidden(),
        name = Html::text(person.name),
        number = Html::text(person.number),
        level = person.level.as_str(),
    );
    show(StatusCode::FORBIDDEN, Html::filled(page))
}

fn unclear(why: Unclear) -> Answer {
    let page = format!(include_str!("pages/unclear.html"), why = Html::text(why.as_str()));
    show(StatusCode::BAD_REQUEST, Html::filled(page))
}

fn show(status: StatusCode, content: Html) -> Answer {
    web::page(status, pages::stand_in("VNeID", "vneid", content))
}
