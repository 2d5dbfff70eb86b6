//! `countersign keys retire`: lets go of keys that no root needs any more.

use std::io::{self, Write as _};

use clap::Args;
use countersign_trust::operate::keys::{Kept, Retired, Retiring, RootsOf};
use countersign_trust::{Clock as _, KeyList, Standing, SystemClock};
use countersign_tuf::names::Gun;
use serde_json::json;

use super::workroom::{Faces, Workroom};
use super::{Format, gun, key_id, shown};
use crate::database::Stores;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// Retire keys that the current root of their GUN does not name: nobody signs with them any more.
///
/// A key that a root names stays, and so does one that a publish takes into use at this moment.
/// Retired keys stay in the database until countersign keys purge removes them; --undo brings them
/// back. With --gun the keys are retired that took part in signing and that later ones replaced;
/// pending ones are retired by their ID only. Keys of another signer are let go of there: on the
/// database of a signer of countersign, which has no roots, a key that has signed is retired by its
/// ID and with --roots-elsewhere only.
///
/// Works beside running servers, needs no passphrase. Ends with code 21 when a key stays.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys retire --gun example.com/team/app --dry-run
  countersign keys retire 1f2e…
  countersign keys retire --undo 1f2e…")]
pub(super) struct Retire {
    #[command(flatten)]
    flags: DataDirFlags,
    /// The keys
    #[arg(value_name = "KEY-ID", value_parser = key_id, required_unless_present = "gun")]
    keys: Vec<String>,
    /// All keys of this GUN that later ones replaced
    #[arg(long, value_name = "GUN", value_parser = gun, conflicts_with_all = ["keys", "undo"])]
    gun: Option<Gun>,
    /// Retire keys that have signed though no root is stored here: their servers' roots do not name
    /// them any more
    #[arg(long, conflicts_with_all = ["gun", "undo"])]
    roots_elsewhere: bool,
    /// Bring retired keys back
    #[arg(long)]
    undo: bool,
    /// Only say what would be done
    #[arg(long, conflicts_with = "undo")]
    dry_run: bool,
    /// Text to read, or JSON with one object per line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl Retire {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, keys, gun, roots_elsewhere, undo, dry_run, format } = self;
        let room = Workroom::of(flags)?;
        let way = match (undo, dry_run) {
            (true, _) => Way::Undo,
            (false, true) => Way::Rehearse,
            (false, false) => Way::Retire,
        };
        let roots = if roots_elsewhere { RootsOf::OtherServers } else { RootsOf::ThisServer };
        room.run(async |stores| {
            let keys = match &gun {
                Some(gun) => replaced(&room, stores, gun).await?,
                None => keys,
            };
            let faces = Faces::of(stores);
            let retiring = Retiring { roots, ..faces.retiring() };
            let mut left = 0;
            for key_id in &keys {
                let done = way.treat(retiring, stores, key_id).await;
                let done = done.map_err(|error| room.failed(error))?;
                left += usize::from(done.is_err());
                tell(key_id, &done, way, format).map_err(Failure::Output)?;
            }
            if left > 0 {
                return Err(Failure::KeysKept { left, all: keys.len() });
            }
            if keys.is_empty() && format == Format::Text {
                writeln!(io::stdout(), "no keys to retire").map_err(Failure::Output)?;
            }
            Ok(())
        })
    }
}

#[derive(Clone, Copy)]
enum Way {
    Rehearse,
    Retire,
    Undo,
}

impl Way {
    async fn treat(
        self,
        retiring: Retiring<'_>,
        stores: &Stores,
        key_id: &str,
    ) -> Result<Result<Retired, Kept>, countersign_storage::StorageError> {
        let now = SystemClock.now();
        match self {
            Self::Retire => retiring.retire(key_id, now).await,
            Self::Rehearse => Ok(retiring.judge(key_id).await?.map(|row| Retired {
                key_id: row.key_id,
                gun: row.gun,
                role: row.role,
            })),
            Self::Undo => {
                let found = retiring.find_retired(key_id, now).await?;
                if !stores.key_upkeep().bring_back(key_id, now).await? {
                    return Ok(Err(Kept::NotRetired));
                }
                let record = found.map(|retired| retired.record);
                let (gun, role) = record.map(|key| (key.gun, key.role)).unwrap_or_default();
                Ok(Ok(Retired { key_id: key_id.to_owned(), gun, role }))
            }
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Rehearse => "would retire",
            Self::Retire => "retired",
            Self::Undo => "brought back",
        }
    }
}

/// The keys of a GUN that signed and that no current root names.
async fn replaced(room: &Workroom, stores: &Stores, gun: &Gun) -> Result<Vec<String>, Failure> {
    let (catalogue, metadata) = (stores.key_catalogue(), stores.metadata());
    let mut list = KeyList::new(&*catalogue, &*metadata, Some(gun.clone()));
    let mut found = Vec::new();
    while let Some(key) = list.next().await.map_err(|error| room.failed(error))? {
        if matches!(key.standing, Standing::NotNamed | Standing::NoRoot) {
            found.push(key.record.key_id);
        }
    }
    Ok(found)
}

fn tell(key_id: &str, done: &Result<Retired, Kept>, way: Way, format: Format) -> io::Result<()> {
    match (done, format) {
        (Ok(Retired { gun, role, .. }), Format::Text) => {
            let (did, gun) = (way.done(), shown(gun));
            writeln!(io::stdout(), "{did}: {key_id} ({role} key of {gun})")
        }
        (Ok(Retired { gun, role, .. }), Format::Json) => {
            let line = json!({"key_id": key_id, "done": way.done(), "gun": gun, "role": role});
            writeln!(io::stdout(), "{line}")
        }
        (Err(kept), Format::Text) => {
            let kept = shown(&kept.to_string());
            writeln!(io::stdout(), "left as it is: {key_id}: {kept}")
        }
        (Err(kept), Format::Json) => {
            let line = json!({"key_id": key_id, "done": null, "reason": kept.to_string()});
            writeln!(io::stdout(), "{line}")
        }
    }
}
