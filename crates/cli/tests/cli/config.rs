//! `config show` and `config check`: what is told, what is found, and that nothing is made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::process::{countersign, empty_dir, refusal, run, serve, start};

fn shown(dir: &Path, arguments: &[&str]) -> String {
    let mut command = countersign(dir, &["config", "show"]);
    command.args(arguments).env("COUNTERSIGN_KEY_PASSPHRASE", "planted-s3cret");
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("planted-s3cret"));
    ended.stdout
}

/// Runs `config check` and gives exit code, standard output and standard error.
fn checked(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = countersign(dir, &["config", "check"]);
    command.args(arguments);
    let ended = run(command);
    (ended.status.code().unwrap(), ended.stdout, ended.stderr)
}

#[test]
fn each_setting_is_a_row_with_value_and_source() {
    let dir = empty_dir();
    fs::write(dir.path().join("c.toml"), "[log]\nlevel = 'warn'\n").unwrap();
    let text = shown(dir.path(), &["--config", "c.toml", "--host", "a", "--host", "b"]);
    let row = |key: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split("  ").map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(row("server.hosts"), ["server.hosts", "a, b", "flag --host"]);
    assert_eq!(row("log.level"), ["log.level", "warn", "c.toml:2"]);
    assert_eq!(row("server.listen"), ["server.listen", "127.0.0.1:4443", "default"]);
    assert!(text.starts_with("file of settings: c.toml (--config)\n"), "{text}");
    assert!(text.contains("keys: (set), variable COUNTERSIGN_KEY_PASSPHRASE\n"), "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_is_shown_as_toml_is_a_file_that_says_the_same() {
    let dir = empty_dir();
    let flags = ["--format", "toml", "--listen", "127.0.0.9:0", "--host", "a", "--data-dir", "d"];
    fs::write(dir.path().join("shown.toml"), shown(dir.path(), &flags)).unwrap();
    let again = shown(dir.path(), &["--config", "shown.toml", "--format", "json"]);
    let first = shown(
        dir.path(),
        &["--listen", "127.0.0.9:0", "--host", "a", "--data-dir", "d", "--format", "json"],
    );
    let values = |text: &str| -> Vec<(Value, Value)> {
        let json: Value = serde_json::from_str(text).unwrap();
        let list = json["settings"].as_array().unwrap().clone();
        list.into_iter().map(|one| (one["key"].clone(), one["value"].clone())).collect()
    };
    assert_eq!(values(&again), values(&first));
    let json: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(json["file"]["named_by"], "--config");
    assert_eq!(json["settings"][0]["from"]["kind"], "file");
    let mut command = countersign(dir.path(), &["serve", "--config", "shown.toml"]);
    command.env("COUNTERSIGN_KEY_PASSPHRASE", "x");
    start(command).stop();
}

#[test]
fn a_check_before_the_first_start_is_well_and_makes_nothing() {
    let dir = empty_dir();
    let (code, out, err) = checked(dir.path(), &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("all is well: ") && out.lines().count() == 1, "{out}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_check_is_well_beside_a_server_and_after_it() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    assert_eq!(checked(dir.path(), &[]).0, 0);
    server.stop();
    assert_eq!(checked(dir.path(), &[]).0, 0);
    let left = fs::read_dir(dir.path().join("countersign-data")).unwrap().count();
    assert_eq!(left, 3, "certs, countersign.db, secrets");
}

#[test]
fn each_problem_is_a_line_and_the_first_one_gives_the_code() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let data = dir.path().join("countersign-data");
    fs::remove_file(data.join("secrets/key-passphrase")).unwrap();
    fs::remove_file(data.join("certs/ca.crt")).unwrap();
    fs::write(data.join("countersign.db"), "no database".repeat(500)).unwrap();
    let (code, out, err) = checked(dir.path(), &[]);
    assert_eq!((code, out.as_str()), (5, ""), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    for (line, words) in
        lines.iter().zip(["key-passphrase: is missing", "lacks ca.crt", "restore it from a backup"])
    {
        assert!(line.starts_with("countersign: ") && line.contains(words), "{line}");
    }
}

#[test]
fn what_serve_would_refuse_is_found_with_its_code() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let path = |name: &str| dir.path().join(name);
    for name in ["a", "b"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(path(&format!("{name}.crt")), made.cert.pem()).unwrap();
        fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    fs::write(path("file"), "").unwrap();
    fs::write(path("c.toml"), "[keys]\npassphrase_file = 'gone'\n").unwrap();
    for (arguments, code, words) in [
        (["--tls-cert", "a.crt", "--tls-key", "b.key"].as_slice(), 7, "does not belong"),
        (&["--client-ca", "gone.crt"], 7, "gone.crt"),
        (&["--data-dir", "file/below"], 3, "make it writable"),
        (&["--config", "c.toml"], 2, "gone (keys.passphrase_file) cannot be read"),
        (&["--listen", "4443"], 2, "--listen = "),
    ] {
        let (found, out, err) = checked(dir.path(), arguments);
        assert_eq!((found, out.as_str()), (code, ""), "{err}");
        assert!(err.contains(words), "{err}");
    }
    let mut command = countersign(dir.path(), &["config", "check"]);
    command.env("COUNTERSIGN_KEY_PASSPHRASE", "not-the-first-one");
    let (code, line) = refusal(command);
    assert_eq!(code, 5, "{line}");
    assert!(line.contains("wrong passphrase") && !line.contains("not-the-first-one"), "{line}");
}

#[test]
fn a_private_file_that_others_can_read_is_warned_of() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let secret = dir.path().join("countersign-data/secrets/key-passphrase");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, out, _) = checked(dir.path(), &[]);
    assert_eq!(code, 0);
    let warnings: Vec<&str> = out.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{out}");
    assert!(warnings[0].contains("key-passphrase: run chmod go-rwx"), "{out}");
}
