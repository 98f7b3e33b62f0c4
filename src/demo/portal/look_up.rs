//! Looking up how far along a case is.
//!
//! Open to everyone who knows a case number: procedure, date and state, never the applicant or what they wrote.

use super::session::Visitor;
use super::{Portal, pages};
use crate::demo::web::Answer;

impl Portal {
    /// The form alone, or with what was found. `asked` is the number as typed; empty for the form.
    pub(crate) fn look_up(&self, visitor: &Visitor, asked: &str) -> Answer {
        let found = self.cases.find(asked);
        pages::look_up(visitor, asked, found.as_ref())
    }
}
