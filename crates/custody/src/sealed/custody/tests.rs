//! What a signature costs: the derivation that unseals a key is done once while the key is held.

use std::sync::Mutex as StdMutex;

use countersign_storage::StorageResult;

use super::super::key_wrap::counts;
use super::super::passphrase::Passphrase;
use super::*;

/// A store of one row.
struct OneRow(StdMutex<SealedKey>);

#[async_trait]
impl KeyStore for OneRow {
    async fn pending(
        &self,
        _gun: &str,
        _role: &str,
        _algorithm: &str,
        _home: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        Ok(None)
    }

    async fn insert_unless_pending(
        &self,
        key: &SealedKey,
        _now: DateTime<Utc>,
    ) -> StorageResult<SealedKey> {
        Ok(key.clone())
    }

    async fn count_pending(&self, _most: u32) -> StorageResult<u32> {
        Ok(0)
    }

    async fn by_id(&self, _key_id: &str) -> StorageResult<Option<SealedKey>> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }

    async fn bind(
        &self,
        _key_id: &str,
        _gun: &str,
        _role: &str,
        _now: DateTime<Utc>,
    ) -> StorageResult<Option<SealedKey>> {
        Ok(None)
    }

    async fn mark_used(&self, _key_id: &str, _at: DateTime<Utc>) -> StorageResult<()> {
        Ok(())
    }

    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>> {
        Ok(sealed.to_vec())
    }
}

#[tokio::test]
async fn unsealing_is_paid_once_while_a_key_is_held_and_again_when_it_is_not() {
    let secret = "counted in this test alone";
    let ring = Passphrases::new("countersign", Passphrase::new(secret.into()).unwrap());
    let (rounds, gun) = (Rounds::new(1_000).unwrap(), Gun::parse("a/b").unwrap());
    let key = ServerKey::generate(ServerKeyAlgorithm::Ecdsa).unwrap();
    let row = row::seal(&key, &gun, ServerRole::Timestamp, &ring, rounds).unwrap();
    let store = Arc::new(OneRow(StdMutex::new(row.clone())));
    let clock = Arc::new(StdMutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let told = Arc::clone(&clock);
    let now: Now = Arc::new(move || *told.lock().unwrap());
    let settings = SealedSettings { rounds, ..SealedSettings::default() };
    let ring = Arc::new(ring);
    let rows = Arc::clone(&store) as Arc<dyn KeyStore>;
    let custody = SealedCustody::open(rows, Arc::clone(&ring), settings, now).await.unwrap();
    let id = key.public().id().clone();
    let sign = async || {
        custody.sign(&gun, ServerRole::Timestamp, &id, b"message").await.unwrap().unwrap();
        counts::opened(secret)
    };
    let before = counts::opened(secret);
    for _ in 0..50 {
        assert_eq!(sign().await, before + 1);
    }
    custody.opened.forget(id.as_str());
    let at_once = tokio::join!(sign(), sign(), sign(), sign());
    assert_eq!(at_once.0.max(at_once.3), before + 2, "of many at once one unseals it");
    let before = before + 1;
    *clock.lock().unwrap() += SealedSettings::default().opened_for;
    custody.wipe_old_keys();
    assert_eq!(sign().await, before + 2, "it was wiped for its age");
    assert_eq!(sign().await, before + 2);
    let anew = row::seal_anew(&row, &key, &ring.sealing(), rounds).unwrap();
    *store.0.lock().unwrap() = anew;
    assert_eq!(sign().await, before + 3, "it was sealed anew");
    assert_eq!(sign().await, before + 3);
}
