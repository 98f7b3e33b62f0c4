//! The English sentences for disturbances: page for page what `trouble_vi` says.

use super::Text;

const WHAT_TO_TRY: &str = "What you can try";
const STILL_HERE: &str = "If you still meet this page, please read the support code below to the help desk.";

pub(super) const AMBIGUOUS_REQUEST: Text = trouble(
    "The request could not be read",
    "The request can be read in more than one way, so it was stopped to be safe.",
    &["The request can be read in more than one way, so the system stopped it to keep you safe."],
    &[
        "Open the home page of the system and go to the page you need from there.",
        "If you followed a link that someone sent you, check that it is complete.",
        "If you still meet this page, clear this site’s browsing data (cookies) in your browser and try again.",
    ],
);

pub(super) const METHOD_NOT_ALLOWED: Text = trouble(
    "This page does not take what was just done",
    "The address exists, but it does not take this method.",
    &["The address exists, but it does not take what was just done."],
    &["Open the home page and go to the page you need from there.", STILL_HERE],
);

pub(super) const TOO_LARGE: Text = trouble(
    "What was sent is too large",
    "What was sent is larger than this page allows.",
    &["What was sent is larger than this page allows."],
    &[
        "Make attached files smaller, for instance by saving pictures at a lower resolution.",
        "If possible, send several smaller files.",
    ],
);

pub(super) const HEADER_TOO_LARGE: Text = trouble(
    "The browser sent too much along",
    "The head of the request (address, cookies) is above the limit.",
    &["The request carries too much data that your browser has stored, so the system did not take it."],
    &["Clear this site’s browsing data (cookies) in your browser.", "Open the home page and log in again."],
);

pub(super) const UNKNOWN_HOST: Text = trouble(
    "There is no page at this address",
    "This server does not serve the host name that was asked for.",
    &["This server does not serve the address you opened."],
    &["Check the address in the address bar of your browser.", "Open that address in a new tab."],
);

pub(super) const NOT_SUPPORTED: Text = Text {
    button: Some("Open the log-in page"),
    ..trouble(
        "The log-in could not be read",
        "The log-in was sent in a format that cannot be read here, so it was not passed on.",
        &["The log-in was sent in a way that the system cannot read, so it was not passed on."],
        &["Open the log-in page again and retry.", "If you still meet this page, use another browser or update yours."],
    )
};

pub(super) const REQUEST_TIMEOUT: Text = trouble(
    "The request did not arrive in time",
    "The request stopped arriving before it was whole, so it was not passed on.",
    &["What you sent stopped on the way, so the system could not take it."],
    &["Check your internet connection, then go back and send it again.", STILL_HERE],
);

pub(super) const UPSTREAM_UNAVAILABLE: Text = trouble(
    "The system is interrupted for a moment",
    "The system cannot be reached at present.",
    &["The system cannot be reached at present. The cause is neither your device nor your account."],
    &["Wait a few minutes, then open the page you need again.", STILL_HERE],
);

pub(super) const UPSTREAM_TIMEOUT: Text = trouble(
    "The system is slower than expected",
    "The system did not answer in time.",
    &["The system has not answered in time. The cause is neither your device nor your account."],
    &["Wait a few minutes, then open the page you need again.", STILL_HERE],
);

pub(super) const IDENTITY_UNAVAILABLE: Text = trouble(
    "Log-ins cannot be confirmed at the moment",
    "The service that confirms log-ins does not respond, so the request was not handled.",
    &[
        "The service that confirms log-ins does not respond at the moment. To be safe, the system has not handled your request. \
       Your account is not affected.",
    ],
    &["Wait a few minutes, then open the page you need again.", STILL_HERE],
);

pub(super) const INTERNAL: Text = trouble(
    "Something went wrong in the system",
    "Something went wrong in the system while it handled the request.",
    &["Something went wrong while the system handled your request. The cause is neither your device nor your account."],
    &["Wait a few minutes, then open the page you need again.", STILL_HERE],
);

/// What happened, and what may help.
const fn trouble(
    heading: &'static str,
    summary: &'static str,
    lead: &'static [&'static str],
    steps: &'static [&'static str],
) -> Text {
    Text { heading, summary, lead, button: None, steps_heading: WHAT_TO_TRY, steps, notes: &[], basis: None }
}
