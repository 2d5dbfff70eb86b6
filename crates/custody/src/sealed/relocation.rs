//! The same key in another home: from its row into a token, and out of a token that gives it out.
//!
//! A key has signed in its new home before its row changes, and the row changes only if it still is
//! as it was. So whoever ends in the middle leaves each key usable, here or there; done again, it
//! goes on.
//!
//! Source: issue of key custody (moving), signer spec 3.2.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_storage::{KeyHome, KeyStore, KeyUpkeep, SealedKey, TOKEN_ROW};
use countersign_tuf::keys::KeyType;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::key_wrap::Rounds;
use super::passphrases::Passphrases;
use super::private_key::ServerKey;
use super::row;
use crate::CustodyError;
use crate::pkcs11::{Token, TokenKey, TokenUri};

/// What a key signs in its new home before its row names that.
const TRIAL: &[u8] = b"countersign: the first signature of a key";

/// What came of moving one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relocated {
    /// Its row names the new home.
    Moved,
    /// It was there already.
    WasThere,
    /// Its row changed meanwhile; nothing was done to it.
    Changed,
}

/// Moves keys between their rows and a token.
pub struct KeyRelocation<'a> {
    keys: &'a dyn KeyStore,
    upkeep: &'a dyn KeyUpkeep,
    token: Token,
    passphrases: Arc<Passphrases>,
    rounds: Rounds,
}

impl<'a> KeyRelocation<'a> {
    /// Moves keys of one key database. Keys that come out of the token are sealed with the
    /// passphrase of new keys.
    #[must_use]
    pub fn new(
        keys: &'a dyn KeyStore,
        upkeep: &'a dyn KeyUpkeep,
        token: Token,
        passphrases: impl Into<Arc<Passphrases>>,
        rounds: Rounds,
    ) -> Self {
        Self { keys, upkeep, token, passphrases: passphrases.into(), rounds }
    }

    /// Puts the key of `row` into the token. Afterwards its row holds no private key any more.
    ///
    /// # Errors
    /// [`CustodyError`] when the key does not open, or the token does not take it; its row is as it
    /// was then.
    pub async fn into_token(
        &self,
        row: &SealedKey,
        now: DateTime<Utc>,
    ) -> Result<Relocated, CustodyError> {
        if row.home() == KeyHome::Token {
            return Ok(Relocated::WasThere);
        }
        let (sealed, passphrases) = (row.clone(), Arc::clone(&self.passphrases));
        let opened = off_thread(move || {
            let key = row::open(&sealed, &passphrases)?;
            let value = key.curve_value().ok_or(Fault::Unmovable)?;
            Ok((key.public().clone(), value))
        });
        let (public, value) = opened.await?.map_err(|fault| of(fault, row))?;
        let key = TokenKey::put_in(&self.token, public, value, &row.gun, &row.role).await;
        let key = key.map_err(|error| error.of_key(&row.key_id))?;
        let anew = SealedKey {
            encryption_alg: TOKEN_ROW.to_owned(),
            keywrap_alg: TOKEN_ROW.to_owned(),
            passphrase_alias: TOKEN_ROW.to_owned(),
            sealed: key.uri().to_string().into_bytes(),
            ..row.clone()
        };
        if self.upkeep.reseal(row, &anew, now).await? {
            return Ok(Relocated::Moved);
        }
        match self.keys.by_id(&row.key_id).await? {
            // Another process moved it, to the same object.
            Some(other) if other.home() == KeyHome::Token => Ok(Relocated::WasThere),
            _ => {
                key.destroy().await.map_err(|error| error.of_key(&row.key_id))?;
                Ok(Relocated::Changed)
            }
        }
    }

    /// Seals the key of `row` into it, if the token gives it out. What the token has of it stays.
    ///
    /// # Errors
    /// [`CustodyError`] when the token does not give it out, as most do not; the row is as it was
    /// then.
    pub async fn into_row(
        &self,
        row: &SealedKey,
        now: DateTime<Utc>,
    ) -> Result<Relocated, CustodyError> {
        if row.home() == KeyHome::Sealed {
            return Ok(Relocated::WasThere);
        }
        let public = row::public_half(row).map_err(|fault| of(fault, row))?;
        let uri = TokenUri::parse(&row.sealed).ok_or_else(|| of(Fault::NoTokenKey, row))?;
        let value = match TokenKey::named(&self.token, &uri, public.clone()) {
            Ok(key) => key.take_out().await,
            Err(error) => Err(error),
        };
        let value = value.map_err(|error| error.of_key(&row.key_id))?;
        let (was, passphrases, rounds) = (row.clone(), Arc::clone(&self.passphrases), self.rounds);
        let anew = off_thread(move || {
            let key = ServerKey::of_curve_value(public, value)?;
            key.sign(TRIAL)?;
            row::seal_anew(&was, &key, &passphrases.sealing(), rounds)
        });
        let anew = anew.await?.map_err(|fault| of(fault, row))?;
        match self.upkeep.reseal(row, &anew, now).await? {
            true => Ok(Relocated::Moved),
            false => Ok(Relocated::Changed),
        }
    }
}

impl ServerKey {
    /// The key of a scalar or seed, big-endian, and proof that it belongs to `public`.
    fn of_curve_value(
        public: countersign_tuf::keys::PublicKey,
        value: Zeroizing<Vec<u8>>,
    ) -> Result<Self, Fault> {
        let plaintext = match public.key_type() {
            KeyType::Ed25519 => {
                let parts = [public.public(), &value, public.public()];
                Zeroizing::new(parts.concat())
            }
            KeyType::Ecdsa => {
                let secret = p256::SecretKey::from_slice(&value).map_err(|_| Fault::Unmovable)?;
                secret.to_sec1_der().map_err(|_| Fault::Unmovable)?
            }
            _ => return Err(Fault::Unmovable),
        };
        Self::load(public, &plaintext)
    }
}

fn of(fault: Fault, row: &SealedKey) -> CustodyError {
    fault.of_row(&row.key_id, &row.passphrase_alias)
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<Result<T, Fault>, CustodyError> {
    spawn_blocking(work)
        .await
        .map_err(|error| CustodyError::Other(format!("key work did not finish: {error}")))
}

#[cfg(test)]
mod tests {
    use countersign_tuf::keys::ServerKeyAlgorithm;

    use super::*;

    #[test]
    fn a_key_is_the_same_after_its_bare_value() {
        for algorithm in [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519] {
            let key = ServerKey::generate(algorithm).unwrap();
            let value = key.curve_value().unwrap();
            assert_eq!(value.len(), 32);
            let again = ServerKey::of_curve_value(key.public().clone(), value).unwrap();
            assert_eq!(*again.to_plaintext(), *key.to_plaintext());
            let other = ServerKey::generate(algorithm).unwrap().curve_value().unwrap();
            let mixed = ServerKey::of_curve_value(key.public().clone(), other);
            assert_eq!(mixed.unwrap_err(), Fault::PublicMismatch);
        }
    }
}
