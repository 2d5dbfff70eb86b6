//! Rows that cannot be concern the reads that meet them, and no other; rows that count as absent
//! concern none.

use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName};

use super::{commit, execute, fresh, gun, timestamp};
use crate::contract::changefeed::ChangeRange;
use crate::contract::key_bindings::KeyBindings as _;
use crate::contract::key_upkeep::KeyUpkeep as _;
use crate::contract::keys::{KeyHome, KeyStore as _, SealedKey};
use crate::contract::metadata::{Commit, Heads, MetadataStore as _};
use crate::contract::published::Place;
use crate::contract::{StorageError, StorageResult};
use crate::engine::sqlite::SqliteStore;

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

const INSERT_KEY: &str = "INSERT INTO private_keys (key_id, encryption_alg, keywrap_alg, \
    algorithm, passphrase_alias, public, private, gun, role) \
    VALUES ('aa', 'e', 'k', 'ecdsa', 'p', x'00', x'01', 'a/b', 'timestamp')";

/// Damages the only row of `tuf_files`, and expects the reads of its GUN to name it.
async fn check_document(damage: &str, reason: &str) {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(3, 9)).await.unwrap(), Commit::Done);
    execute(&store, damage).await;
    let newest = store.newest(&gun(), &RoleName::Timestamp).await;
    check_corrupt(newest, "tuf_files", reason);
    let other = Gun::parse("a/c").unwrap();
    assert_eq!(store.newest(&other, &RoleName::Timestamp).await.unwrap(), None);
    store.check().await.unwrap();
}

async fn check_change(damage: &str, reason: &str) {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(3, 9)).await.unwrap(), Commit::Done);
    execute(&store, damage).await;
    check_corrupt(store.changes(None, ALL).await, "changefeed", reason);
    let above = ChangeRange::After { id: 1, limit: 100 };
    assert_eq!(store.changes(None, above).await.unwrap(), []);
}

async fn check_key(damage: &str, reason: &str) {
    let (store, _directory) = fresh().await;
    execute(&store, INSERT_KEY).await;
    execute(&store, damage).await;
    check_corrupt(store.by_id("aa").await, "private_keys", reason);
    assert_eq!(store.by_id("bb").await.unwrap(), None);
}

