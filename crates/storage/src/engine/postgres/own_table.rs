//! Tables of this program's own beside Notary's, which may be missing where this user may not make
//! them.

use std::sync::atomic::{AtomicBool, Ordering};

use super::connections::Connections;
use super::row::TableRow;
use crate::contract::{StorageError, StorageResult};
use crate::engine::server::missing_table;

/// Whether there is such a table, wherever this user looks for tables, into which they may look.
pub(super) const USABLE: &str =
    "SELECT coalesce(has_table_privilege(to_regclass($1), 'SELECT'), false) AS usable";

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
        let usable: bool = TableRow::new(&found, self.name).column("usable")?;
        self.seen.store(usable, Ordering::Relaxed);
        Ok(usable)
    }

    /// The error of a write that needs it.
    pub(super) fn is_missing(&self) -> StorageError {
        missing_table(self.name)
    }
}
