//! The upstream, and the proxies that an operator would pick instead.
//!
//! Plain configurations of nginx and HAProxy as their distribution builds them, one thread each, connections to the
//! upstream kept open, no access log. The upstream is nginx too and plays the portal's part in a VNeID log-in.

use crate::Outcome;
use crate::client;
use crate::processes::{Running, find_program, free_address, pause};
use crate::tokens::{AUDIENCE, ISSUER};
use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Stands in every answer of the upstream and in no answer of a proxy.
pub(crate) const UPSTREAM_MARK: &str = "\"ma_ho_so\":\"000.00.42\"";
pub(crate) const SESSION_COOKIE: &str = "PHPSESSID";
/// Where the portal sends a person to VNeID, and where VNeID sends the person back.
pub(crate) const LOGIN_PATH: &str = "/dang-nhap/vneid";
pub(crate) const CALLBACK_PATH: &str = "/dang-nhap/vneid/callback";
/// What the upstream gives as `state` of the log-in.
pub(crate) const LOGIN_STATE: &str = "5b1e8f0c7a2d4936";
pub(crate) const LOGIN_HOST: &str = "sso.dancuquocgia.gov.vn";

const STATUS_PATH: &str = "/upstream-status";
const START_LIMIT: Duration = Duration::from_secs(10);
/// So many looks in a row without a new request: what a busy proxy still held has arrived.
const QUIET_LOOKS: u32 = 12;

const BODY: &str = r#"{"ma_ho_so":"000.00.42","trang_thai":"da-tiep-nhan","thu_tuc":[{"ma":"1.000001","so":1},{"ma":"1.000002","so":3}],"le_phi":"120000","don_vi":"VND","ghi_chu":"day du giay to, cho"}"#;

/// The portal behind every proxy: 178 bytes for any path.
pub(crate) struct Upstream {
    pub address: SocketAddr,
    /// How often it was asked for its own count, which counts too.
    questions: Cell<u64>,
    _running: Running,
}

impl Upstream {
    pub(crate) fn start(folder: &Path, core: usize) -> Outcome<Upstream> {
        let address = free_address()?;
        let server = format!(
            "location / {{ default_type application/json; return 200 '{BODY}'; }}
            location = {STATUS_PATH} {{ stub_status; }}
            location = {LOGIN_PATH} {{
                add_header Set-Cookie '{SESSION_COOKIE}=q7d2m0v5t1k8c3r6n9b4x1z7w5; Path=/; HttpOnly' always;
                return 302 'https://{LOGIN_HOST}/auth?response_type=code&client_id=portal&state={LOGIN_STATE}';
            }}
            location = {CALLBACK_PATH} {{ absolute_redirect off; return 302 /nop-ho-so/1; }}"
        );
        let running = start_nginx(&folder.join("upstream"), core, address, ("", &server))?;
        Ok(Upstream { address, questions: Cell::new(0), _running: running })
    }

    /// How many requests reach the upstream while `act` runs; those of earlier acts have all arrived.
    pub(crate) fn asked_during<T>(&self, act: impl FnOnce() -> Outcome<T>) -> Outcome<(T, u64)> {
        let before = self.requests_at_rest()?;
        let result = act()?;
        Ok((result, self.requests_at_rest()?.saturating_sub(before)))
    }

