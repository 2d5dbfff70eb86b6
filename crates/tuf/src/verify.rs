//! The one place where a document becomes believable, and the one threshold function.
//!
//! [`Verified`] has no other constructor. Signatures are checked over the canonical form of the
//! JSON that was received, so white space, member order and unknown members do not matter, and
//! unknown members are covered. Source: server spec 3.3 and 3.5, contract section 3.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::digest::Digests;
use crate::keys::{KeyId, PublicKey, verify_signature};
use crate::metadata::{Document, Envelope};
use crate::names::{RoleName, Version};
use crate::reason::Reason;

/// Who may sign a role, and how many of them must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleKeys {
    /// The role.
    pub role: RoleName,
    /// Its keys by the IDs that the delegating document lists.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// How many distinct keys must sign.
    pub threshold: i64,
}

impl RoleKeys {
    /// How many distinct private keys these keys stand for: one that is listed plain and as a
    /// certificate counts once.
    #[must_use]
    pub fn distinct_keys(&self) -> usize {
        self.keys.values().map(PublicKey::canonical_id).collect::<BTreeSet<_>>().len()
    }
}

/// A document of which nothing is proved.
#[derive(Clone, Debug)]
pub struct Unverified<T> {
    role: RoleName,
    envelope: Envelope,
    kind: PhantomData<T>,
}

/// A document signed by enough keys of its role; its structure has been checked. Made by
/// [`Unverified::verify`] only.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    role: RoleName,
    content: T,
    raw: Bytes,
    digests: Digests,
    signers: BTreeSet<KeyId>,
}

impl<T: Document> Unverified<T> {
    /// A document that is said to be `role`'s.
    ///
    /// # Errors
    /// [`Reason::Json`] when more than white space follows the JSON value.
    pub fn new(role: RoleName, envelope: Envelope) -> Result<Self, Reason> {
        envelope.refuse_trailing()?;
        Ok(Self { role, envelope, kind: PhantomData })
    }

    /// Reads a document that is said to be `role`'s.
    ///
    /// # Errors
    /// [`Reason::Json`] when the bytes are no document.
    pub fn parse(role: RoleName, raw: Bytes) -> Result<Self, Reason> {
        Self::new(role, Envelope::parse(raw)?)
    }

    /// What the document says, structure checked, signatures not.
    ///
    /// # Errors
    /// The [`Reason`] why the structure is wrong.
    pub fn read_untrusted(&self) -> Result<T, Reason> {
        T::read(&self.role, self.envelope.signed())
    }

    /// Whether enough of these keys signed; returns those that did. The one threshold function.
    ///
    /// # Errors
    /// The [`Reason`] why not.
    pub fn signers(&self, keys: &RoleKeys) -> Result<BTreeSet<KeyId>, Reason> {
        if self.envelope.signatures().is_empty() {
            return Err(Reason::NoSignatures);
        }
        let not_met = || Reason::ThresholdNotMet(keys.role.clone());
        let threshold = usize::try_from(keys.threshold).ok().filter(|threshold| *threshold > 0);
        let threshold = threshold.ok_or_else(not_met)?;
        let message = self.envelope.message()?;
        let mut signers = BTreeSet::new();
        let mut distinct = BTreeSet::new();
        for signature in self.envelope.signatures() {
            let Some(key) = keys.keys.get(&signature.key_id) else { continue };
            if *key.id() != signature.key_id {
                return Err(Reason::KeyIdMismatch);
            }
            if signers.contains(&signature.key_id) {
                continue;
            }
            if verify_signature(key, &signature.method, &message, &signature.bytes) {
                signers.insert(signature.key_id.clone());
                distinct.insert(key.canonical_id());
            }
        }
        if distinct.len() < threshold { Err(not_met()) } else { Ok(signers) }
    }

    /// Checks signatures, then structure.
    ///
    /// # Errors
    /// The [`Reason`] why the document does not count.
    pub fn verify(self, keys: &RoleKeys) -> Result<Verified<T>, Reason> {
        let signers = self.signers(keys)?;
        let content = self.read_untrusted()?;
        let raw = self.envelope.raw().clone();
        Ok(Verified { role: self.role, content, digests: Digests::of(&raw), raw, signers })
    }
}

impl<T: Document> Verified<T> {
    /// The document's role.
    #[must_use]
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// What the document says.
    #[must_use]
    pub fn content(&self) -> &T {
        &self.content
    }

    /// The exact bytes that were signed.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The digests of the exact bytes.
    #[must_use]
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Those of the role's keys whose signatures on it were verified.
    #[must_use]
    pub fn signers(&self) -> &BTreeSet<KeyId> {
        &self.signers
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.content.header().version
    }

    /// When it expires.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.content.header().expires.at()
    }

    /// Passes the document on when it has not expired.
    ///
    /// # Errors
    /// [`Reason::Expired`].
    pub fn unexpired(self, now: DateTime<Utc>) -> Result<Self, Reason> {
        let expires = self.content.header().expires;
        if expires.is_past(now) {
            return Err(Reason::Expired { role: self.role, at: expires });
        }
        Ok(self)
    }
}
