//! `doctor` against servers that are well and servers that are wrong in one way each.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::process::{countersign, empty_dir, run, serve, start};

/// What the doctor said.
struct Said {
    code: i32,
    out: String,
}

impl Said {
    /// The line of a check.
    fn line(&self, check: &str) -> &str {
        let is_of = |line: &&str| line.get(6..).is_some_and(|rest| rest.starts_with(check));
        self.out.lines().find(is_of).unwrap_or_else(|| panic!("{check} is not in {}", self.out))
    }

    fn failed(&self) -> Vec<&str> {
        self.out.lines().filter(|line| line.starts_with("FAIL")).collect()
    }

    /// One check failed, with these words, and is followed by a mend.
    fn fails_alone(&self, check: &str, words: &str) {
        let failed = self.failed();
        assert_eq!(failed.len(), 1, "{}", self.out);
        assert_eq!(failed[0], self.line(check), "{}", self.out);
        assert!(failed[0].contains(words), "{words:?} is not in {}", failed[0]);
        let mut rest = self.out.lines().skip_while(|line| *line != failed[0]).skip(1);
        assert!(rest.next().unwrap().trim_start().starts_with("mend: "), "{}", self.out);
        assert_eq!(self.code, 11, "{}", self.out);
    }
}

/// Runs it with `home` as the home directory.
fn doctor(home: &Path, url: &str, arguments: &[&str]) -> Said {
    let mut command = countersign(home, &["doctor", url]);
    command.args(arguments).env("HOME", home).env("PATH", home);
    let ended = run(command);
    Said { code: ended.status.code().unwrap(), out: ended.stdout }
}

/// Whom a server lets in.
#[derive(Clone, Copy)]
enum Clients {
    Any,
    WithCertificate,
}

/// A server of a test's own: certificate, and the answer to each path.
struct Fake {
    address: SocketAddr,
    pem: String,
}

impl Fake {
    fn start(host: &str, years: (i32, i32), answer: fn(&str) -> String) -> Self {
        Self::start_asking(Clients::Any, host, years, answer)
    }

    fn start_asking(
        clients: Clients,
        host: &str,
        years: (i32, i32),
        answer: fn(&str) -> String,
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut wanted = CertificateParams::new([host.to_owned()]).unwrap();
        wanted.not_before = date_time_ymd(years.0, 1, 1);
        wanted.not_after = date_time_ymd(years.1, 1, 1);
        let cert = wanted.self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            Clients::Any => builder.with_no_client_auth(),
            Clients::WithCertificate => {
                let mut roots = RootCertStore::empty();
                roots.add(cert.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = builder.with_single_cert(vec![cert.der().clone()], private).unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        // It ends with the test's process; each connection is one request.
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, socket);
                let mut head = [0; 4096];
                let Ok(length) = stream.read(&mut head) else { continue };
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                stream.write_all(answer(path).as_bytes()).ok();
                stream.conn.send_close_notify();
                stream.flush().ok();
            }
        });
        Self { address, pem: cert.pem() }
    }

    fn examine(&self) -> Said {
        let home = empty_dir();
        fs::write(home.path().join("ca.pem"), &self.pem).unwrap();
        let url = format!("https://localhost:{}", self.address.port());
        doctor(home.path(), &url, &["--ca", "ca.pem"])
    }
}

fn well(_path: &str) -> String {
    answer("200 OK", "", "{}")
}

fn answer(status: &str, header: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_server_whose_authority_is_given_and_kept_by_docker_and_notary_is_well() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let ca = dir.path().join("countersign-data/certs/ca.crt");
    let docker = dir.path().join(format!(".docker/tls/localhost:{}", server.address.port()));
    fs::create_dir_all(&docker).unwrap();
    fs::copy(&ca, docker.join("ca.crt")).unwrap();
    let notary = dir.path().join(".notary");
    fs::create_dir_all(&notary).unwrap();
    fs::copy(&ca, notary.join("root-ca.crt")).unwrap();
    let config = format!(
        "{{\"remote_server\": {{\"url\": {:?}, \"root_ca\": \"root-ca.crt\"}}}}",
        server.url
    );
    fs::write(notary.join("config.json"), config).unwrap();
    let said = doctor(dir.path(), &server.url, &["--ca", ca.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.ends_with("11 checks, 0 failed, 0 to look at\n"), "{}", said.out);
    // docker and notary know the authority, so it need not be given.
    assert_eq!(doctor(dir.path(), &server.url, &[]).code, 0);
    server.stop();
}

#[test]
fn a_server_that_nobody_trusts_fails_and_the_mend_can_be_pasted() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    doctor(dir.path(), &server.url, &[]).fails_alone("authority", "nobody on this machine");
    let said = doctor(dir.path(), &server.url, &["--ca", "countersign-data/certs/ca.crt"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.line("docker's CA").starts_with("warn"), "{}", said.out);
    assert!(said.line("notary's CA").starts_with("warn"), "{}", said.out);
    let mend =
        said.out.lines().find_map(|line| line.trim_start().strip_prefix("mend: mkdir")).unwrap();
    let pasted = std::process::Command::new("sh")
        .args(["-c", &format!("mkdir{mend}")])
        .current_dir(dir.path())
        .status();
    assert!(pasted.unwrap().success());
    let said = doctor(dir.path(), &server.url, &[]);
    assert!(said.line("docker's CA").starts_with("ok"), "{}", said.out);
    assert_eq!(said.code, 0, "{}", said.out);
    server.stop();
}

#[test]
fn another_authority_than_the_servers_fails() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.path().join("other.crt"), other.cert.pem()).unwrap();
    let said = doctor(dir.path(), &server.url, &["--ca", "other.crt"]);
    said.fails_alone("authority", "by another authority");
    doctor(dir.path(), &server.url, &["--ca", "gone.crt"]).fails_alone("authority", "gone.crt");
    server.stop();
}

