//! What the list of keys says of each key.

use countersign_storage::{KeyHome, KeyStore as _, SealedKey};
use countersign_trust::{Clock as _, KeyList, Standing};
use countersign_tuf::names::ServerRole;

use crate::bench::{Bench, gun};

const GUN: &str = "example.com/team/app";

/// Role and standing of every key, of one GUN or of all.
async fn standings(bench: &Bench, only: Option<&str>) -> Vec<(String, String, Standing)> {
    let mut list = KeyList::new(&*bench.store, &*bench.store, only.map(gun));
    let mut seen = Vec::new();
    while let Some(key) = list.next().await.unwrap() {
        seen.push((key.record.gun, key.record.role, key.standing));
    }
    seen
}

fn line(gun: &str, role: &str, standing: Standing) -> (String, String, Standing) {
    (gun.to_owned(), role.to_owned(), standing)
}

#[tokio::test]
async fn a_key_that_the_root_names_is_named_and_a_new_one_is_pending() {
    let bench = Bench::new().await;
    let repository = bench.server_snapshot(GUN).await;
    assert_eq!(
        standings(&bench, None).await,
        [line(GUN, "snapshot", Standing::Pending), line(GUN, "timestamp", Standing::Pending)]
    );
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    assert_eq!(
        standings(&bench, None).await,
        [line(GUN, "snapshot", Standing::Named), line(GUN, "timestamp", Standing::Named)]
    );
    bench.trust.rotate_key(&gun(GUN), ServerRole::Snapshot).await.unwrap();
    let mut found = standings(&bench, Some(GUN)).await;
    found.sort_by_key(|(_, role, standing)| (role.clone(), standing.as_str()));
    assert_eq!(
        found,
        [
            line(GUN, "snapshot", Standing::Pending),
            line(GUN, "snapshot", Standing::Named),
            line(GUN, "timestamp", Standing::Named)
        ]
    );
}

#[tokio::test]
async fn a_key_that_a_later_root_replaced_is_not_named() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let next = bench.trust.rotate_key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    let listed = serde_json::json!({"keytype": next.key_type().as_str(),
        "keyval": {"private": null, "public": next.public_base64()}});
    repository.rotate_to_server("timestamp", &listed);
    bench.publish(GUN, repository.parts(&["root"])).await.unwrap();
    let mut list = KeyList::new(&*bench.store, &*bench.store, Some(gun(GUN)));
    while let Some(key) = list.next().await.unwrap() {
        let replaced = key.record.role == "timestamp" && key.record.key_id != next.id().as_str();
        let expected = if replaced { Standing::NotNamed } else { Standing::Named };
        assert_eq!(key.standing, expected, "{key:?}");
    }
}

#[tokio::test]
async fn the_keys_of_a_deleted_gun_have_no_root() {
    let bench = Bench::new().await;
    let repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    bench.trust.delete(&gun(GUN)).await.unwrap();
    assert_eq!(standings(&bench, None).await, [line(GUN, "timestamp", Standing::NoRoot)]);
}

#[tokio::test]
async fn old_rows_without_gun_or_role_are_unbound() {
    let bench = Bench::new().await;
    bench.key(GUN, ServerRole::Timestamp).await;
    let made =
        bench.store.pending(GUN, "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap().unwrap();
    let old = SealedKey { key_id: "0".repeat(64), gun: String::new(), role: String::new(), ..made };
    bench.store.insert_unless_pending(&old, bench.clock.now()).await.unwrap();
    assert_eq!(
        standings(&bench, None).await,
        [line("", "", Standing::Unbound), line(GUN, "timestamp", Standing::Pending)]
    );
}

#[tokio::test]
async fn more_keys_than_a_page_are_all_listed_in_order() {
    let bench = Bench::new().await;
    bench.key(GUN, ServerRole::Timestamp).await;
    let made =
        bench.store.pending(GUN, "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap().unwrap();
    for number in 0..1_100 {
        let (key_id, gun) = (format!("{number:064}"), format!("a/{number:04}"));
        let key = SealedKey { key_id, gun, ..made.clone() };
        bench.store.insert_unless_pending(&key, bench.clock.now()).await.unwrap();
    }
    let guns: Vec<String> =
        standings(&bench, None).await.into_iter().map(|(gun, ..)| gun).collect();
    let mut expected: Vec<String> = (0..1_100).map(|number| format!("a/{number:04}")).collect();
    expected.push(GUN.to_owned());
    assert_eq!(guns, expected);
}
