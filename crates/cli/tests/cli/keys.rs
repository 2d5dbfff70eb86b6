//! `keys list`: beside a server, after it, and where there is none.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::Connection as _;

use crate::process::{Ended, Server, countersign, empty_dir, refusal, run, serve, start};

fn list(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = countersign(dir, &["keys", "list"]);
    command.args(arguments);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    ended
}

/// One object per key.
fn objects(dir: &Path, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
    list(dir, &arguments).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Has the server make a key; gives its public half.
fn make_key(server: &Server, dir: &Path, gun: &str, role: &str) {
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    let answer = server.get(&ca, &format!("/v2/{gun}/_trust/tuf/{role}.key")).unwrap();
    assert_eq!(answer.0, 200, "{}", answer.1);
}

#[test]
fn keys_are_listed_by_gun_and_role_beside_the_server_and_after_it() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    assert_eq!(list(dir.path(), &[]).stdout, "no keys\n");
    for (gun, role) in [("b", "timestamp"), ("a/b", "timestamp"), ("a/b", "snapshot")] {
        make_key(&server, dir.path(), gun, role);
    }
    let beside = objects(dir.path(), &[]);
    let named: Vec<(&str, &str)> = beside
        .iter()
        .map(|key| (key["gun"].as_str().unwrap(), key["role"].as_str().unwrap()))
        .collect();
    assert_eq!(named, [("a/b", "snapshot"), ("a/b", "timestamp"), ("b", "timestamp")]);
    for key in &beside {
        assert_eq!(key["key_id"].as_str().unwrap().len(), 64);
        assert_eq!((&key["algorithm"], &key["in_root"]), (&"ecdsa".into(), &"pending".into()));
        assert!(key["created_at"].is_string() && key["last_used"].is_null(), "{key}");
    }
    server.stop();
    let left = || fs::read_dir(dir.path().join("countersign-data")).unwrap().count();
    let before = left();
    assert_eq!(objects(dir.path(), &[]), beside);
    assert_eq!(objects(dir.path(), &["--gun", "a/b"]), beside[..2]);
    assert_eq!(list(dir.path(), &["--gun", "a"]).stdout, "no keys\n");
    assert_eq!(left(), before);
}

#[test]
fn the_text_has_a_line_per_key_below_its_gun_and_says_what_old_rows_lack() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    make_key(&server, dir.path(), "a/b", "timestamp");
    make_key(&server, dir.path(), "old", "timestamp");
    server.stop();
    forget_gun_and_role(dir.path(), "old");
    let text = list(dir.path(), &[]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (4, "(no GUN)", "a/b"), "{text}");
    assert!(
        lines[1].starts_with("  (no role)") && lines[1].ends_with("in root: unbound"),
        "{text}"
    );
    assert!(lines[3].contains("last used never") && lines[3].ends_with("pending"), "{text}");
}

fn forget_gun_and_role(dir: &Path, gun: &str) {
    let url = format!("sqlite://{}", dir.join("countersign-data/countersign.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let old = "UPDATE private_keys SET gun = '', role = '' WHERE gun = ?1";
        let changed = sqlx::query(old).bind(gun).execute(&mut database).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        database.close().await.unwrap();
    });
}

#[test]
fn without_a_database_the_refusal_says_how_to_get_one_and_nothing_is_made() {
    let dir = empty_dir();
    let (code, line) = refusal(countersign(dir.path(), &["keys", "list"]));
    assert_eq!(code, 10, "{line}");
    assert!(line.contains("countersign.db") && line.contains("start countersign serve once"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_database_and_a_wrong_gun_are_refused() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let (code, line) = refusal(countersign(dir.path(), &["keys", "list", "--gun", ""]));
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("--gun"), "{line}");
    let path = dir.path().join("countersign-data/countersign.db");
    fs::write(&path, "no database".repeat(500)).unwrap();
    let (code, line) = refusal(countersign(dir.path(), &["keys", "list"]));
    assert_eq!(code, 9, "{line}");
}
