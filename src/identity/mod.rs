//! Who is asking, and how do we know?
//!
//! Finds every credential on a request, says who judges each, and verifies what can be verified by itself. Looks nothing
//! up: `authn` does, and turns each credential into a [`Principal`]. Knows no proxy, no clock, no metrics: the caller passes
//! the time and counts the outcome.

pub mod assertion;
pub mod authenticated;
pub mod check;
pub mod claimed;
pub mod claims;
pub mod credential;
pub mod destination;
pub mod discovery;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod flow;
pub mod introspection;
pub mod keys;
pub mod logout_token;
pub mod presented;
pub mod principal;
pub mod probe;
pub mod registered;
pub mod session;
pub mod token;
pub mod username;
pub mod words;

pub use authenticated::{Authenticated, Identifiers, SessionFound};
pub use credential::{Credential, Identity, SiteId};
pub use presented::Presented;
pub use principal::{CredentialId, Facts, Principal, Pseudonym, Subject};
pub use session::{Born, SessionKey, SessionName};
pub use words::{Account, Evidence, Level, Login};
