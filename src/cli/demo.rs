//! `vneid-gate demo`: the shipped policy in front of a small built-in portal, on loopback, without a network.
//!
//! The policy is written into a directory of its own and run from there like any other: whoever edits it sees the gate
//! take the change over. Only what the shipped policy marks as the operators' to answer is filled in.

use super::output::{fail, print};
use super::run;
use crate::config::read_directory;
use crate::demo::{self, Addresses, Stage};
use crate::diagnostic::render;
use crate::serve;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The shipped policy, as it stands in `policies/daknong`.
const SHIPPED: [(&str, &str); 7] = [
    ("gate.toml", include_str!("../../policies/daknong/gate.toml")),
    ("portal.toml", include_str!("../../policies/daknong/portal.toml")),
    ("identity.toml", include_str!("../../policies/daknong/identity.toml")),
    ("rules.toml", include_str!("../../policies/daknong/rules.toml")),
    ("invariants.toml", include_str!("../../policies/daknong/invariants.toml")),
    ("sso.toml", include_str!("../../policies/daknong/sso.toml")),
    ("tests.toml", include_str!("../../policies/daknong/tests.toml")),
];

/// Why the demo cannot be shown.
#[derive(Debug, thiserror::Error)]
enum CannotShow {
    #[error("no free port on 127.0.0.1: {0}")]
    Port(std::io::Error),
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("the shipped policy no longer has the line that the demo fills in: {0}")]
    Moved(String),
    #[error("the policy of the demo is not fine:\n{0}")]
    Policy(String),
    #[error(transparent)]
    Serve(#[from] serve::CannotServe),
    #[error(transparent)]
    Key(#[from] demo::NoKey),
}

pub(super) fn demo() -> ExitCode {
    run::start_log(log::LevelFilter::Warn);
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

fn show() -> Result<(), CannotShow> {
    let mut taken = Vec::new();
    let mut port = |wanted: u16| free_port(wanted, &mut taken).map_err(CannotShow::Port);
    let (gate, admin) = (port(8080)?, port(9180)?);
    let addresses = Addresses { portal: port(0)?, vneid: port(0)?, national_portal: port(0)?, sso: port(0)? };
    drop(taken);
    let stage = Stage { gate_url: format!("http://{gate}"), admin_url: format!("http://{admin}"), addresses };
    let directory = std::env::temp_dir().join(format!("vneid-gate-demo-{}", std::process::id()));
    write_policy(&directory, &fill_in(gate, admin, &addresses)?)?;
    let shown = present(&directory, &stage);
    // What cannot be removed is a few small files in the temporary folder.
    let _ = std::fs::remove_dir_all(&directory);
    shown
}

fn present(directory: &Path, stage: &Stage) -> Result<(), CannotShow> {
    let loaded = read_directory(directory);
    let settings = loaded.settings.ok_or_else(|| CannotShow::Policy(render(&loaded.diagnostics, &loaded.sources)))?;
    let prepared = serve::prepare(directory, settings, loaded.digest)?;
    let services = demo::services(stage)?;
    let text = format!(
        "{}\nThe policy lies in {}: edit it and watch the gate take it over.\n\
         The audit log is audit.jsonl beside it.\n\n",
        demo::introduction(stage),
        directory.display()
    );
    let own = directory.to_owned();
    // What cannot be removed is a few small files in the temporary folder.
    let tidy = move || drop(std::fs::remove_dir_all(&own));
    // Nobody need read it: the gate serves all the same.
    let announce = move || {
        let _ = print(&text, 0);
    };
    prepared.run(services, announce, tidy);
    Ok(())
}

/// The first port that is free, the wanted one if it is. Kept open in `taken` until all are chosen.
fn free_port(wanted: u16, taken: &mut Vec<TcpListener>) -> std::io::Result<SocketAddr> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = bind(wanted).or_else(|_| bind(0))?;
    let address = listener.local_addr()?;
    taken.push(listener);
    Ok(address)
}

/// The shipped files with the operators' answers for this machine.
fn fill_in(gate: SocketAddr, admin: SocketAddr, at: &Addresses) -> Result<Vec<(&'static str, String)>, CannotShow> {
    let answers = [
        ("gate.toml", "\"0.0.0.0:8080\"", format!("\"{gate}\"")),
        ("gate.toml", "\"127.0.0.1:9180\"", format!("\"{admin}\"")),
        ("gate.toml", "\"127.0.0.1:8081\"", format!("\"{}\"", at.portal)),
        ("gate.toml", "path = \"stdout\"", "path = \"audit.jsonl\"".into()),
        ("gate.toml", "# secret_file = \"/etc/vneid-gate/secret\"", "secret_file = \"secret\"".into()),
        (
            "portal.toml",
            "hosts     = [\"dichvucong.daknong.gov.vn\"]",
            "hosts     = [\"dichvucong.daknong.gov.vn\", \"127.0.0.1\", \"localhost\"]".into(),
        ),
        ("identity.toml", "\"sso.dancuquocgia.gov.vn\"", format!("\"{}\"", at.vneid)),
        ("identity.toml", "\"xacthuc.dichvucong.gov.vn\"", format!("\"{}\"", at.national_portal)),
        (
            "sso.toml",
            "\"https://ssodvc.daknong.gov.vn/auth/realms/digo/protocol/openid-connect/certs\"",
            format!("\"{}\"", at.jwks_url()),
        ),
        ("sso.toml", "\"https://ssodvc.daknong.gov.vn/auth/realms/digo\"", format!("\"{}\"", at.issuer())),
    ];
    let mut files: Vec<(&str, String)> = SHIPPED.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    for (file, blank, answer) in &answers {
        let text = files.iter_mut().find(|(name, _)| name == file).map(|(_, text)| text);
        match text {
            Some(text) if text.contains(blank) => *text = text.replacen(blank, answer, 1),
            _ => return Err(CannotShow::Moved((*blank).to_owned())),
        }
    }
    files.push(("secret", (0..4).map(|_| format!("{:016x}", rand::random::<u64>())).collect()));
    Ok(files)
}

fn write_policy(directory: &Path, files: &[(&str, String)]) -> Result<(), CannotShow> {
    let cannot_write = |path: &Path| {
        let path = path.to_owned();
        move |source| CannotShow::Write { path, source }
    };
    std::fs::DirBuilder::new().mode(0o700).create(directory).map_err(cannot_write(directory))?;
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(cannot_write(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_policy_has_every_line_that_the_demo_fills_in() {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses { portal: at(1), vneid: at(2), national_portal: at(3), sso: at(4) };
        let files = fill_in(at(5), at(6), &addresses).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("policy");
        write_policy(&inside, &files).unwrap();
        let loaded = read_directory(&inside);
        assert!(loaded.settings.is_some(), "{}", render(&loaded.diagnostics, &loaded.sources));
    }
}
