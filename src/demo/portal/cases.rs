//! The applications that were filed.
//!
//! A bounded list with running numbers. Who may see a case is asked where it is shown; here are only the facts. It
//! knows no page and no session.

use crate::demo::people;
use crate::demo::shelf::Shelf;
use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

const CASES: usize = 1_000;
/// The longest description, in characters.
pub(super) const NOTE_LENGTH_MAX: usize = 1_000;
/// The case that is there from the start, for the look-up page.
pub(super) const SAMPLE_NUMBER: &str = "DN-000001";

/// What one may apply for: code in the form, name on the page.
pub(super) const PROCEDURES: &[(&str, &str)] = &[
    ("ngan-sach", "Đăng ký mã số đơn vị có quan hệ với ngân sách"),
    ("ho-tich", "Cấp bản sao trích lục hộ tịch"),
    ("xay-dung", "Cấp giấy phép xây dựng nhà ở riêng lẻ"),
];

/// One application.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// `DN-` and six digits.
    pub number: String,
    /// The applicant's number, as the portal knows them.
    pub owner: String,
    pub procedure: &'static str,
    pub note: String,
    pub filed_at: Timestamp,
}

pub(super) struct Cases(Mutex<Inner>);

struct Inner {
    filed: u32,
    shelf: Shelf<Case>,
}

impl Cases {
    pub(super) fn with_sample(now: Timestamp) -> Self {
        let cases = Cases(Mutex::new(Inner { filed: 0, shelf: Shelf::new(CASES) }));
        if let Some((_, procedure)) = PROCEDURES.first() {
            cases.file(people::BINH.number, procedure, "Hồ sơ mẫu có sẵn trong bản diễn tập", now);
        }
        cases
    }

    pub(super) fn file(&self, owner: &str, procedure: &'static str, note: &str, now: Timestamp) -> Case {
        let mut inner = self.inner();
        inner.filed = inner.filed.wrapping_add(1);
        let number = format!("DN-{:06}", inner.filed);
        let note = note.chars().take(NOTE_LENGTH_MAX).collect();
        let case = Case { number: number.clone(), owner: owner.to_owned(), procedure, note, filed_at: now };
        inner.shelf.put(number, case.clone());
        case
    }

    /// By number; case and surrounding space do not matter.
    pub(super) fn find(&self, number: &str) -> Option<Case> {
        self.inner().shelf.look(&number.trim().to_ascii_uppercase()).cloned()
    }

    /// Newest first, at most `count`; of one applicant, or of all.
    pub(super) fn latest(&self, owner: Option<&str>, count: usize) -> Vec<Case> {
        let inner = self.inner();
        let of_owner = |case: &&Case| owner.is_none_or(|owner| case.owner == owner);
        inner.shelf.newest_first().filter(of_owner).take(count).cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.inner().shelf.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_found_as_people_type_its_number() {
        let cases = Cases::with_sample(Timestamp::UNIX_EPOCH);
        assert_eq!(cases.find("  dn-000001 ").unwrap().number, SAMPLE_NUMBER);
        assert!(cases.find("").is_none());
    }

    #[test]
    fn an_applicant_sees_their_own_cases_newest_first() {
        let cases = Cases::with_sample(Timestamp::UNIX_EPOCH);
        for note in ["first", "second"] {
            cases.file("1", "procedure", note, Timestamp::UNIX_EPOCH);
        }
        let notes: Vec<_> = cases.latest(Some("1"), 20).into_iter().map(|case| case.note).collect();
        assert_eq!(notes, ["second", "first"]);
        assert_eq!(cases.latest(None, 2).len(), 2);
    }

    #[test]
    fn a_thousand_cases_are_kept_and_no_more() {
        let cases = Cases::with_sample(Timestamp::UNIX_EPOCH);
        for _ in 0..CASES {
            cases.file("1", "procedure", &"x".repeat(5_000), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(cases.count(), CASES);
        assert!(cases.find(SAMPLE_NUMBER).is_none());
        assert_eq!(cases.find("DN-001001").unwrap().note.len(), NOTE_LENGTH_MAX);
    }
}
