//! The stand-in single sign-on, which signs the demo's tokens.
//!
//! A stand-in for the SSO of the newer portal generation: a key set, a token endpoint, and a plain address that hands
//! out ready tokens for trying things on a command line. Keys are made at start and never leave the process; tokens
//! have the shape that portals of this kind issue (RS256, `aud` of `account`, the client in `azp`).

use super::people::{self, Person};
use super::shelf::unguessable;
use super::web::{self, Answer, Request, Stand, Verb};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};

/// The realm's path; the issuer is this below the SSO's origin.
pub(super) const REALM_PATH: &str = "/auth/realms/digo";
pub(super) const KEYS_PATH: &str = "/auth/realms/digo/protocol/openid-connect/certs";
pub(super) const TOKEN_PATH: &str = "/auth/realms/digo/protocol/openid-connect/token";
/// `GET ?as=vneid`: one token as plain text.
pub(super) const DEMO_TOKEN_PATH: &str = "/demo-token";

/// How long a token is good, in seconds.
const LIFETIME_S: i64 = 600;
/// The single-page application, in which people log in.
const WEB_CLIENT: &str = "web-padsvc";
/// The application's own anonymous client, whose secret is public in the real world; here it needs none.
const PUBLIC_CLIENT: &str = "public-pages";

/// The signing key could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the demo could not make its signing key: {0}")]
pub struct NoKey(String);

pub(super) struct Sso {
    issuer: String,
    key: KeyPair,
    key_id: String,
    key_set: Value,
}

/// Who a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearer {
    Vneid(Person),
    Password(Person),
    Organization(Person),
    Service,
}

impl Bearer {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "vneid" => Some(Bearer::Vneid(people::AN)),
            "vneid-level-1" => Some(Bearer::Vneid(people::CHI)),
            "password" => Some(Bearer::Password(people::AN)),
            "organization" => Some(Bearer::Organization(people::COMPANY)),
            "service" => Some(Bearer::Service),
            _ => None,
        }
    }
}

impl Sso {
    /// `origin` is where this stand-in is reached: `http://127.0.0.1:PORT`.
    pub(super) fn new(origin: &str) -> Result<Self, NoKey> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|e| NoKey(e.to_string()))?;
        let public = DecodingKey::from_rsa_der(key.public_key().as_ref());
        let mut jwk = Jwk::from_decoding_key(&public, Some(Algorithm::RS256)).map_err(|e| NoKey(e.to_string()))?;
        let key_id = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|e| NoKey(e.to_string()))?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let key_set = serde_json::to_value(JwkSet { keys: vec![jwk] }).map_err(|e| NoKey(e.to_string()))?;
        Ok(Sso { issuer: format!("{origin}{REALM_PATH}"), key, key_id, key_set })
    }

    fn endpoint(&self, request: &Request, now: Timestamp) -> Answer {
        let bearer = match request.form.value("grant_type") {
            "client_credentials" if request.form.value("client_id") == PUBLIC_CLIENT => Bearer::Service,
            "client_credentials" => return refusal("invalid_client"),
            // the direct grant that goes past every log-in page, as it is met in the wild
            "password" => {
                let person = people::find(people::WITH_PASSWORD, request.form.value("username"));
                match person.filter(|_| request.form.value("password") == people::PASSWORD) {
                    Some(person) => Bearer::Password(person),
                    None => return refusal("invalid_grant"),
                }
            }
            "urn:demo:vneid" => Bearer::Vneid(people::AN),
            _ => return refusal("unsupported_grant_type"),
        };
        match self.token(bearer, now) {
            Some(token) => {
                let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S });
                web::json(StatusCode::OK, &body)
            }
            None => web::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" })),
        }
    }

    fn demo_token(&self, request: &Request, now: Timestamp) -> Answer {
        let Some(bearer) = Bearer::parse(request.query.value("as")) else {
            let usage = "as must be one of: vneid, vneid-level-1, password, organization, service";
            return web::text(StatusCode::BAD_REQUEST, usage);
        };
        match self.token(bearer, now) {
            Some(token) => web::text(StatusCode::OK, &token),
            None => web::text(StatusCode::INTERNAL_SERVER_ERROR, "500 no token"),
        }
    }

    /// A signed token (RFC 7519, RFC 7515 section 7.1). `None` when the signature fails.
    fn token(&self, bearer: Bearer, now: Timestamp) -> Option<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(self.claims(bearer, now)));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn claims(&self, bearer: Bearer, now: Timestamp) -> Value {
        let (client, name) = match bearer {
            Bearer::Vneid(person) | Bearer::Password(person) | Bearer::Organization(person) => {
                (WEB_CLIENT, person.number.to_owned())
            }
            Bearer::Service => (PUBLIC_CLIENT, format!("service-account-{PUBLIC_CLIENT}")),
        };
        let issued_at = now.as_second();
        let mut claims = json!({
            "iss": self.issuer,
            "aud": "account",
            "azp": client,
            "typ": "Bearer",
            "sub": format!("f:00000000-0000-4000-8000-000000000000:{name}"),
            "preferred_username": name,
            "session_state": unguessable(),
            "jti": unguessable(),
            "acr": "1",
            "iat": issued_at,
            "exp": issued_at.saturating_add(LIFETIME_S),
        });
        let (provider, extra) = match bearer {
            Bearer::Vneid(person) => ("vneid", ("vneid_level", json!(person.level.number()))),
            Bearer::Organization(_) => ("national-portal", ("account_type", json!("organization"))),
            Bearer::Password(_) | Bearer::Service => return claims,
        };
        if let Some(members) = claims.as_object_mut() {
            members.insert("identity_provider".to_owned(), json!(provider));
            members.insert(extra.0.to_owned(), extra.1);
        }
        claims
    }
}

