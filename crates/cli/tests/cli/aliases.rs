//! The passphrases of Notary's signer: `NOTARY_SIGNER_DEFAULT_ALIAS` and `NOTARY_SIGNER_<ALIAS>`,
//! beside our own (signer spec 3.4, contract section 1).

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Ended, countersign, empty_dir, refusal, run, serve, start};

const ONE: &str = "planted-passphrase-one";
const TWO: &str = "planted-passphrase-two";

/// Has a server that `command` starts make a key for `gun`; gives what it wrote.
fn make_key(command: Command, dir: &Path, gun: &str) -> Ended {
    let server = start(command);
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    let answer = server.get(&ca, &format!("/v2/{gun}/_trust/tuf/timestamp.key")).unwrap();
    assert_eq!(answer.0, 200, "{}", answer.1);
    server.stop()
}

/// `command` with the alias `Time.1` for new keys.
fn under_time_1(mut command: Command) -> Command {
    command.env("NOTARY_SIGNER_DEFAULT_ALIAS", "Time.1").env("NOTARY_SIGNER_TIME_1", ONE);
    command
}

/// GUN and alias of each key.
fn listed(dir: &Path) -> Vec<(String, String)> {
    let ended = run(countersign(dir, &["keys", "list", "--format", "json"]));
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|key| (text(&key, "gun"), text(&key, "passphrase_alias"))).collect()
}

#[test]
fn new_keys_are_sealed_under_the_default_alias_with_its_passphrase() {
    let dir = empty_dir();
    let mut command = under_time_1(serve(dir.path()));
    command.args(["--log-level", "trace"]);
    let ended = make_key(command, dir.path(), "a/b");
    assert!(!ended.stdout.contains("WARNING") && !ended.stderr.contains(ONE), "{}", ended.stdout);
    assert_eq!(listed(dir.path()), [("a/b".to_owned(), "Time.1".to_owned())]);
    assert!(!dir.path().join("countersign-data/secrets").exists());
}

#[test]
fn several_aliases_open_at_once_and_a_file_can_hold_each() {
    let dir = empty_dir();
    make_key(serve(dir.path()), dir.path(), "a/ours");
    make_key(under_time_1(serve(dir.path())), dir.path(), "a/first");
    fs::write(dir.path().join("one"), format!("{ONE}\n")).unwrap();
    let mut command = serve(dir.path());
    command
        .env("NOTARY_SIGNER_TIME_1_FILE", dir.path().join("one"))
        .env("NOTARY_SIGNER_DEFAULT_ALIAS", "second")
        .env("NOTARY_SIGNER_SECOND", TWO)
        .env("NOTARY_SIGNER_SERVER_GRPC_ADDR", ":7899");
    let ended = make_key(command, dir.path(), "a/second");
    assert!(!ended.stdout.contains("WARNING"), "{}", ended.stdout);
    let pair = |gun: &str, alias: &str| (gun.to_owned(), alias.to_owned());
    let expected =
        [pair("a/first", "Time.1"), pair("a/ours", "countersign"), pair("a/second", "second")];
    assert_eq!(listed(dir.path()), expected);
}

#[test]
fn the_signers_name_for_our_own_passphrase_is_taken() {
    let dir = empty_dir();
    let mut command = serve(dir.path());
    command.env("NOTARY_SIGNER_COUNTERSIGN", ONE);
    make_key(command, dir.path(), "a/b");
    assert!(!dir.path().join("countersign-data/secrets").exists());
    let mut command = serve(dir.path());
    command.env("COUNTERSIGN_KEY_PASSPHRASE", ONE);
    start(command).stop();
}

