//! The bytes of one repository's rows. They never change, so what was read once is kept, within a
//! bound.

use std::collections::HashMap;

use bytes::Bytes;
use countersign_storage::{Inventory, StorageResult};

/// How much is kept of one repository.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// Reads and keeps bytes.
pub(super) struct Bodies<'a> {
    inventory: &'a dyn Inventory,
    kept: HashMap<i64, Bytes>,
    room: usize,
}

impl<'a> Bodies<'a> {
    pub(super) fn of(inventory: &'a dyn Inventory) -> Self {
        Self { inventory, kept: HashMap::new(), room: KEPT_BYTES }
    }

    /// The bytes of the row with this number; `None` when the row is gone.
    pub(super) async fn get(&mut self, id: i64) -> StorageResult<Option<Bytes>> {
        if let Some(bytes) = self.kept.get(&id) {
            return Ok(Some(bytes.clone()));
        }
        let bytes = self.inventory.bytes(id).await?;
        if let Some(bytes) = &bytes
            && let Some(room) = self.room.checked_sub(bytes.len())
        {
            self.room = room;
            self.kept.insert(id, bytes.clone());
        }
        Ok(bytes)
    }
}
