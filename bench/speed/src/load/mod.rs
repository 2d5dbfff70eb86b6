//! The load generator: clients that each have one request in flight, and what they saw.
//!
//! It shares the machine with who is measured, so it does little: requests are made beforehand,
//! bodies are compared byte by byte only now and then, their lengths always. A wrong answer ends
//! the run.

mod connection;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use countersign_tests::upload;
use hdrhistogram::Histogram;
use http::{HeaderValue, Method, Uri};
use tokio::task::JoinSet;

use connection::{Client, Compared};
pub(crate) use connection::{HeldConnection, Target};

/// How often a body is compared byte by byte: once in so many acts of a client.
const COMPARED: u64 = 64;

/// Digits of latencies that are kept.
const DIGITS: u8 = 3;

/// One request, and the answer that it must get with status 200.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) path: Uri,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Bytes,
    pub(crate) expected: Expected,
}

impl Exchange {
    /// A GET of what is made by being asked for.
    pub(crate) fn get_new(path: &str) -> Result<Self> {
        Ok(Self { expected: Expected::Anything, ..Self::get(path, &Bytes::new())? })
    }

    /// A publish, which must be accepted.
    pub(crate) fn publish(gun: &str, parts: &[(String, Vec<u8>)]) -> Result<Self> {
        Ok(Self {
            method: Method::POST,
            content_type: Some(HeaderValue::from_static(upload::CONTENT_TYPE)),
            body: upload::form(parts).into(),
            ..Self::get_new(&upload::publish_path(gun))?
        })
    }

    /// A GET of a document that does not change meanwhile.
    pub(crate) fn get(path: &str, body: &Bytes) -> Result<Self> {
        Ok(Self {
            method: Method::GET,
            path: path.parse().with_context(|| format!("the path {path}"))?,
            content_type: None,
            body: Bytes::new(),
            expected: Expected::Body(body.clone()),
        })
    }
}

/// What the body of an answer must be.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Anything: what was asked for is new.
    Anything,
    /// These bytes.
    Body(Bytes),
}

/// What a client does as one, such as a whole pull.
pub(crate) type Act = Vec<Exchange>;

/// Whether connections are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Each client keeps its own.
    Kept,
    /// Each request has a new one, as those of docker have.
    PerRequest,
}

/// What the clients do.
#[derive(Clone, Debug)]
pub(crate) enum Acts {
    /// All of these in turn, by each client, until the time is over.
    Again(Arc<Vec<Act>>, Duration),
    /// The list of its number, by each client, to its end: what can be done only once.
    Once(Arc<Vec<Vec<Act>>>),
}

/// What is asked for, by how many, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) acts: Acts,
    pub(crate) connections: Connections,
    pub(crate) clients: usize,
}

/// What the clients saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) acts: u64,
    pub(crate) elapsed: Duration,
    /// How long acts took, in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
}

/// Lets all clients work at once until the time is over.
pub(crate) async fn run(target: &Target, load: &Load) -> Result<Seen> {
    let mut clients = JoinSet::new();
    let started = Instant::now();
    for number in 0..load.clients {
        let (target, load) = (target.clone(), load.clone());
        clients.spawn(async move { work(target, load, number, started).await });
    }
    let mut seen = Seen { requests: 0, acts: 0, elapsed: Duration::ZERO, latencies: histogram()? };
    while let Some(done) = clients.join_next().await {
        let (requests, latencies) = done??;
        seen.requests += requests;
        seen.acts += latencies.len();
        seen.latencies.add(latencies)?;
    }
    seen.elapsed = started.elapsed();
    Ok(seen)
}

async fn work(
    target: Target,
    load: Load,
    number: usize,
    started: Instant,
) -> Result<(u64, Histogram<u64>)> {
    let mut worker = Worker {
        client: Client::new(target, load.connections),
        latencies: histogram()?,
        requests: 0,
    };
    match &load.acts {
        Acts::Again(acts, time) => {
            // Clients begin at different places, so that they do not all ask for the same at once.
            let first = number * acts.len() / load.clients.max(1);
            let turns = acts.iter().cycle().skip(first);
            for act in turns.take_while(|_| started.elapsed() < *time) {
                worker.act(act).await?;
            }
        }
        Acts::Once(lists) => {
            for act in lists.get(number).context("a client without a list")? {
                worker.act(act).await?;
            }
        }
    }
    Ok((worker.requests, worker.latencies))
}

/// A client, and what it has seen.
struct Worker {
    client: Client,
    latencies: Histogram<u64>,
    requests: u64,
}

impl Worker {
    async fn act(&mut self, act: &Act) -> Result<()> {
        let compared = match self.latencies.len() % COMPARED {
            0 => Compared::Bytes,
            _ => Compared::Length,
        };
        let begun = Instant::now();
        for exchange in act {
            self.client.exchange(exchange, compared).await?;
            self.requests += 1;
        }
        Ok(self.latencies.record(u64::try_from(begun.elapsed().as_nanos())?)?)
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(DIGITS)?)
}
