//! `--as account=citizen,login=password`: who is asking, when no credential is at hand. Read like `as` of a `[[test]]`.

use crate::config::Settings;
use crate::diagnostic::did_you_mean;
use crate::identity::{Account, CredentialId, Evidence, Level, Login, Principal};

const KEYS: [&str; 5] = ["account", "login", "level", "evidence", "credential"];

/// The person of a `--as`, or what is wrong with it, in one sentence.
pub(super) fn person(text: &str, settings: &Settings) -> Result<Principal, String> {
    let (mut account, mut login, mut level, mut evidence) = (None, None, None, Evidence::Valid);
    let credentials = &settings.identity.credentials;
    // Without a name it is a credential of which no rule speaks.
    let mut credential = CredentialId(u8::try_from(credentials.len()).unwrap_or(u8::MAX));
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(format!("`{pair}` is not key=value"))?;
        match key.trim() {
            "account" => account = Some(word(value, Account::WORDS, Account::parse)?),
            "login" => login = Some(word(value, Login::WORDS, Login::parse)?),
            "evidence" => evidence = word(value, Evidence::WORDS, Evidence::parse)?,
            "level" => {
                let number = value.parse().ok().and_then(Level::new);
                level = Some(number.ok_or(format!("`{value}` is not a level from 0 to 3"))?);
            }
            "credential" => {
                let named = credentials.iter().find(|c| c.name == value);
                let names = credentials.iter().map(|c| c.name.as_str());
                credential = named.map(|c| c.id).ok_or_else(|| unknown("credential", value, names.collect()))?;
            }
            other => return Err(unknown("key", other, KEYS.to_vec())),
        }
    }
    let told = Principal::told(credential, evidence, (account, login, level));
    told.map_err(|why| format!("nobody with evidence `{evidence}` is like this: {why}"))
}

fn word<T>(text: &str, words: &[&'static str], parse: fn(&str) -> Option<T>) -> Result<T, String> {
    parse(text.trim()).ok_or_else(|| unknown("word", text, words.to_vec()))
}

fn unknown(what: &str, text: &str, known: Vec<&str>) -> String {
    match did_you_mean(text, known.iter().copied()) {
        Some(near) => format!("unknown {what} `{text}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{text}`: one of {}", known.join(", ")),
    }
}
