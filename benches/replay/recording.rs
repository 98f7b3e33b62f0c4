//! A log that a real gate has written: the release binary, people who visit it, a portal behind it.
//!
//! Knows the gate as its binary, its policy directory and its listener.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const HOST: &str = "dichvucong.daknong.gov.vn";
const LOGIN: &str = "/dich-vu-cong/cong-dan/dang-nhap";

/// Ends the gate with it.
struct Gate(Child);

impl Drop for Gate {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Every line of some visits, under the rules as they were before the cut-over.
pub(crate) fn record(folder: &Path) -> Vec<String> {
    let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let portal = origin.local_addr().unwrap();
    std::thread::spawn(move || origin.incoming().flatten().for_each(|stream| drop(answer(stream))));
    let (port, admin) = (free_port(), free_port());
    let policy = folder.join("policy");
    write_policy(&policy, port, admin, &portal.to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_vneid-gate"));
    command.arg("run").arg(&policy).stdout(Stdio::null()).stderr(fs::File::create(folder.join("stderr")).unwrap());
    let _gate = Gate(command.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(folder.join("stderr")).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = visits(port);
    let log = policy.join("audit.jsonl");
    loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        if text.lines().count() >= asked {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(Instant::now() < deadline, "the log is written");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A visitor, citizens with VNeID, citizens with passwords: what each asks for. Says how many requests it were.
fn visits(port: u16) -> usize {
    let mut asked = 0;
    let mut get = |path: &str, cookie: &str| {
        asked += 1;
        ask(port, &format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"));
    };
    for path in ["/", "/assets/a.css", "/assets/b.js", "/tra-cuu-ho-so/1", "/nop-ho-so", LOGIN] {
        get(path, "lang=vi");
    }
    for nth in 0..6 {
        let cookie = format!("PHPSESSID=vneid-{nth}");
        get(&format!("/dang-nhap/vneid?state=s{nth}"), &cookie);
        get(&format!("/dang-nhap/vneid/callback?code=good&state=s{nth}"), &cookie);
        for path in ["/", "/assets/a.css", "/nop-ho-so", "/nop-ho-so/linh-vuc/tu-phap", "/assets/b.js", "/thanh-toan/1"]
        {
            get(path, &cookie);
        }
    }
    for nth in 0..4 {
        let (cookie, body) = (format!("PHPSESSID=password-{nth}"), format!("username=00109000000{nth}&password=dung"));
        ask(
            port,
            &format!(
                "POST {LOGIN} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        for path in ["/", "/assets/a.css", "/tra-cuu-ho-so/2", "/nop-ho-so/ho-so/2", "/thanh-toan/1"] {
            get(path, &cookie);
        }
    }
    asked + 4
}

fn ask(port: u16, request: &str) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
}

/// The portal: log-ins succeed, everything else is a page.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut from = BufReader::new(stream.try_clone()?);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    from.read_line(&mut first)?;
    while from.read_line(&mut line)? > 2 {
        let field = line.to_ascii_lowercase();
        length = field.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap_or(0));
        line.clear();
    }
    std::io::copy(&mut from.by_ref().take(length), &mut std::io::sink())?;
    let location = if first.contains("/dang-nhap/vneid?") {
        first
            .split_once("state=")
            .map(|(_, s)| format!("https://sso.dancuquocgia.gov.vn/a?state={}", s.split(' ').next().unwrap()))
    } else if first.contains("/callback") || first.starts_with("POST") {
        Some("/".to_owned())
    } else {
        None
    };
    let head = location.map_or("200 OK".to_owned(), |l| format!("302 Found\r\nLocation: {l}"));
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// The shipped policy with the cut-over in the far future; its own tests speak of the date, so they stay behind.
fn write_policy(folder: &Path, port: u16, admin: u16, portal: &str) {
    fs::create_dir_all(folder).unwrap();
    for name in ["gate.toml", "portal.toml", "identity.toml", "rules.toml"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/daknong").join(name);
        let text = fs::read_to_string(shipped).unwrap();
        let text = text
            .replace("0.0.0.0:8080", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:9180", &format!("127.0.0.1:{admin}"))
            .replace("127.0.0.1:8081", portal)
            .replace("path = \"stdout\"", "path = \"audit.jsonl\"")
            .replace("2024-07-01T00:00:00+07:00", "2099-07-01T00:00:00+07:00");
        fs::write(folder.join(name), text).unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
