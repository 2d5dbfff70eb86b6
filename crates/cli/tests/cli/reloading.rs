//! What a running server takes over without a restart, and what it says of it.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use countersign_server::tls::generated;
use countersign_trust::{Clock as _, SystemClock};
use serde_json::Value;

use crate::connection::{Connection, Shown, certificate_in};
use crate::process::{Server, empty_dir, serve, start};

const PING: &str = "/v2/";
const READ_AGAIN: &str = "certificates read again";
const NOT_READ: &str = "the certificates cannot be read again";

/// A self-signed pair as `own.crt` and `own.key`.
fn write_own_pair(dir: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.join("own.crt"), made.cert.pem()).unwrap();
    fs::write(dir.join("own.key"), made.signing_key.serialize_pem()).unwrap();
}

fn start_with_own_pair(dir: &Path) -> Server {
    write_own_pair(dir);
    let mut command = serve(dir);
    command.args(["--tls-cert", "own.crt", "--tls-key", "own.key"]);
    start(command)
}

fn start_with_settings(dir: &Path, settings: &str) -> Server {
    fs::write(dir.join("c.toml"), settings).unwrap();
    let mut command = serve(dir);
    command.args(["--config", "c.toml"]);
    start(command)
}

/// Asks for a reload, and gives the line of the log that holds `expected`.
fn reload(server: &mut Server, expected: &str) -> Value {
    server.signal("HUP");
    serde_json::from_str(&server.wait_for_log(expected)).unwrap()
}

fn shown_by(server: &Server, ca: &Path) -> Vec<u8> {
    let mut connection = Connection::open(server, ca, &Shown::Nothing).unwrap();
    assert!(connection.answers(PING));
    connection.server_certificate()
}

/// Puts in place of the server's certificate in `certs` one by the same authority that is 300 of
/// its 397 days old.
fn age_leaf(certs: &Path) {
    fs::remove_file(certs.join("server.crt")).unwrap();
    let then = SystemClock.now() - TimeDelta::days(300);
    generated::ensure(certs, &[], then).unwrap();
}

#[test]
fn after_sighup_new_handshakes_see_the_new_certificate_and_open_connections_go_on() {
    let dir = empty_dir();
    let mut server = start_with_own_pair(dir.path());
    let own = dir.path().join("own.crt");
    let mut open = Connection::open(&server, &own, &Shown::Nothing).unwrap();
    assert!(open.answers(PING));
    write_own_pair(dir.path());
    let line = reload(&mut server, READ_AGAIN);
    assert!(line["cert"].as_str().unwrap().ends_with("own.crt"), "{line}");
    assert_eq!(shown_by(&server, &own), certificate_in(&own));
    assert_ne!(open.server_certificate(), certificate_in(&own));
    assert!(open.answers(PING));
    server.stop();
}

#[test]
fn a_pair_that_does_not_load_leaves_the_old_one_and_the_log_says_why() {
    let dir = empty_dir();
    let mut server = start_with_own_pair(dir.path());
    let (own, key) = (dir.path().join("own.crt"), dir.path().join("own.key"));
    let kept = dir.path().join("kept.crt");
    fs::copy(&own, &kept).unwrap();
    let other = empty_dir();
    write_own_pair(other.path());
    let other_key = fs::read(other.path().join("own.key")).unwrap();
    for (path, content, cause, mend) in [
        (&own, b"broken".to_vec(), "own.crt holds no certificate", "replace the file"),
        (&key, other_key, "does not belong to the certificate", "give the pair"),
    ] {
        let good = fs::read(path).unwrap();
        fs::write(path, content).unwrap();
        let line = reload(&mut server, NOT_READ);
        assert_eq!(line["level"], "ERROR", "{line}");
        let error = line["error"].as_str().unwrap();
        assert!(error.contains(cause) && error.contains(mend), "{line}");
        assert_eq!(shown_by(&server, &kept), certificate_in(&kept));
        fs::write(path, good).unwrap();
    }
    reload(&mut server, READ_AGAIN);
    server.stop();
}

#[test]
fn a_generated_certificate_in_its_last_third_is_issued_again_at_start_and_at_sighup() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let certs = dir.path().join("countersign-data/certs");
    let (ca, leaf) = (certs.join("ca.crt"), certs.join("server.crt"));
    let authority = fs::read(&ca).unwrap();
    age_leaf(&certs);
    let aged = certificate_in(&leaf);
    let mut server = start(serve(dir.path()));
    let issued = shown_by(&server, &ca);
    assert_ne!(issued, aged);

    age_leaf(&certs);
    reload(&mut server, "certificate issued again");
    server.wait_for_log(READ_AGAIN);
    let again = shown_by(&server, &ca);
    assert_ne!(again, issued);
    assert_eq!(again, certificate_in(&leaf));
    assert_eq!(fs::read(&ca).unwrap(), authority);
    server.stop();
}

