//! What calls are answered from.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use countersign_custody::{CustodyError, KeyRetirement, KeysById};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;

use crate::caller::Clients;
use crate::counted_keys::CountedKeys;
use crate::metrics::Metrics;
use crate::refusal;

/// How often it is looked whether keys can be reached.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Who may ask, and what they must say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Which clients may ask. Default: all that are let in.
    pub clients: Clients,
    /// What is done for callers that do not say for which GUN and role they want a key: Notary's
    /// server is one. Default: all.
    pub without_gun: WithoutGun,
}

/// What is done for callers that do not say for which GUN and role they want a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutGun {
    /// All that is done for others.
    #[default]
    Served,
    /// Nothing.
    Refused,
}

/// Whether keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    NotServing,
    Serving,
    /// For good: the process ends.
    Stopped,
}

/// Keys that were reached.
struct Held {
    keys: Arc<dyn KeysById>,
    retirement: Arc<dyn KeyRetirement>,
}

/// The keys, once they have been reached, and the terms on which they are used.
pub struct Signer {
    keys: OnceLock<Held>,
    terms: Terms,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
}

impl Signer {
    /// Without keys: calls are answered that they cannot be reached now.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        let (health, _) = watch::channel(Health::NotServing);
        Self { keys: OnceLock::new(), terms, health, metrics: Arc::new(Metrics::new()) }
    }

    /// Answers from `keys` from now on, and lets go of them by `retirement`. Only the first ones
    /// count.
    pub fn open(&self, keys: Arc<dyn KeysById>, retirement: Arc<dyn KeyRetirement>) {
        self.keys.get_or_init(|| {
            let keys = Arc::new(CountedKeys::new(keys, Arc::clone(&self.metrics)));
            Held { keys, retirement }
        });
        self.turn(Health::Serving);
    }

    /// Looks from time to time whether keys can be reached, until it is dropped.
    pub async fn keep_health(&self) {
        let mut looks = interval(BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let Some(held) = self.keys.get() else { continue };
            let found = held.keys.check().await;
            let now = if found.is_ok() { Health::Serving } else { Health::NotServing };
            if self.turn(now) {
                say(&found);
            }
        }
    }

    /// Tells whoever watches its health that it ends.
    pub fn stop(&self) {
        self.turn(Health::Stopped);
    }

    /// Whether that changed anything. Who has stopped does not serve again.
    fn turn(&self, to: Health) -> bool {
        self.health.send_if_modified(|health| {
            let turns = *health != to && *health != Health::Stopped;
            if turns {
                *health = to;
            }
            turns
        })
    }

    /// What was counted and measured, in the text form of Prometheus.
    #[must_use]
    pub fn render_metrics(&self) -> String {
        let serves = *self.health.borrow() == Health::Serving;
        self.metrics.render(if serves { 1.0 } else { 0.0 })
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(crate) fn keys(&self) -> Result<&dyn KeysById, Status> {
        self.keys.get().map(|held| &*held.keys).ok_or_else(refusal::away)
    }

    pub(crate) fn retirement(&self) -> Result<&dyn KeyRetirement, Status> {
        self.keys.get().map(|held| &*held.retirement).ok_or_else(refusal::away)
    }

    pub(crate) fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }
}

fn say(found: &Result<(), CustodyError>) {
    match found {
        Ok(()) => tracing::info!("the keys can be reached again"),
        Err(error) => tracing::error!(%error, "the keys cannot be used now: health says so"),
    }
}
