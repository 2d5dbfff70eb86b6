//! An opened key is not used beyond its row: what the database says now counts.

use chrono::TimeDelta;

use countersign_custody::{Custody as _, CustodyError};
use countersign_tuf::names::ServerRole;

use crate::workbench::{Workbench, gun, pending, sign, sign_well};

#[tokio::test]
async fn deleted_key_is_unknown_at_once() {
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
