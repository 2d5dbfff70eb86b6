//! Sealed keys under a server that began without any: they are opened once one is needed that is in
//! the database, as after an import beside the running server. Until then no passphrase is needed,
//! and what is asked for is not there.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_custody::sealed::{
    OpenError, Passphrases, SealedCustody, SealedSettings, follow_check, try_aliases,
};
use countersign_custody::{Custody, CustodyError, KeySignature};
use countersign_storage::{KeyAliases, KeyHome, KeyStore, PassphraseMoves};
use countersign_trust::{Clock as _, SystemClock};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};
use tokio::sync::{Mutex, watch};

use crate::database::Stores;

/// Custody of sealed keys, once it is opened.
pub(super) type Opened = Option<Arc<SealedCustody>>;

/// Sealed keys that are opened when they are needed.
pub(super) struct LateSealed {
    keys: Arc<dyn KeyStore>,
    aliases: Arc<dyn KeyAliases>,
    moves: Arc<dyn PassphraseMoves>,
    passphrases: Arc<Passphrases>,
    settings: SealedSettings,
    opened: watch::Sender<Opened>,
    /// Whose turn it is to open them.
    turn: Mutex<()>,
}

impl LateSealed {
    /// Those of these databases, and where it shows that they were opened.
    pub(super) fn new(
        stores: &Stores,
        passphrases: &Arc<Passphrases>,
        settings: SealedSettings,
    ) -> (Self, watch::Receiver<Opened>) {
        let (opened, shows) = watch::channel(None);
        let late = Self {
            keys: stores.keys(),
            aliases: stores.key_aliases(),
            moves: stores.passphrase_moves(),
            passphrases: Arc::clone(passphrases),
            settings,
            opened,
            turn: Mutex::default(),
        };
        (late, shows)
    }

    fn opened(&self) -> Opened {
        self.opened.borrow().clone()
    }

    /// Custody, if it may hold this key.
    async fn holding(&self, id: &KeyId) -> Result<Opened, CustodyError> {
        if let Some(opened) = self.opened() {
            return Ok(Some(opened));
        }
        if !id.is_well_formed() {
            return Ok(None);
        }
        let row = self.keys.by_id(id.as_str()).await?;
        if !row.is_some_and(|row| row.key_id == id.as_str() && row.home() == KeyHome::Sealed) {
            return Ok(None);
        }
        self.open().await.map(Some)
    }

    async fn open(&self) -> Result<Arc<SealedCustody>, CustodyError> {
        let _turn = self.turn.lock().await;
        if let Some(opened) = self.opened() {
            return Ok(opened);
        }
        let opened = self.open_now().await.map_err(|error| match error {
            OpenError::Custody(error) => error,
            // Nothing is known of the key without it, and it can be given.
            wrong => CustodyError::Unavailable { reason: wrong.to_string() },
        })?;
        let opened = Arc::new(opened);
        tracing::info!("keys that are sealed in the database are used from now on, too");
        self.opened.send_replace(Some(Arc::clone(&opened)));
        Ok(opened)
    }

    async fn open_now(&self) -> Result<SealedCustody, OpenError> {
        for finding in try_aliases(&*self.aliases, &*self.keys, &self.passphrases).await? {
            tracing::error!("{finding}");
        }
        follow_check(&*self.moves, &self.passphrases).await?;
        let (keys, passphrases) = (Arc::clone(&self.keys), Arc::clone(&self.passphrases));
        let now = Arc::new(|| SystemClock.now());
        SealedCustody::open(keys, passphrases, self.settings, now).await
    }
}

#[async_trait]
impl Custody for LateSealed {
    /// New keys do not go here, or these would have been opened at the start.
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.open().await?.pending_key(gun, role, algorithm).await
    }

    async fn make_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.open().await?.make_pending(gun, role, algorithm).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        match self.opened() {
            Some(opened) => opened.find_pending(gun, role, algorithm).await,
            None => Ok(None),
        }
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        match self.holding(id).await? {
            Some(opened) => opened.find_key(gun, role, id).await,
            None => Ok(None),
        }
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        match self.holding(id).await? {
            Some(opened) => opened.bind(gun, role, id).await,
            None => Ok(false),
        }
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        match self.holding(id).await? {
            Some(opened) => opened.sign(gun, role, id, message).await,
            None => Ok(None),
        }
    }

    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        match self.holding(id).await? {
            Some(opened) => opened.try_out(gun, role, id, message).await,
            None => Ok(None),
        }
    }

    async fn check(&self) -> Result<(), CustodyError> {
        match self.opened() {
            Some(opened) => opened.check().await,
            None => Ok(()),
        }
    }
}
