//! The closed lists that say who someone is: account, login, level, evidence.
//!
//! Each word is spelled once and shared by TOML, metrics, log and pages. Nothing here decides anything.

/// A closed list of words: an enum with its spelling, its order and its parser.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* #[doc = concat!("Spelled `", $word, "`.")] $variant,)+ }

        impl $name {
            /// Every value, in the order of the handbook.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// Every spelling, in the order of [`Self::ALL`].
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The spelling used in TOML, metrics, log and pages.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The value of a spelling; exact, no case folding.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }

            /// A mask with only this value's bit set.
            pub const fn bit(self) -> u32 {
                1 << (self as u32)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

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
