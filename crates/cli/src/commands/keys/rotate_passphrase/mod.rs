//! `countersign keys rotate-passphrase`: every key under a new passphrase, while servers run.

mod next;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use countersign_config::Settings;
use countersign_custody::CustodyError;
use countersign_custody::sealed::{
    Passphrases, Resealing, Rotation, RotationEnd, RotationError, RotationStores, Unopened,
    follow_check, prove_passphrases, rotate,
};
use countersign_storage::PassphraseMoves;
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use self::next::Next;
use self::tell::Watching;
use crate::commands::serve::sealed_settings;
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::Failure;
use crate::flags::DataDirFlags;
use crate::key_ring;

/// Seal all keys that the server holds under a new passphrase, while it serves.
///
/// Makes a random passphrase in secrets/key-passphrase.NAME of the data directory, unless
/// NOTARY_SIGNER_NAME or NOTARY_SIGNER_NAME_FILE gives one or the file is there. Waits until every
/// server and signer on this database can read it, and names those that cannot: then nothing
/// changes. Opens each key, seals it anew, and opens that again before its row changes; new keys are
/// sealed under the new passphrase last of all.
///
/// May be killed at any time: keys are under the one passphrase or the other, both are known, and
/// the same command goes on. The old passphrase stays where it is.
///
/// A Go notary-signer on the same database cannot be asked: give it NOTARY_SIGNER_NAME (NAME in
/// capitals, with _ for each dot) and restart it before.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys rotate-passphrase
  countersign keys rotate-passphrase --data-dir /var/lib/countersign --dry-run
  countersign keys rotate-passphrase --config countersign.toml --alias y2027
  NOTARY_SIGNER_Y2027_FILE=/run/secrets/y2027 countersign keys rotate-passphrase --alias y2027")]
pub(super) struct RotatePassphrase {
    #[command(flatten)]
    flags: DataDirFlags,
    /// The name of the new passphrase. Without it: the one of a rotation that has not ended, or
    /// NOTARY_SIGNER_DEFAULT_ALIAS if that names another than the present one, or the next of
    /// countersign_2, countersign_3 and so on
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,
    /// How long to wait for servers that do not have the passphrase yet
    #[arg(long, value_name = "SECONDS", default_value = "60",
          value_parser = clap::value_parser!(u64).range(15..=3_600))]
    wait: u64,
    /// Go on although some keys do not open; they stay as they are
    #[arg(long)]
    leave_unopened: bool,
    /// Only open every key that would be sealed anew, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl RotatePassphrase {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, alias, wait, leave_unopened, dry_run } = self;
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let wanted = Wanted {
            alias,
            wait: Duration::from_secs(wait),
            unopened: if leave_unopened { Unopened::Leave } else { Unopened::Stop },
            resealing: if dry_run { Resealing::Rehearsed } else { Resealing::Real },
        };
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        runtime.block_on(Box::pin(async {
            let stores = databases.work().await?;
            let work =
                Work { settings: &settings, dir: &dir, databases: &databases, stores: &stores };
            let done = work.run(wanted).await;
            stores.close().await;
            done
        }))
    }
}

/// What the command line asks for.
struct Wanted {
    alias: Option<String>,
    wait: Duration,
    unopened: Unopened,
    resealing: Resealing,
}

/// What is worked on.
struct Work<'a> {
    settings: &'a Settings,
    dir: &'a DataDir,
    databases: &'a Databases,
    stores: &'a Stores,
}

