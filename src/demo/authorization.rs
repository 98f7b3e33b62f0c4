//! What the two stand-in identity providers have in common: requests, codes and tokens.
//!
//! The authorization code grant (RFC 6749 section 4.1): a request is understood or refused, a code is given once and
//! redeemed once. The portal redeems in process, as its server would over a back channel that no proxy sees. It
//! knows no page and no person.

use super::form::{Fields, encode};
use super::html::Html;
use super::people::SignedIn;
use super::shelf::{Shelf, unguessable};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};

/// The one client that both providers know.
pub(super) const CLIENT_ID: &str = "cong-dvc-dien-tap";
const CODES: usize = 1_000;
const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
const STATE_LENGTH_MAX: usize = 128;

/// One identity provider, as far as the portal deals with it.
pub(super) struct Provider {
    /// Where browsers come in to authorize: `http://127.0.0.1:PORT/auth`.
    authorize_url: String,
    /// The portal's path that takes the code; no other is redirected to.
    callback_path: &'static str,
    /// Host name under which the portal is published; loopback names are always good.
    portal_host: String,
    codes: Mutex<Shelf<Ticket>>,
}

struct Ticket {
    signed_in: SignedIn,
    until: Timestamp,
}

/// An authorization request that was understood; pages carry it from step to step in hidden fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    redirect_uri: String,
    state: String,
}

/// Why an authorization request is not served. There is nobody to redirect to, so it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    Client,
    ResponseType,
    RedirectUri,
    State,
}

impl Unclear {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Unclear::Client => "client_id is not known here",
            Unclear::ResponseType => "response_type must be code",
            Unclear::RedirectUri => "redirect_uri is not the call-back of the demo portal",
            Unclear::State => "state is missing, too long or not plain",
        }
    }
}

impl Provider {
    pub(super) fn new(authorize_url: String, callback_path: &'static str, portal_url: &str) -> Self {
        let portal_host = host_of(portal_url).unwrap_or_default();
        Provider { authorize_url, callback_path, portal_host, codes: Mutex::new(Shelf::new(CODES)) }
    }

