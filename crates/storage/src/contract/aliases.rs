//! Which passphrases the stored keys were sealed with, by their aliases: what a start tries its own
//! passphrases on.
//!
//! Source: signer spec 3.4 (aliases), contract section 1.

use std::fmt;

use async_trait::async_trait;

use super::StorageResult;

/// A sealed key, as far as it proves a passphrase. Holds nothing that a damaged row could make
/// unreadable.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSample {
    /// Lower-case hex key ID.
    pub key_id: String,
    /// Which passphrase seals it.
    pub passphrase_alias: String,
    /// The sealed private key: the ASCII of a compact JWE.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSample")
            .field("key_id", &self.key_id)
            .field("passphrase_alias", &self.passphrase_alias)
            .finish_non_exhaustive()
    }
}

/// A store that tells which passphrases its keys were sealed with.
#[async_trait]
pub trait KeyAliases: Send + Sync {
    /// The newest keys of one alias, the newest first, at most `most`: of the first alias that
    /// follows `after`, compared byte for byte (`None`: of the first of all). Empty when no alias
    /// follows. Rows whose alias is empty, and those of keys in a token, are passed over.
    async fn samples_of_next_alias(
        &self,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedSample>>;
}
