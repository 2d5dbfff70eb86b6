//! Who uses the servers during a run. Each has dice of its own, which follow from the seed, and
//! asks a replica by chance each time.
//!
//! What never comes in: whether an answer is right; it is written down.

mod client;
mod poller;
mod prober;
mod publisher;
mod reader;

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use client::Client;
pub(crate) use poller::poll;
pub(crate) use prober::probe;
pub(crate) use publisher::{Owner, Publisher};
pub(crate) use reader::Reader;

/// Says when to stop.
#[derive(Clone, Debug)]
pub(crate) struct Bell(watch::Receiver<bool>);

/// Rings the bell.
#[derive(Debug)]
pub(crate) struct Ringer(watch::Sender<bool>);

impl Ringer {
    pub(crate) fn new() -> (Self, Bell) {
        let (ringer, bell) = watch::channel(false);
        (Self(ringer), Bell(bell))
    }

    /// Everybody stops after what is under way.
    pub(crate) fn ring(&self) {
        self.0.send_replace(true);
    }
}

impl Bell {
    /// Waits a while, by the dice about `milliseconds`. False: it is time to stop. The wait is the
    /// pace of a user, nothing is waited for.
    pub(crate) async fn pause(&mut self, rng: &mut StdRng, milliseconds: u64) -> bool {
        let pause = rng.random_range(milliseconds / 2..=milliseconds * 3 / 2);
        let rung = self.0.wait_for(|rung| *rung);
        timeout(Duration::from_millis(pause), rung).await.is_err()
    }
}
