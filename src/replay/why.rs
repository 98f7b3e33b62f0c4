//! `why`: what was decided about the person with a support code, and what they can be told.
//!
//! Looks through logs for lines with that code and says each in words. Several lines can carry one code only by chance;
//! all are told.

use super::advice::{self, Advice};
use super::logs::{CannotRead, LogPiece, Logs};
use super::tally::UnreadableLine;
use super::words::{self, Language};
use crate::config::Settings;
use crate::diagnostic::printable;
use crate::identity::session::PROBED;
use crate::identity::{Account, Evidence};
use crate::policy::Reason;
use crate::telemetry::past::{Past, PastPrincipal, PastVerdict};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write;

/// Crockford's base 32, as the gate draws codes from it.
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One line that carries the code.
#[derive(Debug, Serialize)]
pub struct FoundLine {
    pub file: String,
    pub line: u64,
    pub support_code: String,
    /// As logged.
    pub time: String,
    pub method: String,
    pub host: String,
    pub path: String,
    pub site: String,
    pub route: String,
    pub client: String,
    /// Each credential in words; empty when there was none, or none was looked at.
    pub who: Vec<String>,
    pub decision: Option<LoggedVerdict>,
    pub observed: Option<LoggedVerdict>,
    pub reason: String,
    pub detail: Option<String>,
    /// The sentence that the rule shows, from the policy that was given.
    pub why: Option<String>,
    /// Whether that policy is the one that judged.
    pub same_policy: Option<bool>,
    pub status: u16,
    pub saw: String,
    pub tell_vi: &'static str,
    pub tell_en: &'static str,
    pub policy: String,
    pub request_id: String,
}

#[derive(Debug, Serialize)]
pub struct LoggedVerdict {
    pub action: String,
    pub rule: String,
    pub reason: String,
}

/// The policy that may hold the rule.
pub struct Given<'s> {
    pub settings: &'s Settings,
    pub digest: &'s str,
}

/// The code as the gate writes it, from what a person read out: case, dash and look-alikes do not
/// matter.
/// `None` when it can be none.
pub fn support_code(said: &str) -> Option<String> {
    let letters = said.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    });
    let mut code: String = letters.collect();
    if code.chars().count() != 8 || !code.chars().all(|c| ALPHABET.contains(c)) {
        return None;
    }
    code.insert(4, '-');
    Some(code)
}

/// Every line with that code, and the places that could not be read.
pub fn find(
    code: &str,
    logs: &Logs,
    given: Option<&Given<'_>>,
) -> Result<(Vec<FoundLine>, Vec<UnreadableLine>), CannotRead> {
    let (mut found, mut marks) = (Vec::new(), Vec::new());
    let finder = memchr::memmem::Finder::new(code);
    logs.each(|at, piece| {
        let mut mark = |why: String| marks.push(UnreadableLine { file: at.file.to_owned(), line: at.line, why });
        let line = match piece {
            LogPiece::Line(line) if finder.find(line).is_some() => line,
            LogPiece::Line(_) | LogPiece::TooLong => return,
            LogPiece::Torn => {
                return mark("the packed file ends or is damaged here; what follows was not looked at".into());
            }
        };
        match Past::read(line) {
            Ok(past) if past.support_code == code => found.push(found_line(at.file, at.line, &past, given)),
            Ok(_) => {}
            Err(error) => mark(format!("holds the code and cannot be read: {error}")),
        }
    })?;
    Ok((found, marks))
}

fn found_line(file: &str, line: u64, past: &Past<'_>, given: Option<&Given<'_>>) -> FoundLine {
    let rule = past.decision.as_ref().and_then(|d| {
        let rules = given?.settings.policy.rules();
        rules.iter().find(|rule| rule.name == d.rule)
    });
    let reason = Reason::parse(&past.reason);
    let account = past.principals.iter().find_map(|p| Account::parse(&p.account).filter(|a| *a != Account::Unknown));
    let Advice { vi, en } = reason.map_or(advice::UNKNOWN, |r| advice::advice(r, account, &past.detail));
    let page = rule.and_then(|r| r.page).or_else(|| reason.and_then(advice::page));
    FoundLine {
        file: file.to_owned(),
        line,
        support_code: past.support_code.to_string(),
        time: past.time.to_string(),
        method: past.method.to_string(),
        host: past.host.to_string(),
        path: past.path.to_string(),
        site: past.site.to_string(),
        route: past.route.to_string(),
        client: past.client.to_string(),
        who: past.principals.iter().map(who).collect(),
        decision: past.decision.as_ref().map(verdict),
        observed: past.observed.as_ref().map(verdict),
        reason: past.reason.to_string(),
        detail: Some(past.detail.to_string()).filter(|d| !d.is_empty()),
        why: rule.and_then(|r| r.why.clone()),
        same_policy: given.map(|g| g.digest == past.policy),
        status: past.status,
        saw: saw(past, page.map(|p| p.as_str())),
        tell_vi: vi,
        tell_en: en,
        policy: past.policy.to_string(),
        request_id: past.request_id.to_string(),
    }
}

fn verdict(past: &PastVerdict<'_>) -> LoggedVerdict {
    LoggedVerdict { action: past.action.to_string(), rule: past.rule.to_string(), reason: past.reason.to_string() }
}

