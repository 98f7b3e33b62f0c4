//! The sentences in English.
//!
//! Page for page what `vi` says. Words that stand on the portal's buttons stay Vietnamese, are marked as such,
//! and are translated beside.

use super::super::Kind;
use super::{Labels, Link, Note, Text, Work, trouble_en as trouble};
use crate::policy::page::Page;

pub(super) const LABELS: Labels = Labels {
    system: "Information System for Administrative Procedures",
    name: "English",
    code: "Support code",
    code_help: "Need help? Read this code to the help desk. Never give your password or an OTP code to anyone.",
    reason: "Reason code",
    why: "The rule that applies:",
    new_tab: "opens in a new tab",
    work,
};

fn work(work: Work) -> (&'static str, &'static str) {
    match work {
        Work::LogInAndResend => (
            "What you just sent has not reached the system",
            "Please keep this tab open. Open a new tab and log in there, then come back here and press the browser’s Back \
             button: what you typed is usually still there. Check it and send it again.",
        ),
        Work::Resend => (
            "What you just sent has not reached the system",
            "Please keep this tab open. Press the browser’s Back button: what you typed is usually still there, and you can \
             send it again later or copy it to another place.",
        ),
        Work::MayHaveArrived => (
            "What you just sent may have reached the system",
            "Before you send it again, please look at the list of your applications, so that nothing is filed twice. If it \
             is not there, press the browser’s Back button: what you typed is usually still there.",
        ),
    }
}

pub(super) fn text(kind: Kind) -> &'static Text {
    match kind {
        Kind::Refused(Page::UseVneid) => &USE_VNEID,
        Kind::Refused(Page::RaiseLevel) => &RAISE_LEVEL,
        Kind::Refused(Page::LogIn) => &LOG_IN,
        Kind::Refused(Page::UseNationalPortal) => &USE_NATIONAL_PORTAL,
        Kind::Refused(Page::NotPermitted) => &NOT_PERMITTED,
        Kind::LogInFirst => &LOG_IN_FIRST,
        Kind::AmbiguousRequest => &trouble::AMBIGUOUS_REQUEST,
        Kind::MethodNotAllowed => &trouble::METHOD_NOT_ALLOWED,
        Kind::TooLarge => &trouble::TOO_LARGE,
        Kind::HeaderTooLarge => &trouble::HEADER_TOO_LARGE,
        Kind::UnknownHost => &trouble::UNKNOWN_HOST,
        Kind::NotSupported => &trouble::NOT_SUPPORTED,
        Kind::UpstreamUnavailable => &trouble::UPSTREAM_UNAVAILABLE,
        Kind::RequestTimeout => &trouble::REQUEST_TIMEOUT,
        Kind::UpstreamTimeout => &trouble::UPSTREAM_TIMEOUT,
        Kind::IdentityUnavailable => &trouble::IDENTITY_UNAVAILABLE,
        Kind::Internal => &trouble::INTERNAL,
    }
}

const HOW_TO_LOG_IN: &str = "How to log in";

const NO_ACCOUNT_YET: Note = Note {
    heading: "No VNeID account yet?",
    body: "Register as the Ministry of Public Security explains (see the user guide) at:",
    link: Some(Link::Vneid),
};
const FOR_ORGANIZATIONS: Note = Note {
    heading: "Acting for an organisation or enterprise?",
    body: "Organisations and enterprises log in with their account of the National Public Service Portal:",
    link: Some(Link::NationalPortal),
};
const FOR_CITIZENS: Note = Note {
    heading: "Are you a citizen?",
    body: "Citizens log in with their VNeID account, level 2. The guide is at:",
    link: Some(Link::Vneid),
};
const ONE_STOP_DESK: Note =
    Note { heading: "Need to file something now?", body: "The one-stop service desk can advise you.", link: None };

const USE_VNEID: Text = Text {
    heading: "Please log in with your VNeID account",
    summary: "Since 1 July 2024 citizens log in with their VNeID electronic identity account (level 2) only.",
    lead: &[
        "Since <strong>1 July 2024</strong> citizens use this system with their <strong>VNeID electronic identity account, \
         level 2</strong>, only. The system’s own password no longer works for logging in.",
        "If you were logged in with your former account, that session has been ended. What you filed before is kept.",
    ],
    button: Some("Log in with VNeID"),
    steps_heading: HOW_TO_LOG_IN,
    steps: &[
        "Open the home page of the system and choose <strong lang=\"vi\">“Đăng nhập”</strong> (Log in).",
        "Choose <strong lang=\"vi\">“Đăng nhập bằng tài khoản định danh điện tử cấp bởi Bộ Công an”</strong> (Log in with the \
         electronic identity account issued by the Ministry of Public Security).",
        "Enter your citizen identity number and the password of your VNeID account.",
        "Enter the OTP code just sent to your phone and choose <strong lang=\"vi\">“Đăng nhập”</strong> (Log in).<br>\
         Instead of steps 3 and 4 you can scan the QR code with the VNeID app on your phone.",
        "Once logged in, you are brought back to the system and can go on.",
    ],
    notes: &[
        NO_ACCOUNT_YET,
        Note {
            heading: "VNeID account still at level 1?",
            body: "Take your identity card to the commune police in person to register for level 2, then log in again.",
            link: None,
        },
        FOR_ORGANIZATIONS,
    ],
    basis: Some(
        "Based on: official letter 3781/UBND-NC of 1 July 2024 of the People’s Committee of Đắk Nông Province; notice \
         27/TB-STTTT of 28 June 2024 of the Department of Information and Communications.",
    ),
};

