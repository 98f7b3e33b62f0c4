//! Filing an application.
//!
//! Only with a session in which someone logged in; how they did makes no difference here. The page also shows what
//! the gate told the portal about them. It does not know what the gate makes of that.

use super::cases::{NOTE_LENGTH_MAX, PROCEDURES};
use super::session::{Visitor, Wanted};
use super::{Portal, pages, sign_in};
use crate::demo::html::Html;
use crate::demo::pages::mistake;
use crate::demo::web::{Answer, Request, with};
use http::{StatusCode, header};
use jiff::Timestamp;

/// How many earlier cases the form lists.
const LISTED: usize = 20;

impl Portal {
    pub(crate) fn filing_form(&self, visitor: &Visitor, request: &Request) -> Answer {
        let Some(person) = visitor.signed_in() else { return sign_in::ask(Wanted::Filing) };
        let cases = self.cases.latest(Some(person.number), LISTED);
        pages::filing(visitor, request, StatusCode::OK, &cases, Html::nothing())
    }

    pub(crate) fn file(&self, visitor: &Visitor, request: &Request, now: Timestamp) -> Answer {
        let Some(person) = visitor.signed_in() else { return sign_in::ask(Wanted::Filing) };
        let owner = person.number;
        let wanted = request.form.value("thu-tuc");
        let note = request.form.value("noi-dung").trim();
        let procedure = PROCEDURES.iter().find(|(code, _)| *code == wanted).map(|(_, name)| *name);
        let Some(procedure) = procedure.filter(|_| !note.is_empty() && note.chars().count() <= NOTE_LENGTH_MAX) else {
            let mistake = mistake("Hãy chọn thủ tục và ghi nội dung.", "Choose a procedure and say what you ask for.");
            let cases = self.cases.latest(Some(owner), LISTED);
            return pages::filing(visitor, request, StatusCode::UNPROCESSABLE_ENTITY, &cases, mistake);
        };
        let case = self.cases.file(owner, procedure, note, now);
        let location = format!("/nop-ho-so/{}", case.number);
        with(pages::own_case(visitor, StatusCode::CREATED, &case), header::LOCATION, &location)
    }

    /// One's own case, with all that was written; anyone else's is not there.
    pub(crate) fn own_case(&self, visitor: &Visitor, number: &str) -> Answer {
        let Some(person) = visitor.signed_in() else { return sign_in::ask(Wanted::Filing) };
        match self.cases.find(number).filter(|case| case.owner == person.number) {
            Some(case) => pages::own_case(visitor, StatusCode::OK, &case),
            None => pages::message(visitor, StatusCode::NOT_FOUND, pages::Message::NoSuchCase),
        }
    }
}
