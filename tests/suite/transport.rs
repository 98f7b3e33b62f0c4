//! Promises about what surrounds the requests: TLS, HTTP/2, pools, time-outs, tunnels, the end.
//!
//! The same verdicts hold whatever carries the request, and nobody holds a connection or a process longer than the
//! policy allows.

use crate::harness::{Ask, Authority, CALLBACK, Curl, Gate, HOST, Origin, Policy, Reply, World, eventually, portal};

#[test]
fn tls_and_http_2_get_the_same_verdicts() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    let session = world.vneid.clone();
    let cookie = ["--cookie", session.as_str()];
    let twice = format!("Cookie: {session}; PHPSESSID=x");
    let cases: [(u16, &str, &[&str]); 12] = [
        (200, "/assets/a.js", &[]),
        (401, "/nop-ho-so", &[]),
        (200, "/nop-ho-so/1?a=%2F", &cookie),
        (400, "/assets/../nop-ho-so", &cookie),
        (400, "/assets/%2e%2e/nop-ho-so", &cookie),
        (400, "//nop-ho-so", &cookie),
        (400, "/nop-ho-so", &["--header", &twice]),
        (405, "/nop-ho-so", &["--request", "DELETE", "--cookie", &session]),
        (421, "/assets/a.js", &["--header", "Host: evil.example"]),
        (403, "/dich-vu-cong/cong-dan/dang-nhap", &["--data", "username=079203001234&password=dung"]),
        (413, "/nop-ho-so", &["--cookie", &session, "--data", &"x".repeat(70_000)]),
        (200, "/nop-ho-so", &["--cookie", &session, "--data", "ho-so=1"]),
    ];
    for version in ["--http1.1", "--http2"] {
        for (status, target, arguments) in &cases {
            world.origin.take();
            let curl = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file());
            let seen = curl.with(&[version]).with(arguments).https(target);
            if *status == 413 && seen.status == 0 {
                // This curl gives up on an HTTP/2 answer that comes while it still has to send.
                world.origin.expect_untouched();
                continue;
            }
            assert_eq!(seen.status, *status, "{version} {target}\n{}", seen.text);
            assert_eq!(seen.version, if version == "--http2" { "2" } else { "1.1" });
            if *status == 200 {
                let request = world.origin.only();
                assert_eq!(request.target(), *target);
                assert_eq!(request.values("x-forwarded-proto"), ["https"]);
                assert!(request.value("host").is_some_and(|host| host.starts_with(HOST)), "{version}");
            } else {
                assert!(seen.text.to_lowercase().contains("x-support-code:"), "{version} {target}\n{}", seen.text);
                world.origin.expect_untouched();
            }
        }
    }
    world.gate.until_metric("vneid_gate_refused_requests_total", &[("cause", "too_large")], |count| count == 2.0);
    world.expect_untouched();
}

#[test]
fn a_name_that_no_certificate_carries_gets_no_handshake() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    let address = world.gate.address("tls");
    for host in ["evil.example", "daknong.gov.vn"] {
        assert_eq!(Curl::to(host, &address).with(&["--insecure"]).https("/assets/a.js").status, 0, "{host}");
    }
    let wildcard = Curl::to("mot.cong.daknong.gov.vn", &address).trusting(&authority.file()).https("/assets/a.js");
    assert_eq!(wildcard.status, 421, "a certificate is not yet a site");
    let front = Curl::to("mot.cong.daknong.gov.vn", &address).trusting(&authority.file());
    let fronted = front.with(&["--header", &format!("Host: {HOST}")]).https("/nop-ho-so");
    assert!(matches!(fronted.status, 401 | 421), "{}", fronted.status);
    let name = "vneid_gate_tls_certificate_not_after_timestamp_seconds";
    assert!(world.gate.metric(name, &[]) > 0.0, "the end of a certificate can be watched");
    world.expect_untouched();
}

#[test]
fn a_certificate_renewed_on_disk_is_served_after_a_reload() {
    let (first, second) = (Authority::new(), Authority::new());
    let world = World::with(|policy| policy.with_tls(&first));
    let ask = |authority: &Authority| {
        Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file()).https("/assets/a.js").status
    };
    assert_eq!((ask(&first), ask(&second)), (200, 0));
    let (new_certificate, new_key) = second.certify(&[HOST]);
    let (certificate, key) = first.certify(&[HOST]);
    std::fs::copy(new_certificate, certificate).unwrap();
    std::fs::copy(new_key, key).unwrap();
    world.gate.signal("HUP");
    eventually("the new certificate", || (ask(&second) == 200).then_some(()));
}

