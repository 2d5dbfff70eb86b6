//! `keys rotate-passphrase`: beside a server and without one, refused, broken off, and rehearsed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::Connection as _;

use crate::process::{Ended, Server, countersign, empty_dir, refusal, run, serve, start};

/// Alias of each key, sorted.
fn aliases(dir: &Path) -> Vec<String> {
    let ended = run(countersign(dir, &["keys", "list", "--format", "json"]));
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut aliases: Vec<String> =
        lines.map(|key| key["passphrase_alias"].as_str().unwrap().to_owned()).collect();
    aliases.sort();
    aliases
}

/// The key that the server offers for `gun`; it is opened for that.
fn key(server: &Server, dir: &Path, gun: &str) -> String {
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    let (status, body) = server.get(&ca, &format!("/v2/{gun}/_trust/tuf/timestamp.key")).unwrap();
    assert_eq!(status, 200, "{gun}: {body}");
    body
}

fn keys(server: &Server, dir: &Path, guns: usize) -> Vec<String> {
    (0..guns).map(|gun| key(server, dir, &format!("a/{gun}"))).collect()
}

fn rotate(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = countersign(dir, &["keys", "rotate-passphrase"]);
    command.args(arguments);
    command
}

fn rotated(command: Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}\n{}", ended.stdout, ended.stderr);
    ended
}

fn secret(dir: &Path, name: &str) -> PathBuf {
    dir.join("countersign-data/secrets").join(name)
}

/// Changes the database file as only damage does.
fn damage(dir: &Path, sql: &'static str) {
    let url = format!("sqlite://{}", dir.join("countersign-data/countersign.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn every_key_moves_beside_a_server_and_the_old_passphrase_may_go_then() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let before = keys(&server, dir.path(), 5);
    let ended = rotated(rotate(dir.path(), &[]));
    assert_eq!(ended.stderr, "");
    for part in ["made the new passphrase \"countersign_2\": ", "known to process ", "done: 5 keys"]
    {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let path = secret(dir.path(), "key-passphrase.countersign_2");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(aliases(dir.path()), vec!["countersign_2"; 5]);
    assert_eq!(keys(&server, dir.path(), 5), before, "the running server opens them");
    let sixth = key(&server, dir.path(), "a/after");
    assert_eq!(aliases(dir.path()), vec!["countersign_2"; 6], "and makes new ones under it");

    let again = rotated(rotate(dir.path(), &["--alias", "countersign_2"]));
    assert!(again.stdout.contains("done: 0 keys sealed anew"), "{}", again.stdout);
    let ended = server.stop();
    let passphrase = fs::read_to_string(&path).unwrap();
    assert!(!ended.stderr.contains(passphrase.trim()) && !again.stdout.contains(passphrase.trim()));

    fs::remove_file(secret(dir.path(), "key-passphrase")).unwrap();
    let checked = run(countersign(dir.path(), &["config", "check"]));
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stderr);
    let shown = run(countersign(dir.path(), &["config", "show"])).stdout;
    let line = "passphrase of the keys of alias countersign_2: the file ";
    assert!(shown.lines().any(|shown| shown.starts_with(line)), "{shown}");
    assert!(!shown.contains(passphrase.trim()), "{shown}");
    let server = start(serve(dir.path()));
    assert_eq!(keys(&server, dir.path(), 5), before);
    assert_eq!(key(&server, dir.path(), "a/after"), sixth);
    key(&server, dir.path(), "a/restarted");
    assert_eq!(aliases(dir.path()), vec!["countersign_2"; 7]);
    let ended = server.stop();
    assert!(!ended.stdout.contains("WARNING: no passphrase"), "{}", ended.stdout);
    assert!(!secret(dir.path(), "key-passphrase").exists(), "nothing is made in its place");
}

#[test]
fn without_a_server_it_works_as_well_and_the_next_one_counts_on() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let before = keys(&server, dir.path(), 2);
    server.stop();
    let ended = rotated(rotate(dir.path(), &[]));
    assert!(ended.stdout.contains("no server runs on this database"), "{}", ended.stdout);
    rotated(rotate(dir.path(), &[]));
    assert_eq!(aliases(dir.path()), vec!["countersign_3"; 2]);
    let server = start(serve(dir.path()));
    assert_eq!(keys(&server, dir.path(), 2), before);
    server.stop();
}

#[test]
fn a_server_that_lacks_the_passphrase_is_named_and_nothing_changes_until_it_has_it() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let before = keys(&server, dir.path(), 2);
    let command = || {
        let mut command = rotate(dir.path(), &["--alias", "next", "--wait", "15"]);
        command.env("NOTARY_SIGNER_NEXT", "planted-passphrase");
        command
    };
    let ended = run(command());
    assert_eq!(ended.status.code(), Some(20), "{}", ended.stderr);
    let line = ended.stderr.trim_end();
    assert_eq!(line.lines().count(), 1, "{line}");
    for part in [
        "the new passphrase is not known to process ",
        "and nothing was changed: put it into secrets/key-passphrase.next of each one's",
        "NOTARY_SIGNER_NEXT_FILE",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!format!("{line}{}", ended.stdout).contains("planted"), "{line}");
    assert_eq!(aliases(dir.path()), vec!["countersign"; 2]);
    assert_eq!(keys(&server, dir.path(), 2), before);
    assert!(!secret(dir.path(), "key-passphrase.next").exists());

    fs::write(secret(dir.path(), "key-passphrase.next"), "planted-passphrase\n").unwrap();
    rotated(command());
    assert_eq!(aliases(dir.path()), vec!["next"; 2]);
    assert_eq!(keys(&server, dir.path(), 2), before);
    assert!(!server.stop().stderr.contains("planted"));
}

