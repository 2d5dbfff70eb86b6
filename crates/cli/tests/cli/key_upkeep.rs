//! `keys show`, `rotate`, `retire`, `purge` and `verify` on a database that a server made: what
//! they say, and that what they refuse changes nothing.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::process::{Ended, Server, countersign, empty_dir, refusal, run, serve, start};

fn keys(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = countersign(dir, &["keys"]);
    command.args(arguments);
    run(command)
}

/// One object per line; the command must go well.
fn objects(dir: &Path, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
    let ended = keys(dir, &arguments);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Has the server make a key, and gives its ID.
fn make_key(server: &Server, dir: &Path, gun: &str) -> String {
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    let answer = server.get(&ca, &format!("/v2/{gun}/_trust/tuf/timestamp.key")).unwrap();
    assert_eq!(answer.0, 200, "{}", answer.1);
    let listed = objects(dir, &["list", "--gun", gun]);
    listed[0]["key_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_pending_key_is_shown_retired_brought_back_and_purged_beside_the_server() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let id = make_key(&server, dir.path(), "a/b");
    let before = objects(dir.path(), &["list"]);
    assert_eq!(before[0]["held_by"], "sealed");
    let shown = &objects(dir.path(), &["show", &id])[0];
    assert_eq!((&shown["gun"], &shown["role"]), (&"a/b".into(), &"timestamp".into()));
    assert!(shown["public"].is_string() && shown["retired_at"].is_null(), "{shown}");
    assert!(shown["first_root"].is_null() && shown["current_root"].is_null(), "{shown}");
    let text = keys(dir.path(), &["show", "--gun", "a/b"]).stdout;
    assert!(text.contains("roots         its GUN has none\n"), "{text}");

    let told = objects(dir.path(), &["retire", &id, "--dry-run"]);
    assert_eq!(told[0]["done"], "would retire");
    assert_eq!(objects(dir.path(), &["list"]), before);
    assert_eq!(objects(dir.path(), &["retire", &id])[0]["done"], "retired");
    assert!(objects(dir.path(), &["list"]).is_empty());
    assert!(objects(dir.path(), &["show", &id])[0]["retired_at"].is_string());
    let again = keys(dir.path(), &["retire", &id]);
    assert_eq!(again.status.code(), Some(21), "{}", again.stderr);
    assert!(again.stdout.contains("retired already"), "{}", again.stdout);

    assert!(objects(dir.path(), &["purge"]).is_empty(), "it was retired just now");
    let told = objects(dir.path(), &["purge", "--older-than", "0", "--dry-run"]);
    assert_eq!(told[0]["done"], "would remove");
    assert_eq!(objects(dir.path(), &["retire", "--undo", &id])[0]["done"], "brought back");
    assert_eq!(objects(dir.path(), &["list"]), before);
    let undone = keys(dir.path(), &["retire", "--undo", &id]);
    assert_eq!(undone.status.code(), Some(21), "{}", undone.stdout);

    // With it gone, the next publisher gets another.
    objects(dir.path(), &["retire", &id]);
    assert_eq!(objects(dir.path(), &["purge", "--older-than", "0"])[0]["done"], "removed");
    let (code, line) = refusal(countersign(dir.path(), &["keys", "show", &id]));
    assert!(code == 2 && line.contains("no such key"), "{line}");
    assert_ne!(make_key(&server, dir.path(), "a/b"), id);
    server.stop();
}

#[test]
fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let id = make_key(&server, dir.path(), "a/b");
    server.stop();
    let before = objects(dir.path(), &["list"]);
    for (arguments, expected) in [
        (vec!["retire"], "<KEY-ID>"),
        (vec!["retire", "abc"], "64 digits"),
        (vec!["retire", &id, "--gun", "a/b"], "--gun"),
        (vec!["retire", "--undo", &id, "--dry-run"], "--dry-run"),
        (vec!["purge", "--older-than", "-1"], "'-1'"),
        (vec!["show"], "KEY-ID"),
        (vec!["rotate", "a/b", "targets"], "targets"),
        (vec!["rotate", "a/b", "timestamp"], "a/b has no root"),
        (vec!["rotate", "a/b", "timestamp", "--to", "token"], "[[keys.rules]] with gun = \"a/b\""),
        (vec!["rotate", "a/b", "timestamp", "--algorithm", "ed25519"], "algorithm = \"ed25519\""),
    ] {
        let ended = keys(dir.path(), &arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
        assert_eq!(objects(dir.path(), &["list"]), before, "{arguments:?}");
    }
}

#[test]
fn verify_without_a_root_is_well_and_with_another_passphrase_is_refused() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    make_key(&server, dir.path(), "a/b");
    let ended = keys(dir.path(), &["verify"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "0 GUNs, 0 of them with keys that do not sign\n");
    server.stop();
    let none = keys(dir.path(), &["verify", "--gun", "a/none"]);
    assert_eq!(none.status.code(), Some(21), "{}", none.stdout);
    assert!(none.stdout.contains("no root that can be read"), "{}", none.stdout);
    fs::write(dir.path().join("countersign-data/secrets/key-passphrase"), "another").unwrap();
    let (code, line) = refusal(countersign(dir.path(), &["keys", "verify"]));
    assert!(code == 5 && line.contains("wrong passphrase"), "{line}");
}
