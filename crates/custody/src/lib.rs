//! Makes and uses server-held keys.
//!
//! [`Custody`] is the boundary: trust asks it for keys and signatures and never sees a private
//! key. [`sealed`] keeps them encrypted in the database, in the Go signer's row format.
//! [`KeyHomes`] is custody over several places at once; a [`KeyPlan`] says which of them a new key
//! goes to.
//!
//! Never in here: publish rules, HTTP but what gRPC to a signer is made of.
//!
//! To add a place where keys live: implement [`Custody`] in a folder of its own, run the tests of
//! `tests/custody/` on it, and name it in [`Home`].

use async_trait::async_trait;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};
use thiserror::Error;

mod homes_by_id;
mod key_homes;
mod key_plan;
mod known_homes;
pub mod pkcs11;
pub mod remote;
mod retirement;
pub mod sealed;
pub mod signature_log;

pub use homes_by_id::HomesById;
pub use key_homes::{KeyHomes, NoSuchHome};
pub use key_plan::{Guns, Home, KeyChoice, KeyPlan, KeyRule};
pub use retirement::{KeyRetirement, StoredKeys};

/// Why custody could not answer.
#[derive(Debug, Error)]
pub enum CustodyError {
    /// A stored key is damaged, does not open, or does not match its public half.
    #[error("server key {key_id}: {reason}")]
    BadKey {
        /// The key's ID.
        key_id: String,
        /// What is wrong; never holds key material.
        reason: String,
    },
    /// As many keys wait for their first signature as may. There is room again once some signed.
    #[error(
        "{limit} server keys have not signed anything yet, and no more are made: publish with them or raise limits.pending_keys"
    )]
    TooManyPending {
        /// How many may wait.
        limit: u32,
    },
    /// Where the keys live cannot be reached now. Trying again later can help.
    #[error("the server's keys cannot be reached now: {reason}")]
    Unavailable {
        /// What was said.
        reason: String,
    },
    /// Where the keys live, none can be stored for this GUN.
    #[error("no server key can be stored for this GUN: {reason}")]
    UnstorableGun {
        /// What was said.
        reason: String,
    },
    /// Anything else that trying again does not mend.
    #[error("server keys: {0}")]
    Other(String),
}

/// Who holds the server's private keys.
///
/// A key is bound to the GUN and role it was made for: asked for another, custody answers as if
/// it had none.
#[async_trait]
pub trait Custody: Send + Sync {
    /// The pending key of this GUN, role and algorithm: one that was made and has not signed
    /// yet. Made when there is none.
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError>;

    /// The same for whoever has just been told that there is none: it is not looked for first. One
    /// that was made meanwhile is answered all the same.
    async fn make_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.pending_key(gun, role, algorithm).await
    }

    /// The pending key of this GUN, role and algorithm if there is one. Makes none.
    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError>;

    /// The public half of a key that custody holds for this GUN and role.
    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError>;

    /// Binds a key to this GUN and role for good, if it is held and bound to none: signers older
    /// than these bindings left such keys. Whatever is bound stays. Whether the key is held for
    /// this GUN and role afterwards.
    ///
    /// Only for a key that a verified root of this GUN names for this role.
    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError>;

    /// Signs `message` (the whole canonical message; hashing is done here). `None` when the key
    /// is not held for this GUN and role. The signature has been verified.
    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError>;

    /// Signs as [`Custody::sign`] does, for whoever tries the key out: where it can be helped,
    /// that counts as no use of the key.
    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        self.sign(gun, role, id, message).await
    }

    /// Whether keys can be reached now.
    async fn check(&self) -> Result<(), CustodyError>;
}

/// Keys as a notary-signer tells of them: by their IDs, whatever the caller wants them for.
///
/// Whoever serves this judges first who asks; a server that holds its keys itself uses
/// [`Custody`], which keeps each key to its GUN and role.
#[async_trait]
pub trait KeysById: Custody {
    /// The key of this ID, and what it is for.
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError>;

    /// Signs `message` as [`Custody::sign`] does, with the key of this ID. `None` when there is
    /// none.
    ///
    /// With a `purpose` a key that was made for another is as if it was not there, and one that
    /// names none is bound to it first.
    async fn sign_by_id(
        &self,
        id: &KeyId,
        purpose: Option<Purpose<'_>>,
        message: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError>;

    /// Forgets what is held of the key: it was let go of in this process.
    fn forget(&self, id: &KeyId);
}

/// What a key is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// The GUN.
    pub gun: &'a Gun,
    /// The role.
    pub role: ServerRole,
}

impl Purpose<'_> {
    /// Whether a key that is stored with this GUN and role was made for it.
    #[must_use]
    pub fn is_of(&self, gun: &str, role: &str) -> bool {
        gun == self.gun.as_str() && role == self.role.as_str()
    }

    /// Whether such a key lacks something, and what it has is no other GUN or role: then it may be
    /// bound.
    #[must_use]
    pub fn may_bind(&self, gun: &str, role: &str) -> bool {
        let fits = |has: &str, wanted: &str| has.is_empty() || has == wanted;
        !self.is_of(gun, role) && fits(gun, self.gun.as_str()) && fits(role, self.role.as_str())
    }
}

/// A key, and what it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: PublicKey,
    /// The GUN as it is stored; empty in old rows.
    pub gun: String,
    /// The role as it is stored; empty in old rows.
    pub role: String,
    /// Where it lives.
    pub home: Home,
}

/// A signature by a key that was asked for by its ID alone. It has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureById {
    /// The key that made it, and what that is for.
    pub by: KnownKey,
    /// As [`KeySignature::bytes`].
    pub bytes: Vec<u8>,
}

/// A signature, and the key that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySignature {
    /// The key.
    pub key: PublicKey,
    /// r ‖ s for ECDSA, 64 bytes for Ed25519, PSS as long as its modulus for RSA.
    pub bytes: Vec<u8>,
}
