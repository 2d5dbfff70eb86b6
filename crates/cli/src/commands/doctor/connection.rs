//! The network of the doctor: names, connections, handshakes and requests, each bounded in time.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{error::Elapsed, timeout};
use tokio_rustls::TlsConnector;

use super::answers::Answer;
use super::report::Line;
use super::shown::Shown;
use super::target::Target;

/// How long one step of the checks may take; with nine of them, all end within half a minute.
const STEP: Duration = Duration::from_secs(3);

/// How much of a body is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// A connection whose certificate has not been judged.
pub(super) struct Opened {
    pub(super) address: SocketAddr,
    /// What the server showed, its own certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    recorder: Arc<Recorder>,
    sender: SendRequest<Empty<Bytes>>,
}

impl Opened {
    /// Whether the server asked for a client certificate, and went on.
    pub(super) fn was_asked(&self) -> bool {
        self.recorder.was_asked()
    }
}

/// The addresses of the host, each once.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Line> {
    let failed = |why: String| {
        let found = format!("{} has no address: {why}", target.host);
        Line::fail("name", found, "check the spelling, DNS and /etc/hosts")
    };
    let looked = timeout(STEP, tokio::net::lookup_host((target.host.as_str(), target.port))).await;
    let found = looked.map_err(|late| failed(late.to_string()))?;
    let mut addresses: Vec<SocketAddr> =
        found.map_err(|error| failed(error.to_string()))?.collect();
    addresses.dedup();
    if addresses.is_empty() { Err(failed("nothing was found".to_owned())) } else { Ok(addresses) }
}

/// Connects to the first address that answers and shakes hands.
///
/// Shows a client certificate where the server asks for one.
pub(super) async fn open(
    target: &Target,
    addresses: &[SocketAddr],
    shown: &Shown,
) -> Result<Opened, Line> {
    let tcp = match timeout(STEP, TcpStream::connect(addresses)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(unreachable(target, &error.to_string())),
        Err(late) => return Err(unreachable(target, &late.to_string())),
    };
    let address = tcp.peer_addr().map_err(|error| unreachable(target, &error.to_string()))?;
    let recorder = Arc::new(Recorder::new(shown.clone()));
    let config = client_config(&recorder).map_err(|error| no_tls(target, &error.to_string()))?;
    let name = ServerName::try_from(target.host.clone())
        .map_err(|error| no_tls(target, &error.to_string()))?;
    let shaken = timeout(STEP, TlsConnector::from(Arc::new(config)).connect(name, tcp)).await;
    let tls = match shaken {
        Ok(Ok(tls)) => tls,
        Ok(Err(_)) if recorder.was_asked() => return Err(shown.refused()),
        Ok(Err(error)) => return Err(no_tls(target, &error.to_string())),
        Err(late) => return Err(no_tls(target, &late.to_string())),
    };
    let begun = http1::handshake(TokioIo::new(tls)).await;
    let (sender, connection) = begun.map_err(|error| no_tls(target, &error.to_string()))?;
    // It ends with the sender; its error reaches whoever waits for the answer.
    tokio::spawn(connection);
    Ok(Opened { address, chain: recorder.chain(), recorder, sender })
}

/// Asks for one page below the target.
pub(super) async fn get(
    mut opened: Opened,
    target: &Target,
    path: &'static str,
) -> Result<Answer, Line> {
    let failed =
        |why: String| Line::fail("answer", format!("{path}: {why}"), "look into the server's log");
    let request = Request::get(format!("{}{path}", target.path))
        .header(http::header::HOST, &target.authority)
        .header(http::header::USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|error| failed(error.to_string()))?;
    let asked = async {
        let (head, body) = opened.sender.send_request(request).await?.into_parts();
        // A body that is cut or too long is no reason to doubt the status.
        let body = Limited::new(body, MAX_BODY).collect().await.map(|all| all.to_bytes());
        let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
        Ok::<_, hyper::Error>(Answer { status: head.status, headers: head.headers, body })
    };
    match timeout(STEP, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        // In TLS 1.3 a server refuses only after the handshake, and hyper keeps its alert.
        Ok(Err(_)) if opened.recorder.was_asked() => Err(opened.recorder.shown.refused()),
        Ok(Err(error)) => Err(failed(with_causes(&error))),
        Err(late) => Err(failed(no_answer(late))),
    }
}

/// Whether the host of a token server can be reached. No token is asked for.
pub(super) async fn token_server(realm: &str) -> Line {
    const CHECK: &str = "tokens";
    let mend = "clients need it for every publish: check its URL in the server's settings";
    let uri: Option<Uri> = realm.parse().ok();
    let host = uri.as_ref().and_then(|uri| Some((uri.host()?, uri)));
    let Some((host, uri)) = host else {
        return Line::fail(CHECK, format!("the realm is no URL: {realm}"), mend);
    };
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let port = uri.port_u16().unwrap_or(usual);
    let host = host.trim_matches(['[', ']']);
    match timeout(STEP, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Line::ok(CHECK, format!("{host} accepts connections on port {port}")),
        Ok(Err(error)) => Line::fail(CHECK, format!("{host}:{port}: {error}"), mend),
        Err(late) => Line::fail(CHECK, format!("{host}:{port}: {}", no_answer(late)), mend),
    }
}

/// What `docker --version` prints; `None` when there is no docker on the PATH.
pub(super) async fn docker_version() -> Option<String> {
    let mut docker = Command::new("docker");
    docker.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(STEP, docker.output()).await.ok()?.ok()?;
    String::from_utf8(output.stdout).ok()
}

fn unreachable(target: &Target, why: &str) -> Line {
    Line::fail(
        "connection",
        format!("port {} of {} does not answer: {why}", target.port, target.host),
        "start the server, check its --listen address and port, and firewalls between",
    )
}

fn no_tls(target: &Target, why: &str) -> Line {
    Line::fail(
        "connection",
        format!("port {} of {} does not speak TLS: {why}", target.port, target.host),
        "check that the port is the trust server's https port",
    )
}

fn no_answer(_late: Elapsed) -> String {
    format!("no answer within {} seconds", STEP.as_secs())
}

fn with_causes(error: &hyper::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn client_config(recorder: &Arc<Recorder>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&recorder.provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(recorder) as Arc<_>)
        .with_client_cert_resolver(Arc::clone(recorder) as Arc<_>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Takes note of the certificates and lets the handshake go on; they are judged afterwards. That
/// the server holds the key of the first one is checked all the same. Notes whether it was asked for
/// a certificate of its own, and shows what it was given.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    shown: Shown,
    asked: AtomicBool,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Recorder {
    fn new(shown: Shown) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self { provider, shown, asked: AtomicBool::new(false), chain: Mutex::default() }
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server asked for a client certificate; it may do without one.
    fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.shown.certified()
    }

    fn has_certs(&self) -> bool {
        self.shown.certified().is_some()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let all = std::iter::once(leaf).chain(rest).map(|der| der.clone().into_owned());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