#[test]
fn a_name_that_the_certificate_does_not_hold_fails_alone() {
    let said = Fake::start("other.example.com", (2020, 2100), well).examine();
    said.fails_alone("host name", "does not hold localhost");
    assert!(said.line("host name").contains("other.example.com"), "{}", said.out);
    assert!(said.line("authority").starts_with("ok"), "{}", said.out);
}

#[test]
fn an_expired_certificate_fails_alone() {
    let said = Fake::start("localhost", (2020, 2021), well).examine();
    said.fails_alone("expiry", "expired on 2021-01-01");
    assert!(said.line("authority").starts_with("ok"), "{}", said.out);
}

#[test]
fn a_server_that_is_unwell_fails_with_what_it_says() {
    let unwell = |path: &str| match path {
        "/v2/" => well(path),
        _ => answer("503 Service Unavailable", "", "{\"errors\":[\"storage is away\"]}"),
    };
    Fake::start("localhost", (2020, 2100), unwell)
        .examine()
        .fails_alone("health", "storage is away");
}

#[test]
fn a_server_that_is_no_trust_server_fails() {
    let other = |_: &str| answer("404 Not Found", "", "nothing\u{1b}[31m here");
    let said = Fake::start("localhost", (2020, 2100), other).examine();
    said.fails_alone("/v2/", "404 nothing");
    assert!(!said.out.contains('\u{1b}'), "a server cannot move the cursor");
}

#[test]
fn a_token_server_is_named_and_its_host_tried() {
    let wants_token = |path: &str| {
        let challenge = "WWW-Authenticate: Bearer realm=\"https://localhost:1/token\",\
                         service=\"notary\"\r\n";
        match path {
            "/v2/" => answer("401 Unauthorized", challenge, "{}"),
            _ => well(path),
        }
    };
    let said = Fake::start("localhost", (2020, 2100), wants_token).examine();
    said.fails_alone("tokens", "localhost:1");
    let line = said.line("/v2/");
    assert!(line.starts_with("ok") && line.contains("https://localhost:1/token"), "{line}");
}

#[test]
fn a_clock_that_is_wrong_is_warned_of() {
    let late = |_: &str| answer("200 OK", "Date: Tue, 24 Nov 2020 12:00:00 GMT\r\n", "{}");
    let said = Fake::start("localhost", (2020, 2100), late).examine();
    assert!(said.line("clock").starts_with("warn"), "{}", said.out);
    assert_eq!(said.code, 0, "{}", said.out);
}

#[test]
fn a_server_that_is_away_a_port_without_tls_and_a_wrong_url_fail() {
    let home = empty_dir();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut hello = [0; 4096];
        assert!(socket.read(&mut hello).unwrap() > 0);
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let url = format!("https://localhost:{port}");
    doctor(home.path(), &url, &[]).fails_alone("connection", "does not speak TLS");
    plain.join().unwrap();
    doctor(home.path(), &url, &[]).fails_alone("connection", "does not answer");
    doctor(home.path(), "http://localhost:4443", &[]).fails_alone("URL", "is not https");
    let unknown = doctor(home.path(), "https://no.such.name.invalid", &[]);
    unknown.fails_alone("name", "no.such.name.invalid has no address");
}

#[test]
fn a_client_certificate_is_tried_where_the_server_asks_for_one() {
    let dir = empty_dir();
    for authority in ["ours", "others"] {
        let make = ["certs", "make", "--out", authority, "--client", "ci"];
        assert_eq!(run(countersign(dir.path(), &make)).status.code(), Some(0));
    }
    for (kind, without) in [("required", 11), ("optional", 0)] {
        let settings =
            format!("[tls]\nclient_ca = 'ours/ca.crt'\nclient_certificates = '{kind}'\n");
        fs::write(dir.path().join("c.toml"), settings).unwrap();
        let mut command = serve(dir.path());
        command.args(["--config", "c.toml"]);
        let server = start(command);
        let ca = ["--ca", "countersign-data/certs/ca.crt"];
        let ask = |pair: &[&str]| doctor(dir.path(), &server.url, &[&ca, pair].concat());
        assert_eq!(ask(&[]).code, without, "{kind}");
        let ours = ask(&["--client-cert", "ours/ci.crt", "--client-key", "ours/ci.key"]);
        assert_eq!(ours.code, 0, "{}", ours.out);
        assert!(ours.line("client cert").contains("and took ours/ci.crt"), "{}", ours.out);
        let others = ask(&["--client-cert", "others/ci.crt", "--client-key", "others/ci.key"]);
        others.fails_alone("client cert", "was shown others/ci.crt, and ended the connection");
        let mixed = ask(&["--client-cert", "ours/ci.crt", "--client-key", "others/ci.key"]);
        mixed.fails_alone("client cert", "others/ci.key: ");
        server.stop();
    }
}

#[test]
fn a_server_that_wants_a_client_certificate_is_told_from_a_broken_one() {
    let fake = Fake::start_asking(Clients::WithCertificate, "localhost", (2020, 2100), well);
    fake.examine().fails_alone("client cert", "asked for a client certificate");
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let home = empty_dir();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", silent.local_addr().unwrap().port());
    doctor(home.path(), &url, &[]).fails_alone("connection", "does not speak TLS");
}

#[test]
fn nothing_is_made() {
    let home = empty_dir();
    doctor(home.path(), "https://127.0.0.1:1", &[]).fails_alone("connection", "does not answer");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
