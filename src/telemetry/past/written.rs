//! A line exactly as this version writes it: members in their order, words without escapes.
//!
//! Mirrors `line::write` member by member. `None` says only that the line is not of that form.

use super::{Past, PastLogin, PastPrincipal, PastVerdict};
use crate::telemetry::line::member;
use std::borrow::Cow;

pub(super) fn read(text: &str) -> Option<Past<'_>> {
    let mut rest = Rest(text);
    let past = Past {
        time: rest.word("{\"time\":")?,
        support_code: rest.word(member!("support_code"))?,
        request_id: rest.word(member!("request_id"))?,
        site: rest.word(member!("site"))?,
        route: rest.word(member!("route"))?,
        method: rest.word(member!("method"))?,
        host: rest.word(member!("host"))?,
        path: rest.word(member!("path"))?,
        client: rest.word(member!("client"))?,
        principals: rest.list(member!("principals"), Rest::principal)?,
        decision: rest.verdict(member!("decision"))?,
        observed: rest.verdict(member!("observed"))?,
        reason: rest.word(member!("reason"))?,
        detail: rest.maybe_word(member!("detail"))?,
        status: rest.number(member!("status"))?.and_then(|n| u16::try_from(n).ok())?,
        source: rest.word(member!("source"))?,
        logins: if rest.0.starts_with(member!("logins")) { rest.list(member!("logins"), Rest::login)? } else { vec![] },
        complete: rest.truth(member!("complete"))?,
        decision_us: rest.number(member!("decision_us"))?,
        upstream_us: rest.number(member!("upstream_us"))?,
        total_us: rest.number(member!("total_us"))?,
        policy: rest.word(member!("policy"))?,
        key_id: rest.word(member!("key_id"))?,
    };
    (rest.0 == "}").then_some(past)
}

/// What is still to be read.
struct Rest<'l>(&'l str);

impl<'l> Rest<'l> {
    fn skip(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// A member with a text that needs no escapes.
    fn word(&mut self, name: &'static str) -> Option<Cow<'l, str>> {
        self.skip(name)?;
        self.skip("\"")?;
        let end = memchr::memchr2(b'"', b'\\', self.0.as_bytes())?;
        let (word, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(Cow::Borrowed(word))
    }

    /// Empty when the member is not there.
    fn maybe_word(&mut self, name: &'static str) -> Option<Cow<'l, str>> {
        if self.0.starts_with(name) { self.word(name) } else { Some(Cow::Borrowed("")) }
    }

    /// `Some(None)` when the member is not there.
    fn number(&mut self, name: &'static str) -> Option<Option<u64>> {
        let Some(rest) = self.0.strip_prefix(name) else { return Some(None) };
        let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = rest.split_at_checked(end)?;
        self.0 = rest;
        digits.parse().ok().map(Some)
    }

    fn truth(&mut self, name: &'static str) -> Option<bool> {
        self.skip(name)?;
        match self.0.strip_prefix("true") {
            Some(rest) => {
                self.0 = rest;
                Some(true)
            }
            None => self.skip("false").map(|()| false),
        }
    }

    fn list<T>(&mut self, name: &'static str, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.skip(name)?;
        self.skip("[")?;
        let mut all = Vec::new();
        while !self.0.starts_with(']') {
            if !all.is_empty() {
                self.skip(",")?;
            }
            all.push(one(self)?);
        }
        self.skip("]")?;
        Some(all)
    }

    fn principal(&mut self) -> Option<PastPrincipal<'l>> {
        let principal = PastPrincipal {
            credential: self.word("{\"credential\":")?,
            evidence: self.word(member!("evidence"))?,
            account: self.word(member!("account"))?,
            login: self.word(member!("login"))?,
            level: self.number(member!("level"))?.and_then(|n| u8::try_from(n).ok())?,
            check: self.word(member!("check"))?,
            subject: self.maybe_word(member!("subject"))?,
            session: self.maybe_word(member!("session"))?,
            born: self.maybe_word(member!("born"))?,
            flow: self.maybe_word(member!("flow"))?,
            born_at: self.number(member!("born_at"))?,
            confirmed: self.0.starts_with(member!("confirmed")) && self.truth(member!("confirmed"))?,
        };
        self.skip("}")?;
        Some(principal)
    }

    /// `Some(None)` when the member is not there.
    fn verdict(&mut self, name: &'static str) -> Option<Option<PastVerdict<'l>>> {
        let Some(rest) = self.0.strip_prefix(name) else { return Some(None) };
        self.0 = rest;
        let verdict = PastVerdict {
            action: self.word("{\"action\":")?,
            rule: self.word(member!("rule"))?,
            reason: self.word(member!("reason"))?,
        };
        self.skip("}")?;
        Some(Some(verdict))
    }

    fn login(&mut self) -> Option<PastLogin<'l>> {
        let login = PastLogin { flow: self.word("{\"flow\":")?, result: self.word(member!("result"))? };
        self.skip("}")?;
        Some(login)
    }
}
