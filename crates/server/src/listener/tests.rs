//! Over real sockets with real TLS. Waiting is always for an event, with a deadline.

mod clients;
mod handover;
mod handshakes;
mod plain;

use std::net::TcpListener as StdListener;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::testing::{BrokenStore, CONTENT_TYPE, broken_trust, now, settings};
use crate::tls::{ClientPolicy, Identity, generated};

/// Far more than anything here takes; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(20);
const PING: &str = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Running {
    address: SocketAddr,
    ca_cert: PathBuf,
    tls: LiveTls,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
    _dir: TempDir,
}

type Client = TlsStream<TcpStream>;

const AT_ONCE: Stopping = Stopping { handover: Duration::ZERO, drain: DEADLINE };

fn start_with(limits: Limits, stopping: Stopping) -> Running {
    start_service(Service::open(broken_trust(BrokenStore::Panics)), limits, stopping)
}

fn start_service(service: Service, limits: Limits, stopping: Stopping) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let files = generated::ensure(&dir.path().join("certs"), &[], now()).unwrap();
    let identity = Identity::load(&files.cert, &files.key).unwrap().valid_at(now()).unwrap();
    let tls = LiveTls::new(identity, &ClientPolicy::Anyone).unwrap();
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        stopped.await.ok();
    };
    let serving =
        serve(listener, Transport::Tls(tls.clone()), service, settings(limits), shutdown, stopping);
    let task = tokio::spawn(serving);
    Running { address, ca_cert: files.ca_cert, tls, stop: Some(stop), task, _dir: dir }
}

fn start(limits: Limits) -> Running {
    start_with(limits, AT_ONCE)
}

impl Running {
    fn client_config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca_cert).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    async fn connect_with(&self, config: ClientConfig) -> io::Result<Client> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        timeout(DEADLINE, connecting).await.expect("a handshake ends")
    }

    async fn connect(&self) -> io::Result<Client> {
        self.connect_with(self.client_config(&[&TLS12, &TLS13], &["http/1.1"])).await
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn ended(self) {
        timeout(DEADLINE, self.task).await.expect("the server ends").unwrap().unwrap();
    }
}

/// Sends bytes and reads one answer; its body has the length that its header says.
async fn exchange(client: &mut Client, request: &[u8]) -> io::Result<String> {
    client.write_all(request).await?;
    answer(client).await
}

