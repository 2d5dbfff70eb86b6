//! One run of a rotation, from the proposal to the last key. Ended anywhere, the next run goes on.
//!
//! The order is what keeps every key usable: nothing is sealed anew before every living process has
//! the new passphrase, and new keys are sealed under it last of all.
//!
//! Never in here: a clock, and words for people; both are an [`Onlooker`]'s.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_storage::{KeyAliases, KeyProcess, KeyUpkeep, PassphraseMoves};

use super::resealing::{LeftKey, ResealedPage, Resealing};
use super::roll_call::RollCall;
use super::rotation::{Rotation, RotationError, Standing};
use crate::CustodyError;

/// The most times that all keys are gone through for those that were made meanwhile.
const SWEEPS: usize = 100;

/// Who waits with the run, and is told how it goes.
#[async_trait]
pub trait Onlooker: Send {
    /// Waits a moment.
    async fn pause(&mut self);

    /// What has passed since the run began.
    fn elapsed(&self) -> Duration;

    /// The time, for the rows that change.
    fn now(&self) -> DateTime<Utc>;

    /// What happens.
    fn tell(&mut self, event: &RotationEvent);
}

/// What happens in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationEvent {
    /// These processes are waited for.
    Awaiting(Vec<String>),
    /// All processes that live have the passphrase; these are taken for dead.
    Known {
        /// Those that live.
        living: Vec<String>,
        /// The others.
        silent: Vec<String>,
    },
    /// Some keys were gone through.
    Page(ResealedPage),
    /// New keys are sealed with it from now on.
    Adopted,
}

/// What to do about keys that do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// The passphrase does not become the one of new keys.
    Stop,
    /// They stay as they are.
    Leave,
}

/// What became of a proposal that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// It stands, because keys are sealed with it already.
    Stands,
    /// It was taken back: all is as before.
    Withdrawn,
}

/// How a run ended, if nothing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationEnd {
    /// Every key that opens is sealed with it, and new ones are.
    Done {
        /// How many keys were sealed anew by this run.
        resealed: u64,
        /// Keys that do not open.
        left: Vec<LeftKey>,
        /// Processes that go on sealing new keys under another alias.
        clinging: Vec<String>,
    },
    /// Processes that live do not have the passphrase.
    Lacking {
        /// These.
        processes: Vec<String>,
        /// How many keys were sealed anew by this run.
        resealed: u64,
        /// What became of the proposal.
        proposal: Proposal,
    },
    /// Keys do not open, and [`Unopened::Stop`] was asked for.
    Left {
        /// These.
        left: Vec<LeftKey>,
        /// How many keys were sealed anew by this run.
        resealed: u64,
    },
}

/// What a run needs of the key database.
#[derive(Clone, Copy)]
pub struct RotationStores<'a> {
    /// The keys.
    pub keys: &'a dyn KeyUpkeep,
    /// Their aliases.
    pub aliases: &'a dyn KeyAliases,
    /// The check values and the processes.
    pub moves: &'a dyn PassphraseMoves,
}

/// Runs `rotation`, waiting at most `wait` for processes that lack its passphrase.
///
/// # Errors
/// [`RotationError`]. What was done stays done, and is consistent.
pub async fn rotate(
    rotation: &Rotation,
    stores: RotationStores<'_>,
    onlooker: &mut dyn Onlooker,
    wait: Duration,
    unopened: Unopened,
) -> Result<RotationEnd, RotationError> {
    let standing = rotation.begin().await?;
    let call = RollCall::default();
    let mut run = Run { rotation, stores, onlooker, wait, standing, call, resealed: 0 };
    let known =
        |run: &Run<'_>, process: &KeyProcess| run.rotation.is_known_to(process, &run.standing);
    let lacking = run.await_all(known).await?;
    if !lacking.is_empty() {
        return run.refuse(lacking).await;
    }
    run.tell_known();
    let left = match run.sweep(known).await? {
        Swept::All(left) => left,
        Swept::Lacking(processes) => return run.refuse(processes).await,
    };
    if !left.is_empty() && unopened == Unopened::Stop {
        return Ok(RotationEnd::Left { left, resealed: run.resealed });
    }
    if let Standing::Proposed(check) = &run.standing {
        rotation.adopt(check).await?;
        run.standing = Standing::Holds;
        run.onlooker.tell(&RotationEvent::Adopted);
    }
    let used = |run: &Run<'_>, process: &KeyProcess| run.rotation.is_used_by(process);
    let clinging = run.await_all(used).await?;
    // What was made under the old alias meanwhile. Nobody is asked any more: all have had it.
    let Swept::All(left) = run.sweep(|_, _| true).await? else {
        return Ok(RotationEnd::Left { left, resealed: run.resealed });
    };
    run.forget_silent().await?;
    Ok(RotationEnd::Done { resealed: run.resealed, left, clinging })
}

