//! The portal's pages and messages.
//!
//! One function a page: facts in, markup out; the words lie in `pages/*.html`. Vietnamese first, a short English
//! hint beside it. Nothing is decided here, and nothing is remembered.

use super::LOGIN_PATH;
use super::cases::{Case, PROCEDURES, SAMPLE_NUMBER};
use super::session::{Visitor, Wanted};
use crate::demo::form::encode;
use crate::demo::html::Html;
use crate::demo::people;
use crate::demo::web::{self, Answer, Request};
use http::StatusCode;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A page that only tells something.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    NoSuchPage,
    NoSuchCase,
    /// A provider's answer that this session did not wait for, or a code that is not good.
    UnexpectedReturn,
    LoginCancelled,
}

pub(super) fn home(visitor: &Visitor, cases: usize) -> Answer {
    let page = format!(
        include_str!("pages/home.html"),
        sample = SAMPLE_NUMBER,
        login = LOGIN_PATH,
        number = people::AN.number,
        password = people::PASSWORD,
        cases = cases,
    );
    show(visitor, StatusCode::OK, "Trang chủ", Html::filled(page))
}

/// The choice of log-ins. `username` is what was typed before; the password is never shown again.
pub(super) fn ways_in(visitor: &Visitor, wanted: Wanted, username: &str, mistake: Html) -> Answer {
    let page = format!(
        include_str!("pages/ways_in.html"),
        login = LOGIN_PATH,
        wanted = encode(wanted.path()),
        wanted_path = wanted.path(),
        username = Html::text(username),
        mistake = mistake,
        example = people::AN.number,
        password = people::PASSWORD,
    );
    show(visitor, StatusCode::OK, "Đăng nhập", Html::filled(page))
}

pub(super) fn look_up(visitor: &Visitor, asked: &str, found: Option<&Case>) -> Answer {
    let result = match found {
        Some(case) => Html::filled(format!(
            include_str!("pages/found.html"),
            number = Html::text(&case.number),
            procedure = Html::text(case.procedure),
            filed_at = local(case.filed_at),
        )),
        None if asked.trim().is_empty() => Html::nothing(),
        None => Html::filled(include_str!("pages/not_found.html").to_owned()),
    };
    let page =
        format!(include_str!("pages/look_up.html"), asked = Html::text(asked), sample = SAMPLE_NUMBER, result = result);
    show(visitor, StatusCode::OK, "Tra cứu hồ sơ", Html::filled(page))
}

