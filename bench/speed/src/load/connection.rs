//! One client's connection: TLS, HTTP/1.1 as notary and docker speak it, and the look at answers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use countersign_tests::wire::Endpoint;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::crypto::ring::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384,
    TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Connections, Exchange, Expected};

/// What is offered, in the order in which Go's TLS offers it on processors with AES.
const SUITES: [SupportedCipherSuite; 4] = [
    TLS13_AES_128_GCM_SHA256,
    TLS13_AES_256_GCM_SHA384,
    TLS13_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
];

/// A server to ask.
#[derive(Clone)]
pub(crate) struct Target {
    port: u16,
    connector: TlsConnector,
    name: ServerName<'static>,
    host: HeaderValue,
}

impl Target {
    /// In handshakes as docker and notary: no session is taken up again, and AES with 128 bits is
    /// preferred.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(endpoint.ca())?)?;
        let mut provider = ring::default_provider();
        provider.cipher_suites = SUITES.to_vec();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self {
            port: endpoint.port(),
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from("localhost")?,
            host: HeaderValue::try_from(format!("localhost:{}", endpoint.port()))?,
        })
    }

    /// A new connection; what moves its bytes runs until the sender is dropped.
    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // How it ends, the request in flight is told.
        tokio::spawn(async move { connection.await.ok() });
        Ok(sender)
    }
}

/// A client and its present connection.
pub(super) struct Client {
    target: Target,
    connections: Connections,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(super) fn new(target: Target, connections: Connections) -> Self {
        Self { target, connections, sender: None }
    }

    /// One request and its answer, which is judged; bytes are looked at where `compared`.
    pub(super) async fn exchange(&mut self, exchange: &Exchange, compared: Compared) -> Result<()> {
        let mut sender = match self.sender.take() {
            Some(sender) => sender,
            None => self.target.connect().await?,
        };
        let mut request = Request::builder()
            .method(exchange.method.clone())
            .uri(exchange.path.clone())
            .header(HOST, self.target.host.clone())
            .header(USER_AGENT, HeaderValue::from_static("countersign-speed"));
        if let Some(content_type) = &exchange.content_type {
            request = request.header(CONTENT_TYPE, content_type.clone());
        }
        if self.connections == Connections::PerRequest {
            request = request.header(CONNECTION, HeaderValue::from_static("close"));
        }
        sender.ready().await?;
        let answer = sender.send_request(request.body(Full::new(exchange.body.clone()))?).await?;
        let status = answer.status();
        let judged = judge(status, answer.into_body(), &exchange.expected, compared).await;
        judged.with_context(|| format!("{} {}", exchange.method, exchange.path))?;
        if self.connections == Connections::Kept {
            self.sender = Some(sender);
        }
        Ok(())
    }
}

/// A connection that stays open and is asked now and then.
pub(crate) struct HeldConnection {
    host: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
}

impl HeldConnection {
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        Ok(Self { host: target.host.clone(), sender: target.connect().await? })
    }

    /// The body of the answer to a GET.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes> {
        let request = Request::builder().uri(path).header(HOST, self.host.clone());
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(Bytes::new()))?).await?;
        ensure!(answer.status() == StatusCode::OK, "{}", answer.status());
        Ok(answer.into_body().collect().await?.to_bytes())
    }
}

/// How closely a body is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// Byte by byte.
    Bytes,
    /// Its length.
    Length,
}

async fn judge(
    status: StatusCode,
    mut body: Incoming,
    expected: &Expected,
    compared: Compared,
) -> Result<()> {
    if status != StatusCode::OK {
        let text = body.collect().await?.to_bytes();
        bail!("{status}: {}", String::from_utf8_lossy(&text));
    }
    let (mut length, mut bytes) = (0, BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if compared == Compared::Bytes {
            bytes.extend_from_slice(&data);
        }
    }
    let Expected::Body(expected) = expected else { return Ok(()) };
    ensure!(length == expected.len(), "{length} bytes instead of {}", expected.len());
    ensure!(compared == Compared::Length || bytes == expected, "other bytes than published");
    Ok(())
}
