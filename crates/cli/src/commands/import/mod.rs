//! `countersign import`: move everything out of a Notary, or another Countersign.

mod progress;
mod report;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::{Args, ValueEnum};
use countersign_config::{ImportFlags, ImportSource, Settings};
use countersign_custody::sealed::{Arrival, KeyMover, Passphrases, Rounds};
use countersign_storage::StorageError;
use countersign_trust::operate::import::{Account, Destination, Import as Work, ImportError};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::{self, Failure};
use crate::flags::{DataDirFlags, environment, source_url};
use crate::key_ring;
use crate::signals::StopSignals;

use progress::Progress;

/// Move everything out of a Notary's databases, verified on the way.
///
/// The source is the database of notary-server and that of notary-signer, live or stopped; another
/// Countersign's is one too. It is only read. The target is the database of these settings: it
/// becomes a mirror of the source, with every version and date, the sealed keys, and the changefeed
/// with its numbers. Each GUN is verified as a whole; one that does not verify is not moved, and the
/// report says why.
///
/// It can be stopped (Ctrl-C) or killed at any moment: the next run goes on from there. Run it while
/// Notary serves, stop Notary, and run it again: the last run moves what had changed. Nothing is
/// moved into a database that anybody has published to since the last run.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Import {
    #[command(flatten)]
    target: DataDirFlags,
    /// The database of the server to import from, without a password: postgres://USER@HOST/NAME,
    /// mysql://USER@HOST/NAME or sqlite:PATH [env: COUNTERSIGN_IMPORT_FROM, or
    /// COUNTERSIGN_IMPORT_FROM_FILE for a file that holds it, each with a password]
    #[arg(long, value_name = "URL", value_parser = source_url)]
    from: Option<countersign_config::DatabaseUrl>,
    /// The database of the signer, where that is another [env: COUNTERSIGN_IMPORT_FROM_KEYS, or
    /// COUNTERSIGN_IMPORT_FROM_KEYS_FILE]
    #[arg(long, value_name = "URL", value_parser = source_url)]
    from_keys: Option<countersign_config::DatabaseUrl>,
    /// The configuration file of notary-server, which names its database
    #[arg(long, value_name = "FILE")]
    from_config: Option<PathBuf>,
    /// The configuration file of notary-signer, which names its database
    #[arg(long, value_name = "FILE")]
    from_signer_config: Option<PathBuf>,
    /// Seal the keys anew with the passphrase that new keys get here; without it they keep their
    /// seals, and the server needs their passphrases
    #[arg(long)]
    reseal: bool,
    /// Move nothing: only verify, and report what would be moved
    #[arg(long)]
    dry_run: bool,
    /// The report at the end: text to read, or one JSON object
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign import --from-config server-config.json --from-signer-config signer-config.json --dry-run
  NOTARY_SIGNER_TIMESTAMP_1=... countersign import --from-config server-config.json \\
      --from-signer-config signer-config.json --reseal
  COUNTERSIGN_IMPORT_FROM_FILE=server-url COUNTERSIGN_IMPORT_FROM_KEYS_FILE=signer-url \\
      countersign import --database postgres://countersign@db.example.com/countersign
  countersign import --from sqlite:countersign-data/countersign.db --database postgres://u@h/n";
    const SECRETS: &str = "Secrets (never on the command line):
  NOTARY_SIGNER_<ALIAS>             the passphrase that Notary's signer has for that alias
  NOTARY_SIGNER_<ALIAS>_FILE        a file that holds it
  COUNTERSIGN_KEY_PASSPHRASE[_FILE] this server's own; secrets/key-passphrase otherwise, as in serve";
    format!("{EXAMPLES}\n\n{SECRETS}\n\n{}", exit::help())
}

impl Import {
    /// Imports, and reports.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let settings = self.target.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let flags = ImportFlags {
            from: self.from,
            from_keys: self.from_keys,
            config: self.from_config,
            signer_config: self.from_signer_config,
        };
        let source = ImportSource::load(&flags, &environment)?;
        let databases = Databases::of(&settings, &dir)?;
        let from = Databases::at(source.metadata, source.keys, &dir)?;
        refuse_itself(&from, &databases)?;
        let arrival =
            if self.reseal { Arrival::SealedAnew(Rounds::default()) } else { Arrival::AsTheyAre };
        let run = if self.dry_run { Run::Dry } else { Run::Wet };
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        // Nothing is made for a source that is not there.
        let stores = runtime.block_on(Box::pin(open_source(&from)))?;
        let mover = KeyMover::new(run.passphrases(&settings, &dir)?, arrival);
        let job = Job { from, stores, to: databases, mover, run };
        let progress = Progress::new(source.notes);
        let account = runtime.block_on(Box::pin(job.run(&progress)))?;
        progress.end();
        let stdout = io::stdout().lock();
        match self.format {
            Format::Text => report::text(stdout, &account, run),
            Format::Json => report::json(stdout, &account, run),
        }
        .map_err(Failure::Output)?;
        conclude(&account, progress.signal())
    }
}

