//! Keys in a token that no row names: a process ended between making a key and storing its row, or
//! between removing a row and the key.
//!
//! A token may be shared with others. So only what bears our label counts, nothing is removed but
//! what was named, and who names it has seen it before.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_storage::{KeyStore, KeyUpkeep, StorageResult};
use countersign_tuf::keys::PublicKey;

use super::error::TokenError;
use super::key::parts_of_label;
use super::labelled::{LabelledKey, labelled};
use super::session::hex;
use super::token::Token;
use super::uri::TokenUri;
use crate::CustodyError;

/// How many rows are read at a time.
const PAGE: u32 = 1_000;

/// After how long both are looked at again: a key is in the token before its row is stored, and may
/// be there for a moment after its row was removed.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// The longest time for going through a token: each key in it is asked for.
const PATIENCE: Duration = Duration::from_secs(600);

/// The length of a key ID in bytes, as a `CKA_ID` has it.
const KEY_ID_BYTES: usize = 32;

/// A key in a token, or a half of one, that no row names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    label: String,
    id: Vec<u8>,
    /// The key's ID, if it can be told.
    pub key_id: Option<String>,
    /// The GUN that it was made for; empty for a key that named none.
    pub gun: String,
    /// The role that it was made for; empty for a key that named none.
    pub role: String,
}

impl Leftover {
    /// Its `CKA_ID`, in hex: what it is named by.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    /// Removes what the token has of it: the objects with its label and its `CKA_ID`.
    ///
    /// # Errors
    /// When the token does not answer, or does not let go of it.
    pub async fn remove(self, token: &Token) -> Result<(), TokenError> {
        let Self { label, id, .. } = self;
        token.change(move |session| session.destroy_labelled(&id, &label)).await
    }

    fn of(key: LabelledKey) -> Option<Self> {
        let LabelledKey { label, id, public } = key;
        let (gun, role) = parts_of_label(&label)?;
        let (gun, role) = (gun.to_owned(), role.to_owned());
        let by_name = (id.len() == KEY_ID_BYTES).then(|| hex(&id));
        let key_id = by_name.or_else(|| public.as_ref().map(key_id_of));
        Some(Self { label, id, key_id, gun, role })
    }
}

fn key_id_of(key: &PublicKey) -> String {
    key.id().as_str().to_owned()
}

/// The keys in `token` that are labelled as ours are, and that no row names. A key that was moved
/// out of the token, and is sealed in its row now, is none.
///
/// # Errors
/// [`CustodyError`] when token or store do not answer.
pub async fn leftovers(
    token: &Token,
    keys: &dyn KeyStore,
    upkeep: &dyn KeyUpkeep,
) -> Result<Vec<Leftover>, CustodyError> {
    let mut unnamed = ours(token).await?;
    drop_named(&mut unnamed, token.label(), keys, upkeep).await?;
    if !unnamed.is_empty() {
        tokio::time::sleep(SECOND_LOOK).await;
        let there = ours(token).await?;
        unnamed.retain(|key| there.contains(key));
        drop_named(&mut unnamed, token.label(), keys, upkeep).await?;
    }
    Ok(unnamed)
}

/// The keys that are labelled as ours are.
async fn ours(token: &Token) -> Result<Vec<Leftover>, TokenError> {
    let found = token.call_within(PATIENCE, |session| labelled(session)).await?;
    Ok(found.into_iter().filter_map(Leftover::of).collect())
}

/// Leaves those that no row names.
async fn drop_named(
    keys_there: &mut Vec<Leftover>,
    label: &str,
    keys: &dyn KeyStore,
    upkeep: &dyn KeyUpkeep,
) -> StorageResult<()> {
    if keys_there.is_empty() {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    let mut last: Option<String> = None;
    loop {
        let page = upkeep.in_token(last.as_deref(), PAGE).await?;
        let Some(end) = page.last() else { break };
        last = Some(end.key_id.clone());
        let uris = page.iter().filter_map(|row| TokenUri::parse(&row.sealed));
        named.extend(uris.filter(|uri| uri.token() == label).map(|uri| uri.id().to_vec()));
    }
    let mut unnamed = Vec::new();
    for key in keys_there.drain(..).filter(|key| !named.contains(&key.id)) {
        let row = match &key.key_id {
            Some(id) => keys.by_id(id).await?,
            None => None,
        };
        if row.is_none() {
            unnamed.push(key);
        }
    }
    *keys_there = unnamed;
    Ok(())
}
