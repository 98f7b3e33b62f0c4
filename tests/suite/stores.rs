//! Promises about the embedded store: it forgets nobody, and believes nothing that it did not write.

use crate::harness::{
    Ask, Browser, CALLBACK, Client, Gate, Origin, PASSWORD_PAGE, Policy, Reply, UNBOUND, VNEID, portal,
};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

const MEMORY: &str = "store = \"memory\"";

fn embedded(origin: &Origin) -> Policy {
    Policy::portal(origin).change(MEMORY, "store = \"embedded\"\npath = \"@DATA@/state\"")
}

/// What the gate vouches for on a public page under this session.
#[track_caller]
fn vouched(gate: &Gate, origin: &Origin, session: &str) -> String {
    origin.take();
    let ask = Ask::get("/tra-cuu-ho-so").cookie(&format!("PHPSESSID={session}"));
    assert_eq!(gate.ask(&ask).status, 200);
    origin.only().vouched()
}

#[test]
fn nobody_is_forgotten_by_a_restart_however_the_gate_ended() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin));
    for (round, signal) in ["KILL", "TERM", "KILL"].into_iter().enumerate() {
        let session = format!("citizen-{round}");
        Browser::new(&gate).log_in_with_vneid(&session);
        gate.restart(signal);
        for earlier in 0..=round {
            assert_eq!(vouched(&gate, &origin, &format!("citizen-{earlier}")), VNEID, "after {signal}");
        }
    }
    assert_eq!(vouched(&gate, &origin, "stranger"), UNBOUND);
    assert_eq!(gate.metric("vneid_gate_ledger_sessions", &[]), 3.0);
}

#[test]
fn a_log_in_whose_answer_came_is_known_after_a_kill_at_that_very_moment() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin));
    for round in 0..5 {
        // The answer is the signal: nothing is asked, nothing is waited for in between.
        Browser::new(&gate).log_in_with_vneid(&format!("born-{round}"));
        gate.signal("KILL");
        gate.restart("KILL");
        assert_eq!(vouched(&gate, &origin, &format!("born-{round}")), VNEID);
    }
}

#[test]
fn of_many_log_ins_at_once_none_is_lost_whose_answer_came_before_the_kill() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin));
    for round in 0..3 {
        let (answered, heard) = mpsc::channel();
        let known: Vec<String> = std::thread::scope(|scope| {
            for person in 0..6 {
                let (gate, answered) = (&gate, answered.clone());
                scope.spawn(move || log_in_until_it_is_dead(gate, &format!("{round}-{person}"), &answered));
            }
            drop(answered);
            let first: Vec<String> = heard.iter().take(20 + round).collect();
            gate.signal("KILL");
            first.into_iter().chain(heard.iter()).collect()
        });
        gate.restart("KILL");
        for session in known {
            assert_eq!(vouched(&gate, &origin, &session), VNEID, "{session}");
        }
    }
}

/// Logs new people in, one after the other, and tells each session whose last answer came whole.
fn log_in_until_it_is_dead(gate: &Gate, who: &str, answered: &mpsc::Sender<String>) {
    for number in 0.. {
        let session = format!("{who}-{number}");
        let callback = format!("{CALLBACK}?code=good&state={session}");
        let mut cookie = "lang=vi".to_owned();
        for target in [&format!("/dang-nhap/vneid?sid={session}&state={session}"), &callback] {
            let Ok(stream) = TcpStream::connect(gate.address("main")) else { return };
            let mut client = Client::on(stream);
            client.send(&Ask::get(target).cookie(&cookie).bytes());
            let Some(answer) = client.maybe_answer() else { return };
            assert_eq!(answer.status, 302, "{target}");
            let set = answer.value("set-cookie").unwrap_or_default();
            cookie = set.split(';').next().unwrap_or_default().to_owned();
        }
        answered.send(session).unwrap();
    }
}

#[test]
fn what_ended_before_the_kill_is_not_believed_after_it() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin));
    for session in ["out", "password", "taken-back"] {
        Browser::new(&gate).log_in_with_vneid(session);
    }
    assert_eq!(gate.ask(&Ask::get("/dang-xuat").cookie("PHPSESSID=out")).status, 302);
    let attempt = Ask::form(PASSWORD_PAGE, "username=can-bo%40daknong.gov.vn&password=sai");
    let attempt = attempt.cookie("PHPSESSID=password").with("X-Forwarded-For", "10.20.3.4");
    assert_eq!(gate.ask_at("proxied", &attempt).status, 200, "a wrong password, but it reached the portal");
    origin.answer(|_| Reply::ok("bye").with("Set-Cookie", "PHPSESSID=deleted; Max-Age=0; path=/"));
    assert_eq!(gate.ask(&Ask::get("/tra-cuu-ho-so").cookie("PHPSESSID=taken-back")).status, 200);
    origin.answer(portal);
    gate.restart("KILL");
    for session in ["out", "password", "taken-back"] {
        assert_eq!(vouched(&gate, &origin, session), UNBOUND, "{session}");
    }
}