pub(super) fn filing(
    visitor: &Visitor,
    request: &Request,
    status: StatusCode,
    cases: &[Case],
    mistake: Html,
) -> Answer {
    let typed = &request.form;
    let option = |(code, name): &(&str, &str)| {
        let selected = if typed.value("thu-tuc") == *code { " selected" } else { "" };
        Html::filled(format!(r#"<option value="{code}"{selected}>{}</option>"#, Html::text(name)))
    };
    let row = |case: &Case| {
        Html::filled(format!(
            include_str!("pages/case_row.html"),
            number = Html::text(&case.number),
            procedure = Html::text(case.procedure),
            filed_at = local(case.filed_at),
        ))
    };
    let earlier = match cases {
        [] => Html::filled(include_str!("pages/no_cases.html").to_owned()),
        cases => cases.iter().map(row).collect(),
    };
    let page = format!(
        include_str!("pages/filing.html"),
        mistake = mistake,
        procedures = PROCEDURES.iter().map(option).collect::<Html>(),
        note = Html::text(typed.value("noi-dung")),
        earlier = earlier,
        word = word_of_the_gate(request),
    );
    show(visitor, status, "Nộp hồ sơ trực tuyến", Html::filled(page))
}

pub(super) fn own_case(visitor: &Visitor, status: StatusCode, case: &Case) -> Answer {
    let page = format!(
        include_str!("pages/own_case.html"),
        number = Html::text(&case.number),
        procedure = Html::text(case.procedure),
        note = Html::text(&case.note),
        filed_at = local(case.filed_at),
    );
    show(visitor, status, "Hồ sơ của bạn", Html::filled(page))
}

pub(super) fn payment(visitor: &Visitor, request: &Request) -> Answer {
    let page = format!(include_str!("pages/payment.html"), word = word_of_the_gate(request));
    show(visitor, StatusCode::OK, "Thanh toán trực tuyến", Html::filled(page))
}

pub(super) fn registry(visitor: &Visitor, request: &Request) -> Answer {
    let page = format!(include_str!("pages/registry.html"), word = word_of_the_gate(request));
    show(visitor, StatusCode::OK, "Thống kê khai sinh, khai tử", Html::filled(page))
}

pub(super) fn message(visitor: &Visitor, status: StatusCode, message: Message) -> Answer {
    let (title, vietnamese, english) = match message {
        Message::NoSuchPage => ("Không có trang này", "Địa chỉ này không có trên cổng.", "There is no such page."),
        Message::NoSuchCase => {
            ("Không có hồ sơ này", "Bạn không có hồ sơ nào mang số này.", "You have no case with this number.")
        }
        Message::UnexpectedReturn => (
            "Đăng nhập không thành công",
            "Cổng không chờ lần đăng nhập này, hoặc mã đã dùng rồi. Hãy bấm “Đăng nhập” lần nữa.",
            "The portal was not waiting for this log-in, or its code was used before. Please start again.",
        ),
        Message::LoginCancelled => {
            ("Bạn đã huỷ đăng nhập", "Chưa có ai đăng nhập.", "The log-in was cancelled; nobody is logged in.")
        }
    };
    let page = format!(
        include_str!("pages/message.html"),
        title = title,
        vietnamese = vietnamese,
        english = english,
        login = LOGIN_PATH
    );
    show(visitor, status, title, Html::filled(page))
}

/// What the gate told the portal about this request, as a table.
fn word_of_the_gate(request: &Request) -> Html {
    let names = ["X-Gate-Account", "X-Gate-Login", "X-Gate-Level", "X-Request-Id"];
    if names.iter().all(|name| request.header(name).is_empty()) {
        return Html::filled(include_str!("pages/no_word.html").to_owned());
    }
    let row = |name: &&str| {
        let value = Html::text(request.header(name));
        Html::filled(format!("<tr><th scope=\"row\">{name}</th><td><code>{value}</code></td></tr>\n"))
    };
    let rows = names.iter().map(row).collect::<Html>();
    Html::filled(format!(include_str!("pages/word.html"), rows = rows))
}

fn show(visitor: &Visitor, status: StatusCode, title: &'static str, content: Html) -> Answer {
    let account = match visitor.signed_in() {
        Some(person) => Html::filled(format!(include_str!("pages/signed_in.html"), name = Html::text(person.name))),
        None => Html::filled(format!(r#"<a class="button" href="{LOGIN_PATH}">Đăng nhập</a>"#)),
    };
    let page = format!(include_str!("pages/portal.html"), title = title, account = account, content = content);
    web::page(status, Html::filled(page))
}

/// Hour and day in Việt Nam, which keeps UTC+7 all year.
fn local(at: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(7));
    at.to_zoned(zone).strftime("%H:%M %d/%m/%Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_in_viet_nam() {
        assert_eq!(local("2024-06-30T17:00:00Z".parse().unwrap()), "00:00 01/07/2024");
    }

    #[test]
    fn what_was_typed_is_shown_as_text() {
        let typed = "\"><script>alert(1)</script>";
        let visitor = Visitor::default();
        for answer in [ways_in(&visitor, Wanted::Home, typed, Html::nothing()), look_up(&visitor, typed, None)] {
            let page = String::from_utf8(answer.into_body()).unwrap();
            assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
            assert!(!page.contains("<script>alert"));
        }
    }
}
