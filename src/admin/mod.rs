//! What operators and Prometheus ask of a running gate, on a listener of its own: `/metrics`, `/livez`, `/readyz`,
//! `/status`; and `/revocations`, where operators revoke. Never serves the portal.

mod demand;
mod revocations;

use crate::config::Settings;
use crate::identity::Credential;
use crate::snapshot::Live;
use crate::state::State;
use crate::telemetry::Telemetry;
use crate::telemetry::series::births;
use crate::transport::Running;
use async_trait::async_trait;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub struct AdminService {
    pub live: Arc<Live<Running>>,
    pub state: Arc<State>,
    pub telemetry: Arc<Telemetry>,
    /// Set once every listener accepts connections.
    pub listening: Arc<AtomicBool>,
}

const TEXT: &str = "text/plain; charset=utf-8";

#[async_trait]
impl ServeHttp for AdminService {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        let (method, path) = (head.method.clone(), head.uri.path().to_owned());
        session.set_keepalive(Some(60));
        match path.as_str() {
            "/revocations" if method == Method::POST => return self.revoke(session).await,
            "/revocations" => return not_allowed("POST"),
            _ if method != Method::GET && method != Method::HEAD => return not_allowed("GET, HEAD"),
            _ => {}
        }
        match path.as_str() {
            "/metrics" => self.metrics(),
            "/livez" => answer(StatusCode::OK, TEXT, b"ok\n".to_vec()),
            "/readyz" => self.ready(),
            "/status" => self.status(),
            _ => answer(StatusCode::NOT_FOUND, TEXT, b"/metrics /livez /readyz /status /revocations\n".to_vec()),
        }
    }
}

impl AdminService {
    fn metrics(&self) -> Response<Vec<u8>> {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.telemetry.metrics.ledger_sessions.set(number(self.state.ledger.count()));
        self.telemetry.metrics.revocations.set(number(self.state.revocations.count()));
        match self.telemetry.metrics.exposition() {
            Ok(text) => answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
            Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string().into_bytes()),
        }
    }

    /// Ready means: every listener is open, every credential can be judged and every log-in written
    /// down.
    /// What is not is named.
    fn ready(&self) -> Response<Vec<u8>> {
        if !self.listening.load(Ordering::Acquire) {
            return answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, b"the listeners are not open yet\n".to_vec());
        }
        let keys = self.state.keys.missing(Timestamp::now().as_second()).into_iter();
        let keys =
            keys.map(|n| format!("credential `{n}` has no key set yet: its tokens are refused as unavailable\n"));
        let store = self.state.ledger.trouble().into_iter();
        let store = store.map(|why| format!("the store of sessions is lost: {why}\n"));
        let lines: String = keys.chain(store).collect();
        if lines.is_empty() {
            return answer(StatusCode::OK, TEXT, b"ok\n".to_vec());
        }
        answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, lines.into_bytes())
    }

    fn status(&self) -> Response<Vec<u8>> {
        let running = self.live.current();
        let settings = &running.snapshot.settings;
        let now = Timestamp::now();
        let next = settings.policy.next_transition(now);
        let body = json!({
            "name": settings.gate.name,
            "version": env!("CARGO_PKG_VERSION"),
            "policy": {
                "digest": running.snapshot.digest,
                "generation": running.snapshot.generation,
                "load": self.telemetry.loads.report(),
                "rules": settings.policy.rules().len(),
                "next_transition": next.map(|(rule, at)| json!({ "rule": rule, "at": at })),
                "reviews_due": settings.policy.reviews_due(now.to_zoned(settings.gate.zone.clone()).date()),
            },
            "credentials_without_keys": self.state.keys.missing(now.as_second()),
            "key_sets": self.state.keys.report(now.as_second()),
            "introspections": running.introspectors.iter().map(|i| i.report()).collect::<Vec<_>>(),
            "probes": running.probers.iter().map(|prober| prober.report()).collect::<Vec<_>>(),
            "sessions_born": sessions_born(&self.telemetry, settings),
            "sessions_replaced": sessions_replaced(&self.telemetry, settings),
            "ledger_sessions": self.state.ledger.count(),
            "revocations": self.state.revocations.count(),
            "store_trouble": self.state.ledger.trouble(),
            "key_id": self.state.keyed.id(),
        });
        let text = serde_json::to_vec_pretty(&body).unwrap_or_default();
        answer(StatusCode::OK, "application/json", text)
    }
}

/// How often the cookie of a known session changed outside of a log-in since the start, by credential.
fn sessions_replaced(telemetry: &Telemetry, settings: &Settings) -> Value {
    let sessions = settings.identity.credentials.iter().filter(|credential| credential.session().is_some());
    let count = |name: &str| telemetry.metrics.sessions_replaced.with_label_values(&[name]).get();
    Value::Object(sessions.map(|c| (c.name.clone(), count(c.name.as_str()).into())).collect())
}

/// How many sessions began to be believed since the start, for each credential by how they were born.
fn sessions_born(telemetry: &Telemetry, settings: &Settings) -> Value {
    let counter = &telemetry.metrics.sessions_born;
    let of = |credential: &Credential| {
        let session = credential.session()?;
        let count = |born| counter.with_label_values(&[credential.name.as_str(), born]).get();
        let born = births(session).map(|born| (born.to_owned(), count(born).into()));
        Some((credential.name.clone(), Value::Object(born.collect())))
    };
    Value::Object(settings.identity.credentials.iter().filter_map(of).collect())
}

fn not_allowed(allowed: &'static str) -> Response<Vec<u8>> {
    let mut refused = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, format!("only {allowed}\n").into_bytes());
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    refused
}

fn answer(status: StatusCode, kind: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let builder = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CONTENT_LENGTH, body.len())
        .header(CACHE_CONTROL, "no-store");
    builder.body(body).unwrap_or_default()
}
