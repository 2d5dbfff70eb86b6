//! Custody over a store of sealed rows: which row may be used for whom, when it counts as used,
//! and what runs off the async threads.
//!
//! Never in here: the format of a row, SQL.
//!
//! Source: contract section 3 (pending keys, `last_used`), signer spec 3.5, 5 and 9.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::fault::Fault;
use super::key_wrap::Rounds;
use super::opened_keys::OpenedKeys;
use super::passphrase_check::{self, OpenError};
use super::passphrases::Passphrases;
use super::pending_room::PendingRoom;
use super::private_key::ServerKey;
use super::row;
use super::rows::is_bound;
use crate::{Custody, CustodyError, KeySignature, Purpose};
use countersign_storage::{KeyHome, KeyStore, SealedKey, TOKEN_ROW};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

/// How many keys may be unsealed at once.
const TURNS: usize = 64;

/// The current time, from the clock of whoever opens custody.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How new rows are sealed, and how long opened keys stay in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedSettings {
    /// PBKDF2 rounds of new rows. Default 8,192.
    pub rounds: Rounds,
    /// The most opened keys that are kept in memory; 0 keeps none. Default 4,096.
    pub opened_keys: usize,
    /// The longest time that an opened key is kept in memory. Default one hour.
    pub opened_for: TimeDelta,
    /// How long a reading of a key's row is good for, so that a key of many signatures does not ask
    /// the database for each. A key whose row another process deletes is used no longer than that.
    /// Default one second; zero has every signature read its row.
    pub rows_for: TimeDelta,
    /// The most keys that may wait for their first signature, over all GUNs. Default 1,000,000.
    pub pending_keys: u32,
}

impl Default for SealedSettings {
    fn default() -> Self {
        Self {
            rounds: Rounds::default(),
            opened_keys: 4_096,
            opened_for: TimeDelta::hours(1),
            rows_for: TimeDelta::seconds(1),
            pending_keys: 1_000_000,
        }
    }
}

/// Server-held keys, sealed in a key database.
///
/// A row is used only for the GUN and role that it names. One that names none (a signer older
/// than the two columns wrote it) is not used until it is bound: asked for it, custody answers as
/// if it had none.
pub struct SealedCustody {
    pub(super) store: Arc<dyn KeyStore>,
    passphrases: Arc<Passphrases>,
    settings: SealedSettings,
    pub(super) opened: OpenedKeys,
    /// Whose turn it is to unseal a key, by a part of its ID: of many that want one key, the first
    /// unseals it for all.
    turns: [Mutex<()>; TURNS],
    room: PendingRoom,
    pub(super) now: Now,
}

impl SealedCustody {
    /// Opens custody over `store` and proves that the passphrases are the ones that its rows were
    /// sealed with. The first process on an empty store decides which those are.
    ///
    /// # Errors
    /// [`OpenError::WrongPassphrase`] when the store was first opened with another passphrase;
    /// [`OpenError::Custody`] when the store does not answer or its check value is damaged.
    pub async fn open(
        store: Arc<dyn KeyStore>,
        passphrases: impl Into<Arc<Passphrases>>,
        settings: SealedSettings,
        now: Now,
    ) -> Result<Self, OpenError> {
        let passphrases = passphrases.into();
        let stored = match store.passphrase_check().await.map_err(CustodyError::from)? {
            Some(stored) => stored,
            None => {
                let first = Arc::clone(&passphrases);
                let sealed =
                    off_thread(move || passphrase_check::seal(&first, settings.rounds)).await??;
                store.insert_passphrase_check(&sealed).await.map_err(CustodyError::from)?
            }
        };
        let tried = Arc::clone(&passphrases);
        off_thread(move || passphrase_check::prove(&stored, &tried)).await??;
        let opened = OpenedKeys::new(settings.opened_keys, settings.opened_for, settings.rows_for);
        let room = PendingRoom::new(settings.pending_keys);
        let turns = [const { Mutex::const_new(()) }; TURNS];
        Ok(Self { store, passphrases, settings, opened, turns, room, now })
    }

    /// Wipes opened keys that were kept for long enough. To be called every few seconds: nobody may
    /// ask for them again.
    pub fn wipe_old_keys(&self) {
        self.opened.drop_old((self.now)());
    }

    /// The row of `id`, whoever may use it. That of a key in a token is an error.
    pub(super) async fn row(&self, id: &KeyId) -> Result<Option<SealedKey>, CustodyError> {
        // An ID of another form names no key; some stores would match it loosely.
        if !id.is_well_formed() {
            return Ok(None);
        }
        let row = self.store.by_id(id.as_str()).await?;
        if row.is_none() {
            self.opened.forget(id.as_str());
        }
        let row = row.filter(|row| row.key_id == id.as_str());
        match row.as_ref().map(SealedKey::home) {
            // Never "there is none": whoever believed that would have another key made.
            Some(KeyHome::Token) => Err(Fault::InToken.of_row(id.as_str(), TOKEN_ROW)),
            Some(KeyHome::Sealed) | None => Ok(row),
        }
    }

