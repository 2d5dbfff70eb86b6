//! Makes one connection to a signer: TCP, TLS, and nothing on it yet.
//!
//! A peer that vanishes without a word is noticed by TCP: pings in HTTP/2 would make a Go signer
//! end the connection (signer spec 1.5).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

/// How long an idle connection is trusted before TCP asks whether the other end is there.
const ASK_AFTER: Duration = Duration::from_mins(1);

/// Why there is no connection.
type NoConnection = Box<dyn std::error::Error + Send + Sync>;

/// What a connection is made with.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    name: ServerName<'static>,
    within: Duration,
}

impl Connector {
    /// Connections that speak TLS by `tls` with the signer called `name`, each made within
    /// `within`; data that is not acknowledged for as long ends one.
    pub(super) fn new(tls: Arc<ClientConfig>, name: ServerName<'static>, within: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(within));
        tcp.set_keepalive(Some(ASK_AFTER));
        tcp.set_keepalive_interval(Some(within));
        tcp.set_keepalive_retries(Some(3));
        tcp.set_tcp_user_timeout(Some(within));
        Self { tcp, tls, name, within }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = NoConnection;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NoConnection>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.tcp.call(address);
        let (tls, name) = (TlsConnector::from(Arc::clone(&self.tls)), self.name.clone());
        let within = self.within;
        Box::pin(async move {
            let made = async {
                let tcp = connecting.await?.into_inner();
                let stream = tls.connect(name, tcp).await?;
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return Err(NoConnection::from("it does not speak HTTP/2"));
                }
                Ok(TokioIo::new(stream))
            };
            match tokio::time::timeout(within, made).await {
                Ok(made) => made,
                Err(_) => Err(format!("no connection within {} s", within.as_secs()).into()),
            }
        })
    }
}
