//! What a rotation says: how it goes on standard output, troubles on standard error.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_custody::sealed::{LeftKey, Onlooker, Proposal, RotationEvent};
use countersign_trust::{Clock as _, SystemClock};

use super::next::{Next, Origin, variable};

/// How often it is looked again what processes say.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Waits with a rotation, and tells how it goes.
pub(super) struct Watching {
    began: Instant,
    wait: Duration,
    resealed: u64,
    told: Instant,
    /// The first line that could not be written.
    broken: io::Result<()>,
}

impl Watching {
    pub(super) fn new(wait: Duration) -> Self {
        let began = Instant::now();
        Self { began, wait, resealed: 0, told: began, broken: Ok(()) }
    }

    /// Whether all could be told.
    pub(super) fn finish(self) -> io::Result<()> {
        self.broken
    }

    fn line(&mut self, line: &str) {
        let mut stdout = io::stdout().lock();
        let told = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        // A rotation that is under way is not ended by a reader who left.
        if self.broken.is_ok() {
            self.broken = told;
        }
    }
}

#[async_trait]
impl Onlooker for Watching {
    async fn pause(&mut self) {
        tokio::time::sleep(LOOK_EVERY).await;
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    fn tell(&mut self, event: &RotationEvent) {
        match event {
            RotationEvent::Awaiting(processes) => {
                let (seconds, processes) = (self.wait.as_secs(), plain(&processes.join(", ")));
                self.line(&format!("waiting up to {seconds} seconds for {processes}"));
            }
            RotationEvent::Known { living, silent } => {
                let known = match living.as_slice() {
                    [] => "no server runs on this database".to_owned(),
                    some => format!("known to {}", plain(&some.join(", "))),
                };
                self.line(&known);
                if !silent.is_empty() {
                    self.line(&format!("taken for dead: {}", plain(&silent.join(", "))));
                }
            }
            RotationEvent::Page(page) => {
                self.resealed = self.resealed.saturating_add(page.resealed);
                if self.told.elapsed() >= TELL_EVERY {
                    self.told = Instant::now();
                    self.line(&format!("{} keys sealed anew", self.resealed));
                }
            }
            RotationEvent::Adopted => self.line("new keys are sealed with it from now on"),
        }
    }
}

/// Which passphrase it is, and where.
pub(super) fn next(alias: &str, next: &Next) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match &next.origin {
        Origin::Given => writeln!(stdout, "the new passphrase is the one given for {alias:?}")?,
        Origin::Made(path) => {
            writeln!(stdout, "made the new passphrase {alias:?}: {}", path.display())?;
        }
        Origin::ToBeMade(path) => {
            writeln!(stdout, "would make the new passphrase {alias:?}: {}", path.display())?;
        }
    }
    stdout.flush()
}

/// Keys that stay as they are.
pub(super) fn left(left: &[LeftKey]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    for LeftKey { key_id, gun, flaw } in left {
        let (gun, flaw) = (plain(gun), plain(&flaw.to_string()));
        writeln!(stderr, "countersign: not sealed anew: key {key_id} of {gun:?}: {flaw}")?;
    }
    Ok(())
}

/// The end.
pub(super) fn done(alias: &str, resealed: u64) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "done: {resealed} keys sealed anew, under {alias:?}")?;
    writeln!(
        stdout,
        "keep the old passphrase as long as a backup from before may be put back; a Go \
         notary-signer needs {} from now on",
        variable(alias)
    )?;
    stdout.flush()
}

/// What a run would do.
pub(super) fn rehearsed(opened: u64) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "would seal {opened} keys anew; all of these open")?;
    stdout.flush()
}

/// How far it came before it was refused.
pub(super) fn state(resealed: u64, proposal: Proposal) -> String {
    match proposal {
        Proposal::Withdrawn => "nothing was changed".to_owned(),
        Proposal::Stands => {
            format!("{resealed} keys were sealed anew and stay so, new ones are sealed as before")
        }
    }
}

/// One line, whatever is in it.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}
