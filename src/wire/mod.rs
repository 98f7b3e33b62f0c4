//! How bytes of strangers are read: in one way, or not at all.
//!
//! Requests, answers and their fields as they stand on the wire; nothing here knows of people or rules.

pub mod cookie;
pub mod form;
pub mod forwarded;
pub mod json;
pub mod language;
pub mod redact;
pub mod set_cookie;
pub mod spelling;
pub mod target;
pub mod weighted;
pub mod words;
