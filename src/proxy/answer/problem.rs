//! What does a program read when it is turned away?
//!
//! A problem document (RFC 9457). `type` and `reason` are for code to branch on; `title` and `detail` are sentences
//! for people, in the language asked for, because programs often show them.

use super::{Answer, Audience, Language, text::text};
use serde::Serialize;

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    reason: &'a str,
    support_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_url: Option<&'a str>,
}

pub(super) fn render(answer: &Answer<'_>, language: Language) -> String {
    let text = text(answer.kind, language);
    let problem = Problem {
        r#type: format!("urn:vneid-gate:problem:{}", answer.reason),
        title: text.heading,
        status: answer.status(Audience::Program).as_u16(),
        detail: text.summary,
        reason: answer.reason,
        support_code: answer.support_code,
        why: answer.why,
        login_url: answer.login_link(),
    };
    // Only strings and a number: there is nothing in it that could fail to be written.
    serde_json::to_string(&problem).unwrap_or_default()
}
