//! Promises about reload: a changed policy takes hold whole, or not at all.
//!
//! However the files change, a good policy replaces the old one at once; a broken one changes nothing and is loud in
//! every place where an operator looks.

use crate::harness::{Ask, Browser, Gate, Origin, Policy, World, eventually, portal};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const RELOADS: &str = "vneid_gate_policy_reloads_total";

/// The policy in which an undeclared page is forbidden instead of behind the log-in.
fn stricter(policy: Policy) -> Policy {
    policy.change("[default]\nthen = \"login\"", "[default]\nthen = \"reject\"")
}

/// 401 under the first policy, 403 under the stricter one.
fn verdict(gate: &Gate) -> u16 {
    gate.ask(&Ask::get("/undeclared")).status
}

#[track_caller]
fn until_verdict(gate: &Gate, status: u16) {
    eventually("the new verdict", || (verdict(gate) == status).then_some(()));
}

#[test]
fn a_file_written_in_place_takes_hold() {
    let world = World::start();
    assert_eq!(verdict(&world.gate), 401);
    let path = world.gate.directory().join("rules.toml");
    let text =
        fs::read_to_string(&path).unwrap().replace("[default]\nthen = \"login\"", "[default]\nthen = \"reject\"");
    fs::write(&path, text).unwrap();
    until_verdict(&world.gate, 403);
    world.expect_untouched();
}

#[test]
fn a_file_renamed_into_place_takes_hold_and_so_does_one_that_is_added_or_removed() {
    let world = World::start();
    world.gate.rewrite(&stricter(world.gate.policy()));
    until_verdict(&world.gate, 403);
    let extra = world.gate.directory().join("a-extra.toml");
    fs::write(
        &extra,
        "[[route]]\nname = \"extra\"\nsite = \"portal\"\npaths = [\"/undeclared\"]\nmethods = [\"POST\"]\n",
    )
    .unwrap();
    until_verdict(&world.gate, 405);
    fs::remove_file(&extra).unwrap();
    until_verdict(&world.gate, 403);
    world.expect_untouched();
}

#[test]
fn a_directory_of_links_that_is_switched_at_once_takes_hold() {
    let world = World::start();
    let directory = world.gate.directory();
    let version = |name: &str, text: String| {
        let folder = world.gate.data().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("rules.toml"), text).unwrap();
        folder
    };
    let text = fs::read_to_string(directory.join("rules.toml")).unwrap();
    let old = version("v1", text.clone());
    let new = version("v2", text.replace("[default]\nthen = \"login\"", "[default]\nthen = \"reject\""));
    let current = world.gate.data().join("current");
    symlink(&old, &current).unwrap();
    symlink(current.join("rules.toml"), world.gate.data().join("link")).unwrap();
    fs::rename(world.gate.data().join("link"), directory.join("rules.toml")).unwrap();
    assert_eq!(verdict(&world.gate), 401);
    symlink(&new, world.gate.data().join("switched")).unwrap();
    fs::rename(world.gate.data().join("switched"), &current).unwrap();
    until_verdict(&world.gate, 403);
    world.expect_untouched();
}

#[test]
fn a_hangup_loads_at_once() {
    let world = World::start();
    let before = world.gate.metric(RELOADS, &[("result", "ok")]);
    world.gate.signal("HUP");
    world.gate.until_metric(RELOADS, &[("result", "ok")], |count| count > before);
    assert_eq!(verdict(&world.gate), 401);
}

#[test]
fn a_broken_policy_changes_nothing_and_is_loud() {
    let world = World::start();
    let status = world.gate.status();
    world.gate.reload(&world.gate.policy().change("then = \"login\"", "then = \"lgoin\""), "failed");
    assert_eq!(verdict(&world.gate), 401, "the old policy goes on");
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 200);
    assert_eq!(world.gate.metric("vneid_gate_policy_last_reload_successful", &[]), 0.0);
    let said = world.gate.stderr();
    for words in ["rules.toml", "`lgoin`", "did you mean `login`?"] {
        assert!(said.contains(words), "stderr was to say {words}:\n{said}");
    }
    assert!(world.gate.status().to_string().contains("lgoin"), "{}", world.gate.status());
    assert_eq!(world.gate.admin("/readyz").status, 200, "an old policy is one to serve by");
    world.gate.reload(&stricter(world.gate.policy()), "ok");
    assert_eq!(world.gate.metric("vneid_gate_policy_last_reload_successful", &[]), 1.0);
    assert_eq!(verdict(&world.gate), 403);
    let after = world.gate.status();
    assert!(!after.to_string().contains("lgoin"), "{after}");
    assert_ne!(status["policy"]["digest"], after["policy"]["digest"], "{after}");
}

#[test]
fn a_policy_that_disappears_is_no_policy_without_rules() {
    let world = World::start();
    for name in ["rules.toml", "identity.toml", "gate.toml"] {
        fs::remove_file(world.gate.directory().join(name)).unwrap();
        world.gate.until_metric("vneid_gate_policy_last_reload_successful", &[], |value| value == 0.0);
        assert_eq!(verdict(&world.gate), 401);
    }
    fs::remove_dir_all(world.gate.directory()).unwrap();
    world.gate.signal("HUP");
    assert_eq!(verdict(&world.gate), 401);
    assert_eq!(world.gate.metric("vneid_gate_policy_last_reload_successful", &[]), 0.0);
    world.expect_untouched();
}