async fn answer(client: &mut Client) -> io::Result<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(text);
            }
        }
        let count = timeout(DEADLINE, client.read_buf(&mut read)).await.expect("an answer")?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn upload_head(length: usize) -> String {
    format!(
        "POST /v2/a/_trust/tuf/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {CONTENT_TYPE}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// Waits until the server closes the connection, and says how long that took.
async fn closed_after<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Duration {
    let started = Instant::now();
    let mut rest = Vec::new();
    // A reset is as good an end as a clean one.
    timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("the server closes").ok();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    started.elapsed()
}

#[tokio::test]
async fn http_1_answers_over_tls_12_and_13() {
    let running = start(Limits::default());
    for version in [&TLS12, &TLS13] {
        let config = running.client_config(&[version], &["http/1.1"]);
        let mut client = running.connect_with(config).await.unwrap();
        for _ in 0..2 {
            let answer = exchange(&mut client, PING.as_bytes()).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n{}"));
        }
    }
}

#[tokio::test]
async fn http_2_answers() {
    let running = start(Limits::default());
    let config = running.client_config(&[&TLS13], &["h2"]);
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().unwrap();
    let url = format!("https://localhost:{}/v2/", running.address.port());
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "{}");
}

#[tokio::test]
async fn empty_answers_say_that_they_are_empty() {
    let running = start(Limits::default());
    let mut client = running.connect().await.unwrap();
    let request = PING.replace("GET", "OPTIONS");
    let answer = exchange(&mut client, request.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
    assert!(answer.contains("content-length: 0\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_under_the_limit_is_read_and_one_over_it_is_not() {
    let small = Limits::for_tests();
    let least = usize::try_from(small.head_bytes).unwrap();
    let running = [start(Limits::default()), start(small)];
    for (running, size, status) in [
        (&running[0], 31 << 10, "HTTP/1.1 200 "),
        (&running[0], 33 << 10, "HTTP/1.1 431 "),
        (&running[1], least - 100, "HTTP/1.1 200 "),
        (&running[1], least + 100, "HTTP/1.1 431 "),
    ] {
        let mut client = running.connect().await.unwrap();
        let filler = format!("Host: localhost\r\nx: {}\r\n", "y".repeat(size));
        let request = PING.replace("Host: localhost\r\n", &filler);
        let answer = exchange(&mut client, request.as_bytes()).await.unwrap();
        assert!(answer.starts_with(status), "{size}: {answer}");
    }
}

#[tokio::test]
async fn plain_http_gets_no_answer() {
    let running = start(Limits::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(PING.as_bytes()).await.unwrap();
    closed_after(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_is_silent_before_the_handshake_is_dropped() {
    let limits = Limits::for_tests();
    let running = start(limits.clone());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert!(closed_after(&mut stream).await >= limits.handshake / 2);
}

#[tokio::test]
async fn a_client_that_is_silent_after_the_handshake_is_dropped() {
    let limits = Limits::for_tests();
    let running = start(limits.clone());
    for alpn in ["http/1.1", "h2"] {
        let config = running.client_config(&[&TLS13], &[alpn]);
        let mut client = running.connect_with(config).await.unwrap();
        assert!(closed_after(&mut client).await >= limits.first_request / 2, "{alpn}");
    }
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_dropped() {
    let limits = Limits { idle: Duration::from_millis(300), ..Limits::for_tests() };
    let running = start(limits.clone());
    let mut client = running.connect().await.unwrap();
    exchange(&mut client, PING.as_bytes()).await.unwrap();
    assert!(closed_after(&mut client).await >= limits.idle / 2);
}

#[tokio::test]
async fn as_many_connections_as_the_limit_are_served_and_one_more_is_not() {
    let running = start(Limits::for_tests());
    let mut held = Vec::new();
    for _ in 0..Limits::for_tests().connections {
        let mut client = running.connect().await.unwrap();
        exchange(&mut client, PING.as_bytes()).await.unwrap();
        held.push(client);
    }
    assert!(running.connect().await.is_err());
    for client in &mut held {
        exchange(client, PING.as_bytes()).await.unwrap();
    }
    drop(held);
    let place_is_free = async { while running.connect().await.is_err() {} };
    timeout(DEADLINE, place_is_free).await.expect("a place is free again");
}

#[tokio::test]
async fn a_half_sent_body_gets_408_and_the_server_goes_on() {
    let running = start(Limits::for_tests());
    let mut client = running.connect().await.unwrap();
    let request = upload_head(1_000) + "--edge\r\nContent-Disposition: form-data";
    let answer = exchange(&mut client, request.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("MALFORMED_UPLOAD"), "{answer}");
    let mut other = running.connect().await.unwrap();
    assert!(exchange(&mut other, PING.as_bytes()).await.unwrap().contains("200 OK"));
}

/// Checklist row C-087.
#[tokio::test]
async fn a_truncated_multipart_gets_400_and_the_connection_stays_usable() {
    let running = start(Limits::for_tests());
    let mut client = running.connect().await.unwrap();
    let body = "--edge\r\nContent-Disposition: form-data; filename=\"root\"\r\n\r\n{\"signed\"";
    let request = upload_head(body.len()) + body;
    let answer = exchange(&mut client, request.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("MALFORMED_UPLOAD"), "{answer}");
    assert!(exchange(&mut client, PING.as_bytes()).await.unwrap().contains("200 OK"));
}

#[tokio::test]
async fn a_refused_upload_is_answered_although_the_client_is_still_sending() {
    let running = start(Limits { body_bytes: 4 << 20, part_bytes: 2 << 20, ..Limits::for_tests() });
    let mut client = running.connect().await.unwrap();
    let mut body = b"--edge\r\nContent-Disposition: form-data; filename=\"foo\"\r\n\r\n".to_vec();
    body.resize(1 << 20, b'x');
    client.write_all(upload_head(body.len()).as_bytes()).await.unwrap();
    let answer = exchange(&mut client, &body).await.unwrap();
    assert!(answer.contains("INVALID_ROLE"), "{answer}");
    assert!(exchange(&mut client, PING.as_bytes()).await.unwrap().contains("200 OK"));
}

#[tokio::test]
async fn what_is_in_flight_finishes_after_shutdown_has_begun() {
    let mut running = start(Limits { body_pause: DEADLINE, ..Limits::for_tests() });
    let mut client = running.connect().await.unwrap();
    // The answer to `Expect` shows that the handler is reading.
    let body = "--edge\r\nContent-Disposition: form-data; filename=\"foo\"\r\n\r\n\r\n--edge--\r\n";
    let head =
        upload_head(body.len()).replace("Content-Length", "Expect: 100-continue\r\nContent-Length");
    let going_on = exchange(&mut client, head.as_bytes()).await.unwrap();
    assert!(going_on.starts_with("HTTP/1.1 100 Continue\r\n"), "{going_on}");
    running.stop();
    let refused = async { while TcpStream::connect(running.address).await.is_ok() {} };
    timeout(DEADLINE, refused).await.expect("no new connections are taken");
    let answer = exchange(&mut client, body.as_bytes()).await.unwrap();
    assert!(answer.contains("INVALID_ROLE"), "{answer}");
    running.ended().await;
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_at_the_deadline() {
    let limits = Limits { body_pause: DEADLINE, body_time: DEADLINE, ..Limits::for_tests() };
    let drain = Duration::from_millis(300);
    let mut running = start_with(limits, Stopping { drain, ..AT_ONCE });
    let mut client = running.connect().await.unwrap();
    let head = upload_head(10).replace("Content-Length", "Expect: 100-continue\r\nContent-Length");
    exchange(&mut client, head.as_bytes()).await.unwrap();
    running.stop();
    let started = Instant::now();
    running.ended().await;
    assert!(started.elapsed() < DEADLINE / 2);
    closed_after(&mut client).await;
}
