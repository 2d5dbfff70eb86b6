//! Keys in the server's own hands: users get what they get from a pair.

use anyhow::{Context as _, Result, bail};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::mariadb::MariaDb;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::session::{Server, Session};

use crate::every_day;

async fn serves(server: Countersign) -> Result<()> {
    let mut s = Session::with(Server::Countersign(server))?;
    let played = every_day::play(&mut s).await;
    let Server::Countersign(server) = s.server() else { bail!("{:?}", s.server()) };
    played.with_context(|| server.log())
}

#[tokio::test]
async fn our_server_with_sealed_keys_serves_everybody_on_its_own_file() -> Result<()> {
    serves(Countersign::start().await?).await
}

#[tokio::test]
async fn our_server_with_sealed_keys_serves_everybody_on_postgresql() -> Result<()> {
    let postgres = Postgres::start().await?;
    postgres.create_database("countersign", "").await?;
    serves(Countersign::start_on_database(&postgres.url("postgres", "countersign")).await?).await
}

#[tokio::test]
async fn our_server_with_sealed_keys_serves_everybody_on_mariadb() -> Result<()> {
    let mariadb = MariaDb::start().await?;
    mariadb.create_database("countersign", "").await?;
    serves(Countersign::start_on_database(&mariadb.url("root", "countersign")).await?).await
}
