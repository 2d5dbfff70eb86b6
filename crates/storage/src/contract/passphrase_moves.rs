//! How all processes over one key database go from one passphrase to the next: a check value is
//! proposed, each process says whether it opens it, and only then does anything change.
//!
//! Source: contract section 1 (the check row), issue of re-sealing.

use std::fmt;

use async_trait::async_trait;

use super::{StorageError, StorageResult};

/// A sealed check value: whoever opens it has the passphrase of its alias.
#[derive(Clone, PartialEq, Eq)]
pub struct PassphraseCheck {
    /// The alias of the passphrase, at most 200 bytes; `None` in rows that are older than the column.
    pub alias: Option<String>,
    /// The ASCII of a compact JWE.
    pub sealed: Vec<u8>,
}

/// The most bytes of an alias.
const ALIAS_BYTES: usize = 200;

/// What not every engine could hold is refused by all.
fn refuse_long_alias(alias: &str) -> StorageResult<()> {
    if alias.len() <= ALIAS_BYTES {
        return Ok(());
    }
    let bytes = alias.len();
    Err(StorageError::Other(format!(
        "the alias of a passphrase has {bytes} bytes: take one of at most {ALIAS_BYTES}"
    )))
}

impl PassphraseCheck {
    /// What not every engine could hold is refused by all.
    pub(crate) fn refuse_unless_storable(&self) -> StorageResult<()> {
        refuse_long_alias(self.alias.as_deref().unwrap_or_default())
    }
}

impl fmt::Debug for PassphraseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassphraseCheck").field("alias", &self.alias).finish_non_exhaustive()
    }
}

/// A process that opens keys of this database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProcess {
    /// Its own random name, new at each start; at most 64 ASCII characters.
    pub id: String,
    /// What an operator knows it by, such as host, process ID and command; at most 255 characters.
    pub shown: String,
    /// Counts up with each sign of life. Whoever watches sees by it that the process lives, without
    /// comparing clocks.
    pub beat: i64,
    /// The SHA-256, in hex (at most 64 characters), of the proposed check value that it opened; empty when it opened none.
    pub opens: String,
    /// The alias under which it seals new keys; at most 200 bytes.
    pub seals_under: String,
}

impl KeyProcess {
    /// What not every engine could hold is refused by all.
    pub(crate) fn refuse_unless_storable(&self) -> StorageResult<()> {
        refuse_long_alias(&self.seals_under)?;
        let is_name = |text: &str, most: usize| text.is_ascii() && text.len() <= most;
        if !self.id.is_empty()
            && is_name(&self.id, 64)
            && is_name(&self.opens, 64)
            && self.shown.chars().count() <= 255
        {
            return Ok(());
        }
        Err(StorageError::Other("the name of a process, or what it opens, is too long".to_owned()))
    }
}

/// A store that tells processes of passphrases to come.
///
/// Where this user could not make the tables for that, nothing is proposed and no process is noted:
/// calls that look answer so, and those that would store something are refused as
/// [`StorageError::Other`], which names the mend.
#[async_trait]
pub trait PassphraseMoves: Send + Sync {
    /// The check value that holds now.
    async fn current_check(&self) -> StorageResult<Option<PassphraseCheck>>;

    /// The one that is proposed.
    async fn proposed_check(&self) -> StorageResult<Option<PassphraseCheck>>;

    /// Proposes a check value unless one is proposed; returns the one that is proposed afterwards.
    /// One with a longer alias than said at [`PassphraseCheck`] is refused as
    /// [`StorageError::Other`].
    async fn propose_check(&self, next: &PassphraseCheck) -> StorageResult<PassphraseCheck>;

    /// Takes this proposal back. Another one, or none, is left as it is.
    async fn withdraw_check(&self, proposed: &PassphraseCheck) -> StorageResult<()>;

    /// Puts the proposed check value in place of the one that holds, if it is this one; then none is
    /// proposed any more. Whether it was. Atomic: of several callers at once, one hears yes. Who
    /// did not hear the answer looks at [`current_check`](Self::current_check).
    async fn adopt_check(&self, proposed: &PassphraseCheck) -> StorageResult<bool>;

    /// Notes that a process lives, and what it can do, in place of what was noted of it before. One
    /// whose names are longer than said at [`KeyProcess`] is refused as [`StorageError::Other`].
    async fn note_process(&self, process: &KeyProcess) -> StorageResult<()>;

    /// Every process that was noted and has not left, dead ones included.
    async fn processes(&self) -> StorageResult<Vec<KeyProcess>>;

    /// Forgets a process. One that is not noted is no error.
    async fn forget_process(&self, id: &str) -> StorageResult<()>;
}
