//! Tests of the stand-ins on the wire, without a gate in front of them.
//!
//! Starts all four on real sockets and walks the log-ins as a browser does: one cookie jar for the host, whatever
//! the port, and a redirect is followed only when the test says so.

use super::form::Fields;
use super::*;
use pingora::server::{Fds, ListenFds};
use pingora::services::ServiceReadyNotifier;
use std::os::fd::IntoRawFd;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const PASSWORD_FORM: &str = "username=001090000001&password=matkhau-demo";

/// The running stand-ins; they end when this is dropped.
struct Town {
    at: Addresses,
    _shutdown: watch::Sender<bool>,
}

impl Town {
    async fn start() -> Town {
        let mut fds = Fds::new();
        let bound: Vec<_> = (0..4).map(|_| bind(&mut fds)).collect();
        let listeners: ListenFds = Arc::new(fds.into());
        let at = Addresses { portal: bound[0], vneid: bound[1], national_portal: bound[2], sso: bound[3] };
        let gate_url = "http://127.0.0.1:8080".to_owned();
        let stage = Stage { gate_url, admin_url: "http://127.0.0.1:9180".to_owned(), addresses: at };
        let (shutdown, watch) = watch::channel(false);
        for mut service in services(&stage).unwrap() {
            let (watch, listeners) = (watch.clone(), listeners.clone());
            let ready = ServiceReadyNotifier::new(watch::channel(false).0);
            tokio::spawn(async move { service.start_service(Some(listeners), watch, 1, ready).await });
        }
        Town { at, _shutdown: shutdown }
    }
}

/// A listening socket that the service takes over: nobody can take its port in between.
fn bind(fds: &mut Fds) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // pingora takes it as it is, and would block in accept
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    fds.add(address.to_string(), listener.into_raw_fd());
    address
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no Location in {}", self.head))
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn exchange(address: SocketAddr, request: &str) -> Reply {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let text = timeout(PATIENCE, talk).await.expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

#[derive(Default)]
struct Browser {
    session: Option<String>,
}

impl Browser {
    async fn send(&mut self, address: SocketAddr, (method, target): (&str, &str), more: &str, body: &str) -> Reply {
        let cookie = self.session.as_ref().map_or(String::new(), |id| format!("cookie: PHPSESSID={id}\r\n"));
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             {cookie}{more}content-length: {length}\r\n\r\n{body}"
        );
        let reply = exchange(address, &request).await;
        if let Some(set) = reply.headers("set-cookie").into_iter().find_map(|field| field.strip_prefix("PHPSESSID=")) {
            let id = set.split(';').next().unwrap();
            self.session = (!id.is_empty()).then(|| id.to_owned());
        }
        reply
    }

    async fn get(&mut self, address: SocketAddr, target: &str) -> Reply {
        self.send(address, ("GET", target), "", "").await
    }

    async fn post(&mut self, address: SocketAddr, target: &str, form: &str) -> Reply {
        self.send(address, ("POST", target), FORM, form).await
    }

    async fn follow(&mut self, url: &str) -> Reply {
        let rest = url.strip_prefix("http://").unwrap();
        let (host, target) = rest.split_once('/').unwrap();
        self.get(host.parse().unwrap(), &format!("/{target}")).await
    }

    /// From the portal to a provider; the hidden fields that its forms carry.
    async fn begin(&mut self, town: &Town, path: &str) -> String {
        let sent = self.get(town.at.portal, path).await;
        assert_eq!(sent.status, 302);
        assert_eq!(self.follow(sent.location()).await.status, 200);
        sent.location().split_once('?').unwrap().1.to_owned()
    }
}

#[tokio::test]
async fn the_portal_lets_a_password_in_for_everything() {
    let (town, mut browser) = (Town::start().await, Browser::default());
    let turned_away = browser.get(town.at.portal, "/nop-ho-so").await;
    assert_eq!(
        (turned_away.status, turned_away.location()),
        (302, "/dich-vu-cong/cong-dan/dang-nhap?return-url=%2Fnop-ho-so")
    );

    let wrong = browser.post(town.at.portal, portal::LOGIN_PATH, "username=001090000001&password=x").await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.body.contains("Wrong user name or password") && browser.session.is_none());

    let entered = browser.post(town.at.portal, portal::LOGIN_PATH, PASSWORD_FORM).await;
    assert_eq!((entered.status, entered.location()), (302, "/"));
    assert!(browser.session.is_some());
    assert_eq!(browser.get(town.at.portal, "/nop-ho-so").await.status, 200);
}

#[tokio::test]
async fn whoever_ticked_the_box_is_let_in_by_the_cookie_alone() {
    let (town, mut browser) = (Town::start().await, Browser::default());
    let form = format!("{PASSWORD_FORM}&remember=1");
    let entered = browser.post(town.at.portal, portal::LOGIN_PATH, &form).await;
    let cookies = entered.headers("set-cookie");
    let remember =
        cookies.iter().find_map(|field| field.strip_prefix("remember_me=")).expect("a cookie that remembers");
    let token = remember.split(';').next().unwrap();
    let mut later = Browser::default();
    let line = format!("cookie: remember_me={token}\r\n");
    let page = later.send(town.at.portal, ("GET", "/nop-ho-so"), &line, "").await;
    assert_eq!(page.status, 200);
    assert!(later.session.is_some(), "and gets a session of its own");
}

