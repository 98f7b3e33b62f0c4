//! The pages that a rejected person may read.
//!
//! The closed list behind `page = "..."` of a rule. What each page says is written where answers are made; nothing
//! here knows HTML, languages or status codes.

use crate::wire::words::words;

words! {
    /// A page that a rule can name.
    pub enum Page {
        /// Citizens: log in with VNeID, step by step as in the notice.
        UseVneid = "use-vneid",
        /// Citizens whose VNeID account is below level 2, or whose level is not known.
        RaiseLevel = "raise-level",
        /// Anyone who has to log in, with whatever account is theirs.
        LogIn = "log-in",
        /// Organisations and enterprises: an account of the National Public Service Portal.
        UseNationalPortal = "use-national-portal",
        /// The account is known and may not do this; logging in again does not help.
        NotPermitted = "not-permitted",
    }
}
