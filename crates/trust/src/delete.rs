//! Delete: a GUN's metadata goes, all versions of all roles. Its server-held keys stay.

use countersign_tuf::names::Gun;

use crate::{Trust, TrustError};

impl Trust {
    /// Removes every stored document of exactly this GUN. A GUN that has none is no error; whether
    /// it had any is said.
    ///
    /// # Errors
    /// [`TrustError::Storage`]; nothing is removed then.
    pub async fn delete(&self, gun: &Gun) -> Result<bool, TrustError> {
        self.within_patience(async {
            self.refuse_if_read_only()?;
            let _turn = self.locks.turn(gun).await?;
            // Also when this is broken off, or fails after it was done.
            let _forgetting = self.memory.forget_at_the_end(gun);
            let deleted = self.store.delete(gun, self.clock.now()).await;
            // Whatever came of it: at worst is counted what need not be.
            if let Some(limits) = &self.storage_limits {
                limits.note_deletion(gun);
            }
            let existed = deleted?;
            tracing::info!(%gun, existed, "deleted");
            Ok(existed)
        })
        .await
    }
}