#[test]
fn a_log_in_that_a_restart_interrupts_can_be_finished() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin));
    let mut before = Browser::new(&gate);
    before.get("/dang-nhap/vneid?sid=guest&state=s");
    let own = before.own;
    gate.restart("TERM");
    let mut citizen = Browser::new(&gate);
    citizen.own = own.clone();
    assert_eq!(citizen.get(&format!("{CALLBACK}?code=good&state=s")).status, 302);
    assert_eq!(vouched(&gate, &origin, "guest"), VNEID);
    citizen.get("/dang-xuat");
    gate.restart("KILL");
    let mut again = Browser::new(&gate);
    again.own = own;
    again.get(&format!("{CALLBACK}?code=good&state=s"));
    assert_eq!(vouched(&gate, &origin, "guest"), UNBOUND, "and once only, whatever happened between");
}

#[test]
fn a_session_renamed_by_the_portal_is_known_by_its_new_name_after_a_kill() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin).change("idle = \"30m\"", "idle = \"30m\"\nfollow = \"always\""));
    let mut citizen = Browser::new(&gate);
    citizen.log_in_with_vneid("one");
    citizen.get("/nop-ho-so/1?sid=two");
    gate.restart("KILL");
    assert_eq!(vouched(&gate, &origin, "two"), VNEID);
}

#[test]
fn a_store_of_another_secret_or_a_damaged_one_or_one_in_use_starts_no_gate() {
    let origin = Origin::answering(portal);
    let mut gate = Gate::start(&embedded(&origin));
    Browser::new(&gate).log_in_with_vneid("a");
    let file = gate.data().join("state/ledger.redb");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file.parent().unwrap()), mode(&file)), (0o700, 0o600));

    let same = embedded(&origin).set("DATA", "data").change("@DATA@/state", file.parent().unwrap().to_str().unwrap());
    let same = same.change("secret_file = \"@DATA@/secret\"", "secret_env = \"PATH\"");
    let in_use = Gate::refused(&same);
    assert_eq!(in_use.code, Some(2), "{}", in_use.stderr);
    assert!(in_use.stderr.contains("another process has"), "{}", in_use.stderr);

    gate.signal("TERM");
    gate.exit();
    let other = Gate::refused(&same);
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    assert!(other.stderr.contains("was written under another secret"), "{}", other.stderr);

    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let damaged = Gate::refused(&same);
    assert_eq!(damaged.code, Some(2), "{}", damaged.stderr);
    assert!(damaged.stderr.contains("is damaged"), "{}", damaged.stderr);
    assert_eq!(fs::read(&file).unwrap().len(), whole.len() / 2, "and the damaged file is left as it was");
}

#[test]
fn without_a_secret_only_memory_is_a_store() {
    let origin = Origin::answering(portal);
    let no_secret = embedded(&origin).change("secret_file = \"@DATA@/secret\"\n", "");
    let exit = Gate::command("check", &no_secret, &[]);
    assert_eq!(exit.code, Some(1));
    let said = format!("{}{}", exit.stdout, exit.stderr);
    assert!(said.contains("`store = \"embedded\"` needs a secret"), "{said}");
    assert!(said.contains("openssl rand -hex 32"), "{said}");
}

#[test]
fn while_the_disk_is_full_log_ins_are_refused_and_those_known_go_on() {
    let origin = Origin::answering(portal);
    let gate = Gate::start(&embedded(&origin));
    Browser::new(&gate).log_in_with_vneid("known");
    let mut late = Browser::new(&gate);
    late.get("/dang-nhap/vneid?sid=late&state=s");
    gate.limit_file_size(0);
    let answer = late.get(&format!("{CALLBACK}?code=good&state=s"));
    assert_eq!((answer.status, late.session.as_deref()), (503, None));
    assert_eq!(vouched(&gate, &origin, "known"), VNEID);
    assert_eq!(vouched(&gate, &origin, "late"), UNBOUND);
    origin.take();
    assert_eq!(gate.ask(&Ask::get("/dang-xuat").cookie("PHPSESSID=known")).status, 503);
    origin.expect_untouched();
    assert_eq!(vouched(&gate, &origin, "known"), VNEID);
    assert!(gate.metric("vneid_gate_store_errors_total", &[]) > 0.0);
    assert!(gate.metric("vneid_gate_logins_total", &[("flow", "vneid"), ("result", "lost")]) > 0.0);
    assert_eq!(gate.ask_at("admin", &Ask::get("/readyz")).status, 503);

    gate.limit_file_size(u64::MAX);
    crate::harness::eventually("the gate to be ready again", || {
        (gate.ask_at("admin", &Ask::get("/readyz")).status == 200).then_some(())
    });
    Browser::new(&gate).log_in_with_vneid("late");
    assert_eq!(vouched(&gate, &origin, "late"), VNEID);
}
