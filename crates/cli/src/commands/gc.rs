//! `countersign gc`: clears the database of what no client can need any more.

use std::io::{self, Write};

use chrono::Duration;
use clap::Args;
use countersign_config::sections::keys::Keys;
use countersign_config::sections::retention::Retention as Settings;
use countersign_storage::{GivingBack, Removal, Space};
use countersign_trust::operate::gc::{Cleared, Keep, Plan, Shelves, clear};
use countersign_trust::operate::keys::{Collected, Retiring, RootsOf, UnusedKeys};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::{self, Failure};
use crate::flags::DataDirFlags;

/// Remove old versions that no client can need any more, and give their space back.
///
/// All roots stay, and everything that the current timestamp and snapshot of a GUN lead to. Of the
/// rest stay the newest versions (--keep-versions) and what was current until lately (--keep-days),
/// each with all that it leads to. With one of the two flags only that one counts; without either,
/// the settings of [retention] do: 2 versions, and 30 days.
///
/// Server keys that were made keys.pending_days ago (90 days), have not signed, and that no stored
/// root names, are retired.
///
/// Works beside running servers, on any database. What is published meanwhile stays.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Gc {
    #[command(flatten)]
    flags: DataDirFlags,
    /// Keep so many of the newest versions of every role, at least 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    keep_versions: Option<u32>,
    /// Keep what a newer version replaced less than so many days ago
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(0..=3650))]
    keep_days: Option<u32>,
    /// Of changes in the changefeed that are older than so many days keep only the newest of each
    /// GUN; 0 keeps all [default: that of the settings, which is 0]
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(0..=3650))]
    changefeed_days: Option<u32>,
    /// Give back all space, although the database may keep servers waiting meanwhile
    #[arg(long)]
    full: bool,
    /// Only say what would be removed
    #[arg(long, conflicts_with = "full")]
    dry_run: bool,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign gc --dry-run
  countersign gc --keep-versions 10
  countersign gc --keep-days 90 --changefeed-days 365 --data-dir /var/lib/countersign";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

/// What the settings say, as it is obeyed.
pub(crate) fn plan(settings: &Settings) -> Plan {
    let days = |days: u32| Duration::days(i64::from(days));
    Plan {
        keep: Keep {
            versions: settings.keep_versions,
            superseded_within: days(settings.keep_days),
        },
        changes_within: Some(settings.changefeed_days).filter(|days| *days > 0).map(days),
        removal: Removal::Real,
    }
}

/// How long a key may wait for its first signature; `None`: for ever.
pub(crate) fn pending_for(keys: &Keys) -> Option<Duration> {
    (keys.pending_days > 0).then(|| Duration::days(i64::from(keys.pending_days)))
}

impl Gc {
    /// Clears once.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self { flags, keep_versions, keep_days, changefeed_days, full, dry_run } = self;
        let mut settings = flags.settings()?;
        let retention = &mut settings.retention;
        if keep_versions.is_some() || keep_days.is_some() {
            retention.keep_versions = keep_versions.unwrap_or(1);
            retention.keep_days = keep_days.unwrap_or(0);
        }
        retention.changefeed_days = changefeed_days.unwrap_or(retention.changefeed_days);
        let removal = if dry_run { Removal::Rehearsed } else { Removal::Real };
        let plan = Plan { removal, ..plan(retention) };
        let how = if full { GivingBack::Whole } else { GivingBack::Beside };
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        runtime.block_on(Box::pin(async {
            let stores = databases.work().await?;
            let done = collect(&databases, &stores, plan, how).await;
            let done = match (done, pending_for(&settings.keys)) {
                (Ok(()), Some(pending_for)) => {
                    retire_unused(&databases, &stores, pending_for, plan.removal).await
                }
                (done, _) => done,
            };
            stores.close().await;
            done
        }))
    }
}

async fn collect(
    databases: &Databases,
    stores: &Stores,
    plan: Plan,
    how: GivingBack,
) -> Result<(), Failure> {
    let (inventory, retention) = (stores.inventory(), stores.retention());
    let shelves = Shelves { inventory: &*inventory, retention: &*retention };
    let failed = |error| Failure::of_storage(error, databases.metadata());
    let cleared = clear(shelves, plan, SystemClock.now()).await.map_err(failed)?;
    tell(&cleared, plan.removal).map_err(Failure::Output)?;
    let anything = cleared.versions > 0 || cleared.changes > 0 || how == GivingBack::Whole;
    if plan.removal == Removal::Rehearsed || !anything {
        return Ok(());
    }
    let space = retention.give_back(how).await;
    tell_space(space.map_err(|error| error.to_string())).map_err(Failure::Output)
}

async fn retire_unused(
    databases: &Databases,
    stores: &Stores,
    waited_for: Duration,
    removal: Removal,
) -> Result<(), Failure> {
    let (keys, upkeep, inventory) = (stores.keys(), stores.key_upkeep(), stores.inventory());
    let (keys, upkeep, inventory) = (&*keys, &*upkeep, &*inventory);
    let among = Retiring { keys, upkeep, inventory, roots: RootsOf::ThisServer };
    let unused = UnusedKeys { among, waited_for };
    let failed = |error| Failure::of_storage(error, databases.keys());
    let Collected { retired } = unused.collect(removal, SystemClock.now()).await.map_err(failed)?;
    let did = match removal {
        Removal::Real => "retired",
        Removal::Rehearsed => "would retire",
    };
    if retired > 0 {
        writeln!(io::stdout(), "{did} {retired} server keys that were made and never used")
            .map_err(Failure::Output)?;
    }
    Ok(())
}

fn tell(cleared: &Cleared, removal: Removal) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    for (gun, reason) in &cleared.examples {
        let gun = gun.replace(char::is_control, "?");
        writeln!(stderr, "countersign: left alone: {gun}: {reason}")?;
    }
    let unnamed = cleared.left_alone.saturating_sub(cleared.examples.len().try_into().unwrap_or(0));
    if unnamed > 0 {
        writeln!(stderr, "countersign: left alone: {unnamed} more; countersign check names all")?;
    }
    let did = match removal {
        Removal::Real => "removed",
        Removal::Rehearsed => "would remove",
    };
    let Cleared { guns, versions, bytes, changes, .. } = cleared;
    let size = mebibytes(*bytes);
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "looked at {guns} GUNs")?;
    writeln!(stdout, "{did} {versions} versions ({size}) and {changes} changes")?;
    stdout.flush()
}

/// What was removed is gone in any case, so a database that does not get smaller is no failure.
fn tell_space(space: Result<Space, String>) -> io::Result<()> {
    match space {
        Ok(Space { before, after }) => {
            let (before, after) = (mebibytes(before), mebibytes(after));
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "the database took {before} and takes {after} now")?;
            stdout.flush()
        }
        Err(reason) => {
            writeln!(io::stderr(), "countersign: the space was not given back: {reason}")
        }
    }
}

/// With one decimal, cut off.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes / (1024 * 1024 / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
