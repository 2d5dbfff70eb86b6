//! Documents on the wire: HTTPS requests as a client sends them, without a client's opinions.
//!
//! What never comes in: judging the documents.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::redirect::Policy;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Where a server answers, and the CA that its certificate comes from.
#[derive(Debug, Clone)]
pub struct Endpoint {
    port: u16,
    ca: PathBuf,
}

impl Endpoint {
    /// A server on localhost.
    #[must_use]
    pub fn new(port: u16, ca: PathBuf) -> Self {
        Self { port, ca }
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The CA's certificate, a PEM file.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// The same CA at another port.
    #[must_use]
    pub fn at(&self, port: u16) -> Self {
        Self { port, ca: self.ca.clone() }
    }
}

/// An HTTPS client for one server.
#[derive(Debug, Clone)]
pub struct Wire {
    client: reqwest::Client,
    url: String,
}

impl Wire {
    /// A client that believes the endpoint's CA and no other, and follows no redirect.
    ///
    /// # Errors
    /// The CA file is not there or is no certificate.
    pub fn to(endpoint: &Endpoint) -> Result<Self> {
        Self::with(None, endpoint)
    }

    /// The same, coming from another address of this machine, such as 127.0.0.2.
    ///
    /// # Errors
    /// As [`Wire::to`].
    pub fn from(address: Ipv4Addr, endpoint: &Endpoint) -> Result<Self> {
        Self::with(Some(IpAddr::V4(address)), endpoint)
    }

    fn with(address: Option<IpAddr>, endpoint: &Endpoint) -> Result<Self> {
        let client = Self::builder(address, endpoint)?.build()?;
        Ok(Self { client, url: endpoint.url() })
    }

    fn builder(address: Option<IpAddr>, endpoint: &Endpoint) -> Result<reqwest::ClientBuilder> {
        install_provider();
        let pem = fs::read(endpoint.ca())
            .with_context(|| format!("no CA file {}", endpoint.ca().display()))?;
        Ok(reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem)?])
            .local_address(address)
            .redirect(Policy::none())
            .timeout(TIME_LIMIT))
    }

    /// The same, speaking HTTP/1.1 although the server would speak HTTP/2.
    ///
    /// # Errors
    /// As [`Wire::to`].
    pub fn in_http1(endpoint: &Endpoint) -> Result<Self> {
        let client = Self::builder(None, endpoint)?.http1_only().build()?;
        Ok(Self { client, url: endpoint.url() })
    }

    /// `GET`s a path of the server.
    ///
    /// # Errors
    /// No answer came.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        Answer::of(self.client.get(format!("{}{path}", self.url)).send().await?).await
    }

    /// Sends a request of any kind to a path of the server.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&HeaderValue>,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        Answer::of(request.send().await?).await
    }

    /// `GET`s a metadata file of a GUN, such as `root.json`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn document(&self, gun: &str, file: &str) -> Result<Answer> {
        self.get(&format!("/v2/{gun}/_trust/tuf/{file}")).await
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
}

impl Answer {
    /// One header as text; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    async fn of(response: reqwest::Response) -> Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }
}

/// A TLS connection for bytes that no client library would send, or not in that order.
#[derive(Debug)]
pub struct RawConnection {
    stream: TlsStream<TcpStream>,
}

impl RawConnection {
    /// Connects, and offers no protocol but HTTP/1.1.
    ///
    /// # Errors
    /// The server is not there or its certificate is not the endpoint's.
    pub async fn open(endpoint: &Endpoint) -> Result<Self> {
        Self::offering(&[], endpoint).await
    }

    /// Connects, and agrees with the server on HTTP/2.
    ///
    /// # Errors
    /// As [`RawConnection::open`], or the server wants another protocol.
    pub async fn open_http2(endpoint: &Endpoint) -> Result<Self> {
        let connection = Self::offering(&[b"h2".to_vec()], endpoint).await?;
        let agreed = connection.stream.get_ref().1.alpn_protocol();
        ensure!(agreed == Some(b"h2"), "the server does not speak HTTP/2: {agreed:?}");
        Ok(connection)
    }

    async fn offering(protocols: &[Vec<u8>], endpoint: &Endpoint) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(endpoint.ca())?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.to_vec();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, endpoint.port())).await?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream })
    }

    /// The two directions, for who reads and writes at once.
    #[must_use]
    pub fn split(self) -> (ReadHalf<TlsStream<TcpStream>>, WriteHalf<TlsStream<TcpStream>>) {
        split(self.stream)
    }

    /// Sends bytes at once.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Reads up to and with `end`.
    ///
    /// # Errors
    /// The connection closes before, or half a minute passes.
    pub async fn read_until(&mut self, end: &str) -> Result<String> {
        let mut text = String::new();
        let reading = async {
            while !text.ends_with(end) {
                let byte = self.stream.read_u8().await?;
                text.push(char::from(byte));
            }
            std::io::Result::Ok(())
        };
        let result = timeout(TIME_LIMIT, reading).await;
        match result {
            Ok(Ok(())) => Ok(text),
            Ok(Err(error)) => Err(error).context(format!("closed after {text:?}")),
            Err(_) => bail!("nothing more came after {text:?}"),
        }
    }
}

/// Makes ring the process's one TLS provider; a test may come here more than once.
pub(crate) fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        ring::default_provider().install_default().ok();
    });
}
