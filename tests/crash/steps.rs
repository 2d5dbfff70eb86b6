//! A process that ends before or after any one step of a publish: loading, signing, the commit.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use countersign_custody::Custody;
use countersign_storage::MetadataStore;

use crate::child::{Ending, Errand, end_of, in_child, name_of};
use crate::fuse::{Fuse, Fused, steps};
use crate::scene::{Kind, Scene};
use crate::service::{Service, publish, trust};

/// What `abort` sends.
const SIGABRT: i32 = 6;

#[tokio::test]
async fn a_first_publish_that_ends_at_any_step_is_whole_or_nothing() -> Result<()> {
    let test = name_of(&a_first_publish_that_ends_at_any_step_is_whole_or_nothing);
    // Without a head there is no document to load.
    ends_at_each_step(test, Kind::First, &["sign snapshot", "sign timestamp"]).await
}

#[tokio::test]
async fn a_publish_with_the_servers_snapshot_that_ends_at_any_step_is_whole_or_nothing()
-> Result<()> {
    let test =
        name_of(&a_publish_with_the_servers_snapshot_that_ends_at_any_step_is_whole_or_nothing);
    let seen = ["by_digest", "sign snapshot", "sign timestamp"];
    ends_at_each_step(test, Kind::ServerSnapshot, &seen).await
}

#[tokio::test]
async fn a_publish_with_the_owners_snapshot_that_ends_at_any_step_is_whole_or_nothing() -> Result<()>
{
    let test =
        name_of(&a_publish_with_the_owners_snapshot_that_ends_at_any_step_is_whole_or_nothing);
    ends_at_each_step(test, Kind::ClientSnapshot, &["by_digest", "sign timestamp"]).await
}

async fn ends_at_each_step(test: &str, kind: Kind, must_be_seen: &[&str]) -> Result<()> {
    if in_child(publish_on_a_fuse).await? {
        return Ok(());
    }
    let scene = Scene::set(kind).await?;
    for step in 0.. {
        let data = scene.copy()?;
        let errand = (data.path(), scene.gun(), &scene.upload());
        let report = end_of(test, errand, step, SIGABRT).await?;
        let checked = scene.check(data.path(), report.ending).await;
        checked.with_context(|| format!("ended at step {step} of {}", report.printed))?;
        if report.ending == Ending::Acknowledged {
            let seen = steps(&report.printed);
            for name in ["heads", "commit"].iter().chain(must_be_seen) {
                for side in ["before", "after"] {
                    let name = format!("{side} {name}");
                    ensure!(seen.contains(name.as_str()), "{name} is no step: {seen:?}");
                }
            }
            break;
        }
    }
    Ok(())
}

async fn publish_on_a_fuse(errand: Errand) -> Result<()> {
    let Service { store, custody } = Service::open(&errand.data).await?;
    let fuse = Fuse::new(errand.point);
    let store: Arc<dyn MetadataStore> = store;
    let store = Fused { fuse: Arc::clone(&fuse), inner: store };
    let custody: Fused<dyn Custody> = Fused { fuse, inner: custody };
    publish(&trust(Arc::new(store), Arc::new(custody)), &errand.gun, &errand.upload).await
}
