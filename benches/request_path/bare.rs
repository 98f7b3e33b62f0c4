//! Bare pingora, deciding nothing: the control of the comparison.
//!
//! The control of every gate variant: the same pingora with the same features, allocator and build profile, since it is
//! this very program run again. Forwards everything, or refuses everything.

use crate::Outcome;
use crate::options::{Bare, BareAnswer};
use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::modules::http::HttpModules;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

struct Proxy {
    answer: BareAnswer,
    upstream: std::net::SocketAddr,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    /// `true` stops: the request has its answer.
    async fn request_filter(&self, session: &mut Session, _: &mut ()) -> pingora::Result<bool> {
        if self.answer == BareAnswer::Forward {
            return Ok(false);
        }
        let body = Bytes::from_static(b"{\"title\":\"refused\",\"status\":403}\n");
        let mut head = ResponseHeader::build(403, Some(3))?;
        head.insert_header("content-type", "application/problem+json")?;
        head.insert_header("content-length", body.len())?;
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(body), true).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

/// Serves until the process is ended.
pub(crate) fn serve(options: &Bare) -> Outcome<()> {
    let conf = ServerConf {
        threads: 1,
        upstream_keepalive_pool_size: 256,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let proxy = Proxy { answer: options.answer, upstream: options.upstream };
    let mut service = http_proxy_service(&server.configuration, proxy);
    service.add_tcp(&options.listen.to_string());
    server.add_service(service);
    server.run_forever()
}
