//! Keys of the tables about this process: gate, listener, admin, state, audit.

use super::kind::Kind::{Bool, Duration, Many, Name, Number, Size, Table, Text, Word};
use super::kind::{Key, key};
use crate::policy::Mode;

pub(super) const GATE: &[Key] = &[
    key("name", Name, "Shown in /status.").required(),
    key("time_zone", Text, "IANA name; for dates without an offset.").or(r#""Asia/Ho_Chi_Minh""#),
    key("secret_file", Text, "File with at least 32 bytes that key pseudonyms and sessions; not beside secret_env."),
    key("secret_env", Text, "The same from a variable of the environment."),
    key("tls_min_version", Word(&["1.2", "1.3"]), "Lowest TLS version, for clients and upstreams.").or(r#""1.2""#),
    key(
        "threads",
        Number(1, 256),
        "Threads that serve requests, for each listener; as many as there are cores if absent.",
    ),
    key("mode", Word(Mode::WORDS), "observe: everything that can be read is decided, counted and forwarded.")
        .or(r#""enforce""#),
    key("limits", Table(LIMITS), "How much there may be at once."),
    key("timeouts", Table(TIMEOUTS), "How long clients may take."),
];

const LIMITS: &[Key] = &[
    key("connections", Number(1, 10_000_000), "Connections open at once on one listener.").or("8192"),
    key("head", Size, "One request head; 1KiB to 256KiB.").or(r#""32KiB""#),
    key("login_body", Size, "Body of a password log-in; 1KiB to 60KiB.").or(r#""16KiB""#),
    key("tokens", Number(1, 10_000_000), "Verified tokens that are remembered.").or("100000"),
];

const TIMEOUTS: &[Key] = &[
    key("head", Duration, "For a whole request head.").or(r#""15s""#),
    key("idle", Duration, "Between two requests of a connection.").or(r#""60s""#),
    key("body", Duration, "For a whole request body.").or(r#""10m""#),
    key("stall", Duration, "Without a byte read from or written to the client.").or(r#""30s""#),
    key("websocket", Duration, "A WebSocket on which one side says nothing.").or(r#""10m""#),
    key("stop", Duration, "For running requests at a graceful stop.").or(r#""30s""#),
];

pub(super) const LISTENER: &[Key] = &[
    key("address", Text, "IP and port, like \"0.0.0.0:443\".").required(),
    key("tls", Many(&Table(CERTIFICATE)), "Certificate and key, or a list of such pairs; the name asked for chooses."),
    key("http2", Bool, "Offers HTTP/2 on a TLS listener.").or("true"),
    key("redirect", Word(&["https"]), "Answers known hosts with a redirect to https; no tls beside it."),
    key("trusted_proxies", Many(&Text), "Networks whose X-Forwarded-For and X-Forwarded-Proto are believed."),
    key("proxy_protocol", Bool, "Only false: not yet supported.").or("false"),
];

const CERTIFICATE: &[Key] = &[
    key("certificate", Text, "PEM file, own certificate first.").required(),
    key("key", Text, "PEM file of the key that belongs to the certificate.").required(),
];

pub(super) const ADMIN: &[Key] = &[
    key("address", Text, "IP and port of /metrics, /livez, /readyz, /status; keep it away from outsiders.").required(),
    key("token_file", Text, "File with at least 32 bytes that whoever revokes must show; not beside token_env."),
    key("token_env", Text, "The same from a variable of the environment."),
];

pub(super) const STATE: &[Key] = &[
    key("store", Word(&["memory", "embedded", "redis"]), "Where sessions are kept; memory forgets them at a restart.")
        .or(r#""embedded""#),
    key("path", Text, "embedded: a folder of the gate's own."),
    key("sessions", Number(1, 100_000_000), "Sessions kept; beyond it the oldest become unbound; not for redis.")
        .or("1000000"),
    key("keep_revocations", Duration, "How long it is remembered who was taken away; longer than any token lives.")
        .or(r#""168h""#),
    key("url", Text, "redis: its address, without a password; not beside url_env."),
    key("url_env", Text, "redis: the same from a variable of the environment."),
    key("username", Text, "redis: who logs in, where it has users."),
    key("password_file", Text, "redis: file with the password; not beside password_env."),
    key("password_env", Text, "redis: the same from a variable of the environment."),
    key("ca_file", Text, "redis with TLS: authorities to trust instead of the system's."),
    key("timeout", Duration, "redis: for one question."),
    key("prefix", Text, "redis: before every key."),
    key(
        "on_store_loss",
        Word(&["refuse", "unbound"]),
        "redis: what a session is taken for that cannot be asked about.",
    ),
];

pub(super) const AUDIT: &[Key] = &[key("path", Text, "stdout, or a file that is appended to.").required()];
