//! A closed list of words: the spelling of an enum that TOML, metrics, log and pages share.

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
