//! What the commands about keys work with: the settings, the databases, and where they need them
//! the keys themselves. All of it beside whoever serves.

use std::sync::Arc;

use countersign_config::Settings;
use countersign_custody::KeyHomes;
use countersign_trust::operate::keys::{Retiring, RootsOf};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::commands::serve::{key_plan, sealed_settings};
use crate::custody::{KnownSigner, Opened, Opening};
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::Failure;
use crate::flags::DataDirFlags;
use crate::key_ring;

/// What one command works with.
pub(super) struct Workroom {
    pub(super) settings: Settings,
    pub(super) dir: DataDir,
    pub(super) databases: Databases,
}

impl Workroom {
    /// That of the server of these settings.
    pub(super) fn of(flags: DataDirFlags) -> Result<Self, Failure> {
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        Ok(Self { settings, dir, databases })
    }

    /// Does `work` on the databases of a server that has been started before, and closes them.
    pub(super) fn run(
        &self,
        work: impl AsyncFnOnce(&Stores) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        let done = runtime.block_on(async {
            let stores = self.databases.work().await?;
            let done = Box::pin(work(&stores)).await;
            stores.close().await;
            done
        });
        // The module of a token that hangs does not hold the command up.
        runtime.shutdown_background();
        done
    }

    /// The keys themselves, opened as a server of these settings would.
    pub(super) async fn homes(&self, stores: &Stores) -> Result<Arc<KeyHomes>, Failure> {
        Ok(self.open_keys(stores).await?.custody)
    }

    /// The same, with what is known of each home.
    pub(super) async fn open_keys(&self, stores: &Stores) -> Result<Opened, Failure> {
        let passphrases = Arc::new(key_ring::look(&self.settings.keys, &self.dir)?);
        let signer = KnownSigner::load(&self.settings.signer, SystemClock.now())?;
        let opening = Opening {
            stores,
            place: self.databases.keys(),
            settings: sealed_settings(&self.settings),
            plan: Arc::new(key_plan(&self.settings)),
            signer: signer.as_ref(),
            pkcs11: &self.settings.pkcs11,
            passphrases: &passphrases,
        };
        opening.open().await
    }

    /// What went wrong with the databases.
    pub(super) fn failed(&self, error: countersign_storage::StorageError) -> Failure {
        Failure::of_storage(error, self.databases.metadata())
    }
}

/// The faces of the databases that letting go of keys needs.
pub(super) struct Faces {
    keys: Arc<dyn countersign_storage::KeyStore>,
    upkeep: Arc<dyn countersign_storage::KeyUpkeep>,
    inventory: Arc<dyn countersign_storage::Inventory>,
}

impl Faces {
    pub(super) fn of(stores: &Stores) -> Self {
        let (keys, upkeep) = (stores.keys(), stores.key_upkeep());
        Self { keys, upkeep, inventory: stores.inventory() }
    }

    pub(super) fn retiring(&self) -> Retiring<'_> {
        let (keys, upkeep, inventory) = (&*self.keys, &*self.upkeep, &*self.inventory);
        Retiring { keys, upkeep, inventory, roots: RootsOf::ThisServer }
    }
}
