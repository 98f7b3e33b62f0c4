//! By what a credential that was accepted can be revoked: its identifiers.
//!
//! They stand beside the facts: how the credential is called where revocations come from (an
//! identity provider, the log, an operator), and since when it exists.

use super::principal::Facts;
use super::registered::TokenIds;
use super::session::{Born, SessionName};
use std::sync::Arc;

/// A credential that proved its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    pub facts: Facts,
    pub identifiers: Identifiers,
    /// Of an opaque session.
    pub born: Option<Born>,
}

/// How one accepted credential is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifiers {
    /// Of an opaque session.
    pub session: Option<SessionName>,
    /// Of a token.
    pub token_ids: Option<Arc<TokenIds>>,
    /// Unix seconds: when the session was bound, or the token issued. A token that does not say when may be of any age.
    pub since_s: i64,
}

impl Identifiers {
    pub fn of_session(name: SessionName, born_s: i64) -> Self {
        Identifiers { session: Some(name), token_ids: None, since_s: born_s }
    }

    /// `seen_s`: when this gate met the token first. Whatever its issuer's clock says, it is no younger than that.
    pub fn of_token(token_ids: &Arc<TokenIds>, seen_s: i64) -> Self {
        let issued_s = token_ids.issued_s.unwrap_or(i64::MIN);
        Identifiers { session: None, token_ids: Some(token_ids.clone()), since_s: issued_s.min(seen_s) }
    }
}

/// What the ledger says of a session value.
#[derive(Clone, Debug)]
pub enum SessionFound {
    Bound(Authenticated),
    Unknown,
    /// A session is known under another spelling of this value: the portal may take both for one, or not.
    OtherSpelling,
    /// The store that knows has not been asked, or did not answer.
    Unavailable,
}
