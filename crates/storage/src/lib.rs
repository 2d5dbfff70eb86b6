//! Keeps metadata versions, the changefeed and sealed keys in SQL, atomically, behind one
//! contract that every engine obeys and one conformance suite that proves it.
//!
//! Never in here: TUF rules, plaintext keys, the clock (every time is an argument).
//!
//! - [`contract`] says what a store does; it has no SQL.
//! - [`engine`] has one folder per SQL engine.
//! - `suite` (feature `suite`) is the conformance suite, ordinary functions over `&dyn` stores.
//!
//! To add an engine: implement the traits of [`contract`] in `engine/<name>/`, add the migrations
//! in `migrations/<name>/` under the same numbers and names as the other engines have, and list
//! the suite in the engine's tests with `conformance_tests!`; an engine that needs a server is
//! tested where servers are started, in `tests/storage/`.

pub mod contract;
pub mod engine;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use contract::aliases::{KeyAliases, SealedSample};
pub use contract::archive::{ArchivedDocument, ArchivedKey, KeyArchive, MetadataArchive};
pub use contract::change_numbers::ChangeNumbers;
pub use contract::changefeed::{Change, ChangeCategory, ChangeRange};
pub use contract::inventory::{Inventory, VersionRecord};
pub use contract::key_bindings::{KeyBinding, KeyBindings};
pub use contract::key_upkeep::{KeyUpkeep, RetiredKey};
pub use contract::keys::{KeyCatalogue, KeyHome, KeyRecord, KeyStore, SealedKey, TOKEN_ROW};
pub use contract::metadata::{Commit, Head, Heads, Mark, MetadataStore, StoredDocument};
pub use contract::passphrase_moves::{KeyProcess, PassphraseCheck, PassphraseMoves};
pub use contract::published::{Place, Published};
pub use contract::retention::{Forgotten, GivingBack, Removal, Retention, Space, Thinned};
pub use contract::root_walk::{RootRecord, RootWalk};
pub use contract::usage::{Usage, Used};
pub use contract::{StorageError, StorageResult, Unstorable};