    /// The row of `id`, if it may be used for `gun` and `role`.
    async fn bound_row(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<SealedKey>, CustodyError> {
        Ok(self.row(id).await?.filter(|row| is_bound(row, gun, role)))
    }

    /// The opened key of a row that was read just now.
    pub(super) async fn opened(&self, row: &SealedKey) -> Result<Arc<ServerKey>, CustodyError> {
        let faulty = |fault: Fault| fault.of_row(&row.key_id, &row.passphrase_alias);
        let public = row::public_half(row).map_err(faulty)?;
        let held = || self.opened.find(row, (self.now)()).filter(|key| key.public() == &public);
        if let Some(key) = held() {
            return Ok(key);
        }
        let _turn = self.turn(&row.key_id).lock().await;
        if let Some(key) = held() {
            return Ok(key);
        }
        let (sealed, passphrases) = (row.clone(), Arc::clone(&self.passphrases));
        let key = off_thread(move || row::open(&sealed, &passphrases)).await?.map_err(faulty)?;
        let key = Arc::new(key);
        self.opened.keep(row, Arc::clone(&key), (self.now)());
        Ok(key)
    }

    fn turn(&self, key_id: &str) -> &Mutex<()> {
        let place =
            key_id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) ^ usize::from(byte));
        let [first, ..] = &self.turns;
        self.turns.get(place % TURNS).unwrap_or(first)
    }

    /// Makes a key and offers it to the store; whichever key is pending afterwards is returned.
    async fn make_row(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<SealedKey, CustodyError> {
        self.room.take(&*self.store, (self.now)()).await?;
        let (passphrases, rounds, for_gun) =
            (Arc::clone(&self.passphrases), self.settings.rounds, gun.clone());
        let (key, row) = off_thread(move || {
            let key = ServerKey::generate(algorithm)?;
            let row = row::seal(&key, &for_gun, role, &passphrases, rounds)?;
            Ok::<_, Fault>((key, row))
        })
        .await?
        .map_err(|fault| CustodyError::Other(fault.to_string()))?;
        let now = (self.now)();
        let winner = self.store.insert_unless_pending(&row, now).await?;
        if winner.key_id == row.key_id {
            tracing::info!(key_id = %row.key_id, gun = %gun, role = %role, "made a server key");
            self.opened.keep(&row, Arc::new(key), now);
        }
        Ok(winner)
    }

    /// The public half of a pending row, to be named in a root.
    async fn offer(
        &self,
        row: &SealedKey,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        if !is_bound(row, gun, role) || row.algorithm != algorithm.as_str() {
            return Err(CustodyError::Other(format!(
                "the key database answered with key {} of another GUN, role or algorithm",
                row.key_id
            )));
        }
        // A key that cannot sign is not handed out: it would end up in a root.
        Ok(self.opened(row).await?.public().clone())
    }
}

#[async_trait]
impl Custody for SealedCustody {
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
        let (gun_name, role_name, sealed) = (gun.as_str(), role.as_str(), KeyHome::Sealed);
        let stored = self.store.pending(gun_name, role_name, algorithm.as_str(), sealed).await?;
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
        if let Some(recent) = self.recent(Purpose { gun, role }, id, (self.now)()) {
            return Ok(Some(recent.key.public().clone()));
        }
        match self.bound_row(gun, role, id).await? {
            Some(row) => Ok(Some(self.opened(&row).await?.public().clone())),
            None => Ok(None),
        }
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        let Some(row) = self.row(id).await? else { return Ok(false) };
        if !(Purpose { gun, role }).may_bind(&row.gun, &row.role) {
            return Ok(is_bound(&row, gun, role));
        }
        let now = (self.now)();
        let row = self.store.bind(id.as_str(), gun.as_str(), role.as_str(), now).await?;
        let bound = row.is_some_and(|row| is_bound(&row, gun, role));
        if bound {
            tracing::info!(key_id = %id, %gun, %role, "an old server key is bound from now on");
        }
        Ok(bound)
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let asked_at = (self.now)();
        if let Some(recent) = self.recent(Purpose { gun, role }, id, asked_at) {
            return recent.sign(message).await.map(Some);
        }
        let Some(row) = self.bound_row(gun, role, id).await? else { return Ok(None) };
        self.sign_with(&row, asked_at, message).await.map(Some)
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
        Ok(())
    }
}

impl fmt::Debug for SealedCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCustody")
            .field("passphrases", &self.passphrases)
            .field("settings", &self.settings)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

/// Runs long computation on the blocking pool.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CustodyError> {
    spawn_blocking(work)
        .await
        .map_err(|error| CustodyError::Other(format!("key work did not finish: {error}")))
}

#[cfg(test)]
mod tests;
