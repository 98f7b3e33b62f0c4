//! Keys of the tables about the portal: upstream, site, route.

use super::kind::Kind::{Bool, Duration, Header, HostName, Many, Method, Name, Path, Size, Table, Text, Word};
use super::kind::{Key, key};

pub(super) const UPSTREAM: &[Key] = &[
    key("name", Name, "Unique over all files.").required(),
    key("servers", Many(&Text), "Host and port of each server, like \"10.0.10.11:8080\".").required(),
    key("balance", Word(&["round-robin"]), "In turn among the healthy ones.").or(r#""round-robin""#),
    key("tls", Table(TLS), "Speak TLS to the servers."),
    key("http2", Bool, "Speak HTTP/2 to the servers.").or("false"),
    key("health", Table(HEALTH), "How servers are looked after."),
    key("timeouts", Table(TIMEOUTS), "How long servers may take; whole seconds."),
];

const TLS: &[Key] = &[
    key("server_name", HostName, "The name in SNI and in the server's certificate.").required(),
    key("ca_file", Text, "PEM file of the authorities to trust instead of the system's."),
];

const HEALTH: &[Key] = &[
    key("path", Path, "Asked by GET, 2xx or 3xx is healthy; without it a connection is enough."),
    key("host", HostName, "Host of that request; the server name of tls or the first server if absent."),
    key("interval", Duration, "Time between two questions.").or(r#""5s""#),
];

const TIMEOUTS: &[Key] = &[
    key("connect", Duration, "TCP and TLS together.").or(r#""2s""#),
    key("read", Duration, "Each wait for bytes of the answer.").or(r#""60s""#),
    key("write", Duration, "Each wait to get rid of bytes of the request.").or(r#""60s""#),
    key("idle", Duration, "An unused connection is kept for the next request.").or(r#""60s""#),
];

pub(super) const SITE: &[Key] = &[
    key("name", Name, "Unique over all files; a metric label.").required(),
    key("hosts", Many(&HostName), "Host names in lower case, without port; each belongs to one site.").required(),
    key("upstream", Name, "Name of the upstream that serves the site.").required(),
    key("login_url", Text, "A path or a URL: where people are sent to log in. Its route must let everyone in."),
    key("path_parameters", Word(&["refuse", "allow"]), "allow: what follows a ; is cut off before matching.")
        .or(r#""refuse""#),
    key("empty_segments", Word(&["refuse", "merge"]), "merge: // counts as / in matching.").or(r#""refuse""#),
    key("case_insensitive", Bool, "Matching ignores case.").or("false"),
    key("private_headers", Many(&Header), "More request headers that no client may send; taken off."),
    key("allow_headers", Many(&Header), "Request headers that a client may send, although products trust them."),
];

pub(super) const ROUTE: &[Key] = &[
    key("name", Name, "Unique over all files; a metric label. Not other, which is the route of all undeclared paths.")
        .required(),
    key("site", Name, "Name of the site.").required(),
    key("paths", Many(&Path), "/x, /x/**, /x/*/y, /x/{id}; written decoded. The most specific one wins.").required(),
    key("methods", Many(&Method), "Methods that are allowed; any but TRACE and CONNECT if absent. HEAD counts as GET."),
    key("limits", Table(LIMITS), "How much a request may bring."),
];

const LIMITS: &[Key] = &[key("body", Size, "Largest request body, like \"200MB\".").or(r#""50MB""#)];