/// One credential in words.
fn who(p: &PastPrincipal<'_>) -> String {
    let account = words::account(&p.account, Language::English);
    let login = words::login(&p.login, Language::English);
    let said = match Evidence::parse(&p.evidence) {
        Some(Evidence::Valid) => {
            let level = if p.level == 0 { "level not known".to_owned() } else { format!("level {}", p.level) };
            format!("{account} by {login}, {level}")
        }
        Some(Evidence::Attempt) => format!("a password log-in on its way; by the shape of the name typed: {account}"),
        Some(Evidence::None) => "nobody".to_owned(),
        Some(Evidence::Expired) => "a token that has expired".to_owned(),
        Some(Evidence::Invalid) => format!("a credential that is not genuine or not for this portal ({})", p.check),
        Some(Evidence::Revoked) => "a credential that was revoked".to_owned(),
        Some(Evidence::Unbound) => "a session that the gate did not see being born".to_owned(),
        Some(Evidence::Unavailable) => "a credential that could not be judged at that moment".to_owned(),
        None => format!("evidence {}", p.evidence),
    };
    let name = match (p.subject.is_empty(), p.session.is_empty()) {
        (false, _) => format!(", person {}", p.subject),
        (true, false) => format!(", session {}", p.session),
        (true, true) => String::new(),
    };
    format!("{said} (credential {}{name}){}", p.credential, born(p))
}

/// How a session was born, in words.
fn born(p: &PastPrincipal<'_>) -> String {
    let on = match &*p.born {
        "" => return String::new(),
        PROBED => return "; nobody saw the session being born: the portal says who that is".to_owned(),
        "clean" => "on a session made for it",
        "rotated" => "on a session that the portal changed with it",
        "kept" => "on a session that the browser had before",
        other => other,
    };
    let at = p.born_at.and_then(|s| Timestamp::from_second(i64::try_from(s).ok()?).ok());
    let at = at.map_or_else(String::new, |at| format!(" at {at}"));
    let confirmed = if p.confirmed { ", and the portal confirmed it" } else { "" };
    format!("; born in the log-in {}{at}, {on}{confirmed}", p.flow)
}

fn is_a_posted_log_out(reason: &str) -> bool {
    reason == Reason::BackchannelLogout.as_str()
}

/// What the person saw, as far as a log tells.
fn saw(past: &Past<'_>, page: Option<&str>) -> String {
    let status = past.status;
    match (status, &*past.source, page) {
        _ if is_a_posted_log_out(&past.reason) => {
            format!("nobody saw it: the gate told the identity provider ({status})")
        }
        (499, _, _) => "nothing: they left before the answer (499)".to_owned(),
        (_, "upstream", _) => format!("the portal's own answer ({status})"),
        (303, _, _) => "sent to the log-in page (303)".to_owned(),
        (301 | 308, _, _) => format!("sent to the same address with https ({status})"),
        (401, _, _) => "the gate's problem document for programs: log in (401)".to_owned(),
        (403, _, Some(page)) => format!("the gate's page {page}, or its problem document for programs (403)"),
        (_, _, _) => format!("the gate's page or problem document for {} ({status})", past.reason),
    }
}

/// For a terminal.
pub fn text(found: &[FoundLine]) -> String {
    let mut out = String::new();
    for (nth, f) in found.iter().enumerate() {
        if nth > 0 {
            out.push('\n');
        }
        one(&mut out, f);
    }
    out
}

fn one(out: &mut String, f: &FoundLine) {
    let by = |v: &LoggedVerdict| format!("{} by rule {}: {}", v.action, v.rule, v.reason);
    // Writing to a String cannot fail.
    let mut put = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<9}{}", printable(value));
    };
    put("code", &format!("{}, in {}:{}", f.support_code, f.file, f.line));
    put("time", &f.time);
    let place = format!("site {}, route {}", f.site, f.route);
    put("asked", &format!("{} {}{} ({place}) from {}", f.method, f.host, f.path, f.client));
    match (f.who.is_empty(), &f.decision) {
        (true, None) if is_a_posted_log_out(&f.reason) => put("who", "nobody: an identity provider posted it"),
        (true, None) => put("who", "not looked at: refused before"),
        (true, Some(_)) => put("who", "nobody: no credential on the request"),
        (false, _) => f.who.iter().for_each(|who| put("who", who)),
    }
    match &f.decision {
        Some(decision) => put("decided", &by(decision)),
        None if is_a_posted_log_out(&f.reason) => put("decided", &format!("by no rule: {}", f.reason)),
        None => put("decided", &format!("refused before any decision: {}", f.reason)),
    }
    if let Some(observed) = &f.observed {
        put("observed", &by(observed));
    }
    if f.decision.as_ref().is_some_and(|d| d.reason != f.reason) {
        put("then", &f.reason);
    }
    if let Some(detail) = &f.detail {
        put("detail", detail);
    }
    if let Some(why) = &f.why {
        put("why", why);
    }
    if f.same_policy == Some(false) {
        put("note", "the policy given is not the one that judged this request; its rule may have changed since");
    }
    put("saw", &f.saw);
    put("tell", f.tell_vi);
    put("", f.tell_en);
    put("portal", &format!("X-Request-Id {}", f.request_id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_understood_as_it_is_read_out() {
        for said in ["K7PM-2QXD", "k7pm2qxd", " K7PM 2QXD"] {
            assert_eq!(support_code(said).as_deref(), Some("K7PM-2QXD"), "{said}");
        }
        assert_eq!(support_code("OILo-0000").as_deref(), Some("0110-0000"));
        for none in ["", "K7PM-2QX", "K7PM-2QXDD", "K7PM-2QXU", "K7PM-2Q€D"] {
            assert_eq!(support_code(none), None, "{none}");
        }
    }
}
