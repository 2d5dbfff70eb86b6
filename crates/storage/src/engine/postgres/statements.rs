//! All statements of this engine, for tests that prepare and explain them on a real server.
//!
//! Never in here: a statement's text; that is in the file that runs it.

use super::{
    aliases, archive, change_numbers, changefeed, commit, connect, findings, heads, inventory,
    key_bindings, key_catalogue, key_upkeep, keys, locks, metadata, migrations, own_table,
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
    heads::STATEMENTS,
    inventory::STATEMENTS,
    key_bindings::STATEMENTS,
    key_catalogue::STATEMENTS,
    key_upkeep::STATEMENTS,
    keys::STATEMENTS,
    locks::STATEMENTS,
    metadata::STATEMENTS,
    migrations::STATEMENTS,
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

/// The statements that run often, each with the index it must use.
pub const INDEXED: [(&str, &str); 29] = [
    (aliases::SAMPLES, "countersign_alias_idx"),
    (changefeed::AFTER, "changefeed_pkey"),
    (changefeed::BEFORE, "changefeed_pkey"),
    (changefeed::GUN_AFTER, "countersign_changefeed_gun_idx"),
    (changefeed::GUN_BEFORE, "countersign_changefeed_gun_idx"),
    (commit::HOLDS, "countersign_digest_idx"),
    (commit::IS_STORED, "tuf_files_gun_role_version_key"),
    (heads::HEADS, "tuf_files_gun_role_version_key"),
    (inventory::BYTES, "tuf_files_pkey"),
    (inventory::GUNS, "tuf_files_gun_role_version_key"),
    (inventory::VERSIONS, "tuf_files_gun_role_version_key"),
    (key_bindings::BINDING, "countersign_key_bindings_key_id_key"),
    (key_bindings::BINDINGS, "countersign_key_bindings_idx"),
    (key_bindings::BINDINGS_OF_GUN, "countersign_key_bindings_idx"),
    (key_catalogue::RECORDS, "countersign_pending_idx"),
    (key_catalogue::RECORDS_OF_GUN, "countersign_pending_idx"),
    (keys::BIND, "key_id"),
    (keys::BY_ID, "key_id"),
    (keys::COUNT_PENDING, "countersign_unsigned_idx"),
    (keys::MARK_USED, "key_id"),
    (keys::PENDING, "countersign_pending_idx"),
    (metadata::BY_DIGEST, "countersign_digest_idx"),
    (metadata::BY_VERSION, "tuf_files_gun_role_version_key"),
    (metadata::NEWEST, "tuf_files_gun_role_version_key"),
    (published::PUBLISHED, "countersign_published_idx"),
    (retention::CHANGES, "changefeed_pkey"),
    (retention::FORGET, "tuf_files_gun_role_version_key"),
    (root_walk::ROOTS, "tuf_files_pkey"),
    (usage::USED, "countersign_gun_prefix_idx"),
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
        include_str!("heads.rs"),
        include_str!("inventory.rs"),
        include_str!("key_bindings.rs"),
        include_str!("key_catalogue.rs"),
        include_str!("key_upkeep.rs"),
        include_str!("keys.rs"),
        include_str!("locks.rs"),
        include_str!("metadata.rs"),
        include_str!("migrations.rs"),
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
            let table = text.matches("TABLE: &str =").count();
            assert_eq!(statements.len(), constants - table, "{statements:?}");
        }
    }
}
