//! All statements of this engine, for tests that prepare and explain them on a real server.
//!
//! Never in here: a statement's text; that is in the file that runs it.

use super::{
    aliases, archive, change_numbers, changefeed, commit, connect, findings, inventory,
    key_bindings, key_catalogue, key_upkeep, keys, locks, metadata, migrations, names, own_table,
    passphrase_moves, published, retention, root_walk, usage,
};

/// Each file's statements.
pub(super) const FILES: [&[&str]; 22] = [
    aliases::STATEMENTS,
    archive::STATEMENTS,
    change_numbers::STATEMENTS,
    changefeed::STATEMENTS,
    commit::STATEMENTS,
    connect::STATEMENTS,
    findings::STATEMENTS,
    inventory::STATEMENTS,
    key_bindings::STATEMENTS,
    key_catalogue::STATEMENTS,
    key_upkeep::STATEMENTS,
    keys::STATEMENTS,
    locks::STATEMENTS,
    metadata::STATEMENTS,
    migrations::STATEMENTS,
    names::STATEMENTS,
    own_table::STATEMENTS,
    passphrase_moves::STATEMENTS,
    published::STATEMENTS,
    retention::STATEMENTS,
    root_walk::STATEMENTS,
    usage::STATEMENTS,
];

/// Every statement.
pub fn all() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().flatten().copied()
}

/// The statements that run often, each with the indexes one of which it must use, and with what is
/// bound to it in the tests, as it stands in SQL.
pub const INDEXED: [(&str, &[&str], &str); 33] = [
    (commit::HOLDS, &["gun", "countersign_digest_idx"], "@gun, @gun, 'root', @sha"),
    (retention::CHANGES, &["PRIMARY"], "NOW(), 100, 50"),
    (retention::REMOVABLE, &["PRIMARY"], "'[1,2,3]', @gun, @gun"),
    (aliases::NEXT_ALIAS, &["countersign_alias_idx"], "'a'"),
    (aliases::SAMPLES, &["countersign_alias_idx", "PRIMARY"], "'p', 'p', 5"),
    (changefeed::AFTER, &["PRIMARY"], "100, 50"),
    (changefeed::BEFORE, &["PRIMARY"], "100, 50"),
    (changefeed::GUN_AFTER, &["idx_changefeed_gun"], "@gun, @gun, 100, 50"),
    (changefeed::GUN_BEFORE, &["idx_changefeed_gun"], "@gun, @gun, 100, 50"),
    (names::ALIKE, &["gun"], "@gun, @gun"),
    (
        commit::IS_STORED,
        &["gun", "sha256", "countersign_digest_idx"],
        "@gun, @gun, 'root', 3, @sha",
    ),
    (commit::OCCUPANT, &["gun"], "@gun, 'root', 3"),
    (inventory::ALIKE, &["gun"], "@gun, @gun"),
    (inventory::BYTES, &["PRIMARY"], "7"),
    (inventory::GUNS, &["gun"], "@gun, 10"),
    (inventory::VERSIONS, &["gun"], "@gun, @gun"),
    (key_bindings::BINDING, &["key_id"], "@key"),
    (key_bindings::BINDINGS, &["countersign_key_bindings_idx"], "@gun, @gun, '', '', 10"),
    (key_bindings::BINDINGS_OF_GUN, &["countersign_key_bindings_idx"], "@gun, '', '', 10"),
    (key_catalogue::RECORDS_OF_GUN, &["countersign_pending_idx"], "@gun, @gun, '', '', 10"),
    (keys::BIND, &["key_id", "key_id_2"], "@gun, 'snapshot', NOW(), @key, @key, @gun, 'snapshot'"),
    (keys::BY_ID, &["key_id", "key_id_2"], "@key, @key"),
    (keys::COUNT_PENDING, &["countersign_unsigned_idx"], "10"),
    (keys::MARK_USED, &["key_id", "key_id_2"], "NOW(), NOW(), @key, @key"),
    (
        keys::PENDING,
        &["countersign_pending_idx", "countersign_unsigned_idx"],
        "@gun, @gun, 'timestamp', 'ecdsa', 0",
    ),
    (metadata::BY_DIGEST, &["countersign_digest_idx"], "@gun, @gun, 'root', @sha"),
    (metadata::BY_VERSION, &["gun"], "@gun, @gun, 'root', 3"),
    (metadata::DELETE_VISIBLE, &["gun"], "@gun, @gun"),
    (metadata::HEADS, &["gun"], "'[\"root\",\"targets\"]', @gun, @gun"),
    (metadata::NEWEST, &["gun"], "@gun, @gun, 'root'"),
    (published::PUBLISHED, &["countersign_published_idx"], "NOW(), NOW(), 7, NOW(), 10"),
    (root_walk::ROOTS, &["PRIMARY"], "100, 200"),
    (usage::USED, &["gun"], "'gun/1', 'gun/2', 'gun/1'"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 22] = [
        include_str!("aliases.rs"),
        include_str!("archive.rs"),
        include_str!("change_numbers.rs"),
        include_str!("changefeed.rs"),
        include_str!("commit.rs"),
        include_str!("connect.rs"),
        include_str!("findings.rs"),
        include_str!("inventory.rs"),
        include_str!("key_bindings.rs"),
        include_str!("key_catalogue.rs"),
        include_str!("key_upkeep.rs"),
        include_str!("keys.rs"),
        include_str!("locks.rs"),
        include_str!("metadata.rs"),
        include_str!("migrations.rs"),
        include_str!("names.rs"),
        include_str!("own_table.rs"),
        include_str!("passphrase_moves.rs"),
        include_str!("published.rs"),
        include_str!("retention.rs"),
        include_str!("root_walk.rs"),
        include_str!("usage.rs"),
    ];

    #[test]
    fn every_statement_is_in_its_files_list() {
        for (statements, text) in FILES.into_iter().zip(TEXTS) {
            let constants = text.matches(": &str =").count();
            let others =
                text.matches("TABLE: &str =").count() + text.matches("const END: &str =").count();
            assert_eq!(statements.len(), constants - others, "{statements:?}");
        }
    }
}