#[test]
fn a_policy_that_fails_its_own_test_is_refused() {
    let world = World::start();
    let test = "\n[[test]]\nname = \"undeclared pages ask for the log-in\"\nat = 2026-01-01T00:00:00+07:00\nrequest = { method = \"GET\", \
                url = \"https://dichvucong.daknong.gov.vn/undeclared\" }\nexpect = { then = \"login\" }\n";
    let tested = world.gate.policy().append("rules.toml", test);
    world.gate.reload(&tested, "ok");
    world.gate.reload(&stricter(tested), "failed");
    assert_eq!(verdict(&world.gate), 401);
    assert!(world.gate.stderr().contains("undeclared pages ask for the log-in"));
}

#[test]
fn what_only_a_restart_can_change_is_refused_with_that_word() {
    let world = World::start();
    let moved = world.gate.policy().change("127.0.0.1:@PORT:main@", "127.0.0.1:1");
    let changes = [
        stricter(moved.clone()),
        stricter(world.gate.policy().change("[[listener]]", "[[listener]]\naddress = \"127.0.0.1:2\"\n[[listener]]")),
        stricter(world.gate.policy().change("@PORT:admin@", "3")),
        stricter(
            world.gate.policy().change("[state]\nstore = \"memory\"", "[state]\nstore = \"memory\"\nsessions = 7"),
        ),
    ];
    for change in changes {
        world.gate.reload(&change, "failed");
        assert_eq!(verdict(&world.gate), 401);
        world.gate.reload(&world.gate.policy(), "ok");
    }
    assert!(world.gate.stderr().contains("restart"), "{}", world.gate.stderr());
}

#[test]
fn counters_and_sessions_survive_and_new_rules_start_at_zero() {
    let world = World::start();
    assert_eq!(verdict(&world.gate), 401);
    let labels = [("rule", "default"), ("action", "login"), ("route", "other")];
    world.gate.settle();
    let before = world.gate.metric("vneid_gate_decisions_total", &labels);
    assert!(before >= 1.0);
    let rule = "[[rule]]\nname = \"brand-new\"\nwhen = { account = \"organization\" }\nroutes = [\"filing\"]\n\
                then = \"reject\"\n\n[[rule]]\nname = \"officials";
    world.gate.reload(&world.gate.policy().change("[[rule]]\nname = \"officials", rule), "ok");
    assert_eq!(world.gate.metric("vneid_gate_decisions_total", &labels), before);
    assert_eq!(world.gate.metric("vneid_gate_decisions_total", &[("rule", "brand-new")]), 0.0);
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 200);
}

#[test]
fn a_policy_that_closes_a_page_acts_on_open_sessions_at_once() {
    let world = World::start();
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 200);
    let closed = world.gate.policy().change("level_min = 2 }", "level_min = 3 }");
    world.gate.reload(&closed, "ok");
    world.origin.take();
    assert_eq!(world.gate.ask(&Ask::get("/nop-ho-so").cookie(&world.vneid)).status, 403);
    world.expect_untouched();
}

#[test]
fn a_rule_takes_hold_at_its_time_without_a_reload() {
    let origin = Origin::answering(portal);
    let soon = crate::harness::now() + 3;
    let moment = jiff::Timestamp::from_second(soon).unwrap();
    let rule = format!(
        "[[rule]]\nname = \"from-now-on\"\nroutes = [\"public\"]\nfrom = {moment}\nthen = \"reject\"\n\n[[rule]]\nname = \"officials"
    );
    let gate = Gate::start(&Policy::portal(&origin).change("[[rule]]\nname = \"officials", &rule));
    let next = gate.metric("vneid_gate_policy_next_transition_timestamp_seconds", &[("rule", "from-now-on")]);
    assert!((next - soon as f64).abs() < 0.5, "{next}");
    eventually("the time of the rule", || (gate.ask(&Ask::get("/")).status == 403).then_some(()));
    assert!(crate::harness::now() >= soon, "not before its time");
}

#[test]
fn many_reloads_under_load_give_no_third_answer() {
    let world = World::start();
    let (first, second) = (world.gate.policy(), stricter(world.gate.policy()));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0_u32; 2];
                    while !stop.load(Ordering::Relaxed) {
                        match verdict(&world.gate) {
                            401 => seen[0] += 1,
                            403 => seen[1] += 1,
                            other => panic!("neither policy answers {other}"),
                        }
                        assert_eq!(world.gate.ask(&Ask::get("/assets/a.js")).status, 200);
                    }
                    seen
                })
            })
            .collect();
        for _ in 0..5 {
            world.gate.reload(&second, "ok");
            world.gate.reload(&first, "ok");
        }
        stop.store(true, Ordering::Relaxed);
        for seen in asking {
            let seen = seen.join().expect("every answer is one of two");
            assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
        }
    });
    assert!(world.origin.requests().iter().all(|request| request.path() == "/assets/a.js"));
}

#[test]
fn a_log_in_that_is_on_its_way_survives_a_reload() {
    let world = World::start();
    let mut citizen = Browser::new(&world.gate);
    citizen.get("/dang-nhap/vneid?sid=w&state=s");
    world.gate.reload(&stricter(world.gate.policy()), "ok");
    citizen.get(&format!("{}?code=good&state=s", crate::harness::CALLBACK));
    assert_eq!(citizen.get("/nop-ho-so").status, 200);
}
