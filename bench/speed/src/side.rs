//! Who is measured.

use serde::Serialize;

/// A deployment that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Side {
    /// A bare handler that has every answer in memory.
    Floor,
    /// Ours on SQLite.
    Sqlite,
    /// Ours on PostgreSQL.
    Postgres,
    /// Ours on PostgreSQL, with its keys at our signer, which is on PostgreSQL too.
    PostgresWithSigner,
    /// Notary's server with its signer, on PostgreSQL.
    Go,
}

impl Side {
    /// What it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "the floor",
            Self::Sqlite => "ours, SQLite",
            Self::Postgres => "ours, PostgreSQL",
            Self::PostgresWithSigner => "ours, PostgreSQL, with our signer",
            Self::Go => "Notary's",
        }
    }
}