const RAISE_LEVEL: Text = Text {
    heading: "A VNeID account of level 2 is needed",
    summary: "The VNeID account just used is not confirmed to be at level 2, which administrative procedures need.",
    lead: &[
        "You are logged in with VNeID. The account is at level 1, however, or the system was not told its level. \
         Administrative procedures online need an account of <strong>level 2</strong>.",
        "What you filed before is kept.",
    ],
    button: Some("Log in with VNeID again"),
    steps_heading: "How to register for level 2",
    steps: &[
        "Go to the commune police in person. Take your valid identity card and your phone with you.",
        "Ask to register for an electronic identity account of level 2, and follow the officer’s guidance.",
        "When you are notified, activate the level 2 account in the VNeID app.",
        "Log in to this system with VNeID again.",
    ],
    notes: &[
        Note {
            heading: "Is your account at level 2 already?",
            body: "Log out and log in again. If you still meet this page, please read the support code below to the help desk.",
            link: None,
        },
        Note {
            heading: "Guide",
            body: "The Ministry of Public Security explains registration and activation at:",
            link: Some(Link::Vneid),
        },
        ONE_STOP_DESK,
    ],
    basis: None,
};

const LOG_IN: Text = Text {
    heading: "Please log in",
    summary: "This page is for people who are logged in. You are not logged in, or your session has expired or was ended.",
    lead: &[
        "This page is for people who are logged in. You may not be logged in yet, or your session has expired or was ended.",
    ],
    button: Some("Log in"),
    steps_heading: HOW_TO_LOG_IN,
    steps: &[
        "Open the home page of the system and choose <strong lang=\"vi\">“Đăng nhập”</strong> (Log in).",
        "Choose your kind of account: citizens use VNeID, level 2; organisations and enterprises use their account of the \
         National Public Service Portal.",
        "Once logged in, open the page you need again.",
    ],
    notes: &[NO_ACCOUNT_YET, FOR_ORGANIZATIONS],
    basis: None,
};

const LOG_IN_FIRST: Text = Text {
    heading: "Please log in to go on",
    summary: "This needs a log-in. You are not logged in, or your session has expired; nothing has been done yet.",
    lead: &[
        "This needs a log-in. You may not be logged in yet, or your session expired while you were working. <strong>If you \
         just sent something, it has not reached the system.</strong>",
        "Please <strong>keep this tab open</strong> and follow these steps, so that you need not type it again.",
    ],
    button: Some("Log in"),
    steps_heading: "So that you need not type it again",
    steps: &[
        "Open a <strong>new tab</strong> and log in there: citizens use VNeID, level 2; organisations and enterprises use their account of \
         the National Public Service Portal.",
        "Then come back to this tab and press the browser’s <strong>Back</strong> button. What you typed is usually still there.",
        "Check it, attach files again if needed, and send it once more.",
    ],
    notes: &[NO_ACCOUNT_YET, FOR_ORGANIZATIONS],
    basis: None,
};

const USE_NATIONAL_PORTAL: Text = Text {
    heading: "Organisations log in with their National Public Service Portal account",
    summary: "Organisations and enterprises log in to this system with their account of the National Public Service Portal.",
    lead: &["Organisations and enterprises use this system with their account of the <strong>National Public Service \
         Portal</strong>. What was filed before is kept."],
    button: Some("Go to the log-in page"),
    steps_heading: HOW_TO_LOG_IN,
    steps: &[
        "Open the home page of the system and choose <strong lang=\"vi\">“Đăng nhập”</strong> (Log in).",
        "Choose to log in with an account of the National Public Service Portal.",
        "Log in with the account of your organisation. You are then brought back to the system.",
    ],
    notes: &[
        Note {
            heading: "No account for your organisation yet?",
            body: "The National Public Service Portal explains how to get one:",
            link: Some(Link::NationalPortal),
        },
        Note {
            heading: "From 1 July 2025",
            body: "Under Article 40(4) of Decree 69/2024/NĐ-CP, accounts that public service portals issued to organisations \
                   are valid until the end of 30 June 2025; after that, organisations use their own electronic identity \
                   account. The guide is at:",
            link: Some(Link::Vneid),
        },
        FOR_CITIZENS,
    ],
    basis: Some(
        "Based on: official letter 3781/UBND-NC of 1 July 2024 of the People’s Committee of Đắk Nông Province.",
    ),
};

const NOT_PERMITTED: Text = Text {
    heading: "This account is not permitted to do this",
    summary: "Under the rules that apply, the account in use cannot do this.",
    lead: &[
        "The system has received your request. Under the rules that apply, the account in use cannot do this.",
        "If you think that this is a mistake, please contact the help desk and read out the support code below.",
    ],
    button: Some("Log in with another account"),
    steps_heading: "",
    steps: &[],
    notes: &[FOR_CITIZENS, FOR_ORGANIZATIONS],
    basis: None,
};
