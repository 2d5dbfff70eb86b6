//! The certificates that clients meet.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{Ended, countersign, empty_dir, run, serve, start};

const PING: &str = "/v2/";

fn show(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = countersign(dir, &["certs", "show"]);
    command.args(arguments);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended
}

#[test]
fn a_client_that_trusts_the_generated_authority_is_answered() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    assert_eq!(server.get(&ca, PING).unwrap(), (200, "{}".to_owned()));
    server.stop();
}

#[test]
fn a_new_host_gets_a_new_certificate_under_the_same_authority() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let file = |name: &str| fs::read(dir.path().join("countersign-data/certs").join(name)).unwrap();
    let (ca, leaf) = (file("ca.crt"), file("server.crt"));

    let mut command = serve(dir.path());
    command.args(["--host", "Trust.example.com", "--host", "192.0.2.7"]);
    let server = start(command);
    assert_eq!(file("ca.crt"), ca);
    assert_ne!(file("server.crt"), leaf);
    assert_eq!(server.get(&ca, PING).unwrap().0, 200);
    server.stop();

    let shown = show(dir.path(), &[]).stdout;
    let names = shown.lines().find(|line| line.starts_with("  names ")).unwrap();
    for name in ["trust.example.com", "192.0.2.7", "localhost", "127.0.0.1", "::1"] {
        assert!(names.split([' ', ',']).any(|word| word == name), "{name} in {names}");
    }
}

#[test]
fn an_address_that_is_listened_on_is_in_the_certificate() {
    let dir = empty_dir();
    let server = start(countersign(dir.path(), &["serve", "--listen", "127.0.0.9:0"]));
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    assert!(server.url.starts_with("https://127.0.0.9:"), "{}", server.url);
    assert_eq!(server.get(&ca, PING).unwrap().0, 200);
    server.stop();
}

#[test]
fn own_certificate_files_are_used_as_they_are() {
    let dir = empty_dir();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("own.crt"), dir.path().join("own.key"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let own = ["--tls-cert", "own.crt", "--tls-key", "own.key", "--host", "other.example.com"];

    let mut command = serve(dir.path());
    command.args(own);
    let server = start(command);
    assert_eq!(server.get(made.cert.pem().as_bytes(), PING).unwrap().0, 200);
    server.stop();
    assert_eq!(fs::read_to_string(&cert).unwrap(), made.cert.pem());
    assert_eq!(fs::read_to_string(&key).unwrap(), made.signing_key.serialize_pem());
    assert!(!dir.path().join("countersign-data/certs").exists());
    assert!(show(dir.path(), &own).stdout.contains("own.crt"));
}

#[test]
fn certificates_are_shown_with_the_fingerprints_that_openssl_computes() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let shown = show(dir.path(), &["--listen", "127.0.0.1:4443"]).stdout;
    for name in ["ca.crt", "server.crt"] {
        let path = dir.path().join("countersign-data/certs").join(name);
        let openssl = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(&path)
            .output()
            .expect("openssl is missing: install the package openssl");
        let printed = String::from_utf8(openssl.stdout).unwrap();
        let (_, fingerprint) = printed.trim().split_once('=').unwrap();
        assert!(shown.contains(&format!("  SHA-256  {fingerprint}\n")), "{shown}");
    }
    assert_eq!(shown.matches("  subject  ").count(), 2, "{shown}");
    assert_eq!(shown.matches("  valid    20").count(), 2, "{shown}");
    assert!(shown.contains("  mkdir -p ~/.docker/tls/localhost:4443\n"), "{shown}");
    assert!(shown.contains("/certs/ca.crt ~/.docker/tls/localhost:4443/ca.crt\n"), "{shown}");
    assert!(shown.contains("  notary -s https://localhost:4443 --tlscacert "), "{shown}");
}