#[test]
fn a_certificate_that_cannot_be_issued_again_is_warned_of_in_its_last_third() {
    let dir = empty_dir();
    let certs = dir.path().join("countersign-data/certs");
    let then = SystemClock.now() - TimeDelta::days(300);
    generated::ensure(&certs, &[], then).unwrap();
    fs::remove_file(certs.join("ca.key")).unwrap();
    let pair = ["--tls-cert", "countersign-data/certs/server.crt"];
    let pair = pair.into_iter().chain(["--tls-key", "countersign-data/certs/server.key"]);
    for (arguments, mend) in [(Vec::new(), "ca.key"), (pair.collect(), "renew it")] {
        let mut command = serve(dir.path());
        command.args(arguments);
        let log = start(command).stop().stderr;
        let line = log.lines().find(|line| line.contains("a certificate ends soon")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "WARN");
        assert!(line["cert"].as_str().unwrap().ends_with("server.crt"), "{line}");
        assert!(line["mend"].as_str().unwrap().contains(mend), "{line}");
    }
}

#[test]
fn a_new_host_in_the_file_gets_into_the_generated_certificate_at_sighup() {
    let dir = empty_dir();
    let mut server = start_with_settings(dir.path(), "");
    let leaf = dir.path().join("countersign-data/certs/server.crt");
    let before = certificate_in(&leaf);
    fs::write(dir.path().join("c.toml"), "server.hosts = ['trust.example.com']\n").unwrap();
    reload(&mut server, READ_AGAIN);
    let after = shown_by(&server, &dir.path().join("countersign-data/certs/ca.crt"));
    assert_ne!(after, before);
    assert!(after.windows(17).any(|window| window == b"trust.example.com"));
    server.stop();
}

#[test]
fn the_log_level_of_the_file_holds_after_sighup() {
    let dir = empty_dir();
    let mut server = start_with_settings(dir.path(), "log.level = 'error'\n");
    fs::write(dir.path().join("c.toml"), "log.level = 'info'\n").unwrap();
    let line = reload(&mut server, "log level changed");
    assert_eq!((&line["from"], &line["to"]), (&"error".into(), &"info".into()));
    shown_by(&server, &dir.path().join("countersign-data/certs/ca.crt"));
    server.wait_for_log("\"route\":\"ping\"");
    server.stop();
}

#[test]
fn settings_that_need_a_restart_are_named_and_have_no_effect() {
    let dir = empty_dir();
    let mut server = start_with_settings(dir.path(), "");
    let changed = "server.drain_seconds = 1\nlimits.parts = 2\nserver.data_dir = 'elsewhere'\n";
    fs::write(dir.path().join("c.toml"), changed).unwrap();
    let line = reload(&mut server, "take effect at the next start");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["settings"], "server.data_dir, server.drain_seconds, [limits]");
    server.wait_for_log(READ_AGAIN);
    assert!(!dir.path().join("elsewhere").exists());
    server.stop();
}

#[test]
fn settings_that_cannot_be_read_stay_and_certificates_are_read_all_the_same() {
    let dir = empty_dir();
    let mut server = start_with_settings(dir.path(), "log.level = 'debug'\n");
    fs::write(dir.path().join("c.toml"), "log.levle = 'error'\n").unwrap();
    let line = reload(&mut server, "the settings cannot be read again");
    assert_eq!(line["level"], "ERROR");
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("c.toml:1:5") && error.contains("log.level"), "{line}");
    server.wait_for_log(READ_AGAIN);
    server.stop();
}

/// Checklist row C-203.
#[test]
fn sigusr1_raises_the_log_level_sigusr2_lowers_it_and_both_say_so() {
    let dir = empty_dir();
    let mut server = start(serve(dir.path()));
    for (signal, line) in [
        ("USR1", "Successfully setting log level to debug"),
        ("USR1", "Successfully setting log level to trace"),
        ("USR1", "The log level stays at trace"),
        ("USR2", "Successfully setting log level to debug"),
        ("USR2", "Successfully setting log level to info"),
        ("USR2", "Successfully setting log level to warn"),
        ("USR2", "Successfully setting log level to error"),
        ("USR2", "The log level stays at error"),
    ] {
        server.signal(signal);
        assert_eq!(server.wait_for_output("log level").trim_end(), line);
    }
    let ca = dir.path().join("countersign-data/certs/ca.crt");
    shown_by(&server, &ca);
    server.signal("USR1");
    server.wait_for_output("Successfully setting log level to warn");
    let log = server.stop().stderr;
    assert!(!log.contains("\"route\":\"ping\""), "a request is no error: {log}");
    assert!(log.contains("log level set by a signal"), "{log}");
}
