//! What is written is read back the same, and what is broken is told, never guessed.

use super::*;
use crate::config::read_directory;
use crate::identity::flow::FlowStamp;
use crate::identity::presented::Location;
use crate::identity::session::{Born, Start};
use crate::identity::{
    Account, CredentialId, Evidence, Facts, Identifiers, Level, Login, Presented, Principal, SessionName,
};
use crate::policy::{Action, Decision, Reason, RouteId, RuleId, Verdict};
use crate::snapshot::Snapshot;
use crate::state::keyed::Keyed;
use crate::telemetry::{Finished, LoginSeen, Origin, line};
use http::Method;
use std::path::Path;

fn snapshot() -> Snapshot {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/daknong");
    let loaded = read_directory(&folder);
    Snapshot { generation: 1, digest: loaded.digest, settings: loaded.settings.unwrap() }
}

fn presented(principal: Principal, session_name: Option<SessionName>) -> Presented {
    Presented {
        principal,
        location: Location::Body,
        check: Ok(()),
        session: None,
        identifiers: session_name.map(|name| Identifiers::of_session(name, 0)),
        born: None,
    }
}

/// The credential by session, and a log-in of it.
fn sessions() -> (u8, FlowStamp) {
    let identity = snapshot().settings.identity;
    let credential = identity.credentials.iter().find(|c| c.session().is_some()).unwrap();
    (credential.id.0, credential.session().unwrap().flows[0])
}

fn people() -> Vec<Presented> {
    let facts = |subject: Option<&str>| Facts {
        account: Account::Citizen,
        login: Login::Vneid,
        level: Level::new(2).unwrap(),
        subject: subject.map(Into::into),
    };
    let born = |born, name| Presented {
        born: Some(born),
        ..presented(Principal::valid(CredentialId(sessions().0), facts(None)), Some(SessionName(name)))
    };
    let flow = sessions().1;
    vec![
        born(Born::InLogIn { flow, start: Start::Clean, at_s: 1_719_766_800 }, 7),
        born(Born::Probed, 8),
        presented(Principal::valid(CredentialId(0), facts(Some("001090000001"))), None),
        presented(Principal::valid(CredentialId(0), facts(None)), Some(SessionName(0x0123_4567_89ab_cdef))),
        presented(Principal::unproved(None, Evidence::Invalid), None),
        presented(Principal::attempt(CredentialId(0), Account::Unknown), None),
    ]
}

