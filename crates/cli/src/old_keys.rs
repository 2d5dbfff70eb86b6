//! Old keys that name no GUN, under a server that begins: bound, and then signing ahead begins.

use std::sync::Arc;

use countersign_storage::{Inventory, KeyCatalogue, KeyStore};
use countersign_trust::operate::{OldKeys, OldKeysBound};
use countersign_trust::{Clock as _, SystemClock, Trust, Writes, keep_fresh};

use crate::database::Stores;

/// The stores that tell whose old keys are.
pub(crate) struct Keeping {
    trust: Arc<Trust>,
    catalogue: Arc<dyn KeyCatalogue>,
    keys: Arc<dyn KeyStore>,
    inventory: Arc<dyn Inventory>,
    writes: Writes,
}

impl Keeping {
    /// What `trust` keeps fresh, over `stores`.
    pub(crate) fn new(trust: &Arc<Trust>, stores: &Stores, writes: Writes) -> Self {
        Self {
            trust: Arc::clone(trust),
            catalogue: stores.key_catalogue(),
            keys: stores.keys(),
            inventory: stores.inventory(),
            writes,
        }
    }

    /// Binds old keys, then signs ahead of expiry, until a future of `stop` ends.
    pub(crate) async fn run<F: Future<Output = ()>>(self, stop: impl Fn() -> F) {
        if self.writes == Writes::Taken {
            tokio::select! {
                () = self.bind() => {}
                () = stop() => return,
            }
        }
        keep_fresh(self.trust, stop()).await;
    }

    /// What is not bound here is bound when it signs.
    async fn bind(&self) {
        let old =
            OldKeys { catalogue: &*self.catalogue, keys: &*self.keys, inventory: &*self.inventory };
        match old.bind(SystemClock.now()).await {
            Ok(done) if done == OldKeysBound::default() => {}
            Ok(OldKeysBound { bound, unnamed }) => tracing::info!(
                bound,
                unnamed,
                "old server keys that named no GUN have the first one whose root names them"
            ),
            Err(error) => tracing::warn!(
                %error, "old server keys could not be bound; the first root that one signs under binds it"
            ),
        }
    }
}
