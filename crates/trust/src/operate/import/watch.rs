//! Who watches an import, and may end it.

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What there is is counted.
    Counting,
    /// Repositories are verified and moved.
    Repositories,
    /// Keys are opened and moved.
    Keys,
    /// For whom the keys of a signer are is moved.
    SignerKeys,
    /// Repositories that changed meanwhile are moved.
    ChangedRepositories,
    /// Keys are compared once more.
    ChangedKeys,
    /// The changefeed is moved.
    Changes,
}

/// Hears of every step.
pub trait Watch: Send + Sync {
    /// Whether the import is to end at the next good moment.
    fn is_stopped(&self) -> bool;

    /// A stage begins; of how many things, where that is known.
    fn begin(&self, stage: Stage, total: Option<u64>);

    /// One thing more is done.
    fn advance(&self);
}
