//! `vneid-gate schema`: the JSON Schema of the policy files, for editors.

use super::output::print;
use crate::config::schema;
use std::process::ExitCode;

pub(super) fn schema() -> ExitCode {
    print(format!("{:#}\n", schema::schema()), 0)
}
