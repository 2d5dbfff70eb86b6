//! Every pair of a server and a signer, Go's and ours, on every database that Notary runs on: users
//! get the same from all of them. The Go pair is what the others are measured by.

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::peers::mixed::Engine::{MariaDb, Postgres};
use countersign_tests::peers::mixed::Half::{Go, Ours};
use countersign_tests::peers::mixed::{Engine, Half, Mixed};
use countersign_tests::session::{Server, Session};

use crate::every_day::{self, GUN};

/// How many server keys sign in what is played: two at first, and one more for each rotation.
const KEYS: u32 = 4;

async fn serves(engine: Engine, server: Half, signer: Half) -> Result<()> {
    let deployment = Mixed::start(engine, server, signer).await?;
    let mut s = Session::with(Server::Mixed(Box::new(deployment)))?;
    let played = every_day::play(&mut s).await;
    let Server::Mixed(deployment) = s.server() else { bail!("{:?}", s.server()) };
    played.with_context(|| deployment.log())?;
    // Whoever served, the signer made the keys.
    let keys = deployment.keys_in_use(GUN).await?;
    ensure!(keys == KEYS, "{keys} keys of the signer have signed\n{}", deployment.log());
    Ok(())
}

#[tokio::test]
async fn the_go_server_with_the_go_signer_serves_everybody_on_postgresql() -> Result<()> {
    serves(Postgres, Go, Go).await
}

#[tokio::test]
async fn the_go_server_with_the_go_signer_serves_everybody_on_mariadb() -> Result<()> {
    serves(MariaDb, Go, Go).await
}

#[tokio::test]
async fn the_go_server_with_our_signer_serves_everybody_on_postgresql() -> Result<()> {
    serves(Postgres, Go, Ours).await
}

#[tokio::test]
async fn the_go_server_with_our_signer_serves_everybody_on_mariadb() -> Result<()> {
    serves(MariaDb, Go, Ours).await
}

#[tokio::test]
async fn our_server_with_the_go_signer_serves_everybody_on_postgresql() -> Result<()> {
    serves(Postgres, Ours, Go).await
}

#[tokio::test]
async fn our_server_with_the_go_signer_serves_everybody_on_mariadb() -> Result<()> {
    serves(MariaDb, Ours, Go).await
}

#[tokio::test]
async fn our_server_with_our_signer_serves_everybody_on_postgresql() -> Result<()> {
    serves(Postgres, Ours, Ours).await
}

#[tokio::test]
async fn our_server_with_our_signer_serves_everybody_on_mariadb() -> Result<()> {
    serves(MariaDb, Ours, Ours).await
}
