//! An explanation for pipelines. The members are those of the audit line where they mean the same.

use super::answer::{Explanation, Outcome};
use super::asker::Asker;
use super::text;
use crate::cli::at;
use crate::config::Settings;
use crate::identity::Principal;
use crate::identity::check::check_word;
use crate::policy::trace::{Met, TraceStep};
use crate::policy::{OTHER, Policy, Verdict};
use crate::proxy::answer::{Audience, Kind};
use crate::proxy::rehearsal::Reply;
use crate::proxy::rejection::Rejection;
use crate::wire::redact;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub(super) fn report(e: &Explanation<'_>, settings: &Settings) -> Value {
    let (policy, zone) = (&settings.policy, &settings.gate.zone);
    let site = e.target.as_ref().and_then(|t| policy.site(t.site));
    let route = e.target.as_ref().and_then(|t| policy.route(t.route));
    json!({
        "request": {
            "method": e.method.as_str(),
            "host": e.target.as_ref().map(|t| &t.host),
            "path": e.target.as_ref().map(|t| redact::path(&t.path)),
            "site": site.map(|s| &s.name),
            "route": route.map(|r| &r.name),
            "client": e.client.to_string(),
            "client_is_assumed": !e.client_is_given,
            "at": at::written(e.at, zone),
            "lot": e.lot.map(|lot| lot.number()),
        },
        "refused": e.refused.as_ref().map(|(rejection, replies)| refused(*rejection, replies)),
        "log_outs_for": e.log_outs,
        "principals": e.askers.iter().map(|a| asker(a, settings, e)).collect::<Vec<_>>(),
        "decisions": e.outcomes.iter().map(|o| outcome(o, e, policy, zone)).collect::<Vec<_>>(),
        "notes": e.notes,
    })
}

fn refused(rejection: Rejection, replies: &[(Audience, Reply)]) -> Value {
    json!({ "reason": rejection.reason().as_str(), "detail": rejection.detail(), "answers": answers(replies) })
}

fn answers(replies: &[(Audience, Reply)]) -> Vec<Value> {
    let answer = |(audience, reply): &(Audience, Reply)| {
        json!({
            "audience": if *audience == Audience::Person { "person" } else { "program" },
            "status": reply.status.as_u16(),
            "location": reply.location,
            "page": if let Kind::Refused(page) = reply.kind { Some(page.as_str()) } else { None },
            "takes_session_out": reply.takes_session_out,
        })
    };
    replies.iter().map(answer).collect()
}

fn asker(asker: &Asker<'_>, settings: &Settings, e: &Explanation<'_>) -> Value {
    let principal = &asker.principal;
    let credential = principal.credential().and_then(|id| settings.identity.credential(id));
    json!({
        "shown": asker.shown,
        "credential": credential.map(|c| &c.name),
        "evidence": principal.evidence().as_str(),
        "check": asker.check.map(check_word),
        "account": principal.account().as_str(),
        "login": principal.login().as_str(),
        "level": principal.level().number(),
        "note": asker.note,
        "rules": asker.steps.iter().map(|s| step(s, principal, settings, e)).collect::<Vec<_>>(),
    })
}

fn step(step: &TraceStep<'_>, principal: &Principal, settings: &Settings, e: &Explanation<'_>) -> Value {
    let (met, key) = match step.met {
        Met::OtherRoutes => ("miss", Some("routes")),
        Met::NotYet(_) => ("miss", Some("from")),
        Met::Ended(_) => ("miss", Some("until")),
        Met::Misses(key) => ("miss", Some(key)),
        Met::Excepted => ("miss", Some("unless")),
        Met::Observed => ("observed", None),
        Met::Decides => ("hit", None),
    };
    let why = text::met(step, principal, settings, &settings.gate.zone, e.client);
    json!({ "rule": step.rule.name, "met": met, "key": key, "why": why })
}

fn outcome(o: &Outcome, e: &Explanation<'_>, policy: &Policy, zone: &TimeZone) -> Value {
    let grant = o.decision.grant.as_ref().filter(|_| !o.too_large);
    let numbers = |holds: &dyn Fn(usize) -> bool| (0..e.askers.len()).filter(|n| holds(*n)).collect::<Vec<_>>();
    json!({
        "lots": o.lots.map(|(first, last)| [first, last]),
        "decision": verdict(policy, o.decision.verdict),
        "holder": o.decision.deciding,
        "observed": o.decision.observed.map(|v| verdict(policy, v)),
        "refused": if o.too_large { Some("body-too-large") } else { None },
        "answers": answers(&o.replies),
        "removed": grant.map(|g| numbers(&|n| e.removes(g, n))),
        "speaker": grant.and_then(|g| g.acting()),
        "next": o.next.as_ref().map(|(moment, then)| {
            json!({ "at": at::written(*moment, zone), "decision": verdict(policy, then.verdict) })
        }),
    })
}

fn verdict(policy: &Policy, v: Verdict) -> Value {
    json!({
        "action": v.action.as_str(),
        "rule": policy.rule(v.rule).map_or(OTHER, |r| r.name.as_str()),
        "reason": v.reason.as_str(),
        "page": v.page.map(|p| p.as_str()),
    })
}
