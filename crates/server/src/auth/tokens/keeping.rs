//! Keys are kept as they are elsewhere: files are looked at when the server looks at its files,
//! URLs are asked in turns.

use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

use super::Tokens;
use super::sources::{Reread, Source};

/// How often it is asked whether a fetch is due.
const LOOK: Duration = Duration::from_secs(3);

impl Tokens {
    /// Takes over keys that change behind URLs, until `stopped`.
    pub(in crate::auth) async fn keep(&self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let hurry = tokio::select! {
                () = &mut stopped => return,
                _ = looks.tick() => false,
                () = self.hurry.notified() => true,
            };
            let round = async {
                if hurry {
                    join_all(self.fetchers.iter().map(|one| one.fetch_now(self))).await;
                } else {
                    join_all(self.fetchers.iter().map(|one| one.fetch_in_turn(self))).await;
                }
            };
            tokio::select! {
                () = &mut stopped => return,
                () = round => {}
            }
        }
    }

    /// Reads the files of keys again now, and has those behind URLs fetched again.
    pub(in crate::auth) fn reread(&self) {
        self.look();
        self.hurry.notify_one();
    }

    /// Takes over what the files of keys hold now. Reads files.
    pub(in crate::auth) fn look(&self) {
        self.change(|sources| {
            let mut changed = false;
            for source in sources {
                changed |= reread(source);
            }
            changed
        });
    }
}

/// Whether the keys of an issuer are others now.
fn reread(source: &mut Source) -> bool {
    let outcome = source.reread();
    let issuer = source.name();
    match outcome {
        Reread::Same | Reread::StillBroken => false,
        Reread::Changed => {
            tracing::info!(issuer, keys = source.key_count(), "keys of tokens read again");
            true
        }
        Reread::Broken(error) => {
            tracing::error!(
                issuer,
                %error,
                "the keys of tokens cannot be read again; those in use stay"
            );
            false
        }
    }
}
