//! `countersign keys purge`: removes retired keys for good.

use std::io::{self, BufWriter, Write as _};

use chrono::Duration;
use clap::Args;
use countersign_storage::{KeyHome, RetiredKey, StorageError};
use countersign_trust::operate::keys::StoredRoots;
use countersign_trust::{Clock as _, SystemClock};
use serde_json::json;

use super::workroom::Workroom;
use super::{Format, shown, time};
use crate::database::Stores;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// How many keys are looked at by one query.
const PAGE: u32 = 500;

/// Remove retired keys for good.
///
/// Only those that were retired long enough ago, and that the current root of their GUN does not
/// name: one that it does was retired by somebody else, and can still be brought back with
/// countersign keys retire --undo. A key in a token stays there, and so does its row.
///
/// Works beside running servers, needs no passphrase.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys purge --dry-run
  countersign keys purge --older-than 365")]
pub(super) struct Purge {
    #[command(flatten)]
    flags: DataDirFlags,
    /// Only keys that were retired at least so many days ago
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(0..=36_500)
    )]
    older_than: u32,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Text to read, or JSON with one object per line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What became of a retired key.
enum Fate {
    Removed,
    Left(&'static str),
}

impl Purge {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { ref flags, older_than, .. } = self;
        let room = Workroom::of(flags.clone())?;
        // A key that was retired at this moment counts too.
        let before = SystemClock.now() - Duration::days(i64::from(older_than));
        let before = before + Duration::microseconds(1);
        room.run(async |stores| {
            let (upkeep, mut last) = (stores.key_upkeep(), None::<String>);
            let mut out = BufWriter::new(io::stdout());
            let mut removed = 0_u64;
            loop {
                let page = upkeep.retired(before, last.as_deref(), PAGE).await;
                let page = page.map_err(|error| room.failed(error))?;
                let Some(end) = page.last() else { break };
                last = Some(end.record.key_id.clone());
                for key in page {
                    let fate = self.treat(stores, &key, before).await;
                    let fate = fate.map_err(|error| room.failed(error))?;
                    removed += u64::from(matches!(fate, Fate::Removed));
                    self.tell(&mut out, &key, &fate).map_err(Failure::Output)?;
                }
            }
            if self.format == Format::Text {
                let did = self.did();
                writeln!(out, "{did}: {removed} retired keys").map_err(Failure::Output)?;
            }
            out.flush().map_err(Failure::Output)
        })
    }

    async fn treat(
        &self,
        stores: &Stores,
        key: &RetiredKey,
        before: chrono::DateTime<chrono::Utc>,
    ) -> Result<Fate, StorageError> {
        let record = &key.record;
        if record.home == KeyHome::Token {
            return Ok(Fate::Left("it is in a token"));
        }
        let inventory = stores.inventory();
        let roots = StoredRoots::of(&*inventory, &record.gun).await?;
        match roots.names_now(&record.key_id) {
            Some(false) => {}
            Some(true) => return Ok(Fate::Left("the current root names it: bring it back")),
            None => return Ok(Fate::Left("the root of its GUN cannot be read")),
        }
        if self.dry_run || stores.key_upkeep().erase(&record.key_id, before).await? {
            return Ok(Fate::Removed);
        }
        Ok(Fate::Left("it was brought back just now"))
    }

    fn did(&self) -> &'static str {
        if self.dry_run { "would remove" } else { "removed" }
    }

    fn tell(&self, out: &mut impl io::Write, key: &RetiredKey, fate: &Fate) -> io::Result<()> {
        let RetiredKey { record, retired_at } = key;
        let (done, reason) = match fate {
            Fate::Removed => (Some(self.did()), None),
            Fate::Left(reason) => (None, Some(*reason)),
        };
        if self.format == Format::Json {
            let line = json!({
                "key_id": record.key_id,
                "gun": record.gun,
                "role": record.role,
                "retired_at": retired_at,
                "done": done,
                "reason": reason,
            });
            return writeln!(out, "{line}");
        }
        let (id, role, gun) = (&record.key_id, &record.role, shown(&record.gun));
        let since = time(Some(*retired_at), "");
        match reason {
            None => writeln!(out, "{}: {id} ({role} key of {gun}, retired {since})", self.did()),
            Some(reason) => writeln!(out, "left as it is: {id} ({role} key of {gun}): {reason}"),
        }
    }
}
