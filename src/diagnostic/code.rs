//! Every kind of finding, with a stable number and a name.
//!
//! The hundreds group them: 1 reading files, 2 single values, 3 names and references, 4 what the whole policy means.

/// A stable identifier, printed as `vg0101`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(&'static str);

impl Code {
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

pub const NO_POLICY: Code = Code("vg0101");
pub const UNREADABLE_FILE: Code = Code("vg0102");
pub const TOML_SYNTAX: Code = Code("vg0103");
pub const NOT_YET_SUPPORTED: Code = Code("vg0104");

pub const UNKNOWN_KEY: Code = Code("vg0201");
pub const MISSING_KEY: Code = Code("vg0202");
pub const WRONG_TYPE: Code = Code("vg0203");
pub const BAD_VALUE: Code = Code("vg0204");
pub const UNKNOWN_WORD: Code = Code("vg0205");
pub const UNUSABLE_FILE: Code = Code("vg0206");
pub const IN_THE_CLEAR: Code = Code("vg0207");

pub const DUPLICATE_NAME: Code = Code("vg0301");
pub const UNKNOWN_NAME: Code = Code("vg0302");
pub const DUPLICATE_TABLE: Code = Code("vg0303");
pub const DUPLICATE_PATTERN: Code = Code("vg0304");
pub const CONFLICTING_KEYS: Code = Code("vg0305");

pub const TEST_FAILED: Code = Code("vg0401");
pub const LOGIN_PAGE_CLOSED: Code = Code("vg0402");
pub const OFFICIAL_BY_NAME_ONLY: Code = Code("vg0403");
pub const REVIEW_DUE: Code = Code("vg0404");
pub const RULE_ENDED: Code = Code("vg0405");
pub const NEEDS_RESTART: Code = Code("vg0406");
pub const KEY_LEFT_OUT: Code = Code("vg0407");
pub const POLICY_TOO_LARGE: Code = Code("vg0408");
pub const INVARIANT_BROKEN: Code = Code("vg0409");
pub const DEAD_RULE: Code = Code("vg0410");
pub const INVARIANT_OF_NOBODY: Code = Code("vg0411");
pub const LOGOUTS_FORGOTTEN: Code = Code("vg0412");
pub const REVOKED_LET_IN: Code = Code("vg0413");
pub const WEAK_SUCCESS: Code = Code("vg0414");
pub const NO_CLEAN_START: Code = Code("vg0415");
pub const NOBODY_REMEMBERED: Code = Code("vg0416");
