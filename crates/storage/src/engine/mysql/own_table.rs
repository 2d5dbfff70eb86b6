//! Tables of this program's own beside Notary's, which may be missing where this user may not make
//! them.

use std::sync::atomic::{AtomicBool, Ordering};

use super::connections::Connections;
use super::row::TableRow;
use crate::contract::{StorageError, StorageResult};
use crate::engine::server::missing_table;

/// Whether this user sees such a table.
pub(super) const USABLE: &str = "SELECT COUNT(*) AS usable FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name = ?";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[USABLE];

/// A table that is looked for again as long as it is missing: its owner may make it meanwhile.
#[derive(Debug)]
pub(super) struct OwnTable {
    name: &'static str,
    seen: AtomicBool,
}

impl OwnTable {
    pub(super) const fn named(name: &'static str) -> Self {
        Self { name, seen: AtomicBool::new(false) }
    }

    /// Whether it is there and may be looked into.
    pub(super) async fn is_there(&self, readers: &Connections) -> StorageResult<bool> {
        if self.seen.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let found = readers.find(sqlx::query(USABLE).bind(self.name)).await?;
        let Some(found) = found else { return Ok(false) };
        let usable = TableRow::new(&found, self.name).column::<i64>("usable")? > 0;
        self.seen.store(usable, Ordering::Relaxed);
        Ok(usable)
    }

    /// The error of a write that needs it.
    pub(super) fn is_missing(&self) -> StorageError {
        missing_table(self.name)
    }
}