#[test]
fn plain_http_is_sent_to_https() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    for target in ["/nop-ho-so/1?a=%2F&b=%C4%90", "/", "/assets/a.js"] {
        let answer = world.gate.ask_at("plain", &Ask::get(target).with("X-Forwarded-Proto", "javascript"));
        assert!(matches!(answer.status, 301 | 307 | 308), "{}", answer.status);
        let location = answer.value("location").expect("a location").to_owned();
        assert_eq!(location, format!("https://{HOST}{target}"));
    }
    for ask in [
        Ask::get("/").with("Host", "evil.example"),
        Ask::get("/").with("Host", "a b"),
        Ask::get("/assets/../x"),
        Ask::get("//evil.example/"),
    ] {
        let answer = world.gate.ask_at("plain", &ask);
        assert!(matches!(answer.status, 400 | 421), "{}: {}", ask.target, answer.status);
        assert_eq!(answer.value("location"), None);
    }
    let form = Ask::form("/dich-vu-cong/cong-dan/dang-nhap", "username=079203001234&password=dung");
    let answer = world.gate.ask_at("plain", &form);
    assert!((300..500).contains(&answer.status), "{}", answer.status);
    world.expect_untouched();
}

#[test]
fn servers_take_turns_and_one_that_is_down_gets_none() {
    let (one, two) = (Origin::answering(|_| Reply::ok("one")), Origin::answering(|_| Reply::ok("two")));
    let servers = format!(
        "servers = [\"{}\", \"{}\"]\nhealth = {{ path = \"/\", interval = \"1s\" }}",
        one.address(),
        two.address()
    );
    let gate = Gate::start(&Policy::portal(&one).change("servers  = [\"@ORIGIN@\"]", &servers));
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(gate.ask(&Ask::get("/assets/a.js")).text());
    }
    for name in ["one", "two"] {
        assert_eq!(seen.iter().filter(|text| *text == name).count(), 5, "{seen:?}");
    }
    let address = two.address();
    drop(two);
    gate.until_metric("vneid_gate_upstream_healthy", &[("server", &address)], |value| value == 0.0);
    for _ in 0..10 {
        assert_eq!(gate.ask(&Ask::get("/assets/a.js")).text(), "one");
    }
    let two = Origin::at(&address, |_| Reply::ok("two"));
    gate.until_metric("vneid_gate_upstream_healthy", &[("server", &address)], |value| value == 1.0);
    eventually("the server to be asked again", || (gate.ask(&Ask::get("/assets/a.js")).text() == "two").then_some(()));
    drop(two);
}

#[test]
fn an_upstream_is_spoken_to_over_tls_only_when_its_name_is_proved() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    let inner = world.gate.address("tls");
    let tls = |name: &str, authority: &Authority| {
        let file = authority.file();
        let servers = format!(
            "servers  = [\"{inner}\"]\ntls = {{ server_name = \"{name}\", ca_file = \"{}\" }}",
            file.to_str().unwrap()
        );
        Gate::start(&Policy::portal(&world.origin).change("servers  = [\"@ORIGIN@\"]", &servers))
    };
    let gate = tls(HOST, &authority);
    assert_eq!(gate.ask(&Ask::get("/assets/a.js")).status, 200);
    assert_eq!(world.origin.only().path(), "/assets/a.js");
    for gate in [tls(HOST, &Authority::new()), tls("other.example", &authority)] {
        assert_eq!(gate.ask(&Ask::get("/assets/a.js")).status, 502);
        world.origin.expect_untouched();
    }
}

#[test]
fn connections_to_the_portal_are_used_again() {
    let world = World::start();
    let before = world.origin.connections();
    for _ in 0..20 {
        assert_eq!(world.gate.ask(&Ask::get("/assets/a.js")).status, 200);
    }
    // Each serving thread has a pool, and a connection is back in it a moment after its answer: some requests meet an
    // empty pool, most do not.
    let opened = world.origin.connections() - before;
    assert!(opened <= 10, "{opened} connections for 20 requests");
}

