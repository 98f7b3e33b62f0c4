//! Keys of the tables about who may be asking: credential with what it holds, and username.

use super::kind::Kind::{
    Bool, Cookie, Duration, Header, Many, ManyOrMap, Map, Method, Name, Number, Path, Pointer, PointerOr, Scalar,
    Table, Text, Value, Word,
};
use super::kind::{Key, key};
use crate::identity::credential::Follow;
use crate::identity::logout_token::Reach;
use crate::identity::{Account, Login};

pub(super) const CREDENTIAL: &[Key] = &[
    key("name", Name, "Unique over all files.").required(),
    key("from", Many(&Table(SOURCE)), "Where it is looked for, like [{ cookie = \"PHPSESSID\" }].").required(),
    key("sites", Many(&Name), "Sites on which it is looked for; all if absent."),
    key("jwt", Table(JWT), "It is a signed token; not beside session or introspection."),
    key(
        "session",
        Table(SESSION),
        "It is an opaque cookie, known only because the gate saw its log-in; not beside jwt or introspection.",
    ),
    key("introspection", Table(INTROSPECTION), "It is a token about which whoever issued it is asked (RFC 7662)."),
    key("principal", Many(&Table(PRINCIPAL)), "What the claims of a good token prove; the first that matches holds."),
    key("login", Many(&Table(LOGIN)), "A log-in that the gate can see happen."),
    key("logout", Many(&Table(LOGOUT)), "A request that ends the session."),
];

const SOURCE: &[Key] =
    &[key("header", Header, "Name of the request header."), key("cookie", Cookie, "Name of the cookie.")];

const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

