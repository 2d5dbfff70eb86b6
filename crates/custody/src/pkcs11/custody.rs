//! Custody over a token, and a store of rows that say which keys are in it and for whom.
//!
//! A key is made in the token first and then offered to the store. One that lost against another
//! caller's, or that cannot be stored, is removed from the token again; a process that ends between
//! the two leaves a key behind that no row names, and that nobody uses.
//!
//! Never in here: what the token does with a key, SQL.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_storage::{KeyHome, KeyStore, SealedKey, TOKEN_ROW};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use super::key::TokenKey;
use super::token::Token;
use super::uri::TokenUri;
use crate::sealed::rows::{PendingRoom, is_bound, note_use, public_half};
use crate::sealed::{Now, SealedSettings};
use crate::{Custody, CustodyError, KeySignature, Purpose};

/// Server-held keys in a token.
///
/// A row is used only for the GUN and role that it names, as those of sealed keys are.
pub struct TokenCustody {
    store: Arc<dyn KeyStore>,
    token: Token,
    room: PendingRoom,
    now: Now,
}

impl TokenCustody {
    /// Custody over the rows in `store` whose keys are in `token`. Of the settings only the limit of
    /// pending keys counts.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, token: Token, settings: SealedSettings, now: Now) -> Self {
        Self { store, token, room: PendingRoom::new(settings.pending_keys), now }
    }

    /// The row of `id`, whoever may use it, if its key is in a token.
    pub(super) async fn row(&self, id: &KeyId) -> Result<Option<SealedKey>, CustodyError> {
        // An ID of another form names no key; some stores would match it loosely.
        if !id.is_well_formed() {
            return Ok(None);
        }
        let row = self.store.by_id(id.as_str()).await?;
        Ok(row.filter(|row| row.key_id == id.as_str() && row.home() == KeyHome::Token))
    }

    async fn bound_row(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<SealedKey>, CustodyError> {
        Ok(self.row(id).await?.filter(|row| is_bound(row, gun, role)))
    }

    /// The key that a row names.
    fn key(&self, row: &SealedKey) -> Result<TokenKey, CustodyError> {
        let bad = |reason: String| CustodyError::BadKey { key_id: row.key_id.clone(), reason };
        let public = public_half(row)?;
        let uri = TokenUri::parse(&row.sealed).ok_or_else(|| {
            bad("its row names no key of a token: restore the row from a backup".to_owned())
        })?;
        TokenKey::named(&self.token, &uri, public).map_err(|error| error.of_key(&row.key_id))
    }

    /// The public half of a key that the token has: one that cannot sign is not handed out, as it
    /// would end up in a root.
    pub(super) async fn usable(&self, row: &SealedKey) -> Result<PublicKey, CustodyError> {
        let key = self.key(row)?;
        key.is_there().await.map_err(|error| error.of_key(&row.key_id))?;
        Ok(key.public().clone())
    }

    async fn offer(
        &self,
        row: &SealedKey,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        if !is_bound(row, gun, role)
            || row.algorithm != algorithm.as_str()
            || row.home() != KeyHome::Token
        {
            return Err(CustodyError::Other(format!(
                "the key database answered with key {} of another GUN, role, algorithm or home",
                row.key_id
            )));
        }
        self.usable(row).await
    }

    /// Makes a key and offers it to the store; whichever key is pending afterwards is returned.
    async fn make_row(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<SealedKey, CustodyError> {
        self.room.take(&*self.store, (self.now)()).await?;
        let key = TokenKey::make(&self.token, algorithm, gun, role).await?;
        let row = row_of(&key, gun, role);
        let stored = self.store.insert_unless_pending(&row, (self.now)()).await;
        let winner = match stored {
            Ok(winner) => winner,
            Err(error) => {
                self.take_back(key, &row).await;
                return Err(error.into());
            }
        };
        if winner.key_id == row.key_id {
            tracing::info!(
                key_id = %row.key_id, %gun, %role, token = self.token.label(),
                "made a server key in the token"
            );
        } else {
            remove(key, &row).await;
        }
        Ok(winner)
    }

    /// Removes a key whose row could not be stored. When the store may have taken the row all the
    /// same, the key stays.
    async fn take_back(&self, key: TokenKey, row: &SealedKey) {
        match self.store.by_id(&row.key_id).await {
            Ok(None) => remove(key, row).await,
            Ok(Some(_)) => {}
            Err(error) => tracing::warn!(
                key_id = %row.key_id, uri = %key.uri(), %error,
                "whether the row of a new key was stored is not known; the key stays in the token"
            ),
        }
    }

    /// Signs with the key of a row that was read just now, and notes that.
    pub(super) async fn sign_with(
        &self,
        row: &SealedKey,
        message: &[u8],
    ) -> Result<KeySignature, CustodyError> {
        let signature = self.signature(row, message).await?;
        note_use(&*self.store, row, (self.now)()).await?;
        Ok(signature)
    }

    async fn signature(
        &self,
        row: &SealedKey,
        message: &[u8],
    ) -> Result<KeySignature, CustodyError> {
        let key = self.key(row)?;
        let bytes = key.sign(message).await.map_err(|error| error.of_key(&row.key_id))?;
        Ok(KeySignature { key: key.public().clone(), bytes })
    }
}

#[async_trait]
impl Custody for TokenCustody {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        if let Some(key) = self.find_pending(gun, role, algorithm).await? {
            return Ok(key);
        }
        self.make_pending(gun, role, algorithm).await
    }

    async fn make_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        let row = self.make_row(gun, role, algorithm).await?;
        self.offer(&row, gun, role, algorithm).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        let (gun_name, role_name, token) = (gun.as_str(), role.as_str(), KeyHome::Token);
        let stored = self.store.pending(gun_name, role_name, algorithm.as_str(), token).await?;
        match stored {
            Some(row) => Ok(Some(self.offer(&row, gun, role, algorithm).await?)),
            None => Ok(None),
        }
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        match self.bound_row(gun, role, id).await? {
            Some(row) => Ok(Some(self.usable(&row).await?)),
            None => Ok(None),
        }
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        let Some(row) = self.row(id).await? else { return Ok(false) };
        if !(Purpose { gun, role }).may_bind(&row.gun, &row.role) {
            return Ok(is_bound(&row, gun, role));
        }
        let row = self.store.bind(id.as_str(), gun.as_str(), role.as_str(), (self.now)()).await?;
        Ok(row.is_some_and(|row| is_bound(&row, gun, role)))
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let Some(row) = self.bound_row(gun, role, id).await? else { return Ok(None) };
        self.sign_with(&row, message).await.map(Some)
    }

    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let Some(row) = self.bound_row(gun, role, id).await? else { return Ok(None) };
        self.signature(&row, message).await.map(Some)
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.store.passphrase_check().await?;
        Ok(self.token.check().await?)
    }
}

impl fmt::Debug for TokenCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCustody").field("token", &self.token).finish_non_exhaustive()
    }
}

/// The row of a new key: what it is for, and where its private half is.
fn row_of(key: &TokenKey, gun: &Gun, role: ServerRole) -> SealedKey {
    SealedKey {
        key_id: key.public().id().as_str().to_owned(),
        encryption_alg: TOKEN_ROW.to_owned(),
        keywrap_alg: TOKEN_ROW.to_owned(),
        algorithm: key.public().key_type().as_str().to_owned(),
        passphrase_alias: TOKEN_ROW.to_owned(),
        public: key.public().public().to_vec(),
        sealed: key.uri().to_string().into_bytes(),
        gun: gun.as_str().to_owned(),
        role: role.as_str().to_owned(),
        last_used: None,
    }
}

/// Removes a key that nothing names. One that stays does no harm but that of an object too many.
async fn remove(key: TokenKey, row: &SealedKey) {
    let uri = key.uri();
    if let Err(error) = key.destroy().await {
        tracing::warn!(
            key_id = %row.key_id, %uri, %error,
            "a key that nothing names stays behind in the token"
        );
    }
}
