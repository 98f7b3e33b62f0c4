//! Who asks, and how the question is put: what goes into an explanation and what comes out of it of one person.

use crate::identity::Principal;
use crate::identity::check::Check;
use crate::policy::Bucket;
use crate::policy::trace::TraceStep;
use jiff::Timestamp;
use std::net::IpAddr;

/// How the question is put, beside the request.
pub(super) struct Terms<'s> {
    pub people: &'s [Principal],
    pub client: IpAddr,
    pub client_is_given: bool,
    pub lot: Option<Bucket>,
    pub at: Timestamp,
    pub https: bool,
}

/// One who asks, and the rules as they met them.
pub(super) struct Asker<'s> {
    pub principal: Principal,
    /// What shows them, in words that repeat nothing of it.
    pub shown: String,
    /// How the credential was judged; `None` where nothing was.
    pub check: Option<Check>,
    pub note: Option<String>,
    /// Whether it is shown by a cookie; `None` where nobody knows.
    pub in_cookie: Option<bool>,
    pub steps: Vec<TraceStep<'s>>,
}
