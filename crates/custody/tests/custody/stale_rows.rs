//! An opened key is not used beyond its row: what the database says now counts, and for a key that
//! has signed before, what it said within the last second.

use chrono::TimeDelta;

use countersign_custody::sealed::SealedCustody;
use countersign_custody::{Custody as _, CustodyError, KeysById as _, Purpose};
use countersign_tuf::keys::PublicKey;
use countersign_tuf::names::{Gun, ServerRole};

use crate::memory_store::Outage;
use crate::workbench::{Workbench, gun, pending, sign, sign_well};

/// The first signature is noted in the row; the second reads a row that says so.
async fn sign_twice(custody: &SealedCustody, key: &PublicKey) {
    sign_well(custody, key).await;
    sign_well(custody, key).await;
}

#[tokio::test]
async fn key_that_signs_often_reads_its_row_once_a_second() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_twice(&custody, &key).await;
    bench.store.set_outage(Outage::Everything);
    sign_twice(&custody, &key).await;
    let found = custody.find_key(&gun(), ServerRole::Timestamp, key.id()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&key));
    bench.pass(TimeDelta::seconds(1));
    let error = sign(&custody, &key).await.unwrap_err();
    assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn deleted_key_is_unknown_within_a_second() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_twice(&custody, &key).await;
    let row = bench.store.rows().remove(0);
    bench.store.delete_all();
    bench.pass(TimeDelta::seconds(1));
    assert_eq!(sign(&custody, &key).await.unwrap(), None);
    let found = custody.find_key(&gun(), ServerRole::Timestamp, key.id()).await.unwrap();
    assert_eq!(found, None);
    bench.store.put(row);
    sign_well(&custody, &key).await;
}

#[tokio::test]
async fn key_that_this_process_lets_go_of_is_unknown_at_once() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_twice(&custody, &key).await;
    bench.store.delete_all();
    custody.forget(key.id());
    assert_eq!(sign(&custody, &key).await.unwrap(), None);
}

/// The row of a moment ago opens no other GUN's and no other role's doors.
#[tokio::test]
async fn key_of_a_row_read_just_now_signs_for_no_other_gun_or_role() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_twice(&custody, &key).await;
    let other = Gun::parse("registry.example/team/other").unwrap();
    for (gun, role) in [(&other, ServerRole::Timestamp), (&gun(), ServerRole::Snapshot)] {
        assert_eq!(custody.sign(gun, role, key.id(), b"").await.unwrap(), None);
        assert_eq!(custody.find_key(gun, role, key.id()).await.unwrap(), None);
        let purpose = Purpose { gun, role };
        assert!(custody.sign_by_id(key.id(), Some(purpose), b"").await.unwrap().is_none());
    }
    let own = Purpose { gun: &gun(), role: ServerRole::Timestamp };
    for purpose in [None, Some(own)] {
        let signed = custody.sign_by_id(key.id(), purpose, b"").await.unwrap().unwrap();
        assert_eq!((&signed.by.key, signed.by.gun.as_str()), (&key, gun().as_str()));
    }
}

#[tokio::test]
async fn key_that_has_signed_once_is_unknown_as_soon_as_its_row_is_gone() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    let row = bench.store.rows().remove(0);
    bench.store.delete_all();
    assert_eq!(sign(&custody, &key).await.unwrap(), None);
    let found = custody.find_key(&gun(), ServerRole::Timestamp, key.id()).await.unwrap();
    assert_eq!(found, None);
    bench.store.put(row);
    sign_well(&custody, &key).await;
}

#[tokio::test]
async fn key_whose_sealed_bytes_were_damaged_since_is_an_error() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    bench.store.edit(|row| row.sealed.reverse());
    let error = sign(&custody, &key).await.unwrap_err();
    assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
}

#[tokio::test]
async fn key_whose_public_half_was_damaged_since_is_an_error() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    bench.store.edit(|row| row.public[60] ^= 1);
    let error = sign(&custody, &key).await.unwrap_err();
    assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
}

#[tokio::test]
async fn key_signs_after_its_time_in_memory_is_over() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    bench.pass(TimeDelta::days(400));
    sign_well(&custody, &key).await;
}
