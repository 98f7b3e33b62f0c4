//! Promises about deadlines: nobody holds a connection or the process longer than the policy allows.
//!
//! Clients that trickle, wait or pile up are cut off; a stop lets running requests end and nothing else.

use crate::harness::{Ask, Client, Latch, Reply, World, eventually};
use std::thread;

/// The gate's own time-outs, as short as they go.
const IMPATIENT: &str =
    "\n[gate.timeouts]\nhead = \"1s\"\nidle = \"1s\"\nstall = \"1s\"\nbody = \"3s\"\nstop = \"5s\"\n";

fn impatient() -> World {
    World::with(|policy| policy.change("\n[[listener]]", &format!("{IMPATIENT}\n[[listener]]")))
}

#[test]
fn who_never_finishes_a_head_is_cut_off() {
    let world = impatient();
    for beginning in ["", "GET", "GET /assets/a.js HTTP/1.1\r\nHost: x\r\nX-A: "] {
        let mut client = world.gate.connect();
        client.send(beginning.as_bytes());
        let last = client.until_close();
        assert_eq!(last.is_empty(), beginning.is_empty(), "who asks nothing is told nothing: {last}");
        assert!(last.is_empty() || last.starts_with("HTTP/1.1 408"), "{last}");
        assert_eq!(last.contains("\"reason\":\"request-timeout\""), !beginning.is_empty(), "{last}");
    }
    let mut trickling = world.gate.connect();
    trickling.send(b"GET /assets/a.js HTTP/1.1\r\nHost: dichvucong.daknong.gov.vn\r\nX-A: ");
    thread::scope(|scope| {
        let mut other = trickling.again();
        let drip = scope.spawn(move || {
            for _ in 0..200 {
                thread::sleep(std::time::Duration::from_millis(100));
                if !other.sends(b"a") {
                    return true;
                }
            }
            false
        });
        trickling.until_close();
        assert!(drip.join().unwrap(), "one byte at a time is no way to stay");
    });
    world.expect_untouched();
}

#[test]
fn an_idle_connection_is_closed() {
    let world = impatient();
    let mut client = world.gate.connect();
    assert_eq!(client.ask(&Ask::get("/assets/a.js")).status, 200);
    assert_eq!(client.until_close(), "");
}

#[test]
fn who_never_finishes_a_body_is_cut_off() {
    let world = impatient();
    let mut client = world.gate.connect();
    client.send(&Ask::post("/nop-ho-so/1", "half").with("Content-Length", "1000").cookie(&world.vneid).bytes());
    let last = client.until_close();
    assert!(!last.starts_with("HTTP/1.1 200"), "{last}");
    let mut client = world.gate.connect();
    let form = Ask::form("/dich-vu-cong/cong-dan/dang-nhap", "username=").with("Content-Length", "1000");
    client.send(&form.bytes());
    let last = client.until_close();
    assert!(!last.starts_with("HTTP/1.1 200"), "{last}");
    assert!(world.origin.take().iter().all(|request| !request.complete));
}

#[test]
fn a_graceful_stop_finishes_what_runs_and_takes_nothing_new() {
    let mut world = impatient();
    let latch = Latch::default();
    let held = latch.clone();
    world.origin.answer(move |_| Reply::ok("in time").held_by(&held));
    let address = world.gate.address("main");
    let asking = thread::spawn(move || Client::connect(&address).ask(&Ask::get("/tra-cuu-ho-so/slow")));
    world.origin.wait_for(1);
    world.gate.signal("TERM");
    let address = world.gate.address("main");
    eventually("the listener to close", || std::net::TcpStream::connect(&address).is_err().then_some(()));
    latch.open();
    let answer = asking.join().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "in time"));
    let exit = world.gate.exit();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let lines = world.gate.audit();
    assert!(lines.iter().any(|line| line["path"] == "/tra-cuu-ho-so/slow"), "the last line is written");
}

#[test]
fn more_connections_than_allowed_are_refused_and_the_others_served() {
    let limits = "\n[gate.limits]\nconnections = 20\n";
    let world = World::with(|policy| policy.change("\n[[listener]]", &format!("{limits}\n[[listener]]")));
    let mut held: Vec<Client> = (0..20).map(|_| world.gate.connect()).collect();
    world.gate.until_metric("vneid_gate_connections_open", &[], |open| open >= 20.0);
    let mut more = world.gate.connect();
    more.send(&Ask::get("/assets/a.js").bytes());
    assert!(more.maybe_answer().is_none_or(|answer| answer.status == 503));
    assert_eq!(held[0].ask(&Ask::get("/assets/a.js")).status, 200, "who is in is served");
    held.clear();
    eventually("room again", || {
        let mut client = world.gate.connect();
        client.send(&Ask::get("/assets/a.js").bytes());
        client.maybe_answer().filter(|answer| answer.status == 200)
    });
}

#[test]
fn a_stop_waits_for_no_idle_connection() {
    let mut world = impatient();
    let mut idle = world.gate.connect();
    assert_eq!(idle.ask(&Ask::get("/assets/a.js")).status, 200);
    let _silent = world.gate.connect();
    world.gate.signal("TERM");
    assert_eq!(world.gate.exit().code, Some(0));
}
