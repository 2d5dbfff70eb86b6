//! `countersign restore`: puts a backup back, and signs again above all that clients can have seen.

mod building;
mod signing;
mod tell;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use countersign_config::{DatabaseUrl, Settings};
use countersign_trust::operate::{Jump, issued_since};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use self::building::Building;
use self::signing::{Signing, Summary};
use crate::backup_manifest::{KEYS_DATABASE, Manifest};
use crate::data_dir::DataDir;
use crate::database::Databases;
use crate::exit::{self, Failure};
use crate::flags::{self, DataDirFlags};
use crate::key_ring;

/// Put a backup back, and sign again above every version that clients can have seen.
///
/// What was signed since the backup was taken is lost, and clients refuse versions that go back. So
/// the timestamp of every GUN, and its snapshot where the server signs it, are signed again that
/// many versions higher as can have been issued since: 100,000, and 10 for every second.
///
/// Checks the backup first. The data directory must be empty or missing, and appears only when all
/// is done; what was interrupted goes on when the same command is given again.
///
/// A database of PostgreSQL is put back with its own tools first. Then --in-place does the signing,
/// while no server runs on it.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Restore {
    /// The backup to put back
    #[arg(value_name = "SRC", required_unless_present = "in_place", conflicts_with = "in_place")]
    src: Option<PathBuf>,
    #[command(flatten)]
    flags: DataDirFlags,
    /// Only sign again, in a database that was put back by other means
    #[arg(long, requires = "taken_at")]
    in_place: bool,
    /// When the backup was begun, such as 2026-11-24T12:00:00Z; earlier does no harm
    #[arg(long, value_name = "TIME", requires = "in_place")]
    taken_at: Option<DateTime<Utc>>,
    /// Leave out so many versions, instead of as many as can have been issued
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    skip_versions: Option<u32>,
    /// The database that is replaced, if it can still be read: what is lost is listed by comparing.
    /// A file, or a URL without a password [env: COUNTERSIGN_COMPARE_DATABASE_URL, or
    /// COUNTERSIGN_COMPARE_DATABASE_URL_FILE]
    #[arg(long, value_name = "OLD", value_parser = flags::database_url)]
    compare: Option<DatabaseUrl>,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign restore /var/backups/countersign-2026-11-24 --data-dir /var/lib/countersign
  countersign restore backup --data-dir new --compare damaged/countersign.db
  countersign restore --in-place --taken-at 2026-11-24T03:00:00Z --data-dir /var/lib/countersign \\
      --database postgres://trust@db.example.com/trust";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

/// What is signed above what.
struct Plan {
    settings: Settings,
    compare: Option<Databases>,
    skip_versions: Option<u32>,
}

impl Restore {
    /// Restores once.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self { src, flags, in_place: _, taken_at, skip_versions, compare } = self;
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let compare = flags::compared(compare.as_ref())?;
        let compare = compare.map(|location| Databases::at(location, None, &dir));
        let plan = Plan { settings, compare: compare.transpose()?, skip_versions };
        match (src, taken_at) {
            (Some(src), _) => plan.put_back(&src, &dir),
            (None, Some(taken_at)) => plan.in_place(taken_at, &dir),
            (None, None) => Err(Failure::Usage("name a backup, or --in-place".to_owned())),
        }
    }
}

impl Plan {
    fn put_back(self, src: &Path, dir: &DataDir) -> Result<(), Failure> {
        let manifest = Manifest::read(src)?;
        manifest.verify(src)?;
        let building = Building::begin(dir.path(), src, &manifest)?;
        let place = DataDir::at(building.path())?;
        let keys = manifest.files.contains_key(KEYS_DATABASE);
        let keys = keys.then(|| building.path().join(KEYS_DATABASE));
        let databases = Databases::in_files(place.database(), keys);
        let summary = self.sign(&databases, &place, manifest.taken_at)?;
        building.finish()?;
        tell::done(&summary, Some(dir.path())).map_err(Failure::Output)?;
        conclude(&summary)
    }

    /// The directory is held, so that no server of the same directory runs.
    fn in_place(self, taken_at: DateTime<Utc>, dir: &DataDir) -> Result<(), Failure> {
        let databases = Databases::of(&self.settings, dir)?;
        let _hold = dir.hold()?;
        let summary = self.sign(&databases, dir, taken_at)?;
        tell::done(&summary, None).map_err(Failure::Output)?;
        conclude(&summary)
    }

    fn sign(
        &self,
        databases: &Databases,
        dir: &DataDir,
        taken_at: DateTime<Utc>,
    ) -> Result<Summary, Failure> {
        let now = SystemClock.now();
        if taken_at > now {
            return Err(Failure::Usage(format!(
                "the backup was taken at {taken_at}, and it is {now}: set the clock right"
            )));
        }
        let versions = self.skip_versions.unwrap_or_else(|| issued_since(taken_at, now));
        let passphrases = Arc::new(key_ring::look(&self.settings.keys, dir)?);
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        let signing = Signing {
            databases,
            compare: self.compare.as_ref(),
            settings: &self.settings,
            passphrases: &passphrases,
            jump: Jump { versions, taken_at },
        };
        runtime.block_on(Box::pin(signing.run()))
    }
}

/// What is in its place but not as it should be is a failure that a script can tell.
fn conclude(summary: &Summary) -> Result<(), Failure> {
    match summary.stuck {
        0 => Ok(()),
        stuck => Err(Failure::NotSigned { stuck, all: summary.guns }),
    }
}
