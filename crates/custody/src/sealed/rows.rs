//! What a row is for and when it counts as used: the same for every home of keys that has rows.
//!
//! Source: contract section 3 (bindings, `last_used`).

use chrono::{DateTime, TimeDelta, Utc};
use countersign_storage::{KeyStore, SealedKey};
use countersign_tuf::keys::PublicKey;
use countersign_tuf::names::{Gun, ServerRole};

pub(crate) use super::pending_room::PendingRoom;
use super::row;
use crate::{CustodyError, Purpose};

/// How long a noted use stays accurate enough (contract section 3: at most daily).
const USE_NOTED_FOR: TimeDelta = TimeDelta::days(1);

/// Whether the row is for this GUN and role.
pub(crate) fn is_bound(row: &SealedKey, gun: &Gun, role: ServerRole) -> bool {
    Purpose { gun, role }.is_of(&row.gun, &row.role)
}

/// The row's public half, proved to be the one that its ID names.
pub(crate) fn public_half(row: &SealedKey) -> Result<PublicKey, CustodyError> {
    row::public_half(row).map_err(|fault| fault.of_row(&row.key_id, &row.passphrase_alias))
}

/// Whether nothing is to be noted when the key signs at `now`.
pub(crate) fn is_use_noted(row: &SealedKey, now: DateTime<Utc>) -> bool {
    row.last_used.is_some_and(|noted| now.signed_duration_since(noted) < USE_NOTED_FOR)
}

/// Notes that the key has signed. The first note ends the key's pending time, so without it the
/// signature must not leave; a later one only keeps the date roughly right.
pub(crate) async fn note_use(
    store: &dyn KeyStore,
    row: &SealedKey,
    now: DateTime<Utc>,
) -> Result<(), CustodyError> {
    if row.last_used.is_none() {
        store.mark_used(&row.key_id, now).await?;
        // Whoever retired it meanwhile saw a key that had signed nothing, and it stays so.
        return match store.by_id(&row.key_id).await? {
            Some(_) => Ok(()),
            None => Err(CustodyError::Unavailable {
                reason: format!("the key {} was retired just now", row.key_id),
            }),
        };
    }
    if is_use_noted(row, now) {
        return Ok(());
    }
    if let Err(error) = store.mark_used(&row.key_id, now).await {
        tracing::warn!(
            key_id = %row.key_id, gun = %row.gun, role = %row.role, %error,
            "the last use of a server key could not be noted; the signature is used all the same"
        );
    }
    Ok(())
}
