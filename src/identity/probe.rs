//! What a portal says of one of its sessions: `[credential.session.probe]`, and how its answer is read.
//!
//! The gate shows the session to the portal and believes the answer as far as the operator has said. What the answer does not
//! tell stays unknown, and one that cannot be read is none at all. Knows no network and no clock: the caller asks.

use super::claims::{ClaimRule, matching};
use super::principal::{Facts, Subject};
use super::registered::subject;
use super::words::{Account, Level, Login};
use crate::wire::json::{JsonError, parse_strict};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Where an answer tells something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// JSON pointer into the body.
    Pointer(String),
    Header(HeaderName),
}

/// A `[credential.session.probe]`: where to ask, and what an answer tells.
#[derive(Clone, Debug)]
pub struct Probe {
    /// With its query, where it has one.
    pub path: String,
    /// For one question, everything included.
    pub timeout: Duration,
    /// How long an answer is believed without asking again, in seconds.
    pub cache_s: i64,
    /// Questions at once about sessions that nobody saw being born; and as many about log-ins that succeeded.
    pub concurrency: usize,
    /// Whether somebody is signed in. Without it, that is so where a subject is told.
    pub signed_in: Option<Member>,
    pub subject: Option<Member>,
    pub account: Option<Member>,
    pub login: Option<Member>,
    pub level: Option<Member>,
    /// Over the JSON of the answer.
    pub principals: Vec<ClaimRule>,
    /// The provider whose `sub` the subject is, so that its log-outs reach the session.
    pub issuer: Option<String>,
}

/// One answer of the portal.
#[derive(Debug)]
pub struct ProbeAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What a portal tells of somebody who is signed in; `None` is what it does not tell. What is told and not understood is
/// unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    pub account: Option<Account>,
    pub login: Option<Login>,
    pub level: Option<Level>,
    pub subject: Option<Subject>,
}

/// Why an answer is none. Tells places, repeats nothing of it but its status and its media type.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("status {} instead of 200", .0.as_u16())]
    Status(StatusCode),
    #[error("`{0}` instead of JSON")]
    Type(String),
    #[error("a compressed answer, which was not asked for")]
    Compressed,
    #[error("no strict JSON: {0}")]
    Json(#[source] JsonError),
    #[error("`signed_in` is not true or false")]
    SignedIn,
    #[error("`subject` is no name")]
    Subject,
}

impl Probe {
    /// Whether the portal tells how somebody logged in, so that a session that nobody saw being born can be judged by it.
    pub fn tells_login(&self) -> bool {
        self.login.is_some() || self.principals.iter().any(|rule| rule.is.says_login().is_some())
    }

    /// Everything that facts are made of here.
    pub fn words(&self) -> Vec<String> {
        let members = [&self.signed_in, &self.subject, &self.account, &self.login, &self.level];
        vec![format!("{members:?}"), format!("{:?}", self.principals)]
    }

    /// Whether the body of an answer is looked at.
    pub fn reads_json(&self) -> bool {
        let members = [&self.signed_in, &self.subject, &self.account, &self.login, &self.level];
        !self.principals.is_empty() || members.into_iter().flatten().any(|m| matches!(m, Member::Pointer(_)))
    }

    /// Who is signed in; `None`: nobody.
    pub fn judge(&self, answer: &ProbeAnswer) -> Result<Option<Probed>, Unreadable> {
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Ok(None),
            other => return Err(Unreadable::Status(other)),
        }
        let json = if self.reads_json() { json(answer)? } else { Value::Null };
        let said = Said { json: &json, headers: &answer.headers };
        let subject = self.subject.as_ref().map_or(Ok(None), |member| said.subject(member))?;
        let signed_in = self.signed_in.as_ref().map_or(Ok(subject.is_some()), |member| said.signed_in(member))?;
        if !signed_in {
            return Ok(None);
        }
        let is = matching(&self.principals, &json);
        let account = said.word(self.account.as_ref(), |word| Account::parse(word).unwrap_or(Account::Unknown));
        let login = said.word(self.login.as_ref(), |word| Login::parse(word).unwrap_or(Login::Unknown));
        let level = said.word(self.level.as_ref(), |word| word.parse().ok().and_then(Level::new).unwrap_or_default());
        Ok(Some(Probed {
            account: account.or_else(|| is?.says_account()),
            login: login.or_else(|| is?.says_login()),
            level: level.or_else(|| is?.says_level(&json)),
            subject,
        }))
    }
}

impl Probed {
    /// What is known by the answer alone.
    pub fn facts(self) -> Facts {
        self.over(Facts::UNKNOWN)
    }

    /// What is known by a log-in that was seen and by the answer: the portal knows better.
    pub fn over(self, seen: Facts) -> Facts {
        Facts {
            account: self.account.unwrap_or(seen.account),
            login: self.login.unwrap_or(seen.login),
            level: self.level.unwrap_or(seen.level),
            subject: self.subject.or(seen.subject),
        }
    }
}

fn json(answer: &ProbeAnswer) -> Result<Value, Unreadable> {
    let field = |name| answer.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if field(CONTENT_ENCODING).is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Unreadable::Compressed);
    }
    let kind = field(CONTENT_TYPE).unwrap_or_else(|| "nothing".to_owned());
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(Unreadable::Type(essence.chars().filter(|c| !c.is_control()).take(80).collect()));
    }
    parse_strict(&answer.body).map_err(Unreadable::Json)
}

/// An answer, to be looked into.
struct Said<'a> {
    json: &'a Value,
    headers: &'a HeaderMap,
}

impl Said<'_> {
    /// One field of an answer; two of one name say nothing.
    fn field(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        if values.next().is_some() { Some("") } else { Some(first.to_str().map_or("", str::trim)) }
    }

    fn signed_in(&self, member: &Member) -> Result<bool, Unreadable> {
        match member {
            Member::Pointer(pointer) => self.json.pointer(pointer).and_then(Value::as_bool).ok_or(Unreadable::SignedIn),
            Member::Header(name) => match self.field(name) {
                Some("true" | "1") => Ok(true),
                Some("false" | "0") => Ok(false),
                _ => Err(Unreadable::SignedIn),
            },
        }
    }

    /// Nobody where it is missing or empty. Portals that count their accounts tell a number.
    fn subject(&self, member: &Member) -> Result<Option<Subject>, Unreadable> {
        let value = match member {
            Member::Pointer(pointer) => match self.json.pointer(pointer) {
                None | Some(Value::Null) => return Ok(None),
                Some(Value::Number(number)) if !number.is_f64() => Value::String(number.to_string()),
                Some(value) => value.clone(),
            },
            Member::Header(name) if self.headers.get_all(name).iter().nth(1).is_some() => {
                return Err(Unreadable::Subject);
            }
            Member::Header(name) => match self.headers.get(name) {
                None => return Ok(None),
                Some(value) => Value::String(value.to_str().map_err(|_| Unreadable::Subject)?.trim().to_owned()),
            },
        };
        if value.as_str() == Some("") {
            return Ok(None);
        }
        subject(&value).map(Some).ok_or(Unreadable::Subject)
    }

    /// What a member tells; `None` where it is not there. Anything but a text or a number tells nothing that is understood.
    fn word<T>(&self, member: Option<&Member>, understood: impl Fn(&str) -> T) -> Option<T> {
        match member? {
            Member::Header(name) => self.field(name).map(understood),
            Member::Pointer(pointer) => match self.json.pointer(pointer)? {
                Value::Null => None,
                Value::String(word) => Some(understood(word)),
                other => Some(understood(&other.to_string())),
            },
        }
    }
}

#[cfg(test)]
mod tests;
