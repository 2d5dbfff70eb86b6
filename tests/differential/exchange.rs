//! One request and what came back.
//!
//! Requests get a connection each, as the clients make them; what is read after a publish shares
//! one. Below the conveniences of an HTTP client: the path goes out exactly as written (`//`, `%2F`),
//! and a connection that the server drops is an outcome, not an error.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use countersign_tests::wire::Endpoint;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
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
    /// The connection of the last reading, if it is still open.
    kept: Mutex<Option<Connection>>,
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
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { port: endpoint.port(), tls, kept: Mutex::new(None) })
    }

    /// Sends `call` on a connection of its own and waits for the whole answer.
    ///
    /// # Errors
    /// The server cannot be reached, or does not end its answer.
    pub(crate) async fn send(&self, call: &Call) -> Result<Reply> {
        let exchange = async {
            let mut connection = self.connect().await?;
            let reply = connection.exchange(self.request(call, Then::Close)?).await;
            // Both ends say `close`; how the connection ended is in the reply already.
            drop(connection.sender);
            connection.task.await?.ok();
            Ok(reply)
        };
        in_time(call, exchange).await
    }

    /// Sends `call`, which changes nothing, on the connection of the last such call where that is
    /// still open.
    ///
    /// # Errors
    /// As [`Line::send`].
    pub(crate) async fn read(&self, call: &Call) -> Result<Reply> {
        let exchange = async {
            let mut kept = self.kept.lock().await;
            if let Some(mut connection) = kept.take() {
                let reply = connection.exchange(self.request(call, Then::Stay)?).await;
                // A server may close a connection that was idle.
                if let Reply::Answer { .. } = reply {
                    *kept = connection.if_open().await;
                    return Ok(reply);
                }
            }
            let mut connection = self.connect().await?;
            let reply = connection.exchange(self.request(call, Then::Stay)?).await;
            *kept = connection.if_open().await;
            Ok(reply)
        };
        in_time(call, exchange).await
    }

    async fn connect(&self) -> Result<Connection> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        let tls = self.tls.connect(ServerName::try_from("localhost")?, tcp).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
        Ok(Connection { sender, task: tokio::spawn(connection) })
    }

    fn request(&self, call: &Call, then: Then) -> Result<Request<Full<Bytes>>> {
        let uri: Uri = call.target.parse().with_context(|| format!("path {}", call.target))?;
        ensure!(uri.to_string() == call.target, "{} goes out as {uri}", call.target);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(uri)
            .header("host", format!("localhost:{}", self.port));
        if then == Then::Close {
            request = request.header("connection", "close");
        }
        if let Some(content_type) = &call.content_type {
            request = request.header("content-type", content_type);
        }
        Ok(request.body(Full::new(Bytes::from(call.body.clone())))?)
    }
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Close,
    Stay,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<hyper::Result<()>>,
}

impl Connection {
    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Reply {
        let Ok(response) = self.sender.send_request(request).await else { return Reply::Dropped };
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

    /// The connection, if it takes another request.
    async fn if_open(mut self) -> Option<Self> {
        self.sender.ready().await.is_ok().then_some(self)
    }
}

async fn in_time(call: &Call, exchange: impl Future<Output = Result<Reply>>) -> Result<Reply> {
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .with_context(|| format!("no end of the answer to {} {}", call.method, call.target))?
}
