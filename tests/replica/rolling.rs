//! Servers restarted one after the other behind a load balancer, under readers and publishers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use tokio::task::JoinSet;
use tokio::time::{Duration, interval};

use crate::balancer::Balancer;
use crate::bench::{Replicas, publish_new, root_by_digest};

/// Long enough for the balancer to see it; its interval is a twentieth of that.
const SETTINGS: &str = "[server]\nhandover_seconds = 1\n[log]\nlevel = 'warn'\n";

/// Who asks until all are told to stop; the first request that fails ends everything.
pub(crate) struct Clients {
    tasks: JoinSet<Result<()>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new(), stop: Arc::default(), done: Arc::default() }
    }

    /// One that reads the newest timestamp and the root by its digest.
    pub(crate) fn reader(&mut self, wire: Wire, gun: &'static str, root: String) {
        let (stop, done) = (Arc::clone(&self.stop), Arc::clone(&self.done));
        self.tasks.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                for file in ["timestamp.json", &root] {
                    let answer = wire.document(gun, file).await.context("a read got no answer")?;
                    ensure!(answer.status == 200, "a read: {answer:?}");
                    done.fetch_add(1, Ordering::SeqCst);
                }
            }
            Ok(())
        });
    }

    /// One that publishes to a collection of his own, again and again.
    pub(crate) fn publisher(&mut self, wire: Wire, gun: &'static str) {
        let (stop, done) = (Arc::clone(&self.stop), Arc::clone(&self.done));
        self.tasks.spawn(async move {
            let mut collection = publish_new(&wire, gun).await?;
            while !stop.load(Ordering::SeqCst) {
                collection.bump("targets");
                collection.bump("snapshot");
                let parts = collection.parts(&["targets", "snapshot"]);
                let answer = upload::publish(&wire, gun, &parts).await;
                let answer = answer.context("a publish got no answer")?;
                ensure!(answer.status == 200, "a publish: {answer:?}");
                done.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
    }

    /// Waits until so many more requests have been answered.
    pub(crate) async fn go_on(&mut self, requests: u64) -> Result<()> {
        let least = self.done.load(Ordering::SeqCst) + requests;
        let mut pace = interval(Duration::from_millis(10));
        while self.done.load(Ordering::SeqCst) < least {
            pace.tick().await;
            if let Some(ended) = self.tasks.try_join_next() {
                ended??;
            }
        }
        Ok(())
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_restarted_in_turn_lose_no_request() -> Result<()> {
    let mut replicas = Replicas::start(2, SETTINGS).await?;
    let balancer = Balancer::before(&replicas.servers).await?;
    for number in 0..2 {
        balancer.takes_in(number).await;
    }
    let endpoint = replicas.servers[0].endpoint().at(balancer.port());
    let read = "example.com/read/app";
    let root = root_by_digest(&publish_new(&Wire::to(&endpoint)?, read).await?);

    let mut clients = Clients::new();
    for _ in 0..2 {
        clients.reader(Wire::in_http1(&endpoint)?, read, root.clone());
        clients.reader(Wire::to(&endpoint)?, read, root.clone());
    }
    clients.publisher(Wire::in_http1(&endpoint)?, "example.com/written/one");
    clients.publisher(Wire::to(&endpoint)?, "example.com/written/two");
    clients.go_on(50).await?;
    for number in [0, 1, 0, 1] {
        replicas.servers[number].ask_to_stop()?;
        balancer.leaves_out(number).await;
        clients.go_on(20).await?;
        let ended = replicas.servers[number].ended().await?;
        ensure!(ended.success(), "{ended}: {}", replicas.servers[number].log());
        clients.go_on(20).await?;
        replicas.servers[number].start_again().await?;
        balancer.takes_in(number).await;
        clients.go_on(20).await?;
    }
    clients.end().await
}
