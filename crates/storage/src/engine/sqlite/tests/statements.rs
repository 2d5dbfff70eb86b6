//! Every statement is valid on the tables as they are, and the ones that run often use an index.

use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};

use super::fresh;
use crate::engine::sqlite::{
    aliases, archive, backup, change_numbers, changefeed, commit, heads, inventory, key_bindings,
    key_catalogue, key_upkeep, keys, metadata, passphrase_moves, published, retention, root_walk,
    usage,
};

/// Each file's statements, and its text to count them in.
const FILES: [(&[&str], &str); 18] = [
    (aliases::STATEMENTS, include_str!("../aliases.rs")),
    (archive::STATEMENTS, include_str!("../archive.rs")),
    (backup::STATEMENTS, include_str!("../backup.rs")),
    (change_numbers::STATEMENTS, include_str!("../change_numbers.rs")),
    (changefeed::STATEMENTS, include_str!("../changefeed.rs")),
    (commit::STATEMENTS, include_str!("../commit.rs")),
    (heads::STATEMENTS, include_str!("../heads.rs")),
    (inventory::STATEMENTS, include_str!("../inventory.rs")),
    (key_bindings::STATEMENTS, include_str!("../key_bindings.rs")),
    (key_catalogue::STATEMENTS, include_str!("../key_catalogue.rs")),
    (key_upkeep::STATEMENTS, include_str!("../key_upkeep.rs")),
    (keys::STATEMENTS, include_str!("../keys.rs")),
    (metadata::STATEMENTS, include_str!("../metadata.rs")),
    (passphrase_moves::STATEMENTS, include_str!("../passphrase_moves.rs")),
    (published::STATEMENTS, include_str!("../published.rs")),
    (retention::STATEMENTS, include_str!("../retention.rs")),
    (root_walk::STATEMENTS, include_str!("../root_walk.rs")),
    (usage::STATEMENTS, include_str!("../usage.rs")),
];

#[tokio::test]
async fn every_statement_prepares_on_a_migrated_database() {
    let (store, _directory) = fresh().await;
    for statement in FILES.iter().flat_map(|(statements, _)| statements.iter().copied()) {
        let prepared = store.writer.prepare(AssertSqlSafe(statement).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {prepared:?}");
    }
}

#[test]
fn every_statement_is_in_its_files_list() {
    for (statements, text) in FILES {
        let constants = text.matches(": &str =").count();
        let other_constants = text.matches("TABLE: &str =").count();
        assert_eq!(statements.len(), constants - other_constants);
    }
}

#[tokio::test]
async fn no_statement_that_looks_for_a_name_scans_a_table() {
    let (store, _directory) = fresh().await;
    for statement in FILES.iter().flat_map(|(statements, _)| statements.iter().copied()) {
        // The keys that have not signed are counted, whatever their names; and SQLite's own table of
        // counters has a row for each of a few tables, and no index.
        let scans = [keys::COUNT_PENDING, change_numbers::RAISE];
        if !statement.contains("WHERE") || scans.contains(&statement) {
            continue;
        }
        let plan = plan(&store, statement).await;
        // What a recursion begins with and has found so far is no table, nor are the names that are
        // asked for.
        let no_table = ["SCAN names", "SCAN CONSTANT ROW", "SCAN wanted VIRTUAL TABLE"];
        let scans = |step: &String| {
            step.starts_with("SCAN") && !no_table.iter().any(|no_table| step.starts_with(no_table))
        };
        assert!(!plan.iter().any(scans), "{statement}: {plan:?}");
        assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{statement}: {plan:?}");
    }
}

#[tokio::test]
async fn heads_and_digests_are_found_by_their_own_index() {
    let (store, _directory) = fresh().await;
    for (statement, index) in [
        (metadata::NEWEST, "idx_gun (gun=? AND role=?)"),
        (heads::HEAD, "idx_gun (gun=? AND role=?)"),
        (heads::HEADS, "idx_gun (gun=? AND role=?)"),
        (heads::HEADS, "idx_gun (gun=? AND role=? AND version=?)"),
        (heads::HEADS, "head USING INTEGER PRIMARY KEY (rowid=?)"),
        (metadata::BY_DIGEST, "countersign_digest_idx (sha256=? AND gun=? AND role=?)"),
        (commit::HOLDS, "countersign_digest_idx (sha256=? AND gun=? AND role=?)"),
        (metadata::BY_VERSION, "idx_gun (gun=? AND role=? AND version=?)"),
        (changefeed::GUN_AFTER, "idx_changefeed_gun (gun=? AND rowid>?)"),
        (
            keys::PENDING,
            "countersign_pending_idx (gun=? AND role=? AND algorithm=? AND last_used=?)",
        ),
        (published::PUBLISHED, "countersign_published_idx (created_at>"),
        (aliases::SAMPLES, "countersign_alias_idx (passphrase_alias=?)"),
        (keys::BY_ID, "(key_id=?)"),
        (key_bindings::BINDING, "(key_id=?)"),
        (key_bindings::BINDINGS, "countersign_key_bindings_idx ((gun,role,key_id)>(?,?,?))"),
        (key_bindings::BINDINGS_OF_GUN, "countersign_key_bindings_idx (gun=?"),
        (inventory::GUNS, "idx_gun (gun>?)"),
        (inventory::VERSIONS, "idx_gun (gun=?)"),
        (root_walk::ROOTS, "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (usage::USED, "idx_gun (gun>? AND gun<?)"),
        (key_catalogue::RECORDS, "countersign_pending_idx ((gun,role)>(?,?))"),
        (key_catalogue::RECORDS_OF_GUN, "countersign_pending_idx (gun=? AND role>?)"),
        (keys::COUNT_PENDING, "USING COVERING INDEX countersign_unsigned_idx (last_used=?"),
    ] {
        let plan = plan(&store, statement).await;
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:?}");
    }
}

async fn plan(store: &crate::engine::sqlite::SqliteStore, statement: &str) -> Vec<String> {
    sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
        .fetch_all(&store.writer)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get("detail"))
        .collect()
}
