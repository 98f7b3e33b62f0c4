//! The sentences of pages, in both languages.
//!
//! The shape of the sentences on a page; `vi` and `en` hold the sentences. Fields marked *HTML* are markup
//! written in this crate and go out as they are; all others are plain text and are escaped where they are shown.

mod en;
mod trouble_en;
mod trouble_vi;
mod vi;

use super::{Kind, Language};
use crate::policy::page::Page;

/// What one page says in one language.
pub(super) struct Text {
    /// Also the title of the window and of the problem document.
    pub heading: &'static str,
    /// The whole matter in a sentence or two: what a program and a reader of the other language get.
    pub summary: &'static str,
    /// HTML: paragraphs that say what happened.
    pub lead: &'static [&'static str],
    /// What the button to the log-in says; `None` where a log-in does not help.
    pub button: Option<&'static str>,
    pub steps_heading: &'static str,
    /// HTML: what to do, in order.
    pub steps: &'static [&'static str],
    pub notes: &'static [Note],
    /// What the page rests on.
    pub basis: Option<&'static str>,
}

/// One question that some readers have.
pub(super) struct Note {
    pub heading: &'static str,
    /// HTML.
    pub body: &'static str,
    pub link: Option<Link>,
}

/// An address that a note leads to.
#[derive(Clone, Copy)]
pub(super) enum Link {
    /// The guide of the Ministry of Public Security.
    Vneid,
    NationalPortal,
}

/// What became of a form that was on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Not forwarded; can be sent again after a log-in in another tab.
    LogInAndResend,
    /// Not forwarded; can be sent again from the page before.
    Resend,
    /// Perhaps forwarded: look before sending it again.
    MayHaveArrived,
}

/// What every page says in one language.
pub(super) struct Labels {
    /// What the portal is called.
    pub system: &'static str,
    /// This language's own name.
    pub name: &'static str,
    pub code: &'static str,
    pub code_help: &'static str,
    pub reason: &'static str,
    pub why: &'static str,
    pub new_tab: &'static str,
    pub work: fn(Work) -> (&'static str, &'static str),
}

pub(super) fn text(kind: Kind, language: Language) -> &'static Text {
    match language {
        Language::Vi => vi::text(kind),
        Language::En => en::text(kind),
    }
}

pub(super) fn labels(language: Language) -> &'static Labels {
    match language {
        Language::Vi => &vi::LABELS,
        Language::En => &en::LABELS,
    }
}

/// What became of a form; `None` where the page's own steps tell it.
pub(super) fn work(kind: Kind) -> Option<Work> {
    match kind {
        Kind::LogInFirst => None,
        Kind::Refused(Page::UseVneid | Page::LogIn | Page::UseNationalPortal) => Some(Work::LogInAndResend),
        Kind::Refused(Page::RaiseLevel | Page::NotPermitted)
        | Kind::AmbiguousRequest
        | Kind::MethodNotAllowed
        | Kind::TooLarge
        | Kind::HeaderTooLarge
        | Kind::UnknownHost
        | Kind::NotSupported
        | Kind::IdentityUnavailable => Some(Work::Resend),
        Kind::RequestTimeout | Kind::UpstreamUnavailable | Kind::UpstreamTimeout | Kind::Internal => {
            Some(Work::MayHaveArrived)
        }
    }
}
