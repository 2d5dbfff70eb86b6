//! The halves of a live deployment are swapped, one after the other and back, on the databases and
//! files of settings that it has: nobody who uses it notices, whatever they have cached.

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::cast::Cast;
use countersign_tests::peers::mixed::Engine::{MariaDb, Postgres};
use countersign_tests::peers::mixed::Half::{Go, Ours};
use countersign_tests::peers::mixed::{Engine, Half, Mixed};
use countersign_tests::session::{Server, Session};
use countersign_tests::upload::server_key;
use countersign_tests::wire::Wire;
use serde_json::Value;

/// A GUN for which a key was asked and nothing was published.
const PENDING: &str = "example.com/lab/pending";

/// Server and signer, as they follow each other.
const HALVES: [(Half, Half, &str); 5] = [
    (Go, Go, "go-go"),
    (Ours, Go, "ours-go"),
    (Ours, Ours, "ours-ours"),
    (Go, Ours, "go-ours"),
    (Go, Go, "go-go-again"),
];

async fn swaps(engine: Engine) -> Result<()> {
    let deployment = Mixed::start(engine, Go, Go).await?;
    let mut s = Session::with(Server::Mixed(Box::new(deployment)))?;
    let mut cast = Cast::begin(&mut s).await?;
    let pending = pending_key(&s).await?;
    for (server, signer, name) in HALVES {
        let Server::Mixed(deployment) = s.server_mut() else { bail!("{:?}", s.server()) };
        deployment.become_of(server, signer).await.context(name)?;
        ensure!(pending_key(&s).await? == pending, "{name} offers another pending key");
        let played = cast.phase(&mut s, name).await;
        let Server::Mixed(deployment) = s.server() else { bail!("{:?}", s.server()) };
        played.with_context(|| format!("{name}\n{}", deployment.log()))?;
    }
    Ok(())
}

/// The key that whoever serves now offers for a GUN without a publish.
async fn pending_key(s: &Session) -> Result<Value> {
    server_key(&Wire::to(s.server().endpoint())?, PENDING, "timestamp").await
}

#[tokio::test]
async fn the_halves_of_a_live_deployment_are_swapped_unnoticed_on_postgresql() -> Result<()> {
    swaps(Postgres).await
}

#[tokio::test]
async fn the_halves_of_a_live_deployment_are_swapped_unnoticed_on_mariadb() -> Result<()> {
    swaps(MariaDb).await
}
