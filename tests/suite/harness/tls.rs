//! Certificates for names on loopback, and requests over TLS and HTTP/2.
//!
//! An authority of its own for each test, and `curl` as the client: an independent implementation of both protocols.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// A certificate authority with a folder of its own.
pub(crate) struct Authority {
    home: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        let name = format!("authority {} of the tests", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("ca.pem"), certificate.pem()).unwrap();
        Authority { home, issuer: Issuer::new(params, key) }
    }

    /// PEM of the authority itself.
    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    /// Files of a certificate and its key for these names.
    pub(crate) fn certify(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (file, key_file) = self.paths(names[0]);
        fs::write(&file, certificate.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        (file, key_file)
    }

    /// Where the certificate for a name and its key are.
    pub(crate) fn paths(&self, name: &str) -> (String, String) {
        let path = |file: String| self.home.path().join(file).to_str().unwrap().to_owned();
        (path(format!("{name}.pem")), path(format!("{name}.key")))
    }
}

/// One call of `curl` to a loopback port.
pub(crate) struct Curl {
    command: Command,
    host: String,
    port: u16,
}

/// What it saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// 0 when there was no answer.
    pub status: u16,
    /// `1.1` or `2`.
    pub version: String,
    /// Head and body as printed.
    pub text: String,
}

impl Curl {
    /// Asks `host`, which is at this port of loopback.
    pub(crate) fn to(host: &str, address: &str) -> Curl {
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut command = Command::new("curl");
        command.args(["--silent", "--include", "--noproxy", "*", "--max-time", "20", "--path-as-is"]);
        command.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
        command.args(["--write-out", "\n%{http_code} %{http_version}"]);
        Curl { command, host: host.to_owned(), port }
    }

    pub(crate) fn trusting(mut self, authority: &Path) -> Curl {
        self.command.arg("--cacert").arg(authority);
        self
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Curl {
        self.command.args(arguments);
        self
    }

    /// Asks for a target over TLS.
    #[track_caller]
    pub(crate) fn https(mut self, target: &str) -> Seen {
        self.command.arg(format!("https://{}:{}{target}", self.host, self.port));
        let output = self.command.output().expect("curl is part of the test setup");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (text, last) = text.rsplit_once('\n').expect("what curl writes at the end");
        let (status, version) = last.split_once(' ').unwrap();
        Seen { status: status.parse().unwrap(), version: version.to_owned(), text: text.to_owned() }
    }
}
