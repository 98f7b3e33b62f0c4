//! The language that an answer is written in first.
//!
//! Vietnamese, unless `Accept-Language` prefers English (RFC 9110 §12.5.4). Other languages are not known; a page
//! carries both, so a wrong guess costs a scroll.

use super::weighted::weighted;
use http::{HeaderMap, header::ACCEPT_LANGUAGE};

/// A language that answers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Vi,
    En,
}

impl Language {
    /// The language tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Language::Vi => "vi",
            Language::En => "en",
        }
    }

    /// The language that comes second on a page.
    pub const fn other(self) -> Language {
        match self {
            Language::Vi => Language::En,
            Language::En => Language::Vi,
        }
    }
}

/// The language of the answer. A header that is absent, malformed or undecided means Vietnamese.
pub fn language(headers: &HeaderMap) -> Language {
    let ranges = weighted(headers, &ACCEPT_LANGUAGE).unwrap_or_default();
    let weight = |wanted: &str| {
        let primary = |range: &str| range.split('-').next().is_some_and(|tag| tag.eq_ignore_ascii_case(wanted));
        ranges.iter().filter(|(range, _)| primary(range)).map(|(_, weight)| *weight).max()
    };
    let any = weight("*").unwrap_or(0);
    if weight("en").unwrap_or(any) > weight("vi").unwrap_or(any) { Language::En } else { Language::Vi }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> Language {
        language(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, value.parse().unwrap())]))
    }

    #[test]
    fn vietnamese_is_the_default() {
        assert_eq!(language(&HeaderMap::new()), Language::Vi);
        for value in ["vi-VN,vi;q=0.9,en;q=0.8", "fr", "*", "en;q=0", "vi;q=0", "en, vi", "en;q=0.3, *", "", "en;q=7"] {
            assert_eq!(asked(value), Language::Vi, "{value}");
        }
    }

    #[test]
    fn english_comes_first_where_it_is_preferred() {
        for value in ["en-US,en;q=0.9", "EN", "fr-FR,fr;q=0.9,en;q=0.8", "vi;q=0.5,en-GB;q=0.6", "vi;q=0,*;q=0.5"] {
            assert_eq!(asked(value), Language::En, "{value}");
        }
    }
}
