//! The problem document for a program (RFC 9457).
//!
//! A problem document (RFC 9457). `type` and `reason` are for code to branch on; `title` and `detail` are sentences
//! for people, in the language asked for, because programs often show them.

use super::{Answer, Audience, Language, text::text};
use crate::telemetry::quoted;

/// Written by hand: this is what a flood of refused calls costs most.
pub(super) fn render(answer: &Answer<'_>, language: Language) -> Vec<u8> {
    let text = text(answer.kind, language);
    let status = answer.status(Audience::Program);
    let kind = ["urn:vneid-gate:problem:", answer.reason].concat();
    let mut out = Vec::with_capacity(1024);
    // The gate's own sentences need no escapes: the tests hold them to that.
    let own = ["{\"status\":", status.as_str(), ",\"title\":\"", text.heading, "\",\"detail\":\"", text.summary, "\""];
    own.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
    let members = [
        (",\"type\":", Some(kind.as_str())),
        (",\"reason\":", Some(answer.reason)),
        (",\"support_code\":", Some(answer.support_code)),
        (",\"why\":", answer.why),
        (",\"login_url\":", answer.login_link()),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            out.extend_from_slice(name.as_bytes());
            quoted(&mut out, value);
        }
    }
    out.push(b'}');
    out
}
