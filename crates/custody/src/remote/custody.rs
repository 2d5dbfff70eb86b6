//! Custody over a signer: which of its keys may be used for whom, and when one counts as used.
//!
//! Notary's signer signs with any of its keys for anyone. So this server keeps for which GUN and
//! role each key is, and asks for a signature only then.
//!
//! Never in here: connections, the judging of answers.
//!
//! Source: contract section 3, signer spec 1.2, 5 and 9.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use countersign_storage::{KeyBinding, KeyBindings};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use super::calls::Calls;
use super::fault::Fault;
use super::known_keys::{Known, KnownKeys};
use super::link::{SignerAt, SignerLink};
use super::old_keys::OldKeysGate;
use super::signer_tls::SignerTls;
use crate::sealed::Now;
use crate::{Custody, CustodyError, KeySignature};

/// How long a noted use stays accurate enough (contract section 3: at most daily).
const USE_NOTED_FOR: TimeDelta = TimeDelta::days(1);

/// How long the signer's health is waited for, of each of its two services.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);

/// How many bindings of one GUN are looked through for a pending key at a time.
const PAGE: u32 = 100;

/// Server-held keys that a signer holds.
///
/// A key is used only for the GUN and role it is bound to: those it was made for, or for a key
/// from before, those of the first stored root that names it. Until it is bound, custody answers
/// as if the signer had none.
pub struct RemoteCustody {
    calls: Calls,
    bindings: Arc<dyn KeyBindings>,
    known: KnownKeys,
    gate: Arc<OldKeysGate>,
    now: Now,
}

impl RemoteCustody {
    /// Custody of the keys behind `link`, bound as `bindings` say.
    #[must_use]
    pub fn new(link: Arc<SignerLink>, bindings: Arc<dyn KeyBindings>, now: Now) -> Self {
        let (known, gate) = (KnownKeys::new(), Arc::default());
        Self { calls: Calls::over(link), bindings, known, gate, now }
    }

    /// Where the signer is.
    #[must_use]
    pub fn signer(&self) -> &SignerAt {
        self.calls.signer()
    }

    /// What keeps keys from before this server unbound until their first roots are known.
    #[must_use]
    pub fn old_keys_gate(&self) -> &Arc<OldKeysGate> {
        &self.gate
    }

    /// Makes new connections by `tls` from now on.
    pub fn renew_tls(&self, tls: SignerTls) {
        self.calls.renew_tls(tls);
    }

    /// Whether this key is bound to any GUN and role.
    ///
    /// # Errors
    /// [`CustodyError`] when the bindings do not answer.
    pub async fn is_bound(&self, id: &KeyId) -> Result<bool, CustodyError> {
        Ok(self.known(id).await?.is_some())
    }

    /// Binds a key to this GUN and role, the first whose root names it, if the signer holds it for
    /// this role and it is bound to none. Whether it is theirs afterwards.
    ///
    /// # Errors
    /// [`CustodyError`] when signer or bindings do not answer.
    pub async fn bind_first(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<bool, CustodyError> {
        if let Some(known) = self.known(id).await? {
            return Ok(known.is_for(gun, role));
        }
        let Some(key) = self.calls.key(gun, role, id).await? else { return Ok(false) };
        let known = self.bind_to(gun, role, key).await?;
        let bound = known.is_for(gun, role);
        if bound {
            tracing::info!(
                key_id = %id, %gun, %role, signer = %self.signer(),
                "a key of the signer is bound from now on"
            );
        }
        Ok(bound)
    }

    /// What is known of a key that is bound, from memory or from the bindings.
    async fn known(&self, id: &KeyId) -> Result<Option<Known>, CustodyError> {
        if let Some(known) = self.known.find(id) {
            return Ok(Some(known));
        }
        // An ID of another form names no key.
        if !id.is_well_formed() {
            return Ok(None);
        }
        let Some(binding) = self.bindings.binding(id.as_str()).await? else { return Ok(None) };
        let known = known_by(binding, None);
        self.known.keep(id, known.clone());
        Ok(Some(known))
    }

    /// Binds a key that the signer gave just now, unless it is bound.
    async fn bind_to(
        &self,
        gun: &Gun,
        role: ServerRole,
        key: PublicKey,
    ) -> Result<Known, CustodyError> {
        let wanted = KeyBinding {
            key_id: key.id().as_str().to_owned(),
            algorithm: key.key_type().as_str().to_owned(),
            gun: gun.clone(),
            role,
            bound_at: (self.now)(),
            last_used: None,
        };
        let binding = self.bindings.bind_key(&wanted).await?;
        let id = key.id().clone();
        let known = known_by(binding, Some(key));
        self.known.keep(&id, known.clone());
        Ok(known)
    }

    /// The public half of a bound key: kept, or asked for.
    async fn public_half(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        known: &Known,
    ) -> Result<Option<PublicKey>, CustodyError> {
        if let Some(key) = &known.key {
            return Ok(Some(key.clone()));
        }
        let Some(key) = self.calls.key(gun, role, id).await? else { return Ok(None) };
        self.known.keep(id, Known { key: Some(key.clone()), ..known.clone() });
        Ok(Some(key))
    }

    /// Notes that a key signs now. The first use must be noted, or the key would stay pending; a
    /// later note is only for the operator.
    async fn note_use(&self, id: &KeyId, known: Known) -> Result<(), CustodyError> {
        let now = (self.now)();
        let noted = known.last_used;
        if noted.is_some_and(|noted| now.signed_duration_since(noted) < USE_NOTED_FOR) {
            return Ok(());
        }
        match (self.bindings.note_binding_used(id.as_str(), now).await, noted) {
            (Ok(()), _) => self.known.keep(id, Known { last_used: Some(now), ..known }),
            (Err(error), None) => return Err(error.into()),
            (Err(error), Some(_)) => tracing::warn!(
                key_id = %id, gun = %known.gun, role = %known.role, %error,
                "the last use of a server key could not be noted; the signature is used all the same"
            ),
        }
        Ok(())
    }
}

#[async_trait]
impl Custody for RemoteCustody {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        let key = self.calls.pending_key(gun, role, algorithm).await?;
        let known = self.bind_to(gun, role, key.clone()).await?;
        if known.is_for(gun, role) {
            return Ok(key);
        }
        Err(self.of_another(gun, &key, &known))
    }

