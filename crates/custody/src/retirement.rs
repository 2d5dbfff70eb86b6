//! Letting go of keys, as a notary-signer is asked to.
//!
//! Source: signer spec 3.5: a key that is let go of stays in the table, marked, and no query sees it.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_storage::KeyUpkeep;
use countersign_tuf::keys::KeyId;

use crate::CustodyError;
use crate::sealed::Now;

/// Whoever lets go of keys.
#[async_trait]
pub trait KeyRetirement: Send + Sync {
    /// Lets go of the key of this ID. Whether there was one.
    async fn retire(&self, id: &KeyId) -> Result<bool, CustodyError>;
}

/// Lets go of the keys of a key database, whichever home they live in: what a token holds stays
/// there.
pub struct StoredKeys {
    upkeep: Arc<dyn KeyUpkeep>,
    now: Now,
}

impl StoredKeys {
    /// Of this database, by this clock.
    #[must_use]
    pub fn new(upkeep: Arc<dyn KeyUpkeep>, now: Now) -> Self {
        Self { upkeep, now }
    }
}

#[async_trait]
impl KeyRetirement for StoredKeys {
    async fn retire(&self, id: &KeyId) -> Result<bool, CustodyError> {
        // An ID of another form names no key; some stores would match it loosely.
        if !id.is_well_formed() {
            return Ok(false);
        }
        Ok(self.upkeep.retire(id.as_str(), (self.now)()).await?)
    }
}