fn check_corrupt<T: std::fmt::Debug>(
    found: StorageResult<T>,
    wanted_table: &str,
    wanted_reason: &str,
) {
    match found {
        Err(StorageError::Corrupt { table, row, reason }) => {
            assert_eq!((table, row.as_str()), (wanted_table, "1"));
            assert!(reason.contains(wanted_reason), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_document_of_version_0_is_corrupt() {
    check_document("UPDATE tuf_files SET version = 0", "version 0").await;
}

#[tokio::test]
async fn a_document_of_a_version_above_31_bits_is_corrupt() {
    check_document("UPDATE tuf_files SET version = 2147483648", "version 2147483648").await;
    check_document("UPDATE tuf_files SET version = 4294967297", "version 4294967297").await;
}

#[tokio::test]
async fn a_document_whose_bytes_changed_is_corrupt() {
    check_document("UPDATE tuf_files SET data = x'00'", "not the digest of data").await;
}

#[tokio::test]
async fn a_document_without_a_digest_is_corrupt() {
    for value in ["NULL", "''", "upper(sha256)", "substr(sha256, 2)", "sha256 || ' '"] {
        let damage = format!("UPDATE tuf_files SET sha256 = {value}");
        check_document(&damage, "64 lower-case hex digits").await;
    }
}

#[tokio::test]
async fn a_document_without_a_time_is_corrupt() {
    check_document("UPDATE tuf_files SET created_at = NULL", "created_at is NULL").await;
    let damage = "UPDATE tuf_files SET created_at = '2026-11-24 11:02:35'";
    check_document(damage, "created_at is no time").await;
}

/// The walk of those that sign ahead goes on to all others.
#[tokio::test]
async fn a_document_without_a_time_keeps_no_other_from_being_walked_to() {
    for damage in ["NULL", "''", "'2026-11-24'", "'later'"] {
        let (store, _directory) = fresh().await;
        let at = "'2026-11-24T11:02:35.785575Z'";
        let insert = format!(
            "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256) VALUES
            ({damage}, {at}, 'a/b', 'root', 1, x'00', ''), ({at}, {at}, 'a/b', 'timestamp', 1, x'00', ''),
            ({at}, {at}, 'a/c', 'root', 1, x'00', ''), ({at}, {at}, 'a/c', 'timestamp', 1, x'00', '')"
        );
        execute(&store, &insert).await;
        let from = Place::before("2000-01-01T00:00:00Z".parse().unwrap());
        let until = "2027-01-01T00:00:00Z".parse().unwrap();
        let found = store.published(from, until, 10).await.unwrap();
        let guns: Vec<&str> = found.iter().map(|found| found.gun.as_str()).collect();
        assert_eq!(guns, ["a/c"], "{damage}");
    }
}

#[tokio::test]
async fn text_that_is_no_utf_8_is_corrupt() {
    let damage = "UPDATE tuf_files SET created_at = CAST(x'ff' AS TEXT)";
    check_document(damage, "created_at").await;
}

#[tokio::test]
async fn a_corrupt_head_refuses_the_commit_that_reads_it_and_no_other() {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(3, 9)).await.unwrap(), Commit::Done);
    execute(&store, "UPDATE tuf_files SET version = 2147483648").await;
    check_corrupt(commit(&store, &timestamp(4, 9)).await, "tuf_files", "version 2147483648");
    check_corrupt(
        store.heads(&gun(), &[RoleName::Timestamp]).await,
        "tuf_files",
        "version 2147483648",
    );
    let (other, now) = (Gun::parse("a/c").unwrap(), chrono::DateTime::UNIX_EPOCH);
    let done = store.commit(&other, &Heads::new(), &timestamp(1, 9), now).await.unwrap();
    assert_eq!(done, Commit::Done);
}

#[tokio::test]
async fn a_change_of_an_unknown_category_is_corrupt() {
    let damage = "INSERT INTO change_category (category) VALUES ('moved'); \
        UPDATE changefeed SET category = 'moved'";
    check_change(damage, "unknown category \"moved\"").await;
}

#[tokio::test]
async fn a_change_whose_columns_cannot_be_is_corrupt() {
    check_change("UPDATE changefeed SET version = 0", "version 0").await;
    check_change("UPDATE changefeed SET sha256 = 'ab'", "hex digits").await;
    check_change("UPDATE changefeed SET created_at = ''", "created_at is no time").await;
    check_change("UPDATE changefeed SET category = 'deletion'", "a deletion that names").await;
}

#[tokio::test]
async fn a_key_whose_columns_cannot_be_is_corrupt() {
    check_key("UPDATE private_keys SET role = 'root'", "unknown role \"root\"").await;
    check_key("UPDATE private_keys SET last_used = 'now'", "last_used is no time").await;
    check_key("UPDATE private_keys SET gun = CAST(x'ff' AS TEXT)", "gun").await;
}

#[tokio::test]
async fn a_binding_whose_columns_cannot_be_is_corrupt() {
    for (damage, reason) in [
        ("role = 'root'", "unknown role \"root\""),
        ("gun = ''", "GUN \"\""),
        ("bound_at = 'later'", "bound_at is no time"),
        ("last_used = 'now'", "last_used is no time"),
    ] {
        let (store, _directory) = fresh().await;
        let insert = "INSERT INTO countersign_key_bindings (key_id, algorithm, gun, role, bound_at) \
            VALUES ('aa', 'ecdsa', 'a/b', 'timestamp', '2026-11-24T11:02:35.785575Z')";
        execute(&store, insert).await;
        execute(&store, &format!("UPDATE countersign_key_bindings SET {damage}")).await;
        check_corrupt(store.binding("aa").await, "countersign_key_bindings", reason);
        check_corrupt(store.bindings(None, None, 9).await, "countersign_key_bindings", reason);
        assert_eq!(store.binding("bb").await.unwrap(), None);
    }
}

/// A change of passphrases goes past what only a signature would stumble over.
#[tokio::test]
async fn a_key_of_an_unknown_role_can_be_sealed_anew() {
    let (store, _directory) = fresh().await;
    execute(&store, INSERT_KEY).await;
    execute(&store, "UPDATE private_keys SET role = 'root'").await;
    let found = store.sealed_under("p", None, 9).await.unwrap();
    assert_eq!(found.len(), 1);
    let anew = SealedKey { passphrase_alias: "q".to_owned(), ..found[0].clone() };
    assert!(store.reseal(&found[0], &anew, chrono::DateTime::UNIX_EPOCH).await.unwrap());
    assert_eq!(store.sealed_under("q", None, 9).await.unwrap(), [anew]);
}

#[tokio::test]
async fn an_error_about_a_key_does_not_show_the_sealed_key() {
    let (store, _directory) = fresh().await;
    execute(&store, INSERT_KEY).await;
    let damage = "UPDATE private_keys SET private = CAST('hunter2' AS BLOB), role = 'root'";
    execute(&store, damage).await;
    let error = store.by_id("aa").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_soft_deleted_document_is_invisible() {
    let (store, _directory) = fresh().await;
    for number in [1, 2] {
        assert_eq!(commit(&store, &timestamp(number, 9)).await.unwrap(), Commit::Done);
    }
    execute(&store, "UPDATE tuf_files SET deleted_at = created_at WHERE version = 2").await;
    let (gun, role) = (gun(), RoleName::Timestamp);
    let one = store.newest(&gun, &role).await.unwrap().unwrap();
    assert_eq!(one.version.get(), 1);
    let two = countersign_tuf::names::Version::new(2).unwrap();
    assert_eq!(store.by_version(&gun, &role, two).await.unwrap(), None);
    let heads = store.heads(&gun, &[role]).await.unwrap();
    assert_eq!(heads[&RoleName::Timestamp].unwrap().version.get(), 1);
    execute(&store, "UPDATE tuf_files SET deleted_at = created_at").await;
    let sha256 = Sha256Digest::of(&one.bytes);
    assert_eq!(store.by_digest(&gun, &RoleName::Timestamp, sha256).await.unwrap(), None);
    assert!(!store.delete(&gun, one.stored_at).await.unwrap());
}

#[tokio::test]
async fn a_version_that_a_soft_deleted_row_occupies_is_old() {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    execute(&store, "UPDATE tuf_files SET deleted_at = created_at").await;
    let old = Commit::OldVersion(RoleName::Timestamp);
    assert_eq!(commit(&store, &timestamp(1, 8)).await.unwrap(), old);
    assert_eq!(store.changes(None, ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn versions_restart_after_delete_also_where_a_soft_deleted_row_was() {
    let (store, _directory) = fresh().await;
    for number in [1, 2] {
        assert_eq!(commit(&store, &timestamp(number, 9)).await.unwrap(), Commit::Done);
    }
    execute(&store, "UPDATE tuf_files SET deleted_at = created_at WHERE version = 1").await;
    assert!(store.delete(&gun(), chrono::DateTime::UNIX_EPOCH).await.unwrap());
    assert_eq!(commit(&store, &timestamp(1, 8)).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_soft_deleted_key_is_invisible() {
    let (store, _directory) = fresh().await;
    execute(&store, INSERT_KEY).await;
    assert!(store.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap().is_some());
    execute(&store, "UPDATE private_keys SET deleted_at = '2026-11-24T11:02:35.785575Z'").await;
    assert_eq!(store.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap(), None);
    assert_eq!(store.by_id("aa").await.unwrap(), None);
    let now = chrono::DateTime::UNIX_EPOCH;
    store.mark_used("aa", now).await.unwrap();
    assert_eq!(count(&store, "last_used IS NULL").await, 1);
}

#[tokio::test]
async fn of_several_pending_keys_the_lowest_id_is_the_one() {
    let (store, _directory) = fresh().await;
    for id in ["bb", "aa", "cc"] {
        execute(&store, &INSERT_KEY.replace("'aa'", &format!("'{id}'"))).await;
    }
    let pending =
        store.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap().unwrap();
    assert_eq!(pending.key_id, "aa");
}

#[tokio::test]
async fn an_old_key_without_gun_and_role_is_read() {
    let (store, _directory) = fresh().await;
    execute(&store, INSERT_KEY).await;
    execute(&store, "UPDATE private_keys SET gun = '', role = ''").await;
    let key = store.by_id("aa").await.unwrap().unwrap();
    assert_eq!((key.gun.as_str(), key.role.as_str()), ("", ""));
}

async fn count(store: &SqliteStore, condition: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM private_keys WHERE {condition}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&store.readers).await.unwrap()
}
