//! Bindings in the database, and in memory where it has no table of them and lets none be made.
//!
//! In memory they end with the process; those of keys that a stored root names are found again at
//! the next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_storage::{KeyBinding, KeyBindings, StorageError, StorageResult};
use countersign_tuf::names::Gun;

use super::unstored_bindings::UnstoredBindings;

/// What the keys of a signer are for, stored as well as it can be.
pub struct KeptBindings {
    stored: Arc<dyn KeyBindings>,
    unstored: UnstoredBindings,
    /// Whether it was said that they are not stored.
    said: AtomicBool,
}

impl KeptBindings {
    /// Bindings in `stored`, as long as it takes any.
    #[must_use]
    pub fn new(stored: Arc<dyn KeyBindings>) -> Self {
        Self { stored, unstored: UnstoredBindings::default(), said: AtomicBool::new(false) }
    }
}

#[async_trait]
impl KeyBindings for KeptBindings {
    async fn binding(&self, key_id: &str) -> StorageResult<Option<KeyBinding>> {
        match self.unstored.binding(key_id).await? {
            Some(binding) => Ok(Some(binding)),
            None => self.stored.binding(key_id).await,
        }
    }

    async fn bind_key(&self, binding: &KeyBinding) -> StorageResult<KeyBinding> {
        if let Some(bound) = self.unstored.binding(&binding.key_id).await? {
            return Ok(bound);
        }
        match self.stored.bind_key(binding).await {
            Err(StorageError::Other(reason)) => {
                if !self.said.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        reason,
                        "what the signer's keys are for is kept in memory only: at each start the \
                         stored roots are looked through, and a key that none names is for the \
                         first that does"
                    );
                }
                self.unstored.bind_key(binding).await
            }
            answer => answer,
        }
    }

    async fn note_binding_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        self.unstored.note_binding_used(key_id, at).await?;
        self.stored.note_binding_used(key_id, at).await
    }

    /// Where one is kept in memory, none is stored.
    async fn bindings(
        &self,
        gun: Option<&Gun>,
        after: Option<&KeyBinding>,
        most: u32,
    ) -> StorageResult<Vec<KeyBinding>> {
        let unstored = self.unstored.bindings(gun, after, most).await?;
        if unstored.is_empty() {
            self.stored.bindings(gun, after, most).await
        } else {
            Ok(unstored)
        }
    }

    async fn unbind_key(&self, key_id: &str) -> StorageResult<bool> {
        Ok(self.unstored.unbind_key(key_id).await? || self.stored.unbind_key(key_id).await?)
    }
}

#[cfg(test)]
mod tests {
    use countersign_tuf::names::ServerRole;

    use super::*;

    /// A database without the table, as its engine answers for one.
    struct NoTable;

    #[async_trait]
    impl KeyBindings for NoTable {
        async fn binding(&self, _: &str) -> StorageResult<Option<KeyBinding>> {
            Ok(None)
        }

        async fn bind_key(&self, _: &KeyBinding) -> StorageResult<KeyBinding> {
            Err(StorageError::Other("no table: grant CREATE".to_owned()))
        }

        async fn note_binding_used(&self, _: &str, _: DateTime<Utc>) -> StorageResult<()> {
            Ok(())
        }

        async fn bindings(
            &self,
            _: Option<&Gun>,
            _: Option<&KeyBinding>,
            _: u32,
        ) -> StorageResult<Vec<KeyBinding>> {
            Ok(Vec::new())
        }

        async fn unbind_key(&self, _: &str) -> StorageResult<bool> {
            Ok(false)
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn binding(key_id: &str, gun: &str) -> KeyBinding {
        KeyBinding {
            key_id: key_id.to_owned(),
            algorithm: "ecdsa".to_owned(),
            gun: Gun::parse(gun).unwrap(),
            role: ServerRole::Timestamp,
            bound_at: at(0),
            last_used: None,
        }
    }

    #[tokio::test]
    async fn without_a_table_a_key_is_bound_once_all_the_same() {
        let kept = KeptBindings::new(Arc::new(NoTable));
        let first = binding("k1", "b");
        assert_eq!(kept.bind_key(&first).await.unwrap(), first);
        assert_eq!(kept.bind_key(&binding("k1", "a")).await.unwrap(), first);
        assert_eq!(kept.binding("k1").await.unwrap(), Some(first.clone()));
        kept.note_binding_used("k1", at(5)).await.unwrap();
        assert_eq!(kept.binding("k1").await.unwrap().unwrap().last_used, Some(at(5)));

        let second = binding("k2", "a");
        kept.bind_key(&second).await.unwrap();
        let all = kept.bindings(None, None, 9).await.unwrap();
        let ids: Vec<&str> = all.iter().map(|binding| binding.key_id.as_str()).collect();
        assert_eq!(ids, ["k2", "k1"], "in the order of GUNs");
        let after = kept.bindings(None, all.first(), 9).await.unwrap();
        assert_eq!(after.len(), 1);
        assert_eq!(kept.bindings(Some(&second.gun), None, 9).await.unwrap(), [second]);
        assert!(kept.unbind_key("k1").await.unwrap());
        assert!(!kept.unbind_key("k1").await.unwrap());
        assert_eq!(kept.binding("k1").await.unwrap(), None);
    }
}