#[test]
fn a_body_of_any_framing_arrives_whole() {
    let world = World::start();
    let body: Vec<u8> = (0..60_000_u32).map(|n| (n % 251) as u8).collect();
    let mut chunked = Vec::new();
    for part in body.chunks(7_001) {
        chunked.extend(format!("{:X};ext=1\r\n", part.len()).into_bytes());
        chunked.extend_from_slice(part);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    for ask in [
        Ask::post("/nop-ho-so/1", body.clone()),
        Ask::post("/nop-ho-so/1", chunked).with("Transfer-Encoding", "chunked"),
        Ask::post("/nop-ho-so/1", body.clone()).with("Expect", "100-continue"),
    ] {
        assert_eq!(world.gate.ask(&ask.cookie(&world.vneid)).status, 200);
        let request = world.origin.only();
        assert_eq!(request.body, body);
        assert!(request.values("x-trailer").is_empty());
    }
}

#[test]
fn a_callback_over_http_2_binds_as_over_http_1() {
    let authority = Authority::new();
    let origin = Origin::answering(portal);
    let gate = Gate::start(&Policy::portal(&origin).with_tls(&authority));
    let jar = gate.data().join("jar");
    let jar = jar.to_str().unwrap();
    let ask = |target: &str| {
        let curl = Curl::to(HOST, &gate.address("tls")).trusting(&authority.file());
        curl.with(&["--http2", "--cookie", jar, "--cookie-jar", jar]).https(target).status
    };
    assert_eq!(ask("/tra-cuu-ho-so?sid=visitor"), 200);
    assert_eq!(ask("/dang-nhap/vneid?sid=h&state=s"), 303, "not on a session that others may have used");
    assert_eq!(ask("/dang-nhap/vneid?sid=h&state=s"), 302);
    let kept = std::fs::read_to_string(jar).unwrap();
    assert!(!kept.contains("PHPSESSID\th"), "the new session is withheld: {kept}");
    assert_eq!(ask(&format!("{CALLBACK}?code=good&state=s")), 302);
    assert_eq!(ask("/nop-ho-so/1"), 200);
    assert!(!std::fs::read_to_string(jar).unwrap().contains("vneid-gate-login"));
}

#[test]
fn the_lowest_version_of_tls_is_the_policys() {
    let authority = Authority::new();
    let strict = |policy: Policy| policy.change("[gate]", "[gate]\ntls_min_version = \"1.3\"").with_tls(&authority);
    let (world, strict) = (World::with(|policy| policy.with_tls(&authority)), World::with(strict));
    for (world, oldest, status) in
        [(&world, "1.1", 0), (&world, "1.2", 200), (&strict, "1.2", 0), (&strict, "1.3", 200)]
    {
        let curl = Curl::to(HOST, &world.gate.address("tls")).trusting(&authority.file());
        assert_eq!(curl.with(&["--tls-max", oldest]).https("/assets/a.js").status, status, "at most {oldest}");
    }
    let nameless = Curl::to("127.0.0.1", &world.gate.address("tls")).with(&["--insecure"]);
    let nameless = nameless.with(&["--header", &format!("Host: {HOST}")]).https("/nop-ho-so");
    assert!(matches!(nameless.status, 0 | 401 | 421), "{}", nameless.status);
}

#[test]
fn an_upstream_may_be_spoken_to_over_http_2() {
    let authority = Authority::new();
    let world = World::with(|policy| policy.with_tls(&authority));
    let (inner, ca) = (world.gate.address("tls"), authority.file());
    let servers = format!(
        "servers  = [\"{inner}\"]\nhttp2 = true\ntls = {{ server_name = \"{HOST}\", ca_file = \"{}\" }}",
        ca.to_str().unwrap()
    );
    let gate = Gate::start(&Policy::portal(&world.origin).change("servers  = [\"@ORIGIN@\"]", &servers));
    for ask in [
        Ask::get("/assets/a.js?a=%2F&b=+"),
        Ask::post("/tra-cuu-ho-so", "a body").with("Content-Type", "text/plain"),
        Ask::get("/tra-cuu-ho-so").cookie("a=1; b=2"),
    ] {
        assert_eq!(gate.ask(&ask).status, 200, "{}", ask.target);
        let request = world.origin.only();
        assert_eq!((request.method(), request.target()), (ask.method.as_str(), ask.target.as_str()));
        assert_eq!(request.vouched(), "anonymous/none/0");
    }
}
