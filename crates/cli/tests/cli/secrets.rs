//! Secrets are in no output, however much is logged.

use std::fs;

use crate::process::{empty_dir, serve, start};

/// The lines of a PEM file that are its content.
fn content_of(pem: &str) -> Vec<String> {
    pem.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("-----"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn an_operators_passphrase_and_key_are_in_no_output() {
    const PASSPHRASE: &str = "planted-passphrase-of-the-operator";
    let dir = empty_dir();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.path().join("c"), made.cert.pem()).unwrap();
    fs::write(dir.path().join("k"), made.signing_key.serialize_pem()).unwrap();
    let mut command = serve(dir.path());
    command
        .args(["--tls-cert", "c", "--tls-key", "k", "--log-level", "trace"])
        .env("COUNTERSIGN_KEY_PASSPHRASE", PASSPHRASE);
    let server = start(command);
    server.get(made.cert.pem().as_bytes(), "/v2/").unwrap();
    let ended = server.stop();
    let mut secrets = content_of(&made.signing_key.serialize_pem());
    secrets.push(PASSPHRASE.to_owned());
    for secret in secrets {
        assert!(!ended.stdout.contains(&secret) && !ended.stderr.contains(&secret), "{secret}");
    }
}

#[test]
fn made_secrets_are_in_no_output() {
    let dir = empty_dir();
    let mut command = serve(dir.path());
    command.args(["--log-level", "trace", "--log-format", "human"]);
    let server = start(command);
    let data = dir.path().join("countersign-data");
    server.get(&fs::read(data.join("certs/ca.crt")).unwrap(), "/v2/").unwrap();
    let ended = server.stop();
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let mut secrets = content_of(&read("certs/ca.key"));
    secrets.extend(content_of(&read("certs/server.key")));
    secrets.push(read("secrets/key-passphrase"));
    assert!(secrets.len() >= 3);
    for secret in secrets {
        assert!(!ended.stdout.contains(&secret) && !ended.stderr.contains(&secret), "{secret}");
    }
}