#[tokio::test]
async fn a_citizen_logs_in_with_vneid_and_files_an_application() {
    let (town, mut browser) = (Town::start().await, Browser::default());
    let hidden = browser.begin(&town, "/dang-nhap/vneid?return-url=%2Fnop-ho-so").await;
    let before = browser.session.clone();
    let form = format!("{hidden}&person=001090000001");
    let otp = browser.post(town.at.vneid, vneid::AUTHORIZE_PATH, &form).await;
    assert!(otp.status == 200 && otp.body.contains("246810"));
    let wrong = browser.post(town.at.vneid, "/auth/otp", &format!("{form}&otp=1")).await;
    assert!(wrong.status == 200 && wrong.body.contains("Wrong one-time code"));
    let back = browser.post(town.at.vneid, "/auth/otp", &format!("{form}&otp=246810")).await;
    assert_eq!(back.status, 302);
    let entered = browser.follow(back.location()).await;
    assert_eq!((entered.status, entered.location()), (302, "/nop-ho-so"));
    assert!(entered.header("x-portal-account").is_none());
    assert_eq!(browser.session, before, "the session id stays over the log-in, as in the portals it stands for");

    let filed =
        browser.post(town.at.portal, "/nop-ho-so", "thu-tuc=ho-tich&noi-dung=Xin+%3Cb%3Etr%C3%ADch+l%E1%BB%A5c").await;
    assert_eq!((filed.status, filed.location()), (201, "/nop-ho-so/DN-000002"));
    assert!(filed.body.contains("DN-000002") && filed.body.contains("Xin &lt;b&gt;trích lục"));
    let list = browser.send(town.at.portal, ("GET", "/nop-ho-so"), "x-gate-login: vneid\r\n", "").await;
    assert!(list.body.contains("DN-000002") && list.body.contains("<code>vneid</code>"));
    let looked_up = Browser::default().get(town.at.portal, "/tra-cuu-ho-so?ma=dn-000002").await;
    assert!(looked_up.status == 200 && !looked_up.body.contains("trích lục</dd>") && !looked_up.body.contains("Xin"));

    let left = browser.get(town.at.portal, "/dang-xuat").await;
    assert!(left.status == 302 && left.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(browser.get(town.at.portal, "/nop-ho-so").await.status, 302);
}

#[tokio::test]
async fn a_return_that_the_session_did_not_wait_for_opens_nothing() {
    let (town, mut browser, mut stranger) = (Town::start().await, Browser::default(), Browser::default());
    let hidden = browser.begin(&town, "/dang-nhap/vneid").await;
    let form = format!("{hidden}&person=001090000001&otp=246810");
    let back = browser.post(town.at.vneid, "/auth/otp", &form).await.location().to_owned();

    stranger.begin(&town, "/dang-nhap/vneid").await;
    assert_eq!(stranger.follow(&back).await.status, 400, "another session's state");
    let (_, query) = back.split_once('?').unwrap();
    let other_flow = format!("{}?{query}", portal::NATIONAL_CALLBACK);
    assert_eq!(browser.get(town.at.portal, &other_flow).await.status, 400, "another provider's call-back");
    assert_eq!(browser.follow(&back).await.status, 400, "a state counts once");
    assert_eq!(browser.get(town.at.portal, "/nop-ho-so").await.status, 302);
    assert_eq!(stranger.get(town.at.portal, "/nop-ho-so").await.status, 302);
}

#[tokio::test]
async fn vneid_turns_away_level_1_at_every_step() {
    let (town, mut browser) = (Town::start().await, Browser::default());
    let hidden = browser.begin(&town, "/dang-nhap/vneid").await;
    let form = format!("{hidden}&person=067199000003");
    let refused = browser.post(town.at.vneid, vneid::AUTHORIZE_PATH, &form).await;
    assert!(refused.status == 403 && refused.header("location").is_none());
    let skipped = browser.post(town.at.vneid, "/auth/otp", &format!("{form}&otp=246810")).await;
    assert!(skipped.status == 200 && skipped.header("location").is_none());

    let cancelled = browser.post(town.at.vneid, vneid::AUTHORIZE_PATH, &format!("{hidden}&action=cancel")).await;
    let home = browser.follow(cancelled.location()).await;
    assert!(home.status == 200 && home.body.contains("The log-in was cancelled"));
}

#[tokio::test]
async fn the_national_portal_log_in_tells_the_gate_who_came() {
    let town = Town::start().await;
    for (person, told) in [
        ("organization", ["organization", "national-portal", "0"]),
        ("citizen-vneid", ["citizen", "vneid", "2"]),
        ("citizen", ["citizen", "national-portal", "0"]),
    ] {
        let mut browser = Browser::default();
        let hidden = browser.begin(&town, "/dang-nhap/quoc-gia").await;
        let path = national_portal::AUTHORIZE_PATH;
        let back = browser.post(town.at.national_portal, path, &format!("{hidden}&person={person}")).await;
        let entered = browser.follow(back.location()).await;
        assert_eq!((entered.status, entered.location()), (302, "/"));
        let fields = ["x-portal-account", "x-portal-login", "x-portal-level"].map(|name| entered.header(name).unwrap());
        assert_eq!(fields, told, "{person}");
    }
}

#[tokio::test]
async fn browsers_come_back_under_the_name_that_they_used() {
    let town = Town::start().await;
    for (fields, origin) in [
        ("", format!("http://{}", town.at.portal)),
        ("x-forwarded-host: cong.test:8443\r\nx-forwarded-proto: https\r\n", "https://cong.test:8443".to_owned()),
        ("x-forwarded-host: a\"b c\r\n", format!("http://{}", town.at.portal)),
    ] {
        let sent = Browser::default().send(town.at.portal, ("GET", "/dang-nhap/vneid"), fields, "").await;
        let query = Fields::read(sent.location().split_once('?').unwrap().1);
        assert_eq!(query.value("redirect_uri"), format!("{origin}{}", portal::VNEID_CALLBACK));
    }
}

#[tokio::test]
async fn the_api_gives_nothing_without_the_gates_word() {
    let (town, mut program) = (Town::start().await, Browser::default());
    assert_eq!(program.get(town.at.portal, "/api/ho-so").await.status, 401);
    let owner = "x-gate-account: citizen\r\nx-gate-login: vneid\r\nx-gate-subject: 067195000002\r\n";
    let list = program.send(town.at.portal, ("GET", "/api/ho-so"), owner, "").await.json();
    assert_eq!((&list["account"], &list["login"]), (&"citizen".into(), &"vneid".into()));
    assert_eq!(list["cases"][0]["number"], "DN-000001");
    let other = owner.replace("067195000002", "001090000001");
    assert_eq!(program.send(town.at.portal, ("GET", "/api/ho-so/DN-000001"), &other, "").await.status, 404);
    let service = "x-gate-account: service\r\n";
    assert_eq!(program.send(town.at.portal, ("GET", "/api/ho-so/DN-000001"), service, "").await.status, 200);
}

#[tokio::test]
async fn the_sso_publishes_its_key_and_hands_out_tokens() {
    let (town, mut program) = (Town::start().await, Browser::default());
    let keys = program.follow(&town.at.jwks_url()).await.json();
    assert_eq!(keys["keys"][0]["alg"], "RS256");
    let client = "grant_type=client_credentials&client_id=public-pages";
    let token = program.post(town.at.sso, sso::TOKEN_PATH, client).await.json();
    assert_eq!(token["access_token"].as_str().unwrap().split('.').count(), 3);
    let direct = format!("grant_type=password&{PASSWORD_FORM}");
    assert_eq!(program.post(town.at.sso, sso::TOKEN_PATH, &direct).await.status, 200);
    for bad in ["grant_type=password&username=001090000001", "grant_type=client_credentials&client_id=x", ""] {
        assert_eq!(program.post(town.at.sso, sso::TOKEN_PATH, bad).await.status, 400);
    }
    assert_eq!(program.get(town.at.sso, "/demo-token?as=vneid").await.body.split('.').count(), 3);
    assert_eq!(program.get(town.at.sso, "/demo-token?as=king").await.status, 400);
}

#[tokio::test]
async fn every_page_of_the_portal_answers_and_strange_requests_do_no_harm() {
    let (town, mut browser) = (Town::start().await, Browser::default());
    for path in ["/", "/tra-cuu-ho-so", "/tra-cuu-ho-so/DN-000001", "/thanh-toan", "/khai-sinh-khai-tu"] {
        assert_eq!(browser.get(town.at.portal, path).await.status, 200, "{path}");
    }
    for path in [portal::LOGIN_PATH, "/assets/portal.css", "/assets/xhr.js", "/favicon.ico"] {
        assert_eq!(browser.get(town.at.portal, path).await.status, 200, "{path}");
    }
    let big = "x".repeat(web::BODY_LIMIT_BYTES + 1);
    assert_eq!(browser.post(town.at.portal, portal::LOGIN_PATH, &big).await.status, 413);
    assert_eq!(browser.get(town.at.portal, "/tra-cuu-ho-so?ma=%ff%00&&=%").await.status, 200);
    assert_eq!(browser.get(town.at.portal, "/%2e%2e/x").await.status, 404);
    assert_eq!(browser.post(town.at.portal, "/thanh-toan", "").await.status, 405);
    assert_eq!(browser.send(town.at.portal, ("DELETE", "/nop-ho-so"), "", "").await.status, 405);
    assert_eq!(browser.get(town.at.vneid, "/auth?client_id=x").await.status, 400);
    let head = browser.send(town.at.portal, ("HEAD", "/"), "", "").await;
    assert!(head.status == 200 && head.body.is_empty() && head.header("content-length") != Some("0"));
}
