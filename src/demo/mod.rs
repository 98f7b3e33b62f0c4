//! Stand-ins to try the gate on: a portal, VNeID, the National Portal and a single sign-on.
//!
//! Four small servers on loopback, held in memory: a public-service portal, a stand-in VNeID, a stand-in log-in of
//! the National Portal, and a stand-in SSO that issues tokens. They are what the gate would meet in a province, and
//! know nothing of the gate but the header fields that it sends. `cli` picks the ports and puts the gate in front.

mod assets;
mod authorization;
mod form;
mod html;
mod introduction;
mod national_portal;
mod pages;
mod people;
mod portal;
mod shelf;
mod sso;
#[cfg(test)]
mod tests;
mod vneid;
mod web;

pub use introduction::introduction;
pub use sso::NoKey;

use authorization::Provider;
use jiff::Timestamp;
use pingora::services::ServiceWithDependents;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where the stand-ins listen: plain HTTP, on loopback, ports picked by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub portal: SocketAddr,
    pub vneid: SocketAddr,
    pub national_portal: SocketAddr,
    pub sso: SocketAddr,
}

impl Addresses {
    /// The `iss` of every token of the stand-in SSO.
    pub fn issuer(&self) -> String {
        format!("http://{}{}", self.sso, sso::REALM_PATH)
    }

    /// Where the stand-in SSO publishes its keys.
    pub fn jwks_url(&self) -> String {
        format!("http://{}{}", self.sso, sso::KEYS_PATH)
    }
}

/// The whole demo as seen from outside. URLs are without a path and without a slash at their end.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Where browsers come in: `http://127.0.0.1:8080`.
    pub gate_url: String,
    /// The gate's admin listener: `http://127.0.0.1:9180`.
    pub admin_url: String,
    pub addresses: Addresses,
}

/// The four stand-ins, to be added to a pingora server.
pub fn services(stage: &Stage) -> Result<Vec<Box<dyn ServiceWithDependents>>, NoKey> {
    let Addresses { portal, vneid, national_portal, sso } = stage.addresses;
    let provider = |address: SocketAddr, path: &str, callback| {
        Arc::new(Provider::new(format!("http://{address}{path}"), callback, &stage.gate_url))
    };
    let by_vneid = provider(vneid, vneid::AUTHORIZE_PATH, portal::VNEID_CALLBACK);
    let by_national = provider(national_portal, national_portal::AUTHORIZE_PATH, portal::NATIONAL_CALLBACK);
    let the_portal =
        portal::Portal::new(stage.gate_url.clone(), by_vneid.clone(), by_national.clone(), Timestamp::now());
    Ok(vec![
        web::service("demo portal", portal, the_portal),
        web::service("demo VNeID", vneid, vneid::Vneid { provider: by_vneid }),
        web::service(
            "demo National Portal",
            national_portal,
            national_portal::NationalPortal { provider: by_national },
        ),
        web::service("demo SSO", sso, sso::Sso::new(&format!("http://{sso}"))?),
    ])
}
