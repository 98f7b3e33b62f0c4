//! Keys of the tables about who may do what: rule, default, invariant, test.

use super::kind::Kind::{Many, Method, Moment, Name, Number, Table, Text, Word};
use super::kind::{Key, key};
use crate::identity::{Account, Evidence, Login};
use crate::policy::{Action, Mode, Page, Reason};

pub(super) const RULE: &[Key] = &[
    key("name", Name, "Unique over all files; a metric label. Not default.").required(),
    key("why", Text, "Shown on the page, in your words."),
    key("routes", Many(&Name), "Routes where it applies; every route if absent."),
    key("except_routes", Many(&Name), "Every route but these; not beside routes."),
    key("when", Table(CONDITION), "Who is meant: all of it must hold."),
    key("unless", Table(CONDITION), "The rule does not hit when all of this holds."),
    key("from", Moment, "In force from then on; always if absent."),
    key("until", Moment, "In force before then, not at it; for ever if absent."),
    key("then", Word(Action::WORDS), "What happens.").required(),
    key("page", Word(Page::WORDS), "Which page explains it; with login and reject only."),
    key("mode", Word(Mode::WORDS), "observe counts and changes nothing.").or(r#""enforce""#),
    key(
        "percent",
        Number(0, 100),
        "Enforced for this part of the people, observed for the others; not beside observe.",
    )
    .or("100"),
    key("review", Moment, "From this day on check and a metric remind."),
    key("note", Text, "For your colleagues; not used."),
];

const CONDITION: &[Key] = &[
    key("account", Many(&Word(Account::WORDS)), "Kinds of account; any if absent."),
    key("login", Many(&Word(Login::WORDS)), "How the session was born; any if absent."),
    key("evidence", Many(&Word(Evidence::WORDS)), "What the gate could establish; any if absent."),
    key("level_min", Number(0, 3), "Lowest identity assurance level."),
    key("credential", Many(&Name), "Names of credentials; any if absent."),
    key("client", Many(&Text), "Networks of the client's address, like \"10.20.0.0/16\"."),
];

pub(super) const DEFAULT: &[Key] = &[
    key("then", Word(Action::WORDS), "What happens.").required(),
    key("page", Word(Page::WORDS), "Which page explains it."),
    key("why", Text, "Shown on the page, in your words."),
];

pub(super) const INVARIANT: &[Key] = &[
    key("name", Text, "A sentence; unique over all files.").required(),
    key("why", Text, "Said when it is broken."),
    key("never", Many(&Word(Action::WORDS)), "What must not happen.").required(),
    key("when", Table(CONDITION), "To whom: all of it must hold; everybody if absent."),
    key("unless", Table(CONDITION), "Not to those for whom all of this holds."),
    key("routes", Many(&Name), "Routes where it applies; every route if absent."),
    key("except_routes", Many(&Name), "Every route but these; not beside routes."),
    key("from", Moment, "Holds from then on; always if absent."),
    key("until", Moment, "Holds before then, not at it; for ever if absent."),
];

pub(super) const TEST: &[Key] = &[
    key("name", Text, "A sentence; unique over all files.").required(),
    key("at", Moment, "When it is asked; the moment of the load if absent."),
    key("request", Table(REQUEST), "What is asked for.").required(),
    key("as", Table(WHO), "Who asks; nobody if absent."),
    key("expect", Table(EXPECT), "What must come out; at least one of the four.").required(),
];

const REQUEST: &[Key] = &[
    key("url", Text, "With scheme and host.").required(),
    key("method", Method, "Method of the request.").or(r#""GET""#),
    key("client", Text, "Address of the client.").or(r#""192.0.2.1""#),
];

const WHO: &[Key] = &[
    key("account", Word(Account::WORDS), "Kind of account.").or(r#""unknown""#),
    key("login", Word(Login::WORDS), "How the session was born.").or(r#""unknown""#),
    key("level", Number(0, 3), "Identity assurance level.").or("0"),
    key("evidence", Word(Evidence::WORDS), "What the gate could establish.").or(r#""valid""#),
    key("credential", Name, "Name of the credential; none if absent."),
    key("lot", Number(0, 99), "Which hundredth of the people, for rules with percent; every one if absent."),
];

const EXPECT: &[Key] = &[
    key("then", Word(Action::WORDS), "What happens."),
    key("rule", Name, "Name of the rule that decides; default for [default]."),
    key("reason", Word(Reason::WORDS), "Why."),
    key("route", Name, "Name of the route."),
];
