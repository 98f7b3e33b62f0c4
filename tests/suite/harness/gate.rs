//! The gate under test: the shipped binary as a process of its own.
//!
//! Writes the policy directory, starts `vneid-gate run`, waits until it says that it is ready or ends, and reads
//! what an operator could read: stderr, `/metrics`, `/status`, the audit file. The process ends with the value.

use super::ask::Ask;
use super::client::{Client, Response};
use super::policy::Policy;
use super::{PATIENCE, eventually};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tempfile::TempDir;

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Exit {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running gate.
pub(crate) struct Gate {
    child: Child,
    home: TempDir,
    ports: BTreeMap<String, u16>,
    policy: Policy,
}

impl Gate {
    /// Starts it and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(policy: &Policy) -> Gate {
        Gate::launch(policy, "/readyz", &[])
    }

    /// Starts it with the most talkative log.
    #[track_caller]
    pub(crate) fn start_talkative(policy: &Policy) -> Gate {
        Gate::launch(policy, "/readyz", &[("RUST_LOG", "trace")])
    }

    /// Starts it and waits until it lives and listens, ready or not.
    #[track_caller]
    pub(crate) fn start_unready(policy: &Policy) -> Gate {
        Gate::launch(policy, "/livez", &[])
    }

    #[track_caller]
    fn launch(policy: &Policy, until: &str, variables: &[(&str, &str)]) -> Gate {
        for _ in 0..5 {
            let mut gate = Gate::spawn(policy, variables);
            match gate.wait_until_up(until) {
                Ok(()) => return gate,
                Err(exit) if exit.stderr.contains("in use") => {}
                Err(exit) => panic!("the gate did not start ({:?}):\n{}{}", exit.code, exit.stdout, exit.stderr),
            }
        }
        panic!("every port was taken, five times");
    }

    fn spawn(policy: &Policy, variables: &[(&str, &str)]) -> Gate {
        let home = TempDir::new().unwrap();
        let (policy, ports) = settle(policy, home.path());
        let child = run(home.path(), variables);
        Gate { child, home, ports, policy }
    }

    /// Ends the process by a signal, without a word (`KILL`) or gracefully (`TERM`), and starts the
    /// next one on the same policy, ports and data.
    #[track_caller]
    pub(crate) fn restart(&mut self, signal: &str) {
        self.signal(signal);
        let _ = self.child.wait();
        self.child = run(self.home.path(), &[]);
        self.wait_until_up("/readyz").unwrap_or_else(|exit| panic!("the next gate did not start:\n{}", exit.stderr));
    }

    fn wait_until_up(&mut self, path: &str) -> Result<(), Exit> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(Exit { code: status.code(), stdout: self.stdout(), stderr: self.stderr() });
            }
            if self.says_ok(path) && self.is_listening("main") {
                return Ok(());
            }
            assert!(Instant::now() < deadline, "not up in time ({path}):\n{}", self.stderr());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn says_ok(&self, path: &str) -> bool {
        let Ok(stream) = std::net::TcpStream::connect(self.address("admin")) else { return false };
        let mut client = Client::on(stream);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes());
        client.maybe_answer().is_some_and(|answer| answer.status == 200)
    }

    fn is_listening(&self, port: &str) -> bool {
        std::net::TcpStream::connect(self.address(port)).is_ok()
    }

    /// The address of a listener, by the name of its `@PORT:name@`.
    #[track_caller]
    pub(crate) fn address(&self, port: &str) -> String {
        format!("127.0.0.1:{}", self.port(port))
    }
    #[track_caller]
    fn port(&self, name: &str) -> u16 {
        *self.ports.get(name).unwrap_or_else(|| panic!("no port `{name}` in this policy"))
    }
    /// A new connection to the main listener.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.address("main"))
    }
    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, ask: &Ask) -> Response {
        self.connect().ask(ask)
    }
    /// Raw bytes on a connection of their own; the first answer, if there is one.
    #[track_caller]
    pub(crate) fn raw(&self, bytes: &[u8]) -> Option<Response> {
        let mut client = self.connect();
        client.send(bytes);
        client.maybe_answer()
    }
    /// One request to another listener.
    #[track_caller]
    pub(crate) fn ask_at(&self, port: &str, ask: &Ask) -> Response {
        Client::connect(&self.address(port)).ask(ask)
    }

    /// The folder of this gate, with its `stdout` and `stderr`.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }
    /// The policy directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.home.path().join("policy")
    }
    /// The folder behind `@DATA@`.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }
    /// The policy with everything filled in, to write a changed one from.
    pub(crate) fn policy(&self) -> Policy {
        self.policy.clone()
    }
    /// Writes a changed policy over the old one and waits until the gate says what it made of it.
    #[track_caller]
    pub(crate) fn reload(&self, policy: &Policy, result: &str) {
        let before = self.metric("vneid_gate_policy_reloads_total", &[("result", result)]);
        self.rewrite(policy);
        self.until_metric("vneid_gate_policy_reloads_total", &[("result", result)], |count| count > before);
    }
    /// Replaces the files one by one by rename, so that no half-written file is seen.
    pub(crate) fn rewrite(&self, policy: &Policy) {
        let (policy, _) = fill(policy, self.home.path(), &self.ports);
        for name in policy.names() {
            let text = policy.text(name);
            if fs::read_to_string(self.directory().join(name)).is_ok_and(|old| old == text) {
                continue;
            }
            let next = self.data().join("next");
            fs::write(&next, text).unwrap();
            fs::rename(&next, self.directory().join(name)).unwrap();
        }
    }

    /// Sends a signal, `HUP` or `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "no signal {name}");
    }
    /// How large a file it may write from now on: 0 is a full disk to it.
    pub(crate) fn limit_file_size(&self, bytes: u64) {
        let limit = if bytes == u64::MAX { "unlimited".to_owned() } else { bytes.to_string() };
        let process = self.child.id().to_string();
        let soft = format!("--fsize={limit}:unlimited");
        let status = Command::new("prlimit").args(["--pid", &process, &soft]).status().unwrap();
        assert!(status.success(), "no limit {limit}");
    }
    /// Waits until the process has ended by itself.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> Exit {
        let status = eventually("the end of the process", || self.child.try_wait().unwrap());
        Exit { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Starts a gate that must end by itself.
    #[track_caller]
    pub(crate) fn refused(policy: &Policy) -> Exit {
        Gate::spawn(policy, &[]).exit()
    }
    /// Runs another command on a policy: `check`.
    #[track_caller]
    pub(crate) fn command(name: &str, policy: &Policy, arguments: &[&str]) -> Exit {
        let home = TempDir::new().unwrap();
        let _ = settle(policy, home.path());
        let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
        let output = command.arg(name).arg(home.path().join("policy")).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Exit { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

fn run(home: &Path, variables: &[(&str, &str)]) -> Child {
    // Else a file that grows over the limit of `limit_file_size` would end the process instead of being an error.
    let mut command = Command::new("env");
    command.args(["--ignore-signal=XFSZ", env!("CARGO_BIN_EXE_vneid-gate"), "run"]);
    command.arg(home.join("policy")).stdin(Stdio::null());
    command.stdout(File::create(home.join("stdout")).unwrap());
    command.stderr(File::create(home.join("stderr")).unwrap());
    command.envs(variables.iter().copied());
    command.spawn().expect("the binary under test")
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.stderr();
            let tail: Vec<&str> = log.lines().rev().take(25).collect();
            eprintln!("--- the gate's last words");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// A port that nobody uses and that the system gives to nobody: below the range of its own choices, where origins and
/// outgoing connections are, and each only once.
fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(997);
    loop {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST;
        let port = u16::try_from(number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Chooses ports, fills in the words and writes the directory.
fn settle(policy: &Policy, home: &Path) -> (Policy, BTreeMap<String, u16>) {
    let names = policy.ports();
    let ports: BTreeMap<String, u16> = names.into_iter().map(|name| (name, free_port())).collect();
    let (policy, data) = fill(policy, home, &ports);
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("secret"), "a synthetic secret of thirty-two b").unwrap();
    policy.write(&home.join("policy"));
    (policy, ports)
}

fn fill(policy: &Policy, home: &Path, ports: &BTreeMap<String, u16>) -> (Policy, PathBuf) {
    let data = home.join("data");
    let mut policy = policy.clone().set("DATA", data.to_str().unwrap());
    for (name, port) in ports {
        policy = policy.set(&format!("PORT:{name}"), &port.to_string());
    }
    (policy, data)
}
