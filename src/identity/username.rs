//! What a typed log-in name hints at: `[[username]]` shapes, first match wins.
//!
//! A hint only: numbers overlap (a mobile number passes the tax-code check one time in eleven), so no shape may let
//! anyone in by itself. `config` checks that for `official`.

use super::words::Account;
use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// One shape and the account it hints at.
#[derive(Clone, Debug)]
pub struct Shape {
    pub matches: Regex,
    pub account: Account,
}

/// The account that the shape of `typed` hints at, after trimming and NFKC; no match is `unknown`.
pub fn account_of(shapes: &[Shape], typed: &str) -> Account {
    let name: String = typed.trim().nfkc().collect();
    shapes.iter().find(|s| s.matches.is_match(&name)).map_or(Account::Unknown, |s| s.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<Shape> {
        let shape = |p: &str, account| Shape { matches: Regex::new(p).unwrap(), account };
        vec![
            shape(r"^(\d{12}|\d{9}|(\+84|0)\d{9})$", Account::Citizen),
            shape(r"^[^@]+@daknong\.gov\.vn$", Account::Official),
        ]
    }

    #[test]
    fn full_width_digits_and_spaces_do_not_hide_a_citizen() {
        for typed in ["001090000001", " 001090000001\t", "００１０９０００００01", "+84912345678"] {
            assert_eq!(account_of(&shapes(), typed), Account::Citizen, "{typed:?}");
        }
        assert_eq!(account_of(&shapes(), "canbo@daknong.gov.vn"), Account::Official);
        assert_eq!(account_of(&shapes(), "canbo@daknong.gov.vn.evil.example"), Account::Unknown);
    }
}