    /// Requests received once no more arrive; questions for their number left out.
    fn requests_at_rest(&self) -> Outcome<u64> {
        let (mut last, mut same) = (self.requests()?, 0);
        while same < QUIET_LOOKS {
            pause()?;
            let now = self.requests()?;
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    fn requests(&self) -> Outcome<u64> {
        let answer = client::ask(self.address, &format!("GET {STATUS_PATH} HTTP/1.1\r\nHost: upstream\r\n\r\n"))?;
        self.questions.set(self.questions.get() + 1);
        // "server accepts handled requests", then the three numbers
        let numbers = answer.body.lines().nth(2).ok_or("the upstream's status has another form")?;
        let requests: u64 =
            numbers.split_whitespace().nth(2).ok_or("the upstream's status has another form")?.parse()?;
        Ok(requests.saturating_sub(self.questions.get()))
    }
}

/// nginx, passing everything on.
pub(crate) fn start_nginx_proxy(folder: &Path, core: usize, upstream: SocketAddr) -> Outcome<(Running, SocketAddr)> {
    let address = free_address()?;
    let pool = format!(
        "upstream portal {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }}
        proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host;"
    );
    let server = "location / { proxy_pass http://portal; }";
    Ok((start_nginx(&folder.join("nginx"), core, address, (&pool, server))?, address))
}

fn start_nginx(prefix: &Path, core: usize, address: SocketAddr, (outside, server): (&str, &str)) -> Outcome<Running> {
    let program =
        find_program("nginx").ok_or("nginx is missing: it is the upstream (Debian: apt-get install nginx-light)")?;
    let name = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    fs::create_dir_all(prefix)?;
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr error; worker_rlimit_nofile 8192;
        events {{ worker_connections 2048; multi_accept on; }}
        http {{
            access_log off; server_tokens off; tcp_nodelay on; default_type text/plain;
            keepalive_timeout 1h; keepalive_requests 1000000000;
            client_header_buffer_size 4k; large_client_header_buffers 4 16k;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            {outside}
            server {{ listen {address} backlog=1024; {server} }}
        }}\n"
    );
    let file = prefix.join("nginx.conf");
    fs::write(&file, configuration)?;
    let args = words(["-p"]).chain([prefix.into()]).chain(words(["-e", "stderr", "-c"])).chain([file.into()]);
    let mut running = Running::start(&name, core, &program, &args.collect::<Vec<_>>(), &prefix.join("log"))?;
    running.wait_listening(address, START_LIMIT)?;
    Ok(running)
}

/// HAProxy, passing everything on, or verifying the token of each request against this public key.
pub(crate) fn start_haproxy(
    folder: &Path,
    core: usize,
    upstream: SocketAddr,
    public_key: Option<&Path>,
) -> Outcome<(Running, SocketAddr)> {
    let program = find_program("haproxy").ok_or("haproxy is missing (Debian: apt-get install haproxy)")?;
    let address = free_address()?;
    let name = if public_key.is_some() { "haproxy-jwt" } else { "haproxy" };
    let checks = public_key.map(token_checks).unwrap_or_default();
    let configuration = format!(
        "global\n  nbthread 1\n  maxconn 2048\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n  http-reuse always\n\
        frontend portal\n  bind {address} backlog 1024\n{checks}  default_backend servers\n\
        backend servers\n  server one {upstream} pool-max-conn 512 pool-purge-delay 1h\n"
    );
    let file = folder.join(format!("{name}.cfg"));
    fs::write(&file, configuration)?;
    let args: Vec<OsString> = words(["-db", "-f"]).chain([file.into()]).collect();
    let mut running = Running::start(name, core, &program, &args, &folder.join(format!("{name}.log")))?;
    running.wait_listening(address, START_LIMIT)?;
    Ok((running, address))
}

/// The same questions that the gate asks: algorithm, signature, time, issuer, audience, how the session was born.
fn token_checks(public_key: &Path) -> String {
    let claim = |name: &str, expected: &str| {
        format!(
            "  http-request deny deny_status 401 unless {{ var(txn.token),jwt_payload_query('$.{name}') -m str {expected} }}\n"
        )
    };
    [
        "  http-request set-var(txn.token) http_auth_bearer\n".to_owned(),
        "  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str RS256 }\n".to_owned(),
        format!("  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(RS256,\"{}\") 1 }}\n", public_key.display()),
        "  http-request set-var(txn.now) date()\n".to_owned(),
        "  http-request deny deny_status 401 if { var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now) -m int lt 0 }\n".to_owned(),
        claim("iss", ISSUER),
        claim("aud", AUDIENCE),
        claim("identity_provider", "vneid"),
    ]
    .concat()
}

fn words<const N: usize>(words: [&str; N]) -> impl Iterator<Item = OsString> {
    words.map(OsString::from).into_iter()
}
