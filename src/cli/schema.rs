//! `vneid-gate schema`: the JSON Schema of the policy files, for editors.

use super::voice::said;
use crate::config::schema;
use std::process::ExitCode;

pub(super) fn schema() -> ExitCode {
    said(format!("{:#}\n", schema::schema()), 0)
}