#[test]
fn a_wrong_passphrase_of_an_alias_stops_the_start_and_names_its_variable() {
    let dir = empty_dir();
    make_key(serve(dir.path()), dir.path(), "a/ours");
    make_key(under_time_1(serve(dir.path())), dir.path(), "a/b");
    let before = listed(dir.path());
    for mut command in [serve(dir.path()), countersign(dir.path(), &["config", "check"])] {
        command.env("NOTARY_SIGNER_TIME_1", TWO);
        let (code, line) = refusal(command);
        assert_eq!(code, 5, "{line}");
        assert!(line.contains("wrong passphrase: the keys of alias \"Time.1\""), "{line}");
        assert!(line.contains("give that one in NOTARY_SIGNER_TIME_1, or in"), "{line}");
        assert!(!line.contains("planted"), "{line}");
    }
    assert_eq!(listed(dir.path()), before);
}

#[test]
fn an_alias_without_passphrase_is_said_loudly_and_only_its_repositories_are_concerned() {
    let dir = empty_dir();
    make_key(serve(dir.path()), dir.path(), "a/ours");
    make_key(under_time_1(serve(dir.path())), dir.path(), "a/b");
    let server = start(serve(dir.path()));
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    let key = |gun: &str| server.get(&ca, &format!("/v2/{gun}/_trust/tuf/timestamp.key")).unwrap();
    assert_eq!(key("a/ours").0, 200);
    assert_eq!(key("a/b").0, 500);
    let ended = server.stop();
    let warning = "WARNING: no passphrase for the keys of alias \"Time.1\": ";
    assert!(ended.stdout.lines().any(|line| line.starts_with(warning)), "{}", ended.stdout);
    assert!(ended.stderr.contains("NOTARY_SIGNER_TIME_1_FILE"), "{}", ended.stderr);
    let checked = run(countersign(dir.path(), &["config", "check"]));
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("warning: no passphrase for the keys of alias \"Time.1\""));
    assert_eq!(listed(dir.path()).len(), 2, "no key took the place of one that does not open");
}

#[test]
fn a_default_alias_without_passphrase_or_that_is_a_setting_is_refused() {
    let dir = empty_dir();
    for (alias, words) in [
        ("first", "NOTARY_SIGNER_FIRST is not set: set it, or NOTARY_SIGNER_FIRST_FILE"),
        ("server.grpc_addr", "NOTARY_SIGNER_DEFAULT_ALIAS = \"server.grpc_addr\": write another"),
    ] {
        for mut command in [serve(dir.path()), countersign(dir.path(), &["config", "check"])] {
            command.env("NOTARY_SIGNER_DEFAULT_ALIAS", alias);
            command.env("NOTARY_SIGNER_SERVER_GRPC_ADDR", ":7899");
            let (code, line) = refusal(command);
            assert_eq!(code, 2, "{line}");
            assert!(line.contains(words), "{line}");
        }
    }
    assert!(!dir.path().join("countersign-data/countersign.db").exists());
}

#[test]
fn show_names_where_each_passphrase_comes_from_and_shows_none() {
    let dir = empty_dir();
    let show = |format: &str| {
        let mut command = countersign(dir.path(), &["config", "show", "--format", format]);
        command
            .env("NOTARY_SIGNER_DEFAULT_ALIAS", "Time.1")
            .env("NOTARY_SIGNER_TIME_1", ONE)
            .env("NOTARY_SIGNER_OLD_FILE", "/nowhere/planted-path")
            .env("COUNTERSIGN_KEY_PASSPHRASE", TWO);
        let ended = run(command);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert!(!ended.stdout.contains("planted"), "{}", ended.stdout);
        ended.stdout
    };
    let table = show("table");
    for line in [
        "passphrase of new keys, alias Time.1: (set), variable NOTARY_SIGNER_TIME_1",
        "passphrase of the keys of alias countersign: (set), variable COUNTERSIGN_KEY_PASSPHRASE",
        "passphrase of the keys of alias OLD: the file that NOTARY_SIGNER_OLD_FILE names",
    ] {
        assert!(table.lines().any(|found| found == line), "{line}\n{table}");
    }
    let json: Value = serde_json::from_str(&show("json")).unwrap();
    assert_eq!(json["passphrases"][0]["alias"], "Time.1");
    assert_eq!(json["passphrases"][0]["new_keys"], true);
    assert_eq!(json["passphrases"][2]["new_keys"], false);
}
