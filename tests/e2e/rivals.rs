//! Two publishers at once: nobody's acknowledged publish is lost, and the loser is told.
//!
//! With a gate the loser is always the same, so both servers can be compared. Real races have no
//! fixed outcome; they are run against Countersign alone, which promises more than the Go server.

use anyhow::Result;
use countersign_tests::compare::alike;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::session::{Server, Session};

#[path = "flows/rivals.rs"]
mod flows;

#[tokio::test]
async fn the_loser_of_a_race_is_refused_and_its_next_publish_is_accepted() -> Result<()> {
    alike(flows::the_loser_of_a_race_is_refused_and_its_next_publish_is_accepted).await
}

#[tokio::test]
async fn rivals_for_one_role_are_decided_also_where_the_server_holds_the_snapshot() -> Result<()> {
    alike(flows::rivals_for_one_role_are_decided_also_where_the_server_holds_the_snapshot).await
}

#[tokio::test]
async fn a_publish_built_on_keys_that_were_rotated_away_is_refused_with_the_reason() -> Result<()> {
    alike(flows::a_publish_built_on_keys_that_were_rotated_away_is_refused_with_the_reason).await
}

#[tokio::test]
async fn a_publish_that_a_deletion_overtook_is_refused_with_the_reason() -> Result<()> {
    alike(flows::a_publish_that_a_deletion_overtook_is_refused_with_the_reason).await
}

#[tokio::test]
async fn a_delegate_is_not_in_the_way_of_another_delegate() -> Result<()> {
    alike(flows::a_delegate_is_not_in_the_way_of_another_delegate).await
}

#[tokio::test]
async fn delegates_who_publish_at_the_same_moment_both_succeed() -> Result<()> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    flows::delegates_who_publish_at_the_same_moment_both_succeed(&mut s).await
}

#[tokio::test]
async fn publishers_at_the_same_moment_lose_nothing_that_was_acknowledged() -> Result<()> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    flows::publishers_at_the_same_moment_lose_nothing_that_was_acknowledged(&mut s).await
}
