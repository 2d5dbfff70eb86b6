//! What runs beside a server that opens sealed keys: it follows the passphrase that holds, tells the
//! key database that it lives, and wipes keys that were held for long enough.
//!
//! Nothing in here ends a server: what the database cannot answer now is asked again.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use countersign_custody::CustodyError;
use countersign_custody::sealed::{BEAT_EVERY, CheckFollower, Passphrases, SealedCustody};
use countersign_trust::Writes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::database::Stores;

/// The length of a process's own name, in bytes.
const ID_BYTES: usize = 16;

/// How long an end waits for the key database.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// The longest name of a host that is shown.
const HOST: usize = 200;

/// Sealed keys of one server.
pub(crate) struct Following {
    custody: Arc<SealedCustody>,
    passphrases: Arc<Passphrases>,
    follower: CheckFollower,
}

impl Following {
    /// What follows for `custody`, which was opened with `passphrases`.
    pub(super) fn new(
        stores: &Stores,
        custody: &Arc<SealedCustody>,
        passphrases: &Arc<Passphrases>,
    ) -> Self {
        let (moves, ring) = (stores.passphrase_moves(), Arc::clone(passphrases));
        Self {
            custody: Arc::clone(custody),
            passphrases: Arc::clone(passphrases),
            follower: CheckFollower::new(moves, ring, id(), shown()),
        }
    }

    /// Follows until `stop` ends, as a server with these writes may.
    pub(crate) async fn run(self, writes: Writes, stop: impl Future<Output = ()>) {
        match writes {
            Writes::Taken => self.follow(stop).await,
            Writes::Refused => self.keep_quiet(stop).await,
        }
    }

    /// Follows until `stop` ends, then leaves.
    async fn follow(mut self, stop: impl Future<Output = ()>) {
        let mut beats = interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        let mut refused = String::new();
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = &mut stop => break,
            }
            self.custody.wipe_old_keys();
            tokio::select! {
                beat = self.follower.beat() => self.tell(beat, &mut refused),
                () = &mut stop => break,
            }
        }
        // Nobody waits for a database that is away: who watches sees that the process is gone.
        match timeout(LEAVE_WITHIN, self.follower.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the key database keeps this process's name"),
            Err(_) => tracing::debug!("the key database keeps this process's name"),
        }
    }

    /// Without signing anything: only what is old is wiped, and what is not known may be asked for.
    async fn keep_quiet(self, stop: impl Future<Output = ()>) {
        let mut beats = interval(BEAT_EVERY);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = &mut stop => return,
            }
            self.custody.wipe_old_keys();
            self.passphrases.ask_again();
        }
    }

    /// Tells of a refusal once, not with every beat. A database that is away tells of itself.
    fn tell(&self, beat: Result<(), CustodyError>, refused: &mut String) {
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
                    "the key database cannot be told that this process lives: keys \
                     rotate-passphrase will not wait for it"
                );
            }
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
