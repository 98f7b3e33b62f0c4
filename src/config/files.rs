//! Reads all `*.toml` files of a policy directory in name order. An empty or missing directory is an error, never
//! "no rules".

use super::Settings;
use crate::diagnostic::{Diagnostic, Source, code};
use aws_lc_rs::digest;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// Several times what the largest policy needs.
const BYTES_MAX: u64 = 32 << 20;

/// A policy directory as it was read at one moment.
#[derive(Debug)]
pub struct Loaded {
    pub sources: Vec<Source>,
    /// Absent when any diagnostic is an error.
    pub settings: Option<Settings>,
    pub diagnostics: Vec<Diagnostic>,
    /// Hex digits that change when a file does.
    pub digest: String,
}

/// Reads and builds in one go, as of now.
pub fn read_directory(directory: &Path) -> Loaded {
    read_directory_at(directory, Timestamp::now())
}

/// Reads and builds in one go. `now` is when tests ask that name no moment, and what is past.
pub fn read_directory_at(directory: &Path, now: Timestamp) -> Loaded {
    match sources(directory) {
        Ok(sources) => {
            let (settings, diagnostics) = super::build(&sources, directory, now);
            Loaded { digest: digest_of(&sources), sources, settings, diagnostics }
        }
        Err(finding) => Loaded { sources: vec![], settings: None, diagnostics: vec![finding], digest: String::new() },
    }
}

/// The digest of the policy files, and age and size of the other files it names: cheap enough to look every second
/// whether something changed, and indifferent to how an editor replaces files.
pub fn fingerprint(directory: &Path, others: &[PathBuf]) -> Option<String> {
    let mut print = sources(directory).ok().map(|s| digest_of(&s))?;
    for other in others {
        let meta = std::fs::metadata(other).ok();
        let age = meta.as_ref().and_then(|m| m.modified().ok());
        print.push_str(&format!("|{age:?}{:?}", meta.map(|m| m.len())));
    }
    Some(print)
}

/// The policy files, in name order.
pub fn sources(directory: &Path) -> Result<Vec<Source>, Diagnostic> {
    let shown = directory.display();
    let no_policy = |what: String| {
        Diagnostic::error(code::NO_POLICY, what).help("a policy directory holds at least one file ending in .toml")
    };
    let entries =
        std::fs::read_dir(directory).map_err(|e| no_policy(format!("cannot read directory `{shown}`: {e}")))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| no_policy(format!("cannot read directory `{shown}`: {e}")))?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        // Editors leave hidden files beside the one they save.
        if path.extension().is_some_and(|e| e == "toml") && !name.starts_with('.') {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(no_policy(format!("no policy in `{shown}`: it has no file ending in .toml")));
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| match text(&path) {
            Ok(text) => Ok(Source { name: path.display().to_string(), text }),
            Err(e) => Err(Diagnostic::error(code::UNREADABLE_FILE, format!("cannot read `{}`: {e}", path.display()))
                .help("policy files are UTF-8 text")),
        })
        .collect()
}

fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.utf8_error()))
}

/// Reads a regular file as a whole. A device or a pipe might never end, and no policy would be loaded again.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if found.len() > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it has more than {} MiB", BYTES_MAX >> 20)));
    }
    std::fs::read(path)
}

fn digest_of(sources: &[Source]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for source in sources {
        let name = source.name.rsplit('/').next().unwrap_or_default();
        for part in [name, &source.text] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
    }
    context.finish().as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect()
}