impl Stand for Sso {
    fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        match (request.path.as_str(), request.verb) {
            (KEYS_PATH, Verb::Read) => web::json(StatusCode::OK, &self.key_set),
            (TOKEN_PATH, Verb::Write) => self.endpoint(request, now),
            (DEMO_TOKEN_PATH, Verb::Read) => self.demo_token(request, now),
            (KEYS_PATH | DEMO_TOKEN_PATH, _) => web::wrong_method("GET"),
            (TOKEN_PATH, _) => web::wrong_method("POST"),
            _ => web::text(StatusCode::NOT_FOUND, "404 not found"),
        }
    }
}

/// RFC 6749 section 5.2.
fn refusal(error: &str) -> Answer {
    web::json(StatusCode::BAD_REQUEST, &json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{TokenData, Validation, decode};

    fn read(sso: &Sso, token: &str) -> TokenData<Value> {
        let set: JwkSet = serde_json::from_value(sso.key_set.clone()).unwrap();
        let key = DecodingKey::from_jwk(set.keys.first().unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["account"]);
        validation.set_issuer(&["http://127.0.0.1:1/auth/realms/digo"]);
        decode(token, &key, &validation).unwrap()
    }

    #[test]
    fn tokens_verify_with_the_published_key_and_say_how_people_logged_in() {
        let sso = Sso::new("http://127.0.0.1:1").unwrap();
        let claims = |word| {
            let token = sso.token(Bearer::parse(word).unwrap(), Timestamp::now()).unwrap();
            let data = read(&sso, &token);
            assert_eq!(data.header.kid, Some(sso.key_id.clone()));
            data.claims
        };
        let vneid = claims("vneid");
        assert_eq!(vneid["identity_provider"], "vneid");
        assert_eq!(vneid["vneid_level"], 2);
        assert_eq!(vneid["preferred_username"], "001090000001");
        assert_eq!(vneid["exp"].as_i64().unwrap() - vneid["iat"].as_i64().unwrap(), LIFETIME_S);
        assert_eq!(claims("vneid-level-1")["vneid_level"], 1);
        let password = claims("password");
        assert_eq!(password["azp"], WEB_CLIENT);
        assert!(password.get("identity_provider").is_none());
        assert_eq!(claims("organization")["account_type"], "organization");
        assert_eq!(claims("service")["azp"], PUBLIC_CLIENT);
    }
}
