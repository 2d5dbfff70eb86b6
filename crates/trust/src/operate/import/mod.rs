//! Import: everything that another store holds moves here, verified on the way.
//!
//! The target becomes a mirror of the source: documents with their versions and dates, keys, and
//! the changefeed with its numbers. What the target has already is left alone, so a run that was
//! cut off at any point is finished by the next. Nothing moves into a target whose changefeed holds
//! anything that the source's does not: that would be somebody's publish.
//!
//! - `repositories` moves one GUN after another, each judged as a whole.
//! - `bindings` finds for whom old keys are that name no GUN; `keys` moves keys, after the
//!   repositories that name them; `signer_keys` moves for whom the keys of a signer are.
//! - `feed` compares and moves the changefeed, at the end: until then its first rows are not there.
//! - A second pass looks at what changed while the first was on its way.
//!
//! Never in here: SQL, the environment, printing.

mod account;
mod bindings;
mod feed;
mod keys;
mod repositories;
mod signer_keys;
mod watch;

use chrono::{DateTime, Utc};
use countersign_custody::CustodyError;
use countersign_custody::sealed::KeyMover;
use countersign_storage::{
    Inventory, KeyArchive, KeyBindings, KeyCatalogue, KeyStore, MetadataArchive, MetadataStore,
    StorageError,
};
use thiserror::Error;

pub use account::{Account, KeyTrouble};
pub use watch::{Stage, Watch};

/// A store, seen from every side that an import needs.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Documents and changes.
    pub metadata: &'a dyn MetadataStore,
    /// Documents as they are stored.
    pub inventory: &'a dyn Inventory,
    /// Where documents and changes are put in.
    pub archive: &'a dyn MetadataArchive,
    /// Keys.
    pub keys: &'a dyn KeyStore,
    /// The list of the keys.
    pub catalogue: &'a dyn KeyCatalogue,
    /// Where keys are put in.
    pub key_archive: &'a dyn KeyArchive,
    /// For whom the keys of a signer are.
    pub bindings: &'a dyn KeyBindings,
}

/// Where to.
#[derive(Clone, Copy)]
pub enum Destination<'a> {
    /// Into this store.
    Store(Side<'a>),
    /// Nowhere: only a report is made. Of a store that is there already, what stands in the way is
    /// told.
    Nowhere(Option<Side<'a>>),
}

/// Why an import ended before its end. What was moved stays, and a later run goes on from there.
#[derive(Debug, Error)]
pub enum ImportError {
    /// Keys could not be opened or sealed.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The target holds what did not come from the source.
    #[error(
        "change {id} of the target (GUN {gun:?}) is not in the source: import into an empty \
         database, or into one that nobody has published to since the last import"
    )]
    Foreign {
        /// The number of the change.
        id: i64,
        /// Its GUN.
        gun: String,
    },
    /// The store that is read from.
    #[error("the source: {0}")]
    Source(StorageError),
    /// The store that is written to.
    #[error("the target: {0}")]
    Target(StorageError),
}

/// Why the work ends early.
enum Halt {
    Failed(ImportError),
    Stopped,
}

impl<E: Into<ImportError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

type Step<T = ()> = Result<T, Halt>;

/// Which pass is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    First,
    Second,
}

/// How many changes before the newest one the second pass looks back: Notary's numbers may become
/// visible out of order.
const LOOK_BACK: i64 = 100;

/// An import.
pub struct Import<'a> {
    source: Side<'a>,
    destination: Destination<'a>,
    mover: &'a KeyMover,
    watch: &'a dyn Watch,
    now: DateTime<Utc>,
}

impl<'a> Import<'a> {
    /// An import from `source`, as of now.
    pub fn new(
        source: Side<'a>,
        destination: Destination<'a>,
        mover: &'a KeyMover,
        watch: &'a dyn Watch,
        now: DateTime<Utc>,
    ) -> Self {
        Self { source, destination, mover, watch, now }
    }

    /// Moves everything, or as much as there is time for.
    ///
    /// # Errors
    /// [`ImportError`] when a store or a key could not be worked with.
    pub async fn run(&self) -> Result<Account, ImportError> {
        let mut account = Account::default();
        match Box::pin(self.passes(&mut account)).await {
            Ok(()) => Ok(account),
            Err(Halt::Stopped) => Ok(Account { interrupted: true, ..account }),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    async fn passes(&self, account: &mut Account) -> Step {
        self.refuse_foreign_changes().await?;
        let goes_on = self.has_moved_before().await?;
        let bindings = self.bindings(account).await?;
        let before = self.newest_change().await?;
        self.move_repositories(&bindings, account).await?;
        self.move_keys(&bindings, Pass::First, account).await?;
        self.move_signer_keys(Pass::First, account).await?;
        let Destination::Store(target) = self.destination else { return Ok(()) };
        if goes_on {
            self.remove_repositories_that_are_gone(target, account).await?;
        }
        let until = self.newest_change().await?;
        self.move_changed_repositories(before.saturating_sub(LOOK_BACK), until, &bindings, account)
            .await?;
        self.move_keys(&bindings, Pass::Second, account).await?;
        self.move_signer_keys(Pass::Second, account).await?;
        self.remove_deleted_keys(target, account).await?;
        self.move_changes(target, until, account).await
    }

    /// Whether an earlier run has left anything in the target.
    async fn has_moved_before(&self) -> Step<bool> {
        match self.target() {
            Some(side) => Ok(!target(side.inventory.guns(None, 1).await)?.is_empty()),
            None => Ok(false),
        }
    }

    fn target(&self) -> Option<Side<'a>> {
        match self.destination {
            Destination::Store(target) => Some(target),
            Destination::Nowhere(target) => target,
        }
    }

    /// Whether to go on.
    fn go_on(&self) -> Step {
        if self.watch.is_stopped() { Err(Halt::Stopped) } else { Ok(()) }
    }
}

/// What the source says, or why it cannot.
fn source<T>(answer: Result<T, StorageError>) -> Step<T> {
    answer.map_err(|error| Halt::Failed(ImportError::Source(error)))
}

/// What the target says, or why it cannot.
fn target<T>(answer: Result<T, StorageError>) -> Step<T> {
    answer.map_err(|error| Halt::Failed(ImportError::Target(error)))
}
