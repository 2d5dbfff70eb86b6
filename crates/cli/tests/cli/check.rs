//! `check`: on an empty database, on one with damage, beside a server and without one.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::process::{Ended, countersign, empty_dir, refusal, run, serve, start};

fn check(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = countersign(dir, &["check"]);
    command.args(arguments);
    run(command)
}

fn execute(dir: &Path, statement: &str) {
    let url = format!("sqlite://{}", dir.join("countersign-data/countersign.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    });
}

const TWO_ROWS: &str = "INSERT INTO tuf_files (created_at, gun, role, version, sha256, data) VALUES \
    ('2026-11-24T11:02:35.785575Z', 'a/b', 'root', 1, 'x', '7b7d'), \
    ('2026-11-24T11:02:35.785575Z', 'c', 'lamp', 1, NULL, '')";

#[test]
fn an_empty_database_is_sound() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let ended = check(dir.path(), &[]);
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, "checked 0 GUNs with 0 versions: 0 faulty\n");
}

#[test]
fn damage_is_told_by_gun_and_row_and_by_the_exit_code() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    execute(dir.path(), &TWO_ROWS.replace("'7b7d'", "x'7b7d'").replace("NULL, ''", "NULL, x''"));
    let ended = check(dir.path(), &[]);
    server.stop();
    assert_eq!(ended.status.code(), Some(13), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("countersign: 2 of 2 GUNs are not sound"), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "a/b");
    assert!(lines[1].starts_with("  fault    a client refuses it: "), "{lines:?}");
    assert_eq!(lines[2], "  damaged  row 1 (root version 1): its digest is not that of its bytes");
    assert!(
        lines.contains(&"  damaged  row 2 (lamp version 1): there is no such role"),
        "{lines:?}"
    );
    assert_eq!(lines.last(), Some(&"checked 2 GUNs with 2 versions: 2 faulty"));

    let one = check(dir.path(), &["--gun", "a/b", "--format", "json"]);
    assert_eq!(one.status.code(), Some(13));
    let report: Value = serde_json::from_str(one.stdout.trim()).unwrap();
    assert_eq!((&report["gun"], &report["sound"]), (&"a/b".into(), &false.into()));
    assert_eq!(report["damaged_rows"].as_array().unwrap().len(), 1);
}

#[test]
fn without_a_database_or_with_a_gun_that_is_not_there_nothing_is_checked_or_made() {
    let dir = empty_dir();
    let (code, line) = refusal(countersign(dir.path(), &["check"]));
    assert_eq!(code, 10, "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    start(serve(dir.path())).stop();
    for gun in ["", "not/there"] {
        let (code, line) = refusal(countersign(dir.path(), &["check", "--gun", gun]));
        assert_eq!(code, 2, "{line}");
        assert!(line.contains("--gun"), "{line}");
    }
}
