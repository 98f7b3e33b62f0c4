//! The cost of a decision, and of knowing who asks.
//!
//! Over the shipped policy: the decision alone, a path read and routed, a token that is verified and one that is
//! remembered, a session looked up among a hundred thousand. The control is the bare verification of the library.
//! Medians of fifteen batches, this thread's wall time; run it on a quiet machine and compare within one run only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise, and prints"
)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use vneid_gate::authn::{Authenticator, Head, InForce};
use vneid_gate::config::read_directory;
use vneid_gate::identity::credential::Kind;
use vneid_gate::identity::keys::{KeySet, asymmetric};
use vneid_gate::identity::token::Jwt;
use vneid_gate::identity::{Account, CredentialId, Facts, Level, Login, Principal};
use vneid_gate::policy::{Bucket, Query};
use vneid_gate::state::State;
use vneid_gate::state::ledger::{Birth, Proof, Start, Terms};
use vneid_gate::telemetry::Telemetry;
use vneid_gate::wire::target::{RawTarget, Relaxed, canonical_path};

const BATCHES: usize = 15;
const SESSIONS: u32 = 100_000;

fn main() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/daknong");
    let settings = read_directory(&policy).settings.expect("the shipped policy is fine");
    println!("{:<52} {:>10} {:>10}", "over policies/daknong", "median ns", "least ns");

    let (site, portal) = settings.policy.site_of("dichvucong.daknong.gov.vn").expect("the portal");
    let facts = Facts { account: Account::Citizen, login: Login::Vneid, level: Level::new(2).unwrap(), subject: None };
    let citizen = Principal::valid(CredentialId(0), facts.clone());
    let query = Query {
        route: portal.routes.find("/nop-ho-so/1").unwrap(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        at: Timestamp::now(),
    };
    measure("decide: a citizen with VNeID files", 100_000, || {
        black_box(settings.policy.decide(black_box(&query), std::iter::once(&citizen), &Bucket::FIRST));
    });
    measure("decide: nobody, default", 100_000, || {
        black_box(settings.policy.decide(black_box(&query), std::iter::empty(), &Bucket::FIRST));
    });
    measure("read a target and find its route", 100_000, || {
        let raw = RawTarget::split(black_box(b"/nop-ho-so/ho-so/1?buoc=2")).unwrap();
        black_box(portal.routes.find(&canonical_path(raw.path, Relaxed::default()).unwrap()));
    });

    let telemetry = Arc::new(Telemetry::new().unwrap());
    let state = Arc::new(State::in_memory(&settings.gate, &settings.state, &telemetry.metrics.store));
    state.keys.adopt(&settings.keys, Timestamp::now().as_second());
    let authn = Authenticator::new(state.clone(), telemetry, settings.gate.limits.tokens);
    let sso = settings.identity.credentials.iter().find(|c| c.name == "sso-token").expect("the token credential");
    let Kind::Jwt(jwt) = &sso.kind else { panic!("a token credential") };
    let (token, jwks) = token(&jwt.issuer);
    let set = KeySet::parse(jwks.to_string().as_bytes(), &jwt.algorithms).unwrap().0;
    let now_s = Timestamp::now().as_second();
    let in_force = InForce { identity: &settings.identity, generation: 1, running: None };
    let head = Head { in_force, site, headers: &HeaderMap::new(), now_s };
    let verify = Verify { jwt, now_s };
    verify.side_by_side("ES256", &token, &jwks);
    let (rsa_token, rsa_jwks) = rsa_token(&jwt.issuer);
    verify.side_by_side("RS256", &rsa_token, &rsa_jwks);
    let remote = settings.keys.iter().find_map(|k| k.remote.clone()).expect("the key set has a URL");
    assert!(state.keys.fetched(&sso.name, &remote, set.clone(), now_s), "the key set is the policy's");
    authn.jwt(head, sso, (jwt, &token)).unwrap();
    measure("the same token: remembered", 20_000, || {
        black_box(authn.jwt(head, sso, (jwt, black_box(&token))).unwrap());
    });
    let allocated = allocation_counter::measure(|| {
        black_box(authn.jwt(head, sso, (jwt, black_box(&token))).unwrap());
    });
    println!("{:<52} {:>10}", "  allocations of that", allocated.count_total);

    let cookie = settings.identity.credentials.iter().find(|c| c.session().is_some()).expect("the session credential");
    let name = settings.identity.plan(site).unwrap().site.clone();
    let flow = cookie.flows.first().unwrap().stamp(&settings.identity.shapes, None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for n in 0..SESSIONS {
        let key = state.keyed.session(&name, &cookie.name, n.to_string().as_bytes());
        let birth =
            Birth { facts: facts.clone(), flow, start: Start::Clean, idle_s: 1_800, lifetime_s: 43_200, at_s: now_s };
        runtime.block_on(state.ledger.bind(key, birth, Proof::default())).unwrap();
    }
    let session = cookie.session().unwrap();
    let terms = Terms { idle_s: session.idle_s, lifetime_s: session.lifetime_s, flows: &session.flows };
    let mut n = 0_u32;
    measure("a session: name and look-up among 100,000", 20_000, || {
        n = (n + 7_919) % SESSIONS;
        let key = state.keyed.session(&name, &cookie.name, n.to_string().as_bytes());
        black_box(state.ledger.look_up(key, terms, now_s));
    });
}

/// One token, verified by the library alone and by the gate.
struct Verify<'j> {
    jwt: &'j Jwt,
    now_s: i64,
}

