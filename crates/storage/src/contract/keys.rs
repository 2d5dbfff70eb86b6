//! Server-held private keys, sealed, in the Go signer's table `private_keys`.
//!
//! Source: signer spec 3.1 (columns), 3.5 (queries), contract section 3 (pending keys).

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::ServerRole;

use super::{StorageError, StorageResult};

/// What a row of a token's key has in the place of both algorithms and of the alias.
///
/// The Go signer knows no such algorithm, so it never takes such a row for a key of its own.
pub const TOKEN_ROW: &str = "PKCS11";

/// Where the private half of a stored key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyHome {
    /// Sealed, in the row itself.
    Sealed,
    /// In a PKCS#11 token, to which the row points.
    Token,
}

impl KeyHome {
    /// As the row's `keywrap_alg` tells.
    #[must_use]
    pub fn of(keywrap_alg: &str) -> Self {
        if keywrap_alg == TOKEN_ROW { Self::Token } else { Self::Sealed }
    }

    /// The word for it, as settings have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Token => "token",
        }
    }

    /// Whether the private half is in a token, as the statements ask.
    pub(crate) fn is_token(self) -> bool {
        self == Self::Token
    }
}

impl fmt::Display for KeyHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of `private_keys`. Rows whose `deleted_at` is set are invisible.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Lower-case hex key ID.
    pub key_id: String,
    /// The JWE's `enc`, such as `A256GCM`; [`TOKEN_ROW`] for a token's key.
    pub encryption_alg: String,
    /// The JWE's `alg`, such as `PBES2-HS256+A128KW`; [`TOKEN_ROW`] for a token's key.
    pub keywrap_alg: String,
    /// `ecdsa` or `ed25519`; `rsa` in rows that were put there by hand.
    pub algorithm: String,
    /// Which passphrase seals it; [`TOKEN_ROW`] for a token's key.
    pub passphrase_alias: String,
    /// The public key's bytes, as metadata carries them before base64.
    pub public: Vec<u8>,
    /// The sealed private key: the ASCII of a compact JWE. For a token's key, the `pkcs11:` URI
    /// that says where it is.
    pub sealed: Vec<u8>,
    /// The GUN it was made for; empty in old rows.
    pub gun: String,
    /// `timestamp` or `snapshot`; empty in old rows.
    pub role: String,
    /// When it last signed; `None` while it is pending.
    pub last_used: Option<DateTime<Utc>>,
}

impl SealedKey {
    /// Where its private half is.
    #[must_use]
    pub fn home(&self) -> KeyHome {
        KeyHome::of(&self.keywrap_alg)
    }

    /// What could be stored but never be pending or be read again is refused before it is stored.
    pub(crate) fn refuse_unless_pending(&self) -> StorageResult<()> {
        if self.last_used.is_some() {
            return Err(StorageError::Other(format!("key {} has signed already", self.key_id)));
        }
        if !is_known_role(&self.role) {
            return Err(StorageError::Other(format!("no server key has the role {:?}", self.role)));
        }
        Ok(())
    }
}

/// Whether a row may name this role. Old rows name none.
pub(crate) fn is_known_role(role: &str) -> bool {
    role.is_empty()
        || [ServerRole::Snapshot, ServerRole::Timestamp].iter().any(|known| known.as_str() == role)
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKey")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .field("passphrase_alias", &self.passphrase_alias)
            .field("gun", &self.gun)
            .field("role", &self.role)
            .field("last_used", &self.last_used)
            .finish_non_exhaustive()
    }
}

/// A store of sealed keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The key that was made for this GUN, role and algorithm in this home and has not signed yet;
    /// of several the one with the lowest key ID.
    async fn pending(
        &self,
        gun: &str,
        role: &str,
        algorithm: &str,
        home: KeyHome,
    ) -> StorageResult<Option<SealedKey>>;

    /// Stores `key` unless one is pending for its GUN, role and algorithm in its home; returns the
    /// one that is pending there afterwards. Atomic: of several callers at once, all get the same
    /// key.
    ///
    /// A key whose ID is taken, that has signed, or whose role is neither `timestamp`, `snapshot`
    /// nor empty, is refused as [`StorageError::Other`].
    async fn insert_unless_pending(
        &self,
        key: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<SealedKey>;

    /// How many keys have not signed yet, those that nobody can use included; `most` when there
    /// are more.
    async fn count_pending(&self, most: u32) -> StorageResult<u32>;

    /// The key with exactly this ID.
    async fn by_id(&self, key_id: &str) -> StorageResult<Option<SealedKey>>;

    /// Writes GUN and role into the row of a key that names none. Only what is empty is filled,
    /// and nothing when the row names another GUN or role. Returns the row as it is afterwards.
    /// Atomic: of several callers at once, the first binds and all see its binding.
    ///
    /// An empty GUN, and a role that is neither `timestamp` nor `snapshot`, are refused as
    /// [`StorageError::Other`].
    async fn bind(
        &self,
        key_id: &str,
        gun: &str,
        role: &str,
        now: DateTime<Utc>,
    ) -> StorageResult<Option<SealedKey>>;

    /// Notes that the key signed at `at`, whatever was noted before. A key that is not there (any
    /// more) is no error.
    async fn mark_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()>;

    /// The sealed check value that was stored with the first passphrase.
    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>>;

    /// Stores the check value unless there is one; returns the one that is stored afterwards.
    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>>;
}

/// What may be told of a stored key: nothing that seals or unseals it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Lower-case hex key ID.
    pub key_id: String,
    /// `ecdsa`, `ed25519` or `rsa`.
    pub algorithm: String,
    /// The name of the passphrase that seals it; [`TOKEN_ROW`] for a token's key.
    pub passphrase_alias: String,
    /// Where its private half is.
    pub home: KeyHome,
    /// The GUN it was made for; empty in old rows.
    pub gun: String,
    /// The role as it is stored; empty in old rows.
    pub role: String,
    /// When it was made; `None` where the row does not say.
    pub created_at: Option<DateTime<Utc>>,
    /// When it last signed; `None` while it is pending.
    pub last_used: Option<DateTime<Utc>>,
}

/// A store whose keys can be gone through. Needs no passphrase.
#[async_trait]
pub trait KeyCatalogue: Send + Sync {
    /// The records that follow `after` (`None`: the first), in the order of GUN, role and key ID,
    /// compared byte for byte; at most `most`. Only those of `gun` where one is given.
    async fn records(
        &self,
        gun: Option<&str>,
        after: Option<&KeyRecord>,
        most: u32,
    ) -> StorageResult<Vec<KeyRecord>>;
}