const JWT: &[Key] = &[
    key("issuer", Text, "The one iss, exact.").required(),
    key("audience", Many(&Text), "One of these is in aud.").required(),
    key("parties", Many(&Text), "The claim azp is one of these; any if absent."),
    key("algorithms", Many(&Word(ALGORITHMS)), "Algorithms that are accepted; asymmetric ones only.").required(),
    key("jwks_url", Text, "URL of the key set."),
    key("jwks_file", Text, "File with a key set; may stand beside a fetched one."),
    key("discovery", Bool, "true: where the keys are stands below the issuer; not beside jwks_url."),
    key("discovery_url", Text, "The same, where that document is elsewhere."),
    key("jwks_origins", Many(&Text), "Other origins on which the document may say that the keys are."),
    key("keys_grace", Duration, "How long a key is good that the fetched set no longer holds."),
    key("keys_max_age", Duration, "How old the last good fetch may be."),
    key("ca_file", Text, "PEM file of the authorities to trust for what is fetched instead of the system's."),
    key("client_tls", Table(CLIENT_TLS), "What the gate shows of itself where it fetches."),
    key("leeway", Duration, "For exp, nbf and iat.").or(r#""30s""#),
    key("types", Many(&Text), "Accepted typ of the header.").or(r#"["JWT", "at+jwt"]"#),
    key("subject", Pointer, "The claim that names the person.").or(r#""/sub""#),
    key("logout", Table(BACKCHANNEL), "Where the issuer says that somebody has logged out (back-channel logout)."),
];

const BACKCHANNEL: &[Key] = &[
    key("path", Path, "Where the issuer posts logout tokens; the gate answers itself.").required(),
    key("audience", Many(&Text), "One of these client ids is in aud of the logout token.").required(),
    key("ends", Word(Reach::WORDS), "What ends where it names a log-in and a person; log-in if absent."),
];

const CLIENT_TLS: &[Key] = &[
    key("certificate", Text, "PEM file with the certificate and its chain.").required(),
    key("key", Text, "PEM file with its private key.").required(),
];

const INTROSPECTION: &[Key] = &[
    key("endpoint", Text, "Where to ask, by POST.").required(),
    key("client", Table(CLIENT), "As which client the gate asks.").required(),
    key("issuer", Text, "iss of the answer, exact; a JWT that names it is asked about here."),
    key("audience", Many(&Text), "One of these is in aud; not looked at if absent."),
    key("parties", Many(&Text), "client_id (and azp) is one of these; any if absent."),
    key("untyped", Word(&["refuse", "allow"]), "An answer that names no kind of token.").or(r#""refuse""#),
    key("leeway", Duration, "For exp, nbf and iat.").or(r#""30s""#),
    key("subject", Pointer, "The member that names the person.").or(r#""/sub""#),
    key("cache", Duration, "How long a good answer is believed, at most 5 minutes.").or(r#""30s""#),
    key("timeout", Duration, "For one question, at most 30 seconds.").or(r#""2s""#),
    key("concurrency", Number(1, 10_000), "Questions on their way at once.").or("32"),
    key("ca_file", Text, "PEM file of the authorities to trust for the endpoint instead of the system's."),
    key("client_tls", Table(CLIENT_TLS), "What the gate shows of itself where it asks."),
];

const CLIENT: &[Key] = &[
    key("id", Text, "Its name at the server.").required(),
    key("secret_file", Text, "File with its secret; exactly one of the three."),
    key("secret_env", Text, "Variable with its secret."),
    key("key_file", Text, "PEM file with a private key instead."),
    key("key_id", Text, "kid of that key at the server."),
    key("audience", Text, "aud of what the key signs."),
];

const SESSION: &[Key] = &[
    key("idle", Duration, "Forgotten after so long without a request; not longer than the portal's own.")
        .or(r#""30m""#),
    key("lifetime", Duration, "Forgotten so long after the log-in in any case.").or(r#""12h""#),
    key(
        "clean_start",
        Bool,
        "A log-in by redirect begins on a session that nobody has seen; false: it must change it.",
    )
    .or("true"),
    key("follow", Word(Follow::WORDS), "When a new value of the cookie is the same session.").or(r#""log-ins""#),
    key("remembers", Many(&Cookie), "Cookies by which the portal logs somebody in by itself."),
    key("probe", Table(PROBE), "The portal is asked who is signed in."),
];

const PROBE: &[Key] = &[
    key("path", Text, "What the portal is asked for, by GET with the session's cookie.").required(),
    key("timeout", Duration, "For one question, at most 30 seconds.").or(r#""2s""#),
    key("cache", Duration, "How long an answer about an unbound session is believed, at most 1 hour.").or(r#""60s""#),
    key("concurrency", Number(1, 10_000), "Questions on their way at once.").or("16"),
    key("signed_in", PointerOr(MEMBER), "True where somebody is signed in; without it, where a subject is told."),
    key("subject", PointerOr(MEMBER), "The name of the person."),
    key("account", PointerOr(MEMBER), "The kind of account, in the words of a policy."),
    key("login", PointerOr(MEMBER), "How the session was born, in the words of a policy."),
    key("level", PointerOr(MEMBER), "The level, 0 to 3."),
    key("issuer", Text, "The provider whose sub the subject is; its log-outs then end the session."),
];

const MEMBER: &[Key] = &[key("header", Header, "A header of the answer.").required()];

const PRINCIPAL: &[Key] = &[
    key("equals", Map(&Scalar), "JSON pointer = value of the whole claim."),
    key("matches", Map(&Value), "JSON pointer = regular expression; the claim is text."),
    key("present", Many(&Pointer), "Claims that are there, and not null."),
    key("absent", Many(&Pointer), "Claims that are not there, or null."),
    key("is", Table(IS), "What such a token proves.").required(),
];

const IS: &[Key] = &[
    key("account", Word(Account::WORDS), "Kind of account.").or(r#""unknown""#),
    key("login", Word(Login::WORDS), "How the session was born.").or(r#""unknown""#),
    key("level", Number(0, 3), "Identity assurance level, as a constant.").or("0"),
    key("level_from", Pointer, "The claim that holds the level; not beside level."),
];

const LOGIN: &[Key] = &[
    key("name", Name, "Unique over all files; a metric label.").required(),
    key("begins", Table(BEGINS), "The portal's own redirect that begins it; required for a session without username."),
    key("request", Table(REQUEST), "The request that brings the log-in.").required(),
    key("success", Table(SUCCESS), "How the portal's answer says that it succeeded; all that is given must hold."),
    key("username", Table(NAME_FIELD), "Where the name stands: the attempt is decided before it is forwarded."),
    key("is", Table(FLOW_IS), "What a session born this way proves."),
    key("headers", Table(HEADERS), "Headers of the portal's answer that say it better; they never reach the browser."),
];

const BEGINS: &[Key] =
    &[key("location_host", Many(&Text), "Hosts of the identity provider to which the portal sends the session.")
        .required()];

const REQUEST: &[Key] = &[
    key("method", Method, "Its route must allow it; HEAD counts as GET.").required(),
    key("path", Path, "One path, or ending in /**.").required(),
    key("query", ManyOrMap(&Text, &Value), "Parameters that are there, once each; or a table of names and values."),
    key("form", Map(&Value), "Form fields with these values; needs username.form."),
    key("unless_form", Map(&Many(&Text)), "Form fields of which one of these values says that it is no log-in."),
];

const SUCCESS: &[Key] = &[
    key("status", Many(&Number(100, 599)), "Status codes."),
    key("location", Many(&Path), "Where Location leads on the site: a path; ?* and #* allow any query and fragment."),
    key("header", Map(&Value), "Answer headers with these values; \"*\" is any."),
    key("json", Map(&Scalar), "JSON pointer = value in the answer's body."),
    key("set_cookie", Many(&Cookie), "Cookies that the answer sets."),
];

const NAME_FIELD: &[Key] = &[
    key("form", Text, "Form field that holds the name."),
    key("json", Pointer, "Member of a JSON body that holds the name."),
];

const FLOW_IS: &[Key] = &[
    key("account", Word(Account::WORDS), "Kind of account; unknown if absent."),
    key("account_from", Word(&["username"]), "By the shapes in [[username]]; not beside account."),
    key("login", Word(Login::WORDS), "How the session was born; unknown if absent."),
    key("level", Number(0, 3), "A constant only where the provider refuses lower ones.").or("0"),
];

const HEADERS: &[Key] = &[
    key("account", Header, "Header that holds the kind of account."),
    key("login", Header, "Header that says how the session was born."),
    key("level", Header, "Header that holds the level."),
    key("subject", Header, "Header that names the person."),
];

const LOGOUT: &[Key] = &[key("request", Table(OUT), "The request that ends the session.").required()];

const OUT: &[Key] = &[
    key("path", Path, "One path, or ending in /**.").required(),
    key("method", Method, "Any if absent."),
    key("query", ManyOrMap(&Text, &Value), "Parameters that are there; or a table of names and values."),
];

pub(super) const USERNAME: &[Key] = &[
    key("matches", Value, "Regular expression for the name after trimming and NFKC.").required(),
    key("account", Word(Account::WORDS), "Kind of account that such a name hints at.").required(),
];
