//! `POST /revocations`: somebody, or everybody, is revoked by whoever shows the token of `[admin]`.
//!
//! Without a token in the policy this door is closed. The token is compared in a time that says nothing of it.

use super::demand::Demand;
use super::{AdminService, answer};
use crate::config::settings::Secret;
use crate::identity::token::bearer;
use crate::state::revocations::NotRevoked;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const BODY_MAX_BYTES: usize = 8 << 10;
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Why nobody was revoked.
enum RefusedDemand {
    /// The policy has no token.
    Closed,
    /// The request does not show the token.
    NotPermitted,
    /// With what to do instead.
    Unclear(String),
    NotKept(NotRevoked),
}

impl AdminService {
    pub(super) async fn revoke(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let answer = match self.revoked(session).await {
            Ok(told) => answer(StatusCode::OK, "application/json", told.to_string().into_bytes()),
            Err(refused) => refused.answer(),
        };
        if !session.is_body_done() {
            // What is left of it must not be taken for a request.
            session.set_keepalive(None);
        }
        answer
    }

    /// What was revoked, for whoever asked.
    async fn revoked(&self, session: &mut ServerSession) -> Result<Value, RefusedDemand> {
        let running = self.live.current();
        let settings = &running.snapshot.settings;
        permitted(&session.req_header().headers, settings.admin.token.as_ref())?;
        let body = body(session).await?;
        let now = Timestamp::now();
        let demand = Demand::read(&body, &settings.identity.credentials, &self.state.keyed, now);
        let demand = demand.map_err(RefusedDemand::Unclear)?;
        let revoked = self.state.revocations.revoke(demand.whom(), demand.before_s(), now.as_second()).await;
        if let Err(why) = revoked {
            log::error!("{} could not be revoked: {why}", demand.logged());
            return Err(RefusedDemand::NotKept(why));
        }
        let before = demand.issued_before.map_or_else(String::new, |at| format!(", issued before {at}"));
        log::info!("revoked through the admin address: {}{before}", demand.logged());
        let keep = SignedDuration::from_secs(settings.state.keep_revocations_s);
        Ok(json!({
            "revoked": demand.told(),
            "issued_before": demand.issued_before,
            "kept_until": now.checked_add(keep).ok(),
        }))
    }
}

impl RefusedDemand {
    fn answer(self) -> Response<Vec<u8>> {
        match self {
            RefusedDemand::Closed => {
                let what = "this gate takes nobody away: set `token_file` or `token_env` in `[admin]` and restart it";
                problem(StatusCode::FORBIDDEN, what)
            }
            RefusedDemand::NotPermitted => {
                let what = "show the token of `[admin]`: `Authorization: Bearer …`";
                let mut refused = problem(StatusCode::UNAUTHORIZED, what);
                let realm = HeaderValue::from_static("Bearer realm=\"vneid-gate admin\"");
                refused.headers_mut().insert(WWW_AUTHENTICATE, realm);
                refused
            }
            RefusedDemand::Unclear(what) => problem(StatusCode::BAD_REQUEST, &what),
            RefusedDemand::NotKept(why) => problem(StatusCode::SERVICE_UNAVAILABLE, &why.to_string()),
        }
    }
}

/// Whether the request shows the token.
fn permitted(headers: &HeaderMap, token: Option<&Secret>) -> Result<(), RefusedDemand> {
    let token = token.ok_or(RefusedDemand::Closed)?;
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let shown = match (shown.next(), shown.next()) {
        (Some(only), None) => bearer(only.as_bytes()),
        _ => None,
    };
    // Hashes have one length, whatever is shown.
    let fits = |shown: &[u8]| {
        verify_slices_are_equal(digest(&SHA256, shown).as_ref(), digest(&SHA256, &token.0).as_ref()).is_ok()
    };
    if shown.is_some_and(fits) {
        return Ok(());
    }
    if shown.is_some() {
        log::warn!("a wrong token was shown to the admin address");
    }
    Err(RefusedDemand::NotPermitted)
}

async fn body(session: &mut ServerSession) -> Result<Vec<u8>, RefusedDemand> {
    let read = async {
        let mut body = Vec::new();
        while let Some(chunk) = session.read_request_body().await.map_err(|_| "the body broke off")? {
            if body.len() + chunk.len() > BODY_MAX_BYTES {
                return Err("the body is longer than 8 KiB");
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let read = timeout(BODY_WITHIN, read).await.unwrap_or(Err("the body did not arrive in time"));
    read.map_err(|what| RefusedDemand::Unclear(what.to_owned()))
}

/// RFC 9457.
fn problem(status: StatusCode, detail: &str) -> Response<Vec<u8>> {
    let title = status.canonical_reason().unwrap_or_default();
    let told = json!({ "title": title, "status": status.as_u16(), "detail": detail });
    answer(status, "application/problem+json", told.to_string().into_bytes())
}
