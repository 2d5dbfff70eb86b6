//! Changes: what was published, signed again or deleted, in order.

use countersign_storage::{Change, ChangeRange};
use countersign_tuf::names::Gun;

use crate::{Trust, TrustError};

impl Trust {
    /// The changes in a range, oldest first; of one GUN, or of all.
    ///
    /// # Errors
    /// [`TrustError::Storage`] when they could not be looked up.
    pub async fn changes(
        &self,
        gun: Option<&Gun>,
        range: ChangeRange,
    ) -> Result<Vec<Change>, TrustError> {
        self.within_patience(async { Ok(self.store.changes(gun, range).await?) }).await
    }
}
