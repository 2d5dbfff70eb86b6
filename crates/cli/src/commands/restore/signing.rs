//! Signing every GUN again, and comparing it with what is replaced.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use countersign_config::Settings;
use countersign_custody::sealed::Passphrases;
use countersign_storage::{ChangeRange, Inventory, StorageError};
use countersign_trust::operate::{Jump, Loss, SignedAbove, SignerKeys, issued, lost};
use countersign_trust::{Clock as _, SystemClock, Trust, TrustError};
use countersign_tuf::names::Gun;

use super::tell;
use crate::commands::serve::{key_plan, policy, sealed_settings};
use crate::custody::{KnownSigner, Opened, Opening};
use crate::database::{Databases, Stores};
use crate::exit::Failure;

/// How many GUNs are asked for at a time.
const PAGE: u32 = 500;

/// What is signed with what.
pub(super) struct Signing<'a> {
    pub(super) databases: &'a Databases,
    pub(super) compare: Option<&'a Databases>,
    pub(super) settings: &'a Settings,
    pub(super) passphrases: &'a Arc<Passphrases>,
    pub(super) jump: Jump,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// How many GUNs there are.
    pub(super) guns: u64,
    /// How many were signed again now.
    pub(super) signed: u64,
    /// How many an earlier run had signed.
    pub(super) before: u64,
    /// How many could not be.
    pub(super) stuck: u64,
    /// How many GUNs lack something of the database that was compared; `None`: none was.
    pub(super) lossy: Option<u64>,
    /// How far above what is stored was signed.
    pub(super) versions: u32,
}

/// The database that is replaced.
struct Old {
    stores: Stores,
    inventory: Arc<dyn Inventory>,
}

