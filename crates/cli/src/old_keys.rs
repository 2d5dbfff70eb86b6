//! Old keys that name no GUN, under a server that begins: bound, and then signing ahead begins.
//! Those of a signer are bound beside it, since a signer may be away for long.

use std::sync::Arc;

use countersign_custody::remote::RemoteCustody;
use countersign_storage::{Inventory, KeyCatalogue, KeyStore, RootWalk};
use countersign_trust::operate::{OldKeys, OldKeysBound, SignerKeys};
use countersign_trust::{Clock as _, SystemClock, Trust, Writes, keep_fresh};

use crate::database::Stores;

/// The stores that tell whose old keys are.
pub(crate) struct Keeping {
    trust: Arc<Trust>,
    catalogue: Arc<dyn KeyCatalogue>,
    keys: Arc<dyn KeyStore>,
    inventory: Arc<dyn Inventory>,
    roots: Arc<dyn RootWalk>,
    signer: Option<Arc<RemoteCustody>>,
    writes: Writes,
}

impl Keeping {
    /// What `trust` keeps fresh, over `stores`.
    pub(crate) fn new(
        trust: &Arc<Trust>,
        stores: &Stores,
        signer: Option<Arc<RemoteCustody>>,
        writes: Writes,
    ) -> Self {
        Self {
            trust: Arc::clone(trust),
            catalogue: stores.key_catalogue(),
            keys: stores.keys(),
            inventory: stores.inventory(),
            roots: stores.root_walk(),
            signer,
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
        let signing = keep_fresh(Arc::clone(&self.trust), stop());
        tokio::join!(signing, async {
            tokio::select! {
                () = self.bind_signers() => {}
                () = stop() => {}
            }
        });
    }

    /// Until then, a key of the signer that is bound to none signs for nobody.
    async fn bind_signers(&self) {
        let Some(custody) = self.signer.as_deref().filter(|_| self.writes == Writes::Taken) else {
            return;
        };
        let (roots, inventory) = (&*self.roots, &*self.inventory);
        let bound = SignerKeys { custody, roots, inventory }.bind().await;
        if bound > 0 {
            tracing::info!(
                bound, signer = %custody.signer(),
                "keys of the signer from before are bound to the first roots that name them"
            );
        }
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