/// Whether anything is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Dry,
    Wet,
}

impl Run {
    /// The passphrases of source and target. A first import makes the target's own, as a first start
    /// would; beside a running server it is there already.
    fn passphrases(self, settings: &Settings, dir: &DataDir) -> Result<Passphrases, Failure> {
        match self {
            Self::Dry => key_ring::look(&settings.keys, dir),
            Self::Wet => match dir.hold() {
                Ok(hold) => key_ring::obtain(&settings.keys, dir, &hold),
                Err(Failure::InUse { .. }) => key_ring::look(&settings.keys, dir),
                Err(other) => Err(other),
            },
        }
    }
}

async fn open_source(from: &Databases) -> Result<Stores, Failure> {
    let absent = || Failure::DatabaseUnavailable {
        database: from.metadata().to_string(),
        reason: "there is no such file".to_owned(),
    };
    from.look().await?.ok_or_else(absent)
}

/// What is to be done.
struct Job {
    from: Databases,
    stores: Stores,
    to: Databases,
    mover: KeyMover,
    run: Run,
}

impl Job {
    async fn run(&self, progress: &Progress) -> Result<Account, Failure> {
        let stop = progress.stop();
        let watching = tokio::spawn(watch_signals(stop)?);
        let target = match self.run {
            Run::Dry => self.look_at_target(progress).await?,
            Run::Wet => Some(self.to.open_to_change().await?),
        };
        let side = target.as_ref().map(Stores::side);
        let destination = match (self.run, side) {
            (Run::Wet, Some(side)) => Destination::Store(side),
            (_, side) => Destination::Nowhere(side),
        };
        let now = SystemClock.now();
        let work = Work::new(self.stores.side(), destination, &self.mover, progress, now);
        let account = Box::pin(work.run()).await.map_err(|error| self.failure(error));
        self.stores.close().await;
        if let Some(target) = &target {
            target.close().await;
        }
        watching.abort();
        account
    }

    /// The target of a dry run, where there is one yet.
    async fn look_at_target(&self, progress: &Progress) -> Result<Option<Stores>, Failure> {
        match self.to.look().await {
            // A database without tables, or none: it is nothing that stands in the way.
            Err(Failure::DatabaseUnavailable { reason, .. }) => {
                progress.note(&format!("the target is not looked at: {reason}"));
                Ok(None)
            }
            looked => looked,
        }
    }

    fn failure(&self, error: ImportError) -> Failure {
        match error {
            ImportError::Source(error) => self.storage_failure(error, &self.from),
            ImportError::Target(error) => self.storage_failure(error, &self.to),
            ImportError::Custody(error) => {
                Failure::System { action: "open keys", reason: error.to_string() }
            }
            foreign @ ImportError::Foreign { .. } => Failure::ForeignChanges {
                database: self.to.metadata().to_string(),
                reason: foreign.to_string(),
            },
        }
    }

    /// What was moved stays, so that is said with the end of a link.
    fn storage_failure(&self, error: StorageError, databases: &Databases) -> Failure {
        match error {
            StorageError::Unavailable { reason } => Failure::DatabaseUnavailable {
                database: databases.metadata().to_string(),
                reason: format!("{reason}; the next run goes on where this one ended"),
            },
            other => Failure::of_storage(other, databases.metadata()),
        }
    }
}

/// The first signal asks for an end in good order, the second one ends the process: what is half
/// written is undone by the database.
fn watch_signals(stop: Arc<AtomicU8>) -> Result<impl Future<Output = ()>, Failure> {
    let mut signals = StopSignals::take()
        .map_err(|error| Failure::System { action: "take signals", reason: error.to_string() })?;
    Ok(async move {
        let first = signals.next().await;
        stop.store(first.number, Ordering::Relaxed);
        let second = signals.next().await;
        std::process::exit(i32::from(second.number.saturating_add(128)));
    })
}

fn refuse_itself(from: &Databases, to: &Databases) -> Result<(), Failure> {
    let pairs = [(from.metadata(), to.metadata()), (from.keys(), to.keys())];
    match pairs.into_iter().find(|(one, other)| one.to_string() == other.to_string()) {
        None => Ok(()),
        Some((place, _)) => Err(Failure::Usage(format!(
            "the source and the target are the same database {place}: name another with --database \
             or --data-dir; a Notary's databases can also be served as they stand, without an import"
        ))),
    }
}

fn conclude(account: &Account, signal: Option<u8>) -> Result<(), Failure> {
    if let (true, Some(number)) = (account.interrupted, signal) {
        return Err(Failure::ImportStopped { number });
    }
    if account.is_clean() {
        return Ok(());
    }
    Err(Failure::LeftOut {
        guns: account.left_out.len(),
        keys: account.key_troubles.len(),
        rows: account.damaged.values().map(Vec::len).sum::<usize>()
            + account.changes_left_out.len(),
    })
}
