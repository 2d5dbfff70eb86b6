//! One request and what came back, on a connection of its own, as the clients make them.
//!
//! Below the conveniences of an HTTP client: the path goes out exactly as written (`//`, `%2F`),
//! and a connection that the server drops is an outcome, not an error.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use countersign_tests::wire::Endpoint;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one exchange may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request to a server, not yet sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, sent as they are.
    pub(crate) target: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::bare(Method::GET, target)
    }

    pub(crate) fn bare(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), content_type: None, body: Vec::new() }
    }

    /// The request in a form that a person can read, at most about 4,000 characters.
    pub(crate) fn describe(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(4_000).collect();
        let content_type = self.content_type.as_deref().unwrap_or("-");
        format!("{} {} ({content_type})\n{body}", self.method, self.target)
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A whole answer.
    Answer { status: u16, headers: HeaderMap, body: Vec<u8> },
    /// The connection ended before an answer was complete.
    Dropped,
}

/// A server to talk to.
pub(crate) struct Line {
    port: u16,
    tls: TlsConnector,
}

impl Line {
    pub(crate) fn to(endpoint: &Endpoint) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(endpoint.ca())? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { port: endpoint.port(), tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Sends `call` and waits for the whole answer.
    pub(crate) async fn send(&self, call: &Call) -> Result<Reply> {
        tokio::time::timeout(PATIENCE, self.exchange(call))
            .await
            .with_context(|| format!("no end of the answer to {} {}", call.method, call.target))?
    }

    async fn exchange(&self, call: &Call) -> Result<Reply> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        let tls = self.tls.connect(ServerName::try_from("localhost")?, tcp).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
        let connection = tokio::spawn(connection);
        let uri: Uri = call.target.parse().with_context(|| format!("path {}", call.target))?;
        ensure!(uri.to_string() == call.target, "{} goes out as {uri}", call.target);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(uri)
            .header("host", format!("localhost:{}", self.port))
            .header("connection", "close");
        if let Some(content_type) = &call.content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Full::new(Bytes::from(call.body.clone())))?;
        let reply = match sender.send_request(request).await {
            Err(_) => Reply::Dropped,
            Ok(response) => {
                let (parts, body) = response.into_parts();
                match body.collect().await {
                    Err(_) => Reply::Dropped,
                    Ok(body) => Reply::Answer {
                        status: parts.status.as_u16(),
                        headers: parts.headers,
                        body: body.to_bytes().to_vec(),
                    },
                }
            }
        };
        // Both ends say `close`; how the connection ended is in the reply already.
        connection.await?.ok();
        Ok(reply)
    }
}
