//! Limits over a store that counts what the test says.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use countersign_storage::{StorageError, StorageResult};

use super::*;

/// Counts as told, and how often it was asked.
#[derive(Default)]
struct Counter {
    guns: AtomicU64,
    bytes: AtomicU64,
    asked: AtomicU64,
    away: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Usage for Counter {
    async fn used_below(&self, _: &GunPrefix) -> StorageResult<Used> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable { reason: "away".to_owned() });
        }
        let (guns, bytes) = (&self.guns, &self.bytes);
        Ok(Used { guns: guns.load(Ordering::Relaxed), bytes: bytes.load(Ordering::Relaxed) })
    }
}

fn limit(prefix: &str, repositories: Option<u64>, bytes: Option<u64>) -> StorageLimit {
    StorageLimit { prefix: prefix.parse().unwrap(), repositories, bytes }
}

fn limits(limits: &[StorageLimit]) -> (StorageLimits, Arc<Counter>) {
    let counter = Arc::new(Counter::default());
    // Every count is recent, however slow the machine is.
    let recent = Duration::from_secs(86_400);
    let limits = StorageLimits::new(counter.clone(), limits.to_vec());
    (StorageLimits { recent, ..limits }, counter)
}

fn gun(name: &str) -> Gun {
    Gun::parse(name).unwrap()
}

const NEW: Used = Used { guns: 1, bytes: 10 };
const MORE: Used = Used { guns: 0, bytes: 10 };

async fn publish(limits: &StorageLimits, name: &str, wanted: Used) -> Result<(), String> {
    let held = limits.reserve(&gun(name), wanted).await.map_err(|error| error.to_string())?;
    held.into_iter().for_each(|one| one.use_up(wanted.bytes));
    Ok(())
}

#[tokio::test]
async fn as_many_guns_as_the_limit_pass_and_one_more_does_not() {
    let (limits, counter) = limits(&[limit("a/", Some(2), None)]);
    publish(&limits, "a/1", NEW).await.unwrap();
    publish(&limits, "a/2", NEW).await.unwrap();
    assert_eq!(
        publish(&limits, "a/3", NEW).await.unwrap_err(),
        "below a/ repositories are limited to 2, and 2 are there: delete one, or ask the operator \
         for more"
    );
    publish(&limits, "a/2", MORE).await.expect("what is there may be published again");
    publish(&limits, "b/3", NEW).await.expect("another prefix");
    assert_eq!(counter.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn as_many_bytes_as_the_limit_pass_and_one_more_does_not() {
    let (limits, _) = limits(&[limit("a/", None, Some(20))]);
    publish(&limits, "a/1", NEW).await.unwrap();
    let one_more = Used { guns: 0, bytes: 11 };
    assert_eq!(
        publish(&limits, "a/1", one_more).await.unwrap_err(),
        "below a/ bytes are limited to 20, and 10 are used; this publish has 11: delete a \
         repository, or ask the operator for more"
    );
    publish(&limits, "a/1", MORE).await.unwrap();
}

#[tokio::test]
async fn every_prefix_that_a_gun_is_below_holds() {
    let (limits, _) = limits(&[limit("a/", Some(2), None), limit("a/b/", Some(1), None)]);
    publish(&limits, "a/b/1", NEW).await.unwrap();
    assert!(publish(&limits, "a/b/2", NEW).await.unwrap_err().contains("below a/b/ "));
    publish(&limits, "a/2", NEW).await.expect("what was refused below takes no room above");
    assert!(publish(&limits, "a/3", NEW).await.unwrap_err().contains("below a/ "));
}

#[tokio::test]
async fn what_is_under_way_takes_room_and_gives_it_back_when_it_fails() {
    let (limits, _) = limits(&[limit("a/", Some(1), None)]);
    let under_way = limits.reserve(&gun("a/1"), NEW).await.unwrap();
    assert!(publish(&limits, "a/2", NEW).await.is_err());
    drop(under_way);
    publish(&limits, "a/2", NEW).await.unwrap();
}

#[tokio::test]
async fn what_another_process_freed_can_be_used_once_the_last_count_is_no_longer_recent() {
    let (limits, counter) = limits(&[limit("a/", Some(1), None)]);
    counter.guns.store(1, Ordering::Relaxed);
    assert!(publish(&limits, "a/2", NEW).await.is_err());
    counter.guns.store(0, Ordering::Relaxed);
    assert!(publish(&limits, "a/2", NEW).await.is_err());
    let limits = StorageLimits { recent: Duration::ZERO, ..limits };
    publish(&limits, "a/2", NEW).await.unwrap();
}

#[tokio::test]
async fn what_this_process_deleted_can_be_used_at_once() {
    let (limits, counter) = limits(&[limit("a/", Some(1), None)]);
    publish(&limits, "a/1", NEW).await.unwrap();
    assert!(publish(&limits, "a/2", NEW).await.is_err());
    counter.guns.store(0, Ordering::Relaxed);
    limits.note_deletion(&gun("a/1"));
    publish(&limits, "a/2", NEW).await.unwrap();
}

#[tokio::test]
async fn refusals_do_not_have_the_store_count_each_time() {
    let (limits, counter) = limits(&[limit("a/", Some(0), None)]);
    for _ in 0..1_000 {
        assert!(publish(&limits, "a/1", NEW).await.is_err());
    }
    assert_eq!(counter.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_store_that_cannot_count_lets_nothing_through_and_is_asked_again() {
    let (limits, counter) = limits(&[limit("a/", Some(1), None)]);
    counter.away.store(true, Ordering::Relaxed);
    let error = limits.reserve(&gun("a/1"), NEW).await.err().unwrap();
    assert!(matches!(error, TrustError::Storage(StorageError::Unavailable { .. })));
    counter.away.store(false, Ordering::Relaxed);
    publish(&limits, "a/1", NEW).await.unwrap();
}

#[tokio::test]
async fn only_what_was_published_to_is_counted_again() {
    let (limits, counter) = limits(&[limit("a/", Some(10), None), limit("b/", Some(10), None)]);
    let asked = || counter.asked.load(Ordering::Relaxed);
    limits.count_due().await;
    assert_eq!(asked(), 2, "both were never counted");
    limits.count_due().await;
    assert_eq!(asked(), 2);
    publish(&limits, "a/1", NEW).await.unwrap();
    counter.guns.store(10, Ordering::Relaxed);
    limits.count_due().await;
    assert_eq!(asked(), 3);
    assert!(publish(&limits, "a/2", NEW).await.is_err());
    limits.note_deletion(&gun("b/1"));
    limits.count_due().await;
    assert_eq!(asked(), 4);
}

#[tokio::test]
async fn counting_ends_when_it_is_told_to() {
    let (limits, _) = limits(&[limit("a/", Some(1), None)]);
    Arc::new(limits).keep_counted(async {}).await;
}
