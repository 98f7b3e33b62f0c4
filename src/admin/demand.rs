//! The body of `POST /revocations`, read strictly: whom an operator wants revoked.
//!
//! What is wrong is said in words that repeat nothing of the body: there may be a person's number in it.

use crate::identity::{Credential, Pseudonym, SessionName};
use crate::state::keyed::Keyed;
use crate::state::revocations::{WHENEVER, Whom, issuer_of};
use crate::wire::json::parse_strict;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// Clocks of operators may be a little ahead.
const AHEAD_MAX: SignedDuration = SignedDuration::from_secs(60);
const WAYS: [&str; 5] = ["session", "subject", "pseudonym", "token_id", "everything"];
const SHAPE: &str = "a JSON object with one of session, subject, pseudonym, token_id (with credential), credential or \
                     everything; issued_before may stand beside it";

/// One revocation as it was asked for.
#[derive(Debug)]
pub(super) struct Demand {
    target: RevocationTarget,
    /// `None`: whatever its date of issue is.
    pub issued_before: Option<Timestamp>,
}

#[derive(Debug)]
enum RevocationTarget {
    Session(SessionName),
    Person(Pseudonym),
    Token { credential: String, issuer: String, id: String },
    Credential(String),
    Everything,
}

impl Demand {
    /// `Err` says what to do instead.
    pub(super) fn read(body: &[u8], credentials: &[Credential], keyed: &Keyed, now: Timestamp) -> Result<Self, String> {
        let body = parse_strict(body).map_err(|_| SHAPE)?;
        let object = body.as_object().ok_or(SHAPE)?;
        if object.keys().any(|key| !WAYS.contains(&key.as_str()) && key != "credential" && key != "issued_before") {
            return Err(format!("there is an unknown key; write {SHAPE}"));
        }
        let target = target(object, credentials, keyed)?;
        let at = object.get("issued_before").map(|at| moment(at, now)).transpose()?;
        match (&target, at) {
            (RevocationTarget::Token { .. }, Some(_)) => {
                Err("issued_before says nothing of a single token: leave it out".into())
            }
            (RevocationTarget::Token { .. }, None) => Ok(Demand { target, issued_before: None }),
            (_, at) => Ok(Demand { target, issued_before: Some(at.unwrap_or(now)) }),
        }
    }

    pub(super) fn whom(&self) -> Whom<'_> {
        match &self.target {
            RevocationTarget::Session(name) => Whom::Session(*name),
            RevocationTarget::Person(pseudonym) => Whom::Person(*pseudonym),
            RevocationTarget::Token { issuer, id, .. } => Whom::Token { issuer, id },
            RevocationTarget::Credential(name) => Whom::Credential(name),
            RevocationTarget::Everything => Whom::Everybody,
        }
    }

    /// Unix seconds: what was issued in this second or earlier is revoked.
    pub(super) fn before_s(&self) -> i64 {
        let last = |at: Timestamp| at.as_nanosecond().saturating_sub(1).div_euclid(1_000_000_000);
        self.issued_before.map_or(WHENEVER, |at| i64::try_from(last(at)).unwrap_or(i64::MIN))
    }

    /// For whoever asked. A person by the pseudonym only.
    pub(super) fn told(&self) -> Value {
        match &self.target {
            RevocationTarget::Session(SessionName(number)) => json!({ "session": format!("{number:016x}") }),
            RevocationTarget::Person(Pseudonym(number)) => json!({ "pseudonym": format!("{number:016x}") }),
            RevocationTarget::Token { credential, .. } => json!({ "token_of": credential }),
            RevocationTarget::Credential(name) => json!({ "credential": name }),
            RevocationTarget::Everything => json!({ "everything": true }),
        }
    }

    /// For the log: no person, no session.
    pub(super) fn logged(&self) -> String {
        match &self.target {
            RevocationTarget::Session(_) => "one session".to_owned(),
            RevocationTarget::Person(_) => "one person".to_owned(),
            RevocationTarget::Token { credential, .. } => format!("one token of credential `{credential}`"),
            RevocationTarget::Credential(name) => format!("everything of credential `{name}`"),
            RevocationTarget::Everything => "everything".to_owned(),
        }
    }
}

fn target(object: &Map<String, Value>, credentials: &[Credential], keyed: &Keyed) -> Result<RevocationTarget, String> {
    let mut ways = WAYS.into_iter().filter(|way| object.contains_key(*way));
    let (way, credential) = (ways.next(), object.get("credential"));
    if ways.next().is_some() || (credential.is_some() && way.is_some_and(|way| way != "token_id")) {
        return Err(format!("only one thing can be taken away at a time; write {SHAPE}"));
    }
    let named = |credential: &Value| {
        let found = credentials.iter().find(|c| credential.as_str() == Some(&c.name));
        found.ok_or_else(|| {
            let names: Vec<&str> = credentials.iter().map(|c| c.name.as_str()).collect();
            format!("no credential of the policy in force has this name; there are: {}", names.join(", "))
        })
    };
    let of = |way: &str| object.get(way);
    match (way, credential) {
        (Some("session"), _) => {
            of("session").and_then(hex).map(|n| RevocationTarget::Session(SessionName(n))).ok_or_else(|| {
                "session is written in 16 hex digits, as `principals[].session` of the audit line has it".to_owned()
            })
        }
        (Some("pseudonym"), _) => {
            of("pseudonym").and_then(hex).map(|n| RevocationTarget::Person(Pseudonym(n))).ok_or_else(|| {
                "pseudonym is written in 16 hex digits, as `principals[].subject` of the audit line has it".to_owned()
            })
        }
        (Some("subject"), _) => match of("subject").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => Ok(RevocationTarget::Person(keyed.person(name))),
            _ => Err("subject is the person's name as tokens and the portal give it, a text".into()),
        },
        (Some("token_id"), Some(credential)) => match of("token_id").and_then(Value::as_str) {
            Some(id) if !id.is_empty() => {
                let credential = named(credential)?;
                let (name, issuer) = (credential.name.clone(), issuer_of(credential).to_owned());
                Ok(RevocationTarget::Token { credential: name, issuer, id: id.to_owned() })
            }
            _ => Err("token_id is the claim `jti` of the token, a text".into()),
        },
        (Some("token_id"), None) => Err("token_id needs the credential that reads the token beside it".into()),
        (Some(_), _) if of("everything") == Some(&Value::Bool(true)) => Ok(RevocationTarget::Everything),
        (Some(_), _) => Err("everything is true, or left out".into()),
        (None, Some(credential)) => named(credential).map(|c| RevocationTarget::Credential(c.name.clone())),
        (None, None) => Err(format!("nobody is named; write {SHAPE}")),
    }
}

/// A number as the log writes it.
fn hex(value: &Value) -> Option<u64> {
    let text = value.as_str().filter(|text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u64::from_str_radix(text, 16).ok()
}

fn moment(at: &Value, now: Timestamp) -> Result<Timestamp, String> {
    let read = at.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let at = read.ok_or("issued_before is a moment with an offset, like 2024-07-01T00:00:00+07:00")?;
    if at.duration_since(now) > AHEAD_MAX {
        return Err("issued_before lies in the future: whoever logs in until then would be taken away unseen".into());
    }
    Ok(at)
}

#[cfg(test)]
mod tests;