/// Calls `each` with lines that use every member, and every optional one both ways.
fn lines(mut each: impl FnMut(&Finished<'_>, &str)) {
    let (snapshot, keyed, people) = (snapshot(), Keyed::new(&[7; 32]), people());
    let verdict = |rule, action, reason| Verdict { action, rule: RuleId(rule), reason, page: None };
    let decision = Decision {
        verdict: verdict(0, Action::Forward, Reason::Allowed),
        deciding: 0,
        observed: Some(verdict(1, Action::Reject, Reason::PasswordSession)),
        grant: None,
    };
    let verdict = verdict(2, Action::Login, Reason::NotLoggedIn);
    let unobserved = Decision { verdict, deciding: 0, observed: None, grant: None };
    let logins = [
        LoginSeen { flow: "vneid".into(), result: "begun" },
        LoginSeen { flow: "log-out".into(), result: "logged_out" },
    ];
    for choice in 0..64_usize {
        let on = |bit: usize| choice & (1 << bit) != 0;
        let finished = Finished {
            snapshot: &snapshot,
            keyed: &keyed,
            at: "2024-06-30T17:00:00.007Z".parse().unwrap(),
            support_code: "K7PM-2QXD",
            request_id: "0123456789abcdef",
            site: None,
            route: on(0).then_some(RouteId(1)),
            method: &Method::POST,
            host: if on(1) { "" } else { "dvc.test:8080" },
            path: if on(2) { "/tên/\"x\"\\/\u{7}" } else { "/nop-ho-so/001090000001" },
            client: if on(3) { "[2001:db8::1]:443" } else { "10.0.0.1:0" }.parse().unwrap(),
            presented: if on(4) { &people } else { &[] },
            decision: [Some(&decision), Some(&unobserved), None][choice % 3],
            reason: Reason::Allowed,
            detail: on(5).then_some("two-cookies"),
            status: 499,
            origin: Origin::Gate,
            logins: if on(1) { &logins } else { &[] },
            complete: on(2),
            decision_s: on(3).then_some(0.000_123),
            upstream_s: on(4).then_some(1.5),
            total_s: 2.25,
        };
        let mut out = Vec::new();
        line::write(&mut out, &finished, &line::Shared::of(&finished));
        each(&finished, std::str::from_utf8(&out).unwrap());
    }
}

#[test]
fn what_is_written_is_read_back_the_same() {
    lines(|wrote, text| {
        let past = Past::read(text.as_bytes()).unwrap();
        assert_eq!(past.time, "2024-07-01T00:00:00.007+07:00");
        assert_eq!((&*past.support_code, &*past.request_id), ("K7PM-2QXD", "0123456789abcdef"));
        assert_eq!((&*past.method, &*past.host, past.status), ("POST", wrote.host, wrote.status));
        assert_eq!(past.path, crate::wire::redact::path(wrote.path));
        assert_eq!(past.client, wrote.client.to_string());
        assert_eq!(past.decision.is_some(), wrote.decision.is_some());
        let observed = wrote.decision.and_then(|d| d.observed).map(|v| v.reason.as_str().to_owned());
        assert_eq!(past.observed.map(|v| v.reason.into_owned()), observed);
        assert_eq!((past.principals.len(), past.logins.len()), (wrote.presented.len(), wrote.logins.len()));
        for (read, shown) in past.principals.iter().zip(wrote.presented) {
            assert_eq!(read.evidence, shown.principal.evidence().as_str());
            assert_eq!(read.level, shown.principal.level().number());
            assert_eq!(read.subject.is_empty(), shown.principal.subject().is_none());
            assert_eq!(read.session, shown.session_name().map_or(String::new(), |n| format!("{:016x}", n.0)));
            assert_eq!(read.born, shown.born.map_or("", Born::word));
            let at_s = if let Some(Born::InLogIn { at_s, .. }) = shown.born { u64::try_from(at_s).ok() } else { None };
            assert_eq!((read.born_at, read.flow.is_empty()), (at_s, at_s.is_none()));
        }
        assert_eq!((past.complete, past.total_us), (wrote.complete, Some(2_250_000)));
        assert_eq!(
            (past.detail.is_empty(), past.upstream_us.is_some()),
            (wrote.detail.is_none(), wrote.upstream_s.is_some())
        );
        assert_eq!((&*past.policy, &*past.key_id), (wrote.snapshot.digest.as_str(), wrote.keyed.id()));
    });
}

#[test]
fn the_quick_way_and_the_patient_way_agree() {
    let mut quick = 0;
    lines(|_, text| {
        let patient = Past::of_any_json(text).unwrap();
        if let Some(past) = written::read(text) {
            assert_eq!(past, patient);
            quick += 1;
        }
        assert_eq!(Past::read(text.as_bytes()).unwrap(), patient);
    });
    assert_eq!(quick, 32, "only the lines with escapes go the patient way");
}

#[test]
fn a_line_of_another_version_is_read_by_its_names() {
    let text = r#"{"schema":9,"status":403,"new":{"a":[1]},"time":"2026-01-01T00:00:00+07:00","principals":[{"login":"vneid","x":1}]}"#;
    let past = Past::read(text.as_bytes()).unwrap();
    assert_eq!((past.status, &*past.time, &*past.principals[0].login), (403, "2026-01-01T00:00:00+07:00", "vneid"));
    assert_eq!((past.decision, &*past.host), (None, ""));
}

#[test]
fn every_cut_of_a_line_is_told_as_broken_off() {
    lines(|_, text| {
        for end in (1..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let cut = Past::read(&text.as_bytes()[..end]);
            assert!(matches!(cut, Err(Unreadable::BrokenOff)), "{cut:?} of {}", &text[..end]);
        }
    });
}

#[test]
fn what_is_no_audit_line_is_told_by_what_it_is() {
    for (text, said) in [
        (&b"\xff\xfe{}"[..], "not UTF-8 text"),
        (b"", "broken off"),
        (b"{}", "JSON, but no audit line: it has no `time`"),
        (b"{\"time\":7}", "not JSON, or of another shape (column 9)"),
        (b"plain text", "not JSON, or of another shape (column 1)"),
        (b"{\"time\":\"x\"} trailing", "not JSON, or of another shape (column 14)"),
    ] {
        assert_eq!(Past::read(text).unwrap_err().to_string(), said);
    }
}
