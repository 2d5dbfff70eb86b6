//! How a server ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::process::{DEADLINE, Server, Waiting, empty_dir, serve, start};

const BODY: &str = "--x\r\n";

/// A publish whose headers the server has read and for whose body it waits.
struct Unfinished(StreamOwned<ClientConnection, TcpStream>);

impl Unfinished {
    fn begin(server: &Server, dir: &Path) -> Self {
        let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(server.address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut stream = StreamOwned::new(client, socket);
        write!(
            stream,
            "POST /v2/a/_trust/tuf/ HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
             Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
            BODY.len()
        )
        .unwrap();
        let mut begun = Self(stream);
        assert!(begun.answer().starts_with("HTTP/1.1 100 "));
        begun
    }

    fn finish(mut self) -> String {
        self.0.write_all(BODY.as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut piece = [0; 1024];
        let length = self.0.read(&mut piece).unwrap();
        String::from_utf8(piece[..length].to_vec()).unwrap()
    }
}

fn serve_with(dir: &Path, settings: &str) -> Command {
    fs::write(dir.join("c.toml"), settings).unwrap();
    let mut command = serve(dir);
    command.args(["--config", "c.toml"]);
    command
}

#[test]
fn sigterm_and_sigint_end_a_server_with_0_and_free_its_port() {
    let dir = empty_dir();
    for signal in ["TERM", "INT"] {
        let server = start(serve(dir.path()));
        let address = server.address;
        server.signal(signal);
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("SIG{signal}")), "{}", ended.stderr);
        TcpListener::bind(address).unwrap();
    }
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    let dir = empty_dir();
    let mut server = start(serve(dir.path()));
    let publish = Unfinished::begin(&server, dir.path());
    server.signal("TERM");
    server.wait_for_log("stopping");
    // The body is no whole multipart document.
    assert!(publish.finish().starts_with("HTTP/1.1 400 "));
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn a_request_that_takes_longer_than_the_set_time_is_cut() {
    let dir = empty_dir();
    let server = start(serve_with(dir.path(), "server.drain_seconds = 0\n"));
    let _publish = Unfinished::begin(&server, dir.path());
    server.stop();
}

#[test]
fn a_second_signal_ends_a_server_that_still_waits() {
    let dir = empty_dir();
    let mut server = start(serve_with(dir.path(), "server.drain_seconds = 3600\n"));
    let _publish = Unfinished::begin(&server, dir.path());
    server.signal("TERM");
    server.wait_for_log("stopping");
    server.signal("TERM");
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(143), "{}", ended.stderr);
    let line = ended.stderr.lines().last().unwrap();
    assert!(line.contains("ended by a second SIGTERM"), "{line}");
}

#[test]
fn a_server_that_waits_for_its_database_ends_at_the_first_signal_with_0() {
    // Let go of at once: nothing answers there.
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = empty_dir();
    for signal in ["TERM", "INT"] {
        let mut command = serve(dir.path());
        command.args(["--database", &format!("postgres://countersign@{away}/countersign")]);
        let ended = Waiting::start(command, "the database is away").end_by(signal);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "it never listened");
        let line = ended.stderr.lines().last().unwrap();
        assert!(line.contains("stopped before the database was there"), "{line}");
        assert!(line.contains(&format!("SIG{signal}")), "{line}");
    }
}

#[test]
fn a_server_that_hands_over_answers_until_a_second_signal_ends_it() {
    let dir = empty_dir();
    let mut server = start(serve_with(dir.path(), "server.handover_seconds = 3600\n"));
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    assert_eq!(server.get(&ca, "/_countersign/ready").unwrap().0, 200);
    server.signal("TERM");
    server.wait_for_log("stopping");
    while server.get(&ca, "/_countersign/ready").unwrap().0 != 503 {}
    assert_eq!(server.get(&ca, "/v2/").unwrap().0, 200);
    assert_eq!(server.get(&ca, "/_countersign/live").unwrap().0, 200);
    server.signal("TERM");
    assert_eq!(server.wait().status.code(), Some(143));
}
