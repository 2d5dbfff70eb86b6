//! Those who change what a server holds: publishers of collections of their own, and whoever asks
//! for the first key of a GUN. What they send is made and signed before it is measured.

use anyhow::{Context as _, Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::upload;
use countersign_tests::wire::{Endpoint, Wire};

use crate::load::{Act, Exchange};

/// How many publish at once at most, each to a GUN of its own.
const PUBLISHERS: usize = 32;

/// How many publishes each has in a turn.
const PUBLISHES: usize = 16;

/// How many new GUNs each client asks for in a turn.
const NEW_GUNS: usize = 40;

/// How many targets the collections list.
const TARGETS: usize = 5;

/// See the module.
#[derive(Debug)]
pub(crate) struct Publishers {
    repositories: Vec<Repository>,
    published: usize,
    asked_for: usize,
}

impl Publishers {
    /// Publishes the first version of each collection.
    pub(crate) async fn begin(endpoint: &Endpoint) -> Result<Self> {
        let wire = Wire::to(endpoint)?;
        let mut repositories = Vec::new();
        for number in 0..PUBLISHERS {
            let gun = format!("example.com/busy/app-{number}");
            let mut repository = upload::collection_with_server_snapshot(&wire, &gun).await?;
            for target in 0..TARGETS {
                repository.add_target("targets", &format!("v{target}"), b"content");
            }
            let parts = repository.parts(&["root", "targets"]);
            let answer = upload::publish(&wire, &gun, &parts).await?;
            ensure!(answer.status == 200, "{gun} was not published: {answer:?}");
            repositories.push(repository);
        }
        Ok(Self { repositories, published: 0, asked_for: 0 })
    }

    /// What each of so many clients publishes next: a new content of one target, as a push does.
    pub(crate) fn next(&mut self, clients: usize) -> Result<Vec<Vec<Act>>> {
        ensure!(clients <= PUBLISHERS, "a publisher for each client");
        let mut lists = Vec::new();
        for repository in self.repositories.iter_mut().take(clients) {
            let mut list = Vec::new();
            for _ in 0..PUBLISHES {
                self.published += 1;
                let content = format!("content {}", self.published);
                repository.add_target("targets", "v0", content.as_bytes());
                let parts = repository.parts(&["targets"]);
                list.push(vec![Exchange::publish(repository.gun(), &parts)?]);
            }
            lists.push(list);
        }
        Ok(lists)
    }

    /// GUNs of which each of so many clients asks for the first key.
    pub(crate) fn new_guns(&mut self, clients: usize) -> Result<Vec<Vec<Act>>> {
        let mut lists = Vec::new();
        for _ in 0..clients {
            let mut list = Vec::new();
            for _ in 0..NEW_GUNS {
                self.asked_for += 1;
                let path =
                    format!("/v2/example.com/new/{}/_trust/tuf/timestamp.key", self.asked_for);
                list.push(vec![Exchange::get_new(&path).context("a path")?]);
            }
            lists.push(list);
        }
        Ok(lists)
    }
}
