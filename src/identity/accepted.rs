//! By what can somebody who was let in be taken away again?
//!
//! Whatever judged a credential leaves its [`Marks`] beside the facts: how the credential is called where revocations
//! come from (an identity provider, the log, an operator), and since when it exists. Judges nothing.

use super::principal::Facts;
use super::registered::Handles;
use super::session::SessionName;
use std::sync::Arc;

/// A credential that proved its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub facts: Facts,
    pub marks: Marks,
}

/// How one accepted credential is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Of an opaque session.
    pub session: Option<SessionName>,
    /// Of a token.
    pub handles: Option<Arc<Handles>>,
    /// Unix seconds: when the session was bound, or the token issued. A token that does not say when may be of any age.
    pub since_s: i64,
}

impl Marks {
    pub fn of_session(name: SessionName, born_s: i64) -> Self {
        Marks { session: Some(name), handles: None, since_s: born_s }
    }

    /// `seen_s`: when this gate met the token first. Whatever its issuer's clock says, it is no younger than that.
    pub fn of_token(handles: &Arc<Handles>, seen_s: i64) -> Self {
        let issued_s = handles.issued_s.unwrap_or(i64::MIN);
        Marks { session: None, handles: Some(handles.clone()), since_s: issued_s.min(seen_s) }
    }
}
