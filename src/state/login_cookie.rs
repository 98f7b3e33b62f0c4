//! A log-in under way, sealed into a cookie of the browser that is on that way.
//!
//! So nothing is kept here for whoever only begins one, every replica can read it, and a restart
//! forgets nobody.
//! The cookie opens under the gate's secret only, on the site and for the credential, flow and
//! `state` that its name stands for.
//! It holds the session cookie that the portal minted when the log-in began, which the browser has
//! not been given: nobody can have used that session for anything else before the log-in comes
//! back.
//!
//! AES-256-GCM (NIST SP 800-38D) with a random nonce; base64url without padding (RFC 4648 §5).

use super::ledger::LoginId;
use super::seal::Seal;
use crate::identity::flow::FlowStamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Written first; another version opens to nothing.
const VERSION: u8 = 1;

/// On what session a log-in began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Began {
    /// The Set-Cookie by which the portal minted a session for it, withheld from the browser.
    Withheld(String),
    /// The request showed no session, and the portal minted none.
    Without,
    /// A session that the browser had, or was given: only a new value can be bound.
    Visible,
    /// The same in a gate that only observes, which would have begun anew: its key's exact half.
    Observed([u8; 16]),
}

/// A log-in that the portal began by sending the browser to an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunLogin {
    pub id: LoginId,
    /// The flow as the policy described it then.
    pub flow: FlowStamp,
    /// Unix seconds.
    pub at_s: i64,
    pub began: Began,
}

impl BegunLogin {
    /// `place`: site, credential and the cookie's name.
    pub fn close(&self, seal: &Seal, place: &[&str]) -> Option<String> {
        let (kind, rest): (u8, &[u8]) = match &self.began {
            Began::Withheld(set_cookie) => (0, set_cookie.as_bytes()),
            Began::Without => (1, b""),
            Began::Visible => (2, b""),
            Began::Observed(exact) => (3, exact),
        };
        let head = [&[VERSION, kind][..], &self.id, &self.flow.0.to_be_bytes(), &self.at_s.to_be_bytes()].concat();
        close(seal, place, &[&head[..], rest].concat())
    }

    /// `None` for anything that was not closed under this secret for this place.
    pub fn open(seal: &Seal, place: &[&str], value: &[u8]) -> Option<Self> {
        let bytes = open(seal, place, value)?;
        let (head, rest) = bytes.split_at_checked(2)?;
        let (id, rest) = rest.split_first_chunk()?;
        let (flow, rest) = rest.split_first_chunk()?;
        let (at_s, rest) = rest.split_first_chunk()?;
        let began = match head {
            [VERSION, 0] => Began::Withheld(String::from_utf8(rest.to_vec()).ok()?),
            [VERSION, 1] if rest.is_empty() => Began::Without,
            [VERSION, 2] if rest.is_empty() => Began::Visible,
            [VERSION, 3] => Began::Observed(rest.try_into().ok()?),
            _ => return None,
        };
        let flow = FlowStamp(u64::from_be_bytes(*flow));
        Some(BegunLogin { id: *id, flow, at_s: i64::from_be_bytes(*at_s), began })
    }
}

/// A moment (Unix seconds), sealed for a place.
pub fn close_moment(seal: &Seal, place: &[&str], at_s: i64) -> Option<String> {
    close(seal, place, &at_s.to_be_bytes())
}

/// The moment that was sealed for this place.
pub fn open_moment(seal: &Seal, place: &[&str], value: &[u8]) -> Option<i64> {
    open(seal, place, value)?.try_into().ok().map(i64::from_be_bytes)
}

fn close(seal: &Seal, place: &[&str], bytes: &[u8]) -> Option<String> {
    seal.close(place.join("\0").as_bytes(), bytes).map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
}

fn open(seal: &Seal, place: &[&str], value: &[u8]) -> Option<Vec<u8>> {
    seal.open(place.join("\0").as_bytes(), &URL_SAFE_NO_PAD.decode(value).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let (seal, other) = (Seal::new(&[7; 32]).unwrap(), Seal::new(&[8; 32]).unwrap());
        let place = ["portal", "portal-session", "vneid-gate-login-01234567"];
        for began in [
            Began::Withheld("PHPSESSID=abc; path=/; HttpOnly".into()),
            Began::Without,
            Began::Visible,
            Began::Observed([3; 16]),
        ] {
            let login = BegunLogin { id: [1; 16], flow: FlowStamp(u64::MAX), at_s: 1_795_392_000, began };
            let value = login.close(&seal, &place).unwrap();
            assert_eq!(BegunLogin::open(&seal, &place, value.as_bytes()), Some(login));
            assert!(!value.contains("abc"));
            for elsewhere in [["forum", place[1], place[2]], [place[0], "other", place[2]], [place[0], place[1], "x"]] {
                assert_eq!(BegunLogin::open(&seal, &elsewhere, value.as_bytes()), None);
            }
            assert_eq!(BegunLogin::open(&other, &place, value.as_bytes()), None);
            for at in 0..value.len() {
                assert_eq!(BegunLogin::open(&seal, &place, &value.as_bytes()[..at]), None, "cut at {at}");
                let mut changed = value.clone().into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                assert_ne!(
                    BegunLogin::open(&seal, &place, &changed).map(|l| l.at_s),
                    Some(1_795_392_000),
                    "changed at {at}"
                );
            }
        }
        let moment = close_moment(&seal, &place, 5).unwrap();
        assert_eq!(open_moment(&seal, &place, moment.as_bytes()), Some(5));
        assert_eq!(BegunLogin::open(&seal, &place, moment.as_bytes()), None);
    }
}
