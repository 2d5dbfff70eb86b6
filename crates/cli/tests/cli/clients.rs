//! Certificates of clients, asked for with `--client-ca`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::connection::{Connection, Shown};
use crate::process::{Server, countersign, empty_dir, refusal, run, serve, start};

const PATHS: [&str; 4] = ["/v2/", "/_notary_server/health", "/_countersign/live", "/metrics"];

/// Makes an authority with a client `ci` in `dir`/`name`.
fn make(dir: &Path, name: &str) -> PathBuf {
    let made = run(countersign(dir, &["certs", "make", "--out", name, "--client", "ci"]));
    assert_eq!(made.status.code(), Some(0), "{}", made.stderr);
    dir.join(name)
}

fn start_for(dir: &Path, client_ca: &Path) -> Server {
    let mut command = serve(dir);
    command.arg("--client-ca").arg(client_ca);
    start(command)
}

fn authority(dir: &Path) -> PathBuf {
    dir.join("countersign-data/certs/ca.crt")
}

fn answers(server: &Server, dir: &Path, shown: &Shown<'_>, path: &str) -> bool {
    Connection::open(server, &authority(dir), shown).unwrap().answers(path)
}

/// Checklist row C-202.
#[test]
fn with_a_client_authority_every_path_wants_a_certificate_by_it() {
    let dir = empty_dir();
    let (ours, others) = (make(dir.path(), "ours"), make(dir.path(), "others"));
    let server = start_for(dir.path(), &ours.join("ca.crt"));
    for path in PATHS {
        assert!(answers(&server, dir.path(), &Shown::Pair(&ours.join("ci")), path), "{path}");
        assert!(!answers(&server, dir.path(), &Shown::Nothing, path), "{path}");
        assert!(!answers(&server, dir.path(), &Shown::Pair(&others.join("ci")), path), "{path}");
    }
    let said = server.stop().stdout;
    assert!(said.contains("clients must show a certificate by an authority in "), "{said}");
    assert!(said.contains("/client.cert\n") && said.contains(" --tlscert "), "{said}");
}

#[test]
fn without_a_client_authority_no_certificate_is_wanted() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    for path in PATHS {
        assert!(answers(&server, dir.path(), &Shown::Nothing, path), "{path}");
    }
    server.stop();
}

#[test]
fn after_sighup_another_client_authority_holds_for_new_connections() {
    let dir = empty_dir();
    let (first, second) = (make(dir.path(), "first"), make(dir.path(), "second"));
    let file = dir.path().join("clients.pem");
    fs::copy(first.join("ca.crt"), &file).unwrap();
    let mut server = start_for(dir.path(), &file);
    let (first, second) = (first.join("ci"), second.join("ci"));
    let shown = Shown::Pair(&first);
    let mut open = Connection::open(&server, &authority(dir.path()), &shown).unwrap();
    assert!(open.answers("/v2/"));
    assert!(!answers(&server, dir.path(), &Shown::Pair(&second), "/v2/"));

    fs::copy(dir.path().join("second/ca.crt"), &file).unwrap();
    server.signal("HUP");
    server.wait_for_log("certificates read again");
    assert!(answers(&server, dir.path(), &Shown::Pair(&second), "/v2/"));
    assert!(!answers(&server, dir.path(), &Shown::Pair(&first), "/v2/"));
    assert!(open.answers("/v2/"));

    fs::write(&file, "").unwrap();
    server.signal("HUP");
    server.wait_for_log("clients.pem holds no certificate");
    assert!(!answers(&server, dir.path(), &Shown::Nothing, "/v2/"), "it does not open up");
    assert!(answers(&server, dir.path(), &Shown::Pair(&second), "/v2/"));
    server.stop();
}

#[test]
fn a_self_signed_certificate_in_the_file_is_its_own_authority() {
    let dir = empty_dir();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-keyout", "self.key", "-out", "self.crt", "-days", "2", "-subj", "/CN=self"])
        .current_dir(dir.path())
        .output()
        .expect("openssl is missing: install the package openssl");
    assert!(made.status.success());
    let server = start_for(dir.path(), &dir.path().join("self.crt"));
    assert!(answers(&server, dir.path(), &Shown::Pair(&dir.path().join("self")), "/v2/"));
    assert!(!answers(&server, dir.path(), &Shown::Nothing, "/v2/"));
    server.stop();
}

#[test]
fn a_client_authority_that_does_not_load_stops_the_start() {
    let dir = empty_dir();
    fs::write(dir.path().join("empty.pem"), "").unwrap();
    for (file, words) in [
        ("empty.pem", "empty.pem holds no certificate"),
        ("missing.pem", "cannot read missing.pem"),
    ] {
        let mut command = serve(dir.path());
        command.args(["--client-ca", file]);
        let (code, line) = refusal(command);
        assert_eq!(code, 7, "{line}");
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn beyond_loopback_a_client_authority_takes_the_warnings_place() {
    let dir = empty_dir();
    let ours = make(dir.path(), "ours");
    let mut command = countersign(dir.path(), &["serve", "--listen", "0.0.0.0:0", "--client-ca"]);
    command.arg(ours.join("ca.crt"));
    let said = start(command).stop().stdout;
    assert!(!said.contains("WARNING"), "{said}");
}

#[test]
fn the_notary_client_publishes_with_its_certificate_and_not_without() {
    let dir = empty_dir();
    let ours = make(dir.path(), "ours");
    let server = start_for(dir.path(), &ours.join("ca.crt"));
    let publish = |gun: &str, pair: &[&str]| {
        let mut notary = Command::new("notary");
        notary
            .args(["-s", &server.url, "-d", "trust", "--tlscacert"])
            .arg(authority(dir.path()))
            .args(pair)
            .args(["init", "-p", gun])
            .current_dir(dir.path())
            .env("NOTARY_ROOT_PASSPHRASE", "root passphrase")
            .env("NOTARY_TARGETS_PASSPHRASE", "targets passphrase")
            .env("NOTARY_SNAPSHOT_PASSPHRASE", "snapshot passphrase")
            .stdin(Stdio::null());
        notary.output().expect("notary is missing: install the package notary")
    };
    let pair = ["--tlscert", "ours/ci.crt", "--tlskey", "ours/ci.key"];
    let with = publish("example.com/with", &pair);
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
    assert!(!publish("example.com/without", &[]).status.success());
    let mut ours = Connection::open(
        &server,
        &authority(dir.path()),
        &Shown::Pair(&dir.path().join("ours/ci")),
    )
    .unwrap();
    assert!(ours.answers("/v2/example.com/with/_trust/tuf/root.json"));
    assert!(!ours.answers("/v2/example.com/without/_trust/tuf/root.json"));
    server.stop();
}
