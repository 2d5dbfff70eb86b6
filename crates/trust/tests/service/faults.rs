//! A custody or a store that fails: nothing is stored, and busy never looks like absent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Duration;
use countersign_custody::{Custody, CustodyError, KeySignature};
use countersign_storage::StorageError;
use countersign_trust::TrustError;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use crate::bench::{Bench, gun, read, role, service};

const GUN: &str = "example.com/team/app";

/// A custody that can be taken away, or made to sign wrongly.
pub(crate) struct Breakable {
    inner: Arc<dyn Custody>,
    pub(crate) away: AtomicBool,
    lies: AtomicBool,
}

impl Breakable {
    fn reach(&self) -> Result<(), CustodyError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(CustodyError::Unavailable { reason: "taken away".to_owned() });
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Custody for Breakable {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.reach()?;
        self.inner.pending_key(gun, role, algorithm).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.reach()?;
        self.inner.find_pending(gun, role, algorithm).await
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.reach()?;
        self.inner.find_key(gun, role, id).await
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        self.reach()?;
        self.inner.bind(gun, role, id).await
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        self.reach()?;
        if self.lies.load(Ordering::SeqCst) {
            return self.inner.sign(gun, role, id, b"something else").await;
        }
        self.inner.sign(gun, role, id, message).await
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.reach()
    }
}

/// The bench's custody, until it is taken away.
pub(crate) fn breakable(bench: &Bench) -> Arc<Breakable> {
    Arc::new(Breakable {
        inner: bench.custody.clone(),
        away: AtomicBool::new(false),
        lies: AtomicBool::new(false),
    })
}

#[tokio::test]
async fn with_custody_away_reads_go_on_and_a_publish_fails_whole() {
    let bench = Bench::new().await;
    let custody = breakable(&bench);
    let trust = service(bench.store.clone(), custody.clone(), bench.clock.clone());
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    custody.away.store(true, Ordering::SeqCst);
    let before = bench.state(GUN).await;
    repository.add_target("targets", "v1", b"one");
    let parts = read(repository.parts(&["targets"]));
    let failed = trust.publish(&gun(GUN), parts).await.unwrap_err();
    assert!(matches!(failed, TrustError::Custody(CustodyError::Unavailable { .. })));
    assert_eq!(bench.state(GUN).await, before);
    assert!(trust.current(&gun(GUN), &role("timestamp")).await.unwrap().is_some());
    assert!(trust.health().await.custody.is_err());
    assert!(trust.health().await.database.is_ok());
}

#[tokio::test]
async fn with_custody_away_a_timestamp_about_to_expire_is_served_and_an_expired_one_is_not() {
    let bench = Bench::new().await;
    let custody = breakable(&bench);
    let trust = service(bench.store.clone(), custody.clone(), bench.clock.clone());
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    custody.away.store(true, Ordering::SeqCst);
    bench.clock.advance(Duration::days(13) + Duration::hours(12));
    assert!(trust.current(&gun(GUN), &role("timestamp")).await.unwrap().is_some());
    bench.clock.advance(Duration::days(1));
    let failed = trust.current(&gun(GUN), &role("timestamp")).await.unwrap_err();
    assert!(matches!(failed, TrustError::Custody(CustodyError::Unavailable { .. })));
}

#[tokio::test]
async fn a_signature_that_does_not_verify_is_never_stored() {
    let bench = Bench::new().await;
    let custody = breakable(&bench);
    let trust = service(bench.store.clone(), custody.clone(), bench.clock.clone());
    let parts = bench.server_snapshot(GUN).await.all_parts();
    custody.lies.store(true, Ordering::SeqCst);
    let before = bench.state(GUN).await;
    let failed = trust.publish(&gun(GUN), read(parts.clone())).await.unwrap_err();
    assert!(matches!(failed, TrustError::SignedBadly { .. }), "{failed:?}");
    assert_eq!(bench.state(GUN).await, before);
    custody.lies.store(false, Ordering::SeqCst);
    trust.publish(&gun(GUN), read(parts)).await.unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_an_error_and_never_an_absence() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.store.close().await;
    for name in ["root", "targets", "snapshot", "timestamp", "targets/a"] {
        let failed = bench.trust.current(&gun(GUN), &role(name)).await.unwrap_err();
        assert!(
            matches!(failed, TrustError::Storage(StorageError::Unavailable { .. })),
            "{name}: {failed:?}"
        );
    }
    assert!(bench.trust.health().await.database.is_err());
}