impl Signing<'_> {
    pub(super) async fn run(&self) -> Result<Summary, Failure> {
        let old = self.open_old().await?;
        let stores = self.databases.work().await?;
        let done = self.sign_all(&stores, old.as_ref()).await;
        stores.close().await;
        if let Some(old) = old {
            old.stores.close().await;
        }
        done
    }

    async fn open_old(&self) -> Result<Option<Old>, Failure> {
        let Some(databases) = self.compare else { return Ok(None) };
        let Some(stores) = databases.look().await? else {
            let place = databases.metadata();
            return Err(Failure::Usage(format!("--compare {place}: it is not there")));
        };
        let inventory = stores.inventory();
        Ok(Some(Old { stores, inventory }))
    }

    async fn sign_all(&self, stores: &Stores, old: Option<&Old>) -> Result<Summary, Failure> {
        let signer = KnownSigner::load(&self.settings.signer, SystemClock.now())?;
        let opening = Opening {
            stores,
            place: self.databases.keys(),
            settings: sealed_settings(self.settings),
            plan: Arc::new(key_plan(self.settings)),
            signer: signer.as_ref(),
            pkcs11: &self.settings.pkcs11,
            passphrases: self.passphrases,
        };
        let Opened { custody, signer, warnings, .. } = opening.open().await?;
        tell::warnings(&warnings).map_err(Failure::Output)?;
        if let Some(custody) = signer.as_deref() {
            let (roots, inventory) = (&*stores.root_walk(), &*stores.inventory());
            SignerKeys { custody, roots, inventory }.bind().await;
        }
        self.leave_out_changes(stores, old).await?;
        let clock = Arc::new(SystemClock);
        let trust = Trust::new(stores.metadata(), custody, clock, policy(self.settings));
        let mut summary =
            Summary { lossy: old.map(|_| 0), versions: self.jump.versions, ..Summary::default() };
        let inventory = stores.inventory();
        let mut last: Option<String> = None;
        loop {
            let page = inventory.guns(last.as_deref(), PAGE).await;
            let page = page.map_err(|error| self.failed(error))?;
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            for name in page {
                summary.guns = summary.guns.saturating_add(1);
                self.sign_one(&trust, &*inventory, old, &name, &mut summary).await?;
            }
        }
        if let Some(old) = old {
            self.list_absent(&*inventory, old, &mut summary).await?;
        }
        Ok(summary)
    }

    /// Readers of the changefeed know numbers that were given since, and ask for what is above.
    async fn leave_out_changes(&self, stores: &Stores, old: Option<&Old>) -> Result<(), Failure> {
        let newest = ChangeRange::Latest { limit: 1 };
        let mut number = 0;
        for store in [Some(stores), old.map(|old| &old.stores)].into_iter().flatten() {
            let found = store.metadata().changes(None, newest).await;
            let found = found.map_err(|error| self.failed(error))?;
            number = found.last().map_or(number, |change| change.id.max(number));
        }
        let number = number.saturating_add(i64::from(self.jump.versions));
        let raised = stores.change_numbers().number_above(number).await;
        raised.map_err(|error| match error {
            StorageError::Other(reason) => {
                Failure::Usage(format!("{reason}: leave out fewer with --skip-versions"))
            }
            error => self.failed(error),
        })
    }

    async fn sign_one(
        &self,
        trust: &Trust,
        inventory: &dyn Inventory,
        old: Option<&Old>,
        name: &str,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let stuck = |summary: &mut Summary, reason: &dyn Display| {
            summary.stuck = summary.stuck.saturating_add(1);
            tell::stuck(name, reason).map_err(Failure::Output)
        };
        let rows = match inventory.versions(name).await {
            Ok(rows) => rows,
            Err(error @ StorageError::Corrupt { .. }) => return stuck(summary, &error),
            Err(error) => return Err(self.failed(error)),
        };
        let mut seen = BTreeMap::new();
        if let Some(old) = old {
            match old.inventory.versions(name).await {
                Ok(before) => {
                    seen = issued(&before);
                    report(name, &lost(&rows, &before), summary)?;
                }
                Err(error) => tell::unreadable(name, &error).map_err(Failure::Output)?,
            }
        }
        // Nothing serves a name that no route takes.
        let Ok(gun) = Gun::parse(name) else { return Ok(()) };
        match trust.sign_above(&gun, &rows, &seen, self.jump).await {
            Ok(SignedAbove::Now { .. }) => summary.signed = summary.signed.saturating_add(1),
            Ok(SignedAbove::Before) => summary.before = summary.before.saturating_add(1),
            Ok(SignedAbove::NotServed) => {}
            Ok(SignedAbove::Stuck(reason)) => return stuck(summary, &reason),
            Err(TrustError::Storage(error)) => return Err(self.failed(error)),
            Err(error) => return Err(Failure::Signing { reason: error.to_string() }),
        }
        Ok(())
    }

    /// GUNs that are in the old database only.
    async fn list_absent(
        &self,
        inventory: &dyn Inventory,
        old: &Old,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let mut last: Option<String> = None;
        loop {
            let page = match old.inventory.guns(last.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    let rest = "the rest of the GUNs";
                    return tell::unreadable(rest, &error).map_err(Failure::Output);
                }
            };
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for name in page {
                let rows = inventory.versions(&name).await;
                if !rows.is_ok_and(|rows| rows.is_empty()) {
                    continue;
                }
                match old.inventory.versions(&name).await {
                    Ok(before) => report(&name, &lost(&[], &before), summary)?,
                    Err(error) => tell::unreadable(&name, &error).map_err(Failure::Output)?,
                }
            }
        }
    }

    fn failed(&self, error: StorageError) -> Failure {
        Failure::of_storage(error, self.databases.metadata())
    }
}

fn report(gun: &str, losses: &[Loss], summary: &mut Summary) -> Result<(), Failure> {
    if losses.is_empty() {
        return Ok(());
    }
    summary.lossy = summary.lossy.map(|lossy| lossy.saturating_add(1));
    tell::losses(gun, losses).map_err(Failure::Output)
}
