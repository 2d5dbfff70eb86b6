//! `import` as an operator meets it: sources, passphrases, refusals, reports. What it moves is shown
//! where there are real repositories.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

use crate::process::{Ended, countersign, empty_dir, refusal, run, serve, start};

/// A stopped server with one key.
fn source() -> TempDir {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    let answer = server.get(&ca, "/v2/a/b/_trust/tuf/timestamp.key").unwrap();
    assert_eq!(answer.0, 200, "{}", answer.1);
    server.stop();
    dir
}

fn database(dir: &Path) -> PathBuf {
    dir.join("countersign-data/countersign.db")
}

fn url(dir: &Path) -> String {
    format!("sqlite:{}", database(dir).display())
}

fn import(from: &Path, to: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Ended {
    let mut command = countersign(to, &["import", "--from", &url(from)]);
    command.args(arguments).envs(variables.iter().copied());
    run(command)
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(ended.stdout.trim()).unwrap()
}

fn execute(dir: &Path, statement: &str) {
    let url = format!("sqlite://{}", database(dir).display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    });
}

#[test]
fn an_import_makes_what_a_first_start_would_make_and_a_server_goes_on_from_there() {
    let (from, to) = (source(), empty_dir());
    let secret = from.path().join("countersign-data/secrets/key-passphrase");
    let given = [("COUNTERSIGN_KEY_PASSPHRASE_FILE", secret.as_path())];
    let ended = import(from.path(), to.path(), &[], &given);
    assert_eq!(ended.status.code(), Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.starts_with(
            "moved: 0 GUNs (0 new), 0 versions with 0 bytes, 1 keys, 0 changes\n\
             there already: 0 GUNs, 0 keys\n"
        ),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.contains("countersign: opening and moving keys: 1\n"), "{}", ended.stderr);
    let again = import(from.path(), to.path(), &["--format", "json"], &given);
    assert_eq!(report(&again)["keys"]["unchanged"], 1);
    let mut command = serve(to.path());
    command.env("COUNTERSIGN_KEY_PASSPHRASE_FILE", &secret);
    start(command).stop();
    let mut list = countersign(to.path(), &["keys", "list"]);
    list.env("COUNTERSIGN_KEY_PASSPHRASE_FILE", &secret);
    assert!(run(list).stdout.contains("in root: pending"));
}

#[test]
fn a_key_of_another_passphrase_is_moved_and_told_with_code_13() {
    let (from, to) = (source(), empty_dir());
    let ended = import(from.path(), to.path(), &["--format", "json"], &[]);
    assert_eq!(ended.status.code(), Some(13), "{}\n{}", ended.stdout, ended.stderr);
    let report = report(&ended);
    assert_eq!(report["keys"]["moved"], 1);
    let reason = report["keys"]["unusable"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("it does not open"), "{reason}");
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.contains("1 keys cannot sign"), "{last}");
}

#[test]
fn keys_of_a_signer_open_by_its_own_variables_and_are_sealed_anew_on_request() {
    let (from, to) = (source(), empty_dir());
    execute(from.path(), "UPDATE private_keys SET passphrase_alias = 'Old.Alias'");
    let secret = from.path().join("countersign-data/secrets/key-passphrase");
    let given = [("NOTARY_SIGNER_OLD_ALIAS_FILE", secret.as_path())];
    let lost = import(from.path(), to.path(), &["--reseal"], &[]);
    assert_eq!(lost.status.code(), Some(13), "{}", lost.stderr);
    let told =
        "1 keys: no passphrase for its alias \"Old.Alias\": give it in NOTARY_SIGNER_OLD_ALIAS";
    assert!(lost.stdout.contains(told), "{}", lost.stdout);
    let found = import(from.path(), to.path(), &["--reseal", "--format", "json"], &given);
    assert_eq!(found.status.code(), Some(0), "{}\n{}", found.stdout, found.stderr);
    assert_eq!(report(&found)["keys"]["moved"], 1);
    // Neither the source's passphrase nor its alias is needed any more.
    start(serve(to.path())).stop();
    let again = import(from.path(), to.path(), &["--reseal", "--format", "json"], &[]);
    assert_eq!(report(&again)["keys"]["unchanged"], 1, "{}", again.stdout);
}

#[test]
fn a_dry_run_makes_nothing() {
    let (from, to) = (source(), empty_dir());
    let ended = import(from.path(), to.path(), &["--dry-run"], &[]);
    assert!(ended.stdout.starts_with("would move: 0 GUNs"), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 keys"), "{}", ended.stdout);
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
}

#[test]
fn a_target_with_changes_of_its_own_is_refused_and_left_as_it_is() {
    let (from, to) = (source(), empty_dir());
    start(serve(to.path())).stop();
    execute(
        to.path(),
        "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
         VALUES ('2026-11-24T11:02:35.785575Z', 'mine', 0, '', 'deletion')",
    );
    for arguments in [&["--dry-run"][..], &[]] {
        let mut command = countersign(to.path(), &["import", "--from", &url(from.path())]);
        command.args(arguments);
        let (code, line) = refusal_at_the_end(command);
        assert_eq!(code, 14, "{line}");
        assert!(line.contains("GUN \"mine\"") && line.contains("an empty database"), "{line}");
    }
    let keys = run(countersign(to.path(), &["keys", "list"]));
    assert_eq!(keys.stdout, "no keys\n");
}

/// The code and the last line of a command that tells what it does before.
fn refusal_at_the_end(command: std::process::Command) -> (i32, String) {
    let ended = run(command);
    assert_eq!(ended.stdout, "");
    (ended.status.code().unwrap(), ended.stderr.lines().last().unwrap().to_owned())
}

#[test]
fn sources_that_cannot_be_are_refused_in_one_line_and_nothing_is_made() {
    let dir = empty_dir();
    let missing = format!("sqlite:{}", dir.path().join("none.db").display());
    let own = "sqlite:countersign-data/countersign.db";
    for (arguments, expected, told) in [
        (&[][..], 2, "--from-config"),
        (&["--from", "postgres://u:geheim@h/n"], 2, "--from holds a password"),
        (&["--from", "oracle://u@h/n"], 2, "--from is not the URL"),
        (&["--from-config", "none.json"], 2, "none.json"),
        (&["--from", own, "--database", own], 2, "the same database"),
        (&["--from", &missing], 10, "there is no such file"),
    ] {
        let arguments: Vec<&str> =
            ["import"].into_iter().chain(arguments.iter().copied()).collect();
        let (code, line) = refusal(countersign(dir.path(), &arguments));
        assert_eq!(code, expected, "{line}");
        assert!(line.contains(told) && !line.contains("geheim"), "{line}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{arguments:?}");
    }
}
