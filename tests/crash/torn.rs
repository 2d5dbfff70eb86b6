//! A process that ends in the middle of the file writes of a commit.
//!
//! The kernel ends it at a given byte: a limit on the size of files cuts the write that would go
//! past it, and the next one is a signal. All rows of a publish are in memory until the commit
//! writes them to the end of one file, the write-ahead log, so that this is every point between
//! the first insert and the last byte.

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::child::{Ending, Errand, end_of, in_child, name_of};
use crate::scene::{Kind, Scene};
use crate::service::{Service, publish};

/// What the kernel sends for a file that would grow past the limit.
const SIGXFSZ: i32 = 25;

/// From one point to the next: the log has 32 bytes of head, then pages of 4,096 bytes with 24 of
/// their own before each. This visits each of them, at ever other offsets.
const STRIDE_BYTES: u64 = 2_039;

#[tokio::test]
async fn a_commit_that_ends_at_any_byte_of_the_log_is_whole_or_nothing() -> Result<()> {
    if in_child(publish_under_a_limit).await? {
        return Ok(());
    }
    let scene = Scene::set(Kind::ServerSnapshot).await?;
    let test = name_of(&a_commit_that_ends_at_any_byte_of_the_log_is_whole_or_nothing);
    let mut died = 0;
    for limit in (0..).step_by(usize::try_from(STRIDE_BYTES)?) {
        let data = scene.copy()?;
        let errand = (data.path(), scene.gun(), &scene.upload());
        let report = end_of(test, errand, limit, SIGXFSZ).await?;
        let checked = scene.check(data.path(), report.ending).await;
        checked.with_context(|| format!("ended at byte {limit}"))?;
        if report.ending == Ending::Acknowledged {
            break;
        }
        died += 1;
    }
    ensure!(died > 10, "the log was written in {died} steps only");
    Ok(())
}

async fn publish_under_a_limit(errand: Errand) -> Result<()> {
    let service = Service::open(&errand.data).await?;
    let limit = Rlimit { current: Some(errand.point), maximum: Some(errand.point) };
    setrlimit(Resource::Fsize, limit)?;
    publish(&service.trust(), &errand.gun, &errand.upload).await
}
