//! The address of a fetch, and the head of its request.
//!
//! A URL taken apart once, before anything is sent; the host is resolved for each new connection.

use super::error::{FetchError, Other};
use super::{FetchLimits, Form};
use crate::transport::pem;
use http::Uri;
use http::uri::{Authority, Scheme};
use pingora::connectors::TransportConnector;
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::upstreams::peer::HttpPeer;
use std::net::SocketAddr;

/// A URL taken apart.
#[derive(Debug)]
pub(super) struct Target {
    pub tls: bool,
    authority: Authority,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    port: u16,
    path_and_query: String,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, FetchError> {
        let unusable = |why| FetchError::Address { why };
        let uri: Uri = url.parse().map_err(|_| unusable("not a URL"))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(unusable("must begin with `https://` or `http://`")),
        };
        let authority = uri.authority().cloned().ok_or_else(|| unusable("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(unusable("must not carry a user name or password"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(unusable("names no host"));
        }
        // an authority that is whole but for a port out of range parses, as one without a port
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") if tls => 443,
            None | Some("") => 80,
            Some(port) => {
                let number = port.strip_prefix(':').and_then(|port| port.parse().ok());
                number.ok_or_else(|| unusable("the port is not a number below 65536"))?
            }
        };
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Target { tls, authority, host, port, path_and_query })
    }

    /// A form is one question of many, so the connection is to stay; a document is fetched once in a while.
    pub(super) fn request(&self, form: Option<&Form<'_>>) -> pingora::Result<RequestHeader> {
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut request = RequestHeader::build(method, self.path_and_query.as_bytes(), Some(7))?;
        request.insert_header("Host", self.authority.as_str())?;
        request.insert_header("User-Agent", concat!("vneid-gate/", env!("CARGO_PKG_VERSION")))?;
        let Some(form) = form else {
            request.insert_header("Accept", "*/*")?;
            request.insert_header("Connection", "close")?;
            return Ok(request);
        };
        request.insert_header("Accept", "application/json")?;
        request.insert_header("Content-Type", "application/x-www-form-urlencoded")?;
        request.insert_header("Content-Length", form.fields.len())?;
        if let Some(authorization) = form.authorization {
            request.insert_header("Authorization", authorization)?;
        }
        Ok(request)
    }

    /// The peer but for its address.
    pub(super) fn peer(&self, limits: &FetchLimits) -> Result<HttpPeer, FetchError> {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut peer = HttpPeer::new(nowhere, self.tls, self.host.clone());
        let client = limits.client.as_ref().map(|files| pem::pair(&files.certificate, &files.key)).transpose();
        peer.client_cert_key = client.map_err(|source| FetchError::Setup { source })?;
        let authorities = limits.ca.as_deref().map(pem::authorities).transpose();
        peer.options.ca = authorities.map_err(|source| FetchError::Setup { source })?;
        Ok(peer)
    }

    /// A connection to the first address of the host that takes one.
    pub(super) async fn connect(
        &self,
        connector: &TransportConnector,
        mut peer: HttpPeer,
    ) -> Result<Stream, FetchError> {
        let host = || self.host.clone();
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found = found.map_err(|source| FetchError::NotResolved { host: host(), source: Some(source) })?;
        let mut failure = FetchError::NotResolved { host: host(), source: None };
        for address in found {
            peer._address = address.into();
            failure = match connector.new_stream(&peer).await {
                Ok(stream) => return Ok(stream),
                Err(source) => FetchError::of_connecting(&self.other(&peer), address, source),
            };
        }
        Err(failure)
    }

    pub(super) fn other(&self, peer: &HttpPeer) -> Other<'_> {
        Other { host: &self.host, tls: self.tls, sees_certificate: peer.client_cert_key.is_some() }
    }
}
