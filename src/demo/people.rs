//! The invented people of the demo.
//!
//! A handful of invented people and one invented organisation. No number here was issued to anyone on purpose: the
//! tax code breaks the rule that digits 3 to 9 are not all zero. Nothing here knows how they log in.

use crate::identity::{Account, Level, Login};

/// The password of every old account of the demo.
pub(super) const PASSWORD: &str = "matkhau-demo";

/// One invented person or organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub name: &'static str,
    /// Personal ID number (12 digits), tax code (10 digits) or e-mail address: what the portal knows them by.
    pub number: &'static str,
    pub account: Account,
    /// Level of the VNeID account; 0 where there is none.
    pub level: Level,
}

/// Somebody, and the way they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignedIn {
    pub person: Person,
    pub login: Login,
}

const fn level(number: u8) -> Level {
    match Level::new(number) {
        Some(level) => level,
        None => Level::UNKNOWN,
    }
}

/// Has an old password account at the portal and a VNeID account of level 2.
pub(super) const AN: Person =
    Person { name: "Nguyễn Văn An", number: "001090000001", account: Account::Citizen, level: level(2) };
/// VNeID level 2 only; filed the case that the look-up page shows.
pub(super) const BINH: Person =
    Person { name: "Trần Thị Bình", number: "067195000002", account: Account::Citizen, level: level(2) };
/// VNeID level 1 only.
pub(super) const CHI: Person =
    Person { name: "Lê Thị Chi", number: "067199000003", account: Account::Citizen, level: level(1) };
pub(super) const OFFICIAL: Person = Person {
    name: "Cán bộ một cửa",
    number: "canbo@daknong.gov.vn",
    account: Account::Official,
    level: Level::UNKNOWN,
};
pub(super) const COMPANY: Person = Person {
    name: "Công ty TNHH Diễn Tập",
    number: "0600000001",
    account: Account::Organization,
    level: Level::UNKNOWN,
};

/// Whose password the portal takes.
pub(super) const WITH_PASSWORD: &[Person] = &[AN, OFFICIAL];
/// Who has a VNeID account.
pub(super) const WITH_VNEID: &[Person] = &[AN, BINH, CHI];

/// The one with this number.
pub(super) fn find(people: &[Person], number: &str) -> Option<Person> {
    people.iter().find(|person| person.number == number).copied()
}
