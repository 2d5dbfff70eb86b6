//! Many at once.

use std::sync::Arc;

use chrono::Duration;
use countersign_trust::TrustError;

use crate::bench::{Bench, gun, read, role, service};

const GUN: &str = "example.com/team/app";

/// twelve GETs of one expired timestamp, over two services that share nothing but the
/// database.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twelve_gets_of_one_expired_timestamp_get_the_same_bytes() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(20));
    let other = service(bench.store.clone(), bench.custody.clone(), bench.clock.clone());
    let gets: Vec<_> = (0..12)
        .map(|i| {
            let trust = if i % 2 == 0 { Arc::clone(&bench.trust) } else { Arc::clone(&other) };
            tokio::spawn(async move { trust.current(&gun(GUN), &role("timestamp")).await })
        })
        .collect();
    let mut answers = Vec::new();
    for get in gets {
        answers.push(get.await.unwrap().unwrap().unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(bench.version(GUN, "timestamp").await, 2);
}

/// C-081.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_identical_publishes_at_once_exactly_one_wins() {
    let bench = Bench::new().await;
    let parts = bench.client_snapshot(GUN).await.all_parts();
    let other = service(bench.store.clone(), bench.custody.clone(), bench.clock.clone());
    let publishes: Vec<_> = (0..12)
        .map(|i| {
            let trust = if i % 2 == 0 { Arc::clone(&bench.trust) } else { Arc::clone(&other) };
            let parts = read(parts.clone());
            tokio::spawn(async move { trust.publish(&gun(GUN), parts).await })
        })
        .collect();
    let mut won = 0;
    for publish in publishes {
        match publish.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(matches!(error, TrustError::OldVersion), "{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(bench.version(GUN, "timestamp").await, 1);
}

/// publishers of different roles all succeed, and nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_of_different_roles_at_once_all_succeed() {
    const ROLES: [&str; 6] =
        ["targets/a", "targets/b", "targets/c", "targets/d", "targets/e", "targets/f"];
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    for name in ROLES {
        let key = repository.new_ecdsa_key();
        repository.add_delegation(name, key);
    }
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let services: Vec<_> = (0..3)
        .map(|_| service(bench.store.clone(), bench.custody.clone(), bench.clock.clone()))
        .collect();
    for round in 0..3 {
        let mut publishes = Vec::new();
        for (i, name) in ROLES.into_iter().chain(["targets"]).enumerate() {
            repository.add_target(name, &format!("v{round}"), b"content");
            let parts = read(repository.parts(&[name]));
            let trust = Arc::clone(&services[i % services.len()]);
            publishes.push(tokio::spawn(async move { trust.publish(&gun(GUN), parts).await }));
        }
        for publish in publishes {
            publish.await.unwrap().unwrap();
        }
        for (name, bytes) in repository.parts(&[&ROLES[..], &["targets"]].concat()) {
            assert_eq!(bench.current(GUN, &name).await.unwrap().bytes, bytes, "{name}");
        }
    }
    assert_eq!(bench.version(GUN, "timestamp").await, 1 + 3 * 7);
}

/// Contract section 4: with the client's own snapshot the loser is told that a newer version
/// exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_client_snapshots_the_loser_of_a_race_gets_old_version() {
    let bench = Bench::new().await;
    let mut repository = bench.client_snapshot(GUN).await;
    for name in ["targets/a", "targets/b"] {
        let key = repository.new_ecdsa_key();
        repository.add_delegation(name, key);
    }
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let rivals = ["targets/a", "targets/b"].map(|name| {
        let mut rival = repository.clone();
        rival.add_target(name, "v1", name.as_bytes());
        rival.bump("snapshot");
        (
            service(bench.store.clone(), bench.custody.clone(), bench.clock.clone()),
            read(rival.parts(&[name, "snapshot"])),
        )
    });
    let publishes = rivals
        .map(|(trust, parts)| tokio::spawn(async move { trust.publish(&gun(GUN), parts).await }));
    let mut outcomes = Vec::new();
    for publish in publishes {
        outcomes.push(publish.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let lost = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(lost, TrustError::OldVersion | TrustError::Refused(_)), "{lost:?}");
}