struct Run<'a> {
    rotation: &'a Rotation,
    stores: RotationStores<'a>,
    onlooker: &'a mut dyn Onlooker,
    wait: Duration,
    standing: Standing,
    call: RollCall,
    resealed: u64,
}

/// What came of going through all keys.
enum Swept {
    /// All are sealed with it, but for these.
    All(Vec<LeftKey>),
    /// A process came that lacks it.
    Lacking(Vec<String>),
}

impl<'a> Run<'a> {
    /// Waits until each process that lives `has` it; returns those that do not in the end.
    async fn await_all(
        &mut self,
        has: impl Fn(&Self, &KeyProcess) -> bool,
    ) -> Result<Vec<String>, CustodyError> {
        let began = self.onlooker.elapsed();
        let mut told = Vec::new();
        loop {
            let lacking = self.lacking(&has).await?;
            let waited = self.onlooker.elapsed().saturating_sub(began);
            if lacking.is_empty() || waited >= self.wait {
                return Ok(lacking);
            }
            if lacking != told {
                self.onlooker.tell(&RotationEvent::Awaiting(lacking.clone()));
                told = lacking;
            }
            self.onlooker.pause().await;
        }
    }

    /// The processes that live and do not have it now.
    async fn lacking(
        &mut self,
        has: impl Fn(&Self, &KeyProcess) -> bool,
    ) -> Result<Vec<String>, CustodyError> {
        let processes = self.stores.moves.processes().await?;
        let at = self.onlooker.elapsed();
        self.call.hear(processes, at);
        let lacking = self.call.present(at).filter(|process| !has(self, process));
        Ok(lacking.map(|process| process.shown.clone()).collect())
    }

    /// Goes through all keys, until none is left that opens and is sealed under another alias.
    async fn sweep(
        &mut self,
        has: impl Fn(&Self, &KeyProcess) -> bool,
    ) -> Result<Swept, CustodyError> {
        let mut left = Vec::new();
        for _ in 0..SWEEPS {
            left.clear();
            let mut moved = 0_u64;
            let (keys, aliases) = (self.stores.keys, self.stores.aliases);
            let mut resealer = self.rotation.resealer(keys, aliases, Resealing::Real);
            while let Some(page) = resealer.next_page(self.onlooker.now()).await? {
                self.resealed = self.resealed.saturating_add(page.resealed);
                moved = moved.saturating_add(page.resealed).saturating_add(page.changed);
                left.extend_from_slice(&page.left);
                self.onlooker.tell(&RotationEvent::Page(page));
                // One that was started meanwhile.
                if !self.lacking(&has).await?.is_empty() {
                    let lacking = self.await_all(&has).await?;
                    if !lacking.is_empty() {
                        return Ok(Swept::Lacking(lacking));
                    }
                }
            }
            if moved == 0 {
                break;
            }
        }
        Ok(Swept::All(left))
    }

    async fn refuse(&mut self, processes: Vec<String>) -> Result<RotationEnd, RotationError> {
        let proposal = match &self.standing {
            Standing::Proposed(check) => self.rotation.withdraw(check, self.stores.keys).await?,
            Standing::Holds => Proposal::Stands,
        };
        Ok(RotationEnd::Lacking { processes, resealed: self.resealed, proposal })
    }

    fn tell_known(&mut self) {
        let at = self.onlooker.elapsed();
        let shown = |process: &KeyProcess| process.shown.clone();
        let living = self.call.present(at).map(shown).collect();
        let silent = self.call.silent(at).map(shown).collect();
        self.onlooker.tell(&RotationEvent::Known { living, silent });
    }

    /// Forgets the processes that are taken for dead. One that lives comes back by itself.
    async fn forget_silent(&mut self) -> Result<(), CustodyError> {
        for process in self.call.silent(self.onlooker.elapsed()) {
            self.stores.moves.forget_process(&process.id).await?;
        }
        Ok(())
    }
}