    /// A signer cannot be asked for a pending key without making one; what it made here and has not
    /// signed since is known.
    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        let mut last = None;
        loop {
            let page = self.bindings.bindings(Some(gun), last.as_ref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(None) };
            last = Some(end.clone());
            let pending = page.into_iter().filter(|binding| {
                binding.role == role
                    && binding.last_used.is_none()
                    && binding.algorithm == algorithm.as_str()
            });
            for binding in pending {
                let id = KeyId::claimed(&binding.key_id);
                if let Some(key) = self.calls.key(gun, role, &id).await? {
                    return Ok(Some(key));
                }
            }
        }
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        let Some(known) = self.known(id).await? else { return Ok(None) };
        if !known.is_for(gun, role) {
            return Ok(None);
        }
        // Whether the signer still has it is its to say.
        let key = self.calls.key(gun, role, id).await?;
        if key.is_none() {
            self.known.forget(id);
        }
        Ok(key)
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        if let Some(known) = self.known(id).await? {
            return Ok(known.is_for(gun, role));
        }
        if !id.is_well_formed() {
            return Ok(false);
        }
        self.gate.pass()?;
        self.bind_first(gun, role, id).await
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let Some(known) = self.known(id).await? else { return Ok(None) };
        if !known.is_for(gun, role) {
            tracing::warn!(
                key_id = %id, %gun, %role, bound_to = %known.gun, bound_role = %known.role,
                "a root names a key that is for another collection; nothing is signed with it"
            );
            return Ok(None);
        }
        let Some(key) = self.public_half(gun, role, id, &known).await? else { return Ok(None) };
        let Some(bytes) = self.calls.sign(gun, role, &key, message).await? else {
            self.known.forget(id);
            return Ok(None);
        };
        self.note_use(id, Known { key: Some(key.clone()), ..known }).await?;
        Ok(Some(KeySignature { key, bytes }))
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.calls.check(HEALTH_WITHIN).await
    }
}

impl RemoteCustody {
    /// The signer gave a key that is another's.
    fn of_another(&self, gun: &Gun, key: &PublicKey, known: &Known) -> CustodyError {
        // Its database may take two names for one, as MySQL does.
        let folded = |gun: &Gun| gun.as_str().trim_end().to_lowercase();
        if known.gun != *gun && folded(&known.gun) == folded(gun) {
            let reason = format!(
                "the signer at {} takes it for {}, which has a key there",
                self.signer(),
                known.gun
            );
            return CustodyError::UnstorableGun { reason };
        }
        let what = "asked for a new key, it gave one that is bound to another collection or role";
        Fault::Dishonest(what.to_owned()).of_key(self.signer(), key.id())
    }
}

impl fmt::Debug for RemoteCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteCustody").field("signer", self.signer()).finish_non_exhaustive()
    }
}

fn known_by(binding: KeyBinding, key: Option<PublicKey>) -> Known {
    let KeyBinding { gun, role, last_used, .. } = binding;
    Known { key, gun, role, last_used }
}