impl Verify<'_> {
    fn side_by_side(&self, name: &str, token: &str, jwks: &Value) {
        let algorithm = asymmetric(name).unwrap();
        let jwk: Jwk = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let mut rules = Validation::new(algorithm);
        rules.set_issuer(&[&self.jwt.issuer]);
        rules.set_audience(&["account"]);
        measure(&format!("control: the library alone verifies {name}"), 200, || {
            black_box(jsonwebtoken::decode::<Value>(black_box(token), &key, &rules).unwrap());
        });
        let jwt = Jwt { algorithms: vec![algorithm], ..self.jwt.clone() };
        let set = KeySet::parse(jwks.to_string().as_bytes(), &jwt.algorithms).unwrap().0;
        measure("the same token: verified by the gate", 200, || {
            black_box(jwt.verify(black_box(token), Some(&set), self.now_s).unwrap());
        });
    }
}

/// The same citizen's token under RSA with 2048 bits, put together by hand.
fn rsa_token(issuer: &str) -> (String, Value) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
    let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
    let jwk = json!({ "kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig", "n": encode(n), "e": encode(e) });
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "bench" });
    let message = [header, claims(issuer)].map(|part| encode(part.to_string().as_bytes())).join(".");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    (format!("{message}.{}", encode(&signature)), json!({ "keys": [jwk] }))
}

/// A synthetic token of a citizen, and the key set that vouches for it.
fn token(issuer: &str) -> (String, Value) {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let key = EncodingKey::from_ec_der(document.as_ref());
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
    jwk["kid"] = json!("bench");
    let header = Header { kid: Some("bench".into()), ..Header::new(Algorithm::ES256) };
    (jsonwebtoken::encode(&header, &claims(issuer), &key).unwrap(), json!({ "keys": [jwk] }))
}

fn claims(issuer: &str) -> Value {
    let now_s = Timestamp::now().as_second();
    json!({
        "iss": issuer, "aud": "account", "azp": "web-padsvc", "exp": now_s + 3_600, "iat": now_s,
        "sub": "f:00000000-0000-4000-8000-000000000000:001090000001", "preferred_username": "001090000001",
        "identity_provider": "vneid", "vneid_level": 2, "session_state": "11111111-1111-4111-8111-111111111111",
        "groups": ["cong-dan"], "permissions": [{ "permission": { "code": "nop-ho-so" } }],
    })
}

/// Prints median and least nanoseconds of one call.
fn measure(what: &str, calls: u32, mut call: impl FnMut()) {
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    let (median, least) = (batches.get(BATCHES / 2), batches.first());
    println!("{what:<52} {:>10.0} {:>10.0}", median.unwrap(), least.unwrap());
}
