//! The portal's programming interface.
//!
//! The list of cases and single cases as JSON. The portal does not read tokens: it believes the gate's word
//! (`X-Gate-Account`, `X-Gate-Login`, `X-Gate-Level`, `X-Gate-Subject`), and gives nothing to a request without it.

use super::Portal;
use super::cases::Case;
use super::session::Visitor;
use crate::demo::web::{self, Answer, Request};
use crate::identity::Account;
use http::StatusCode;
use serde_json::{Value, json};

/// How many cases one answer holds.
const LISTED: usize = 50;

/// Whose cases a program may read.
enum Reach {
    Nobodys,
    Own(String),
    All,
}

impl Portal {
    pub(crate) fn api_list(&self, visitor: &Visitor, request: &Request) -> Answer {
        let cases = match reach(visitor, request) {
            Reach::Nobodys => return no_word(),
            Reach::Own(owner) => self.cases.latest(Some(&owner), LISTED),
            Reach::All => self.cases.latest(None, LISTED),
        };
        web::json(StatusCode::OK, &with_word(request, "cases", cases.iter().map(brief).collect()))
    }

    pub(crate) fn api_case(&self, visitor: &Visitor, request: &Request, number: &str) -> Answer {
        let case = self.cases.find(number);
        let case = match reach(visitor, request) {
            Reach::Nobodys => return no_word(),
            Reach::Own(owner) => case.filter(|case| case.owner == owner),
            Reach::All => case,
        };
        let Some(case) = case else {
            return web::json(StatusCode::NOT_FOUND, &json!({ "error": "no such case" }));
        };
        web::json(StatusCode::OK, &with_word(request, "case", brief(&case)))
    }
}

fn reach(visitor: &Visitor, request: &Request) -> Reach {
    match Account::parse(request.header("x-gate-account")) {
        Some(Account::Citizen | Account::Organization) => {
            let of_session = visitor.signed_in().map_or("", |person| person.number);
            let subject = request.header("x-gate-subject");
            Reach::Own(if subject.is_empty() { of_session } else { subject }.to_owned())
        }
        Some(Account::Service | Account::Official) => Reach::All,
        Some(Account::Anonymous | Account::Unknown) | None => Reach::Nobodys,
    }
}

/// An answer beside what the gate said, so that whoever tries the demo sees it.
fn with_word(request: &Request, name: &str, value: Value) -> Value {
    json!({
        "account": request.header("x-gate-account"),
        "login": request.header("x-gate-login"),
        "level": request.header("x-gate-level"),
        name: value,
    })
}

fn brief(case: &Case) -> Value {
    json!({ "number": case.number, "procedure": case.procedure, "filed_at": case.filed_at.to_string() })
}

fn no_word() -> Answer {
    let body = json!({ "error": "the portal's API believes the gate's word, and there was none" });
    web::json(StatusCode::UNAUTHORIZED, &body)
}
