//! The passphrase of a signer's keys changed while a server publishes with them: no publish fails,
//! and the signer goes on with the new one.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_tests::key_commands::{keys, objects};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use tokio::task::JoinHandle;
use tokio::time::interval;

const GUN: &str = "example.com/lab/app";

/// The alias that the command chooses.
const NEXT: &str = "countersign_2";

/// Publishes until it is told to stop.
struct Publisher {
    task: JoinHandle<Result<()>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Publisher {
    fn start(wire: Wire) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, count) = (Arc::clone(&stop), Arc::clone(&done));
        let task = tokio::spawn(async move {
            let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
            let mut roles = &["root", "targets"][..];
            while !until.load(Ordering::SeqCst) {
                let answer = upload::publish(&wire, GUN, &collection.parts(roles)).await?;
                ensure!(answer.status == 200, "{answer:?}");
                collection.bump("targets");
                roles = &["targets"];
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        Self { task, stop, done }
    }

    /// Waits for so many more publishes.
    async fn go_on(&self, publishes: u64) -> Result<()> {
        let least = self.done.load(Ordering::SeqCst) + publishes;
        let mut pace = interval(Duration::from_millis(10));
        while self.done.load(Ordering::SeqCst) < least {
            ensure!(!self.task.is_finished(), "a publish has failed");
            pace.tick().await;
        }
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await?
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_of_our_signer_changes_while_its_server_publishes() -> Result<()> {
    let mut signer = CountersignSigner::start().await?;
    let server = Countersign::start_with(&signer.signer_settings()).await?;
    let wire = Wire::to(server.endpoint())?;
    let data = signer.data();
    fs::copy(signer.settings(), data.join("countersign.toml"))?;
    let publisher = Publisher::start(wire.clone());
    publisher.go_on(10).await?;

    let (code, said) = keys(&data, &["rotate-passphrase"]).await?;
    ensure!(code == 0, "{code}: {said}\n{}", signer.log());
    let is_next = |key: &serde_json::Value| key["passphrase_alias"] == NEXT;
    let listed = objects(&data, &["list"]).await?;
    ensure!(listed.len() == 2 && listed.iter().all(is_next), "{listed:?}");
    publisher.go_on(10).await?;
    // What is made now is sealed under the new one too.
    upload::server_key(&wire, "example.com/lab/new", "timestamp").await?;
    let listed = objects(&data, &["list"]).await?;
    ensure!(listed.len() == 3 && listed.iter().all(is_next), "{listed:?}");
    publisher.end().await?;

    signer.stop().await?;
    signer.start_again().await?;
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 0 && said.matches("signs, held by: remote").count() == 2, "{code}: {said}");
    Ok(())
}
