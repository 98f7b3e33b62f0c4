//! `vneid-gate demo`.

use std::process::ExitCode;

pub(super) fn demo() -> ExitCode {
    ExitCode::SUCCESS
}