    pub(super) fn callback_path(&self) -> &'static str {
        self.callback_path
    }

    /// Where the portal sends a browser. `origin` is what the browser calls the portal: `http://127.0.0.1:8080`.
    pub(super) fn authorize(&self, origin: &str, state: &str) -> String {
        let redirect_uri = encode(&format!("{origin}{}", self.callback_path));
        let (url, state) = (&self.authorize_url, encode(state));
        format!("{url}?client_id={CLIENT_ID}&redirect_uri={redirect_uri}&state={state}&response_type=code")
    }

    pub(super) fn understand(&self, fields: &Fields) -> Result<Asked, Unclear> {
        if fields.value("client_id") != CLIENT_ID {
            return Err(Unclear::Client);
        }
        if fields.value("response_type") != "code" {
            return Err(Unclear::ResponseType);
        }
        let redirect_uri = fields.value("redirect_uri");
        if !self.is_own_callback(redirect_uri) {
            return Err(Unclear::RedirectUri);
        }
        let state = fields.value("state");
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if state.is_empty() || state.len() > STATE_LENGTH_MAX || !state.bytes().all(plain) {
            return Err(Unclear::State);
        }
        Ok(Asked { redirect_uri: redirect_uri.to_owned(), state: state.to_owned() })
    }

    /// Back to the portal with a code.
    pub(super) fn grant(&self, asked: &Asked, signed_in: SignedIn, now: Timestamp) -> String {
        let code = unguessable();
        let until = now.saturating_add(CODE_LIFETIME).unwrap_or(now);
        self.shelf().put(code.clone(), Ticket { signed_in, until });
        format!("{}?code={code}&state={}", asked.redirect_uri, asked.state)
    }

    /// Back to the portal without one: the person changed their mind.
    pub(super) fn decline(&self, asked: &Asked) -> String {
        format!("{}?error=access_denied&state={}", asked.redirect_uri, asked.state)
    }

    /// Who a code stands for; good once, and not for long.
    pub(super) fn redeem(&self, code: &str, now: Timestamp) -> Option<SignedIn> {
        let ticket = self.shelf().take(code)?;
        (now < ticket.until).then_some(ticket.signed_in)
    }

    fn is_own_callback(&self, redirect_uri: &str) -> bool {
        let Ok(uri) = redirect_uri.parse::<http::Uri>() else { return false };
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let no_user = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let host = uri.host().is_some_and(|host| {
            host.eq_ignore_ascii_case(&self.portal_host) || matches!(host, "127.0.0.1" | "localhost" | "[::1]")
        });
        scheme && no_user && host && uri.path() == self.callback_path && uri.query().is_none()
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf<Ticket>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// The request as hidden fields of the next step's form.
    pub(super) fn hidden(&self) -> Html {
        let fields = [
            ("client_id", CLIENT_ID),
            ("response_type", "code"),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("state", self.state.as_str()),
        ];
        let input = |(name, value)| {
            Html::filled(format!(r#"<input type="hidden" name="{name}" value="{}">"#, Html::text(value)))
        };
        fields.into_iter().map(input).collect()
    }
}

fn host_of(url: &str) -> Option<String> {
    url.parse::<http::Uri>().ok()?.host().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people;
    use crate::identity::Login;

    const AN: SignedIn = SignedIn { person: people::AN, login: Login::Vneid };

    fn provider() -> Provider {
        Provider::new("http://127.0.0.1:1/auth".into(), "/callback", "http://portal.test:8080/")
    }

    fn understand(redirect_uri: &str, state: &str) -> Result<Asked, Unclear> {
        let query = format!(
            "client_id={CLIENT_ID}&response_type=code&redirect_uri={}&state={}",
            encode(redirect_uri),
            encode(state)
        );
        provider().understand(&Fields::read(&query))
    }

    #[test]
    fn what_the_portal_asks_is_understood() {
        let url = provider().authorize("http://127.0.0.1:8080", "abc");
        let asked = provider().understand(&Fields::read(url.split_once('?').unwrap().1)).unwrap();
        assert_eq!(asked, Asked { redirect_uri: "http://127.0.0.1:8080/callback".into(), state: "abc".into() });
    }

    #[test]
    fn only_the_portal_is_redirected_to() {
        for good in ["http://localhost:9/callback", "https://PORTAL.test/callback", "http://[::1]:80/callback"] {
            assert!(understand(good, "s").is_ok(), "{good}");
        }
        for bad in [
            "http://evil.test/callback",
            "http://127.0.0.1:8080/other",
            "http://127.0.0.1@evil.test/callback",
            "http://evil.test@127.0.0.1/callback",
            "http://127.0.0.1.evil.test/callback",
            "http://127.0.0.1/callback?next=x",
            "javascript:alert(1)",
            "/callback",
            "//evil.test/callback",
            "",
        ] {
            assert_eq!(understand(bad, "s"), Err(Unclear::RedirectUri), "{bad}");
        }
    }

    #[test]
    fn a_state_that_could_break_out_of_the_address_is_refused() {
        for bad in ["", "a b", "a&code=x", "a\r\nb", "<b>", &"s".repeat(STATE_LENGTH_MAX + 1)] {
            assert_eq!(understand("http://localhost/callback", bad), Err(Unclear::State), "{bad:?}");
        }
    }

    #[test]
    fn a_code_is_good_once() {
        let (provider, now) = (provider(), Timestamp::UNIX_EPOCH);
        let asked = understand("http://localhost/callback", "s").unwrap();
        let back = provider.grant(&asked, AN, now);
        let fields = Fields::read(back.split_once('?').unwrap().1);
        assert_eq!(fields.value("state"), "s");
        assert_eq!(provider.redeem(fields.value("code"), now), Some(AN));
        assert_eq!(provider.redeem(fields.value("code"), now), None);
    }

    #[test]
    fn a_code_does_not_last() {
        let (provider, now) = (provider(), Timestamp::UNIX_EPOCH);
        let back = provider.grant(&understand("http://localhost/callback", "s").unwrap(), AN, now);
        let code = Fields::read(back.split_once('?').unwrap().1).value("code").to_owned();
        assert_eq!(provider.redeem(&code, now + CODE_LIFETIME), None);
    }
}
