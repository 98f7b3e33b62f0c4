//! The closed lists that say who someone is: account, login, level, evidence.
//!
//! Each word is spelled once and shared by TOML, metrics, log and pages. Nothing here decides anything.

use crate::wire::words::words;

words! {
    /// What kind of account stands behind a credential.
    pub enum Account {
        Citizen = "citizen",
        Organization = "organization",
        Official = "official",
        Service = "service",
        Anonymous = "anonymous",
        Unknown = "unknown",
    }
}

words! {
    /// How the session was born.
    pub enum Login {
        Vneid = "vneid",
        NationalPortal = "national-portal",
        Password = "password",
        ClientCredentials = "client-credentials",
        None = "none",
        Unknown = "unknown",
    }
}

words! {
    /// What the gate could establish about one credential.
    pub enum Evidence {
        /// No credential at all.
        None = "none",
        Valid = "valid",
        Expired = "expired",
        Invalid = "invalid",
        Revoked = "revoked",
        /// An opaque session that the gate never saw being born.
        Unbound = "unbound",
        /// What is needed to judge it (a key set, a store) is not there.
        Unavailable = "unavailable",
        /// A password log-in on its way to the portal.
        Attempt = "attempt",
    }
}

/// Identity assurance level of an account: 0 (not known) to 3. VNeID level 2 is 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    pub const UNKNOWN: Level = Level(0);
    pub const MAX: Level = Level(3);

    /// `None` above 3.
    pub const fn new(level: u8) -> Option<Level> {
        if level <= Self::MAX.0 { Some(Level(level)) } else { None }
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    /// The digit, as it stands in headers and the log.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            0 => "0",
            1 => "1",
            2 => "2",
            _ => "3",
        }
    }
}