#[test]
fn a_rehearsal_opens_every_key_and_changes_nothing() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    keys(&server, dir.path(), 3);
    let ended = rotated(rotate(dir.path(), &["--dry-run"]));
    assert!(ended.stdout.contains("would make the new passphrase \"countersign_2\""));
    assert!(ended.stdout.contains("would seal 3 keys anew"), "{}", ended.stdout);
    assert_eq!(aliases(dir.path()), vec!["countersign"; 3]);
    assert!(!secret(dir.path(), "key-passphrase.countersign_2").exists());
    server.stop();
}

#[test]
fn a_key_that_does_not_open_is_named_and_new_keys_stay_as_they_are_unless_told() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    keys(&server, dir.path(), 3);
    server.stop();
    damage(
        dir.path(),
        "UPDATE private_keys SET private = substr(private, 1, 60) WHERE gun = 'a/1'",
    );
    for arguments in [&["--dry-run"][..], &[]] {
        let ended = run(rotate(dir.path(), arguments));
        assert_eq!(ended.status.code(), Some(20), "{}", ended.stderr);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{}", ended.stderr);
        assert!(lines[0].starts_with("countersign: not sealed anew: key "), "{}", lines[0]);
        assert!(lines[0].contains("of \"a/1\": the sealed key is no compact JWE"), "{}", lines[0]);
        assert!(lines[1].contains("--leave-unopened"), "{}", lines[1]);
    }
    let server = start(serve(dir.path()));
    key(&server, dir.path(), "a/new");
    server.stop();
    let next = "countersign_2";
    assert_eq!(aliases(dir.path()), ["countersign", "countersign", next, next]);
    rotated(rotate(dir.path(), &["--leave-unopened"]));
    assert_eq!(aliases(dir.path()), ["countersign", next, next, next]);
    let server = start(serve(dir.path()));
    key(&server, dir.path(), "a/0");
    key(&server, dir.path(), "a/newer");
    server.stop();
    assert_eq!(aliases(dir.path()), ["countersign", next, next, next, next]);
}

/// A server runs and offers every key at each moment between the kills.
#[test]
fn killed_at_any_moment_it_leaves_every_key_usable_and_goes_on() {
    const KEYS: usize = 30;
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let before = keys(&server, dir.path(), KEYS);
    let mut kills = 0;
    for attempt in 0_u64.. {
        let mut command = rotate(dir.path(), &["--alias", "next"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Not to wait for anything: each attempt lives a little longer than the one before.
        std::thread::sleep(Duration::from_millis(20 + 90 * attempt));
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(keys(&server, dir.path(), KEYS), before, "after {attempt} kills");
        if ended.success() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "only {kills} kills");
    rotated(rotate(dir.path(), &["--alias", "next"]));
    assert_eq!(aliases(dir.path()), vec!["next"; KEYS]);
    server.stop();
    let server = start(serve(dir.path()));
    assert_eq!(keys(&server, dir.path(), KEYS), before);
    server.stop();
}

#[test]
fn what_cannot_be_begun_is_refused_with_its_code() {
    let dir = empty_dir();
    let (code, line) = refusal(rotate(dir.path(), &[]));
    assert_eq!(code, 10, "{line}");
    let server = start(serve(dir.path()));
    keys(&server, dir.path(), 1);
    for alias in ["server.grpc_addr", "../x", "pkcs11"] {
        let (code, line) = refusal(rotate(dir.path(), &["--alias", alias]));
        assert_eq!(code, 2, "{line}");
        assert!(line.contains("alias"), "{line}");
    }
    let mut command = rotate(dir.path(), &[]);
    command.env("COUNTERSIGN_KEY_PASSPHRASE", "planted-other");
    let (code, line) = refusal(command);
    assert_eq!(code, 5, "{line}");
    assert!(line.contains("wrong passphrase") && !line.contains("planted"), "{line}");
    server.stop();
    assert_eq!(aliases(dir.path()), ["countersign"]);
    let left: Vec<_> = fs::read_dir(secret(dir.path(), "")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
