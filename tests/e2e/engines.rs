//! The flows of every day with what a server on another machine keeps: each on a database of its own,
//! named as an operator names it. That they are alike with the Go server is shown on SQLite.

mod flows;

use std::cell::Cell;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::mariadb::MariaDb;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::session::{self, Session};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

/// How many flows are played at once.
const AT_ONCE: usize = 3;

/// A database server, and how many databases it has been asked for.
struct Engine {
    server: Server,
    databases: Cell<u32>,
}

enum Server {
    MariaDb(MariaDb),
    Postgres(Postgres),
}

impl Engine {
    async fn postgres() -> Result<Self> {
        let server = Server::Postgres(Postgres::start().await?);
        Ok(Self { server, databases: Cell::new(0) })
    }

    async fn mariadb() -> Result<Self> {
        let server = Server::MariaDb(MariaDb::start().await?);
        Ok(Self { server, databases: Cell::new(0) })
    }

    /// The URL of a new and empty database.
    async fn database(&self) -> Result<String> {
        let number = self.databases.get();
        self.databases.set(number + 1);
        let name = format!("flow_{number}");
        match &self.server {
            Server::MariaDb(server) => {
                server.create_database(&name, "").await?;
                Ok(server.url("root", &name))
            }
            Server::Postgres(server) => {
                server.create_database(&name, "").await?;
                Ok(server.url("postgres", &name))
            }
        }
    }

    /// Plays one flow from its start to its end.
    async fn play(&self, name: &str, flow: impl AsyncFn(&mut Session) -> Result<()>) -> Result<()> {
        let ours = Countersign::start_on_database(&self.database().await?).await?;
        let file = ours.data().join("countersign.db");
        let mut session = Session::with(session::Server::Countersign(ours))?;
        let played = flow(&mut session).await;
        if let session::Server::Countersign(ours) = session.server() {
            played.with_context(|| format!("{name}\n{}", ours.log()))?;
        }
        ensure!(!file.exists(), "{name} was played on SQLite");
        Ok(())
    }
}

async fn all(flows: Vec<LocalBoxFuture<'_, Result<()>>>) -> Result<()> {
    stream::iter(flows).buffer_unordered(AT_ONCE).try_collect().await
}

/// Every flow of one theme.
macro_rules! theme {
    ($engine:expr, $theme:ident: $($flow:ident),+ $(,)?) => {
        all(vec![$($engine.play(stringify!($flow), flows::$theme::$flow).boxed_local()),+])
    };
}

async fn publishing(engine: &Engine) -> Result<()> {
    theme!(engine, publishing:
        a_published_target_is_listed_looked_up_and_verified_by_anyone,
        a_removed_target_is_gone_and_the_others_stay,
        names_with_ports_dots_slashes_and_underscores_are_collections_of_their_own,
        what_one_publisher_changes_the_other_sees,
        deleting_locally_keeps_the_collection_and_deleting_remotely_ends_it,
        whoever_cached_a_collection_that_was_deleted_and_made_anew_is_told,
    )
    .await
}

async fn keys(engine: &Engine) -> Result<()> {
    theme!(engine, keys:
        the_snapshot_key_moves_to_the_server_and_back,
        the_timestamp_key_rotates_on_the_server_only,
        the_targets_key_rotates_on_the_client_only,
        a_reader_three_root_rotations_behind_catches_up,
        a_publisher_behind_every_kind_of_rotation_catches_up_before_publishing,
    )
    .await
}

async fn delegations(engine: &Engine) -> Result<()> {
    theme!(engine, delegations:
        a_delegate_below_a_delegate_publishes_within_its_paths,
        a_witness_signs_again_what_others_wrote,
        keys_and_paths_leave_a_delegation_until_it_is_gone,
        two_delegates_of_one_role_take_turns,
        a_delegate_cannot_publish_where_the_client_holds_the_snapshot_key,
    )
    .await
}

async fn rivals(engine: &Engine) -> Result<()> {
    theme!(engine, rivals:
        the_loser_of_a_race_is_refused_and_its_next_publish_is_accepted,
        rivals_for_one_role_are_decided_also_where_the_server_holds_the_snapshot,
        a_publish_built_on_keys_that_were_rotated_away_is_refused_with_the_reason,
        a_publish_that_a_deletion_overtook_is_refused_with_the_reason,
        a_delegate_is_not_in_the_way_of_another_delegate,
        delegates_who_publish_at_the_same_moment_both_succeed,
        publishers_at_the_same_moment_lose_nothing_that_was_acknowledged,
    )
    .await
}

#[tokio::test]
async fn publishers_and_readers_get_what_they_expect_on_postgresql() -> Result<()> {
    publishing(&Engine::postgres().await?).await
}

#[tokio::test]
async fn keys_rotate_on_postgresql_and_who_is_behind_catches_up() -> Result<()> {
    keys(&Engine::postgres().await?).await
}

#[tokio::test]
async fn delegates_publish_on_postgresql_what_they_may() -> Result<()> {
    delegations(&Engine::postgres().await?).await
}

#[tokio::test]
async fn of_rivals_on_postgresql_nobody_loses_what_was_acknowledged() -> Result<()> {
    rivals(&Engine::postgres().await?).await
}

#[tokio::test]
async fn publishers_and_readers_get_what_they_expect_on_mariadb() -> Result<()> {
    publishing(&Engine::mariadb().await?).await
}

#[tokio::test]
async fn keys_rotate_on_mariadb_and_who_is_behind_catches_up() -> Result<()> {
    keys(&Engine::mariadb().await?).await
}

#[tokio::test]
async fn delegates_publish_on_mariadb_what_they_may() -> Result<()> {
    delegations(&Engine::mariadb().await?).await
}

#[tokio::test]
async fn of_rivals_on_mariadb_nobody_loses_what_was_acknowledged() -> Result<()> {
    rivals(&Engine::mariadb().await?).await
}
