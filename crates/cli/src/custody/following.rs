//! What runs beside a server that opens sealed keys: it follows the passphrase that holds, tells the
//! key database that it lives, and wipes keys that were held for long enough.
//!
//! Nothing in here ends a server: what the database cannot answer now is asked again.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use countersign_custody::CustodyError;
use countersign_custody::sealed::{BEAT_EVERY, CheckFollower, Passphrases, SealedCustody};
use countersign_storage::PassphraseMoves;
use countersign_trust::Writes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::late::Opened;
use crate::database::Stores;

/// The length of a process's own name, in bytes.
const ID_BYTES: usize = 16;

/// How long an end waits for the key database.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// The longest name of a host that is shown.
const HOST: usize = 200;

/// Sealed keys of one server.
pub(crate) struct Following {
    custody: watch::Receiver<Opened>,
    passphrases: Arc<Passphrases>,
    moves: Arc<dyn PassphraseMoves>,
}

impl Following {
    /// What follows for `custody`, which was opened with `passphrases`.
    pub(super) fn new(
        stores: &Stores,
        custody: Arc<SealedCustody>,
        passphrases: &Arc<Passphrases>,
    ) -> Self {
        Self::once_opened(stores, watch::channel(Some(custody)).1, passphrases)
    }

    /// The same for custody that is opened later, if ever.
    pub(super) fn once_opened(
        stores: &Stores,
        custody: watch::Receiver<Opened>,
        passphrases: &Arc<Passphrases>,
    ) -> Self {
        let moves = stores.passphrase_moves();
        Self { custody, passphrases: Arc::clone(passphrases), moves }
    }

    /// Follows until `stop` ends, as a server with these writes may.
    pub(crate) async fn run(mut self, writes: Writes, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let custody = tokio::select! {
            custody = self.opened() => custody,
            () = &mut stop => return,
        };
        match writes {
            Writes::Taken => self.follow(&custody, stop).await,
            Writes::Refused => self.keep_quiet(&custody, stop).await,
        }
    }

    /// Waits until there are keys to follow for; for ever, if nobody opens any more.
    async fn opened(&mut self) -> Arc<SealedCustody> {
        let opened = match self.custody.wait_for(Option::is_some).await {
            Ok(opened) => opened.clone(),
            Err(_) => None,
        };
        match opened {
            Some(custody) => custody,
            None => std::future::pending().await,
        }
    }

    /// Follows until `stop` ends, then leaves.
    async fn follow(self, custody: &SealedCustody, stop: impl Future<Output = ()>) {
        let (moves, ring) = (Arc::clone(&self.moves), Arc::clone(&self.passphrases));
        let mut follower = CheckFollower::new(moves, ring, id(), shown());
        let mut beats = interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        let mut refused = String::new();
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = &mut stop => break,
            }
            custody.wipe_old_keys();
            tokio::select! {
                beat = follower.beat() => tell(beat, &mut refused),
                () = &mut stop => break,
            }
        }
        // Nobody waits for a database that is away: who watches sees that the process is gone.
        match timeout(LEAVE_WITHIN, follower.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the key database keeps this process's name"),
            Err(_) => tracing::debug!("the key database keeps this process's name"),
        }
    }

    /// Without signing anything: only what is old is wiped, and what is not known may be asked for.
    async fn keep_quiet(self, custody: &SealedCustody, stop: impl Future<Output = ()>) {
        let mut beats = interval(BEAT_EVERY);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = &mut stop => return,
            }
            custody.wipe_old_keys();
            self.passphrases.ask_again();
        }
    }
}

/// Tells of a refusal once, not with every beat. A database that is away tells of itself.
fn tell(beat: Result<(), CustodyError>, refused: &mut String) {
    match beat {
        Ok(()) => refused.clear(),
        Err(CustodyError::Unavailable { reason }) => {
            tracing::debug!(reason, "the key database cannot be told that this process lives");
        }
        Err(error) if *refused == error.to_string() => {}
        Err(error) => {
            *refused = error.to_string();
            tracing::warn!(
                %error,
                "the key database cannot be told that this process lives: keys rotate-passphrase \
                 will not wait for it"
            );
        }
    }
}

/// Random; without randomness no server would have come so far.
fn id() -> String {
    let mut bytes = [0; ID_BYTES];
    SystemRandom::new().fill(&mut bytes).ok();
    hex::encode(bytes)
}

/// What an operator finds the process by.
fn shown() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| !c.is_control()).take(HOST).collect();
    let host = if host.is_empty() { "this host" } else { &host };
    format!("process {} on {host}", std::process::id())
}
