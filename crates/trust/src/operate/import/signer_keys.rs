//! What the keys of a signer are for: the source keeps that beside its metadata, pending keys
//! included, and the target needs it to use them. The keys themselves are the signer's.

use countersign_custody::sealed::KeyFlaw;
use countersign_storage::{KeyBinding, StorageError};

use super::account::{Account, KeyTrouble, count};
use super::bindings::PAGE;
use super::{Destination, Import, Pass, Stage, Step, source, target};

impl Import<'_> {
    /// What is bound once stays so, there as here; so each run only adds, and notes later uses.
    pub(super) async fn move_signer_keys(&self, pass: Pass, account: &mut Account) -> Step {
        self.watch.begin(Stage::SignerKeys, None);
        let mut last: Option<KeyBinding> = None;
        loop {
            let page = match self.source.bindings.bindings(None, last.as_ref(), PAGE).await {
                // Whatever follows it cannot be read either.
                Err(damaged @ StorageError::Corrupt { .. }) => {
                    let flaw = KeyFlaw::Unusable(damaged.to_string());
                    let (gun, role) = (String::new(), String::new());
                    tell(account, KeyTrouble { key_id: String::new(), gun, role, flaw });
                    return Ok(());
                }
                read => source(read)?,
            };
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for binding in page {
                self.go_on()?;
                self.watch.advance();
                self.move_signer_key(&binding, pass, account).await?;
            }
        }
    }

    async fn move_signer_key(
        &self,
        binding: &KeyBinding,
        pass: Pass,
        account: &mut Account,
    ) -> Step {
        let there = match self.target() {
            Some(side) => target(side.bindings.binding(&binding.key_id).await)?,
            None => None,
        };
        let is_whole = there.as_ref().is_some_and(|there| there.last_used >= binding.last_used);
        let bound = match there {
            Some(there) => there,
            None => match self.bind_in_target(binding).await? {
                Ok(bound) => bound,
                Err(reason) => {
                    tell(account, trouble(binding, reason));
                    return Ok(());
                }
            },
        };
        if (&bound.gun, bound.role) != (&binding.gun, binding.role) {
            let reason = format!("in the target it is for {} ({})", bound.gun, bound.role);
            tell(account, trouble(binding, reason));
            return Ok(());
        }
        if is_whole {
            if pass == Pass::First {
                count(&mut account.signer_keys_unchanged);
            }
            return Ok(());
        }
        count(&mut account.signer_keys);
        match (self.destination, binding.last_used) {
            (Destination::Store(side), Some(at)) if bound.last_used < Some(at) => {
                target(side.bindings.note_binding_used(&binding.key_id, at).await)
            }
            _ => Ok(()),
        }
    }

    /// As it is bound in the target afterwards, or why it is not.
    async fn bind_in_target(&self, binding: &KeyBinding) -> Step<Result<KeyBinding, String>> {
        let Destination::Store(side) = self.destination else { return Ok(Ok(binding.clone())) };
        match side.bindings.bind_key(binding).await {
            Err(refused @ (StorageError::Other(_) | StorageError::Unstorable { .. })) => {
                Ok(Err(refused.to_string()))
            }
            bound => target(bound).map(Ok),
        }
    }
}

/// Once, however often it is met.
fn tell(account: &mut Account, trouble: KeyTrouble) {
    if !account.key_troubles.contains(&trouble) {
        account.key_troubles.push(trouble);
    }
}

fn trouble(binding: &KeyBinding, reason: String) -> KeyTrouble {
    KeyTrouble {
        key_id: binding.key_id.clone(),
        gun: binding.gun.as_str().to_owned(),
        role: binding.role.as_str().to_owned(),
        flaw: KeyFlaw::Unusable(format!(
            "for whom this key of a signer is was not moved: {reason}"
        )),
    }
}
