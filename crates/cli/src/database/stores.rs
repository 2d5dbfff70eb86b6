//! Opened databases, whatever their engine.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_storage::engine::mysql::MySqlStore;
use countersign_storage::engine::postgres::PostgresStore;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    ChangeNumbers, Inventory, KeyAliases, KeyArchive, KeyBindings, KeyCatalogue, KeyStore,
    KeyUpkeep, MetadataArchive, MetadataStore, PassphraseMoves, Retention, RootWalk, Usage,
};
use countersign_trust::operate::import::Side;

/// All that an engine's store can do.
#[async_trait]
pub(super) trait Store:
    MetadataStore
    + ChangeNumbers
    + Inventory
    + MetadataArchive
    + Retention
    + RootWalk
    + Usage
    + KeyStore
    + KeyAliases
    + KeyCatalogue
    + KeyArchive
    + KeyUpkeep
    + KeyBindings
    + PassphraseMoves
{
    /// What an operator should mend although the store can be used, one sentence each.
    fn what_is_off(&self) -> &[String];

    /// Waits for what is under way, and closes it.
    async fn close(&self);
}

#[async_trait]
impl Store for MySqlStore {
    fn what_is_off(&self) -> &[String] {
        self.what_is_off()
    }

    async fn close(&self) {
        self.close().await;
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn what_is_off(&self) -> &[String] {
        self.what_is_off()
    }

    async fn close(&self) {
        self.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn what_is_off(&self) -> &[String] {
        &[]
    }

    async fn close(&self) {
        self.close().await;
    }
}

/// Opened databases.
pub(crate) struct Stores {
    metadata: Arc<dyn Store>,
    keys: Option<Arc<dyn Store>>,
}

impl Stores {
    /// The keys are with the metadata where there is only one.
    pub(super) fn new(metadata: Arc<dyn Store>, keys: Option<Arc<dyn Store>>) -> Self {
        Self { metadata, keys }
    }

    /// Every database once.
    pub(super) fn each(&self) -> impl Iterator<Item = &dyn Store> {
        std::iter::once(&*self.metadata).chain(self.keys.as_deref())
    }

    fn with_keys(&self) -> &Arc<dyn Store> {
        self.keys.as_ref().unwrap_or(&self.metadata)
    }

    /// Both, as an import sees them.
    pub(crate) fn side(&self) -> Side<'_> {
        let (metadata, keys) = (&*self.metadata, &**self.with_keys());
        Side {
            metadata,
            inventory: metadata,
            archive: metadata,
            keys,
            catalogue: keys,
            key_archive: keys,
            bindings: metadata,
        }
    }

    /// The metadata.
    pub(crate) fn metadata(&self) -> Arc<dyn MetadataStore> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// All that is stored of the metadata.
    pub(crate) fn inventory(&self) -> Arc<dyn Inventory> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// The numbers of changes.
    pub(crate) fn change_numbers(&self) -> Arc<dyn ChangeNumbers> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// How the metadata is made smaller.
    pub(crate) fn retention(&self) -> Arc<dyn Retention> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// How much of the metadata is below a prefix.
    pub(crate) fn usage(&self) -> Arc<dyn Usage> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// The sealed keys.
    pub(crate) fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::clone(self.with_keys()) as Arc<_>
    }

    /// The aliases of the sealed keys.
    pub(crate) fn key_aliases(&self) -> Arc<dyn KeyAliases> {
        Arc::clone(self.with_keys()) as Arc<_>
    }

    /// The list of the sealed keys.
    pub(crate) fn key_catalogue(&self) -> Arc<dyn KeyCatalogue> {
        Arc::clone(self.with_keys()) as Arc<_>
    }

    /// How the sealed keys are sealed anew, retired and collected.
    pub(crate) fn key_upkeep(&self) -> Arc<dyn KeyUpkeep> {
        Arc::clone(self.with_keys()) as Arc<_>
    }

    /// How all processes go from one passphrase to the next.
    pub(crate) fn passphrase_moves(&self) -> Arc<dyn PassphraseMoves> {
        Arc::clone(self.with_keys()) as Arc<_>
    }

    /// What the keys of a remote signer are for: with the metadata, because the signer's database
    /// is the signer's.
    pub(crate) fn key_bindings(&self) -> Arc<dyn KeyBindings> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// The stored roots in the order in which they were stored.
    pub(crate) fn root_walk(&self) -> Arc<dyn RootWalk> {
        Arc::clone(&self.metadata) as Arc<_>
    }

    /// Waits for what is under way, and closes both.
    pub(crate) async fn close(&self) {
        for store in self.each() {
            store.close().await;
        }
    }
}