impl Work<'_> {
    async fn run(&self, wanted: Wanted) -> Result<(), Failure> {
        let moves = self.stores.passphrase_moves();
        let passphrases = self.proved(&*moves).await?;
        let alias = match &wanted.alias {
            Some(alias) => alias.clone(),
            None => self.next_alias(&*moves, &passphrases).await?,
        };
        let next = match wanted.resealing {
            Resealing::Real => Next::obtain(&alias, &self.settings.keys, self.dir)?,
            Resealing::Rehearsed => Next::look(&alias, &self.settings.keys, self.dir)?,
        };
        tell::next(&alias, &next).map_err(Failure::Output)?;
        let rounds = sealed_settings(self.settings).rounds;
        let rotation =
            Rotation::new(Arc::clone(&moves), passphrases, &alias, next.passphrase, rounds);
        match wanted.resealing {
            Resealing::Real => self.rotate(&rotation, &*moves, &alias, &wanted).await,
            Resealing::Rehearsed => self.rehearse(&rotation).await,
        }
    }

    /// The passphrases that the servers have here, proved to be the right ones.
    async fn proved(&self, moves: &dyn PassphraseMoves) -> Result<Arc<Passphrases>, Failure> {
        let failed = |error| Failure::of_custody(error, self.databases.keys());
        let passphrases = Arc::new(key_ring::look(&self.settings.keys, self.dir)?);
        follow_check(moves, &passphrases).await.map_err(failed)?;
        let keys = self.stores.keys();
        prove_passphrases(&*keys, Arc::clone(&passphrases)).await.map_err(failed)?;
        Ok(passphrases)
    }

    async fn next_alias(
        &self,
        moves: &dyn PassphraseMoves,
        passphrases: &Passphrases,
    ) -> Result<String, Failure> {
        let begun = Rotation::begun(moves).await;
        if let Some(begun) = begun.map_err(|error| self.failed(error.into()))? {
            return Ok(begun);
        }
        let present = match moves.current_check().await {
            Ok(check) => check.and_then(|check| check.alias),
            Err(error) => return Err(Failure::of_storage(error, self.databases.keys())),
        };
        let present = present.unwrap_or_else(|| passphrases.alias_of_new_keys());
        let aliases = self.stores.key_aliases();
        next::alias(&present, &*aliases, &key_ring::variables()?)
            .await
            .map_err(|error| Failure::of_storage(error, self.databases.keys()))
    }

    async fn rotate(
        &self,
        rotation: &Rotation,
        moves: &dyn PassphraseMoves,
        alias: &str,
        wanted: &Wanted,
    ) -> Result<(), Failure> {
        let (keys, aliases) = (self.stores.key_upkeep(), self.stores.key_aliases());
        let stores = RotationStores { keys: &*keys, aliases: &*aliases, moves };
        let mut watching = Watching::new(wanted.wait);
        let end = rotate(rotation, stores, &mut watching, wanted.wait, wanted.unopened).await;
        let end = end.map_err(|error| self.failed(error))?;
        watching.finish().map_err(Failure::Output)?;
        match end {
            RotationEnd::Done { resealed, left, clinging } => {
                tell::left(&left)
                    .and_then(|()| tell::done(alias, resealed))
                    .map_err(Failure::Output)?;
                if clinging.is_empty() {
                    return Ok(());
                }
                Err(Failure::PassphraseClung {
                    processes: clinging.join(", "),
                    alias: alias.to_owned(),
                })
            }
            RotationEnd::Lacking { processes, resealed, proposal } => {
                Err(Failure::PassphraseLacking {
                    processes: processes.join(", "),
                    state: tell::state(resealed, proposal),
                    mend: next::mend(alias),
                })
            }
            RotationEnd::Left { left, resealed } => {
                tell::left(&left).map_err(Failure::Output)?;
                Err(Failure::KeysUnopened { keys: left.len(), resealed })
            }
        }
    }

    async fn rehearse(&self, rotation: &Rotation) -> Result<(), Failure> {
        let (keys, aliases) = (self.stores.key_upkeep(), self.stores.key_aliases());
        let mut resealer = rotation.resealer(&*keys, &*aliases, Resealing::Rehearsed);
        let (mut opened, mut left) = (0_u64, 0_usize);
        while let Some(page) = resealer
            .next_page(SystemClock.now())
            .await
            .map_err(|error| self.failed(error.into()))?
        {
            opened = opened.saturating_add(page.resealed);
            left = left.saturating_add(page.left.len());
            tell::left(&page.left).map_err(Failure::Output)?;
        }
        tell::rehearsed(opened).map_err(Failure::Output)?;
        match left {
            0 => Ok(()),
            keys => Err(Failure::KeysUnopened { keys, resealed: 0 }),
        }
    }

    fn failed(&self, error: RotationError) -> Failure {
        match error {
            // What a server of databases refuses, its user may not do; nothing is damaged.
            RotationError::Custody(CustodyError::Other(reason))
                if self.databases.keys().is_waited_for() =>
            {
                let database = self.databases.keys().to_string();
                Failure::DatabaseRefuses { database, reason }
            }
            RotationError::Custody(error) => {
                Failure::of_custody(error.into(), self.databases.keys())
            }
            RotationError::AnotherPassphrase { alias } => Failure::WrongAliasPassphrase {
                database: self.databases.keys().to_string(),
                variable: next::variable(&alias),
                alias,
            },
            RotationError::Unopened => Failure::Usage(format!(
                "no server has opened the keys in {} yet: start one there first",
                self.databases.keys()
            )),
            RotationError::UnderWay { alias } => Failure::Usage(format!(
                "a rotation to alias {alias:?} was begun and has not ended: end it first, with \
                 --alias {alias}"
            )),
        }
    }
}
