//! `countersign keys show`: all that is known of some keys.

use std::io::{self, Write as _};

use clap::Args;
use countersign_custody::Home;
use countersign_storage::{KeyBinding, KeyHome, KeyRecord, StorageError};
use countersign_trust::operate::keys::{Naming, StoredRoots};
use countersign_trust::{Clock as _, SystemClock};
use countersign_tuf::keys::{KeyType, PublicKey};
use countersign_tuf::names::Gun;
use serde_json::{Value, json};

use super::workroom::{Faces, Workroom};
use super::{Format, gun, key_id, shown, time};
use crate::database::Stores;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// How many keys are looked at by one query.
const PAGE: u32 = 500;

/// Show all that is known of a key, or of the keys of a GUN.
///
/// Where the key lives, its public half, when it was made and last signed (noted at most daily),
/// and which stored roots of its GUN name it, from the first version to the last. Retired keys are
/// shown by their ID.
///
/// Works beside a running server, needs no passphrase, and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys show 1f2e…
  countersign keys show --gun example.com/team/app --format json")]
pub(super) struct Show {
    #[command(flatten)]
    flags: DataDirFlags,
    /// The key
    #[arg(value_name = "KEY-ID", value_parser = key_id, required_unless_present = "gun")]
    key: Option<String>,
    /// All keys of this GUN
    #[arg(long, value_name = "GUN", value_parser = gun, conflicts_with = "key")]
    gun: Option<Gun>,
    /// Text to read, or JSON with one object per line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// All that is known of a key.
struct Known {
    record: KeyRecord,
    held_by: Home,
    retired_at: Option<chrono::DateTime<chrono::Utc>>,
    /// In base64, as metadata has it.
    public: Option<String>,
    naming: Option<Naming>,
    root: Option<i32>,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, key, gun, format } = self;
        let room = Workroom::of(flags)?;
        room.run(async |stores| {
            let found = match (&key, &gun) {
                (Some(key), _) => one(stores, key).await.map(|found| found.into_iter().collect()),
                (None, Some(gun)) => of_gun(stores, gun).await,
                (None, None) => Ok(Vec::new()),
            };
            let found = found.map_err(|error| room.failed(error))?;
            if let (true, Some(key)) = (found.is_empty(), &key) {
                let missing = format!("{key}: there is no such key: see countersign keys list");
                return Err(Failure::Usage(missing));
            }
            let mut out = io::stdout().lock();
            for key in &found {
                match format {
                    Format::Json => writeln!(out, "{}", key.json()),
                    Format::Text => write!(out, "{}", key.text()),
                }
                .map_err(Failure::Output)?;
            }
            if found.is_empty() && format == Format::Text {
                writeln!(out, "no keys").map_err(Failure::Output)?;
            }
            Ok(())
        })
    }
}

async fn one(stores: &Stores, key_id: &str) -> Result<Option<Known>, StorageError> {
    let row = stores.keys().by_id(key_id).await?.filter(|row| row.key_id == key_id);
    if let Some(row) = row {
        let found = records(stores, &row.gun).await?;
        let record = found.into_iter().find(|record| record.key_id == key_id);
        return match record {
            Some(record) => known(stores, record, None).await.map(Some),
            None => Ok(None),
        };
    }
    let retired = Faces::of(stores).retiring().find_retired(key_id, SystemClock.now()).await?;
    if let Some(retired) = retired {
        return known(stores, retired.record, Some(retired.retired_at)).await.map(Some);
    }
    match stores.key_bindings().binding(key_id).await? {
        Some(binding) => of_binding(stores, binding).await.map(Some),
        None => Ok(None),
    }
}

async fn of_gun(stores: &Stores, gun: &Gun) -> Result<Vec<Known>, StorageError> {
    let mut found = Vec::new();
    for record in records(stores, gun.as_str()).await? {
        found.push(known(stores, record, None).await?);
    }
    let (bindings, mut last) = (stores.key_bindings(), None::<KeyBinding>);
    loop {
        let page = bindings.bindings(Some(gun), last.as_ref(), PAGE).await?;
        let Some(end) = page.last() else { return Ok(found) };
        last = Some(end.clone());
        for binding in page {
            found.push(of_binding(stores, binding).await?);
        }
    }
}

async fn records(stores: &Stores, gun: &str) -> Result<Vec<KeyRecord>, StorageError> {
    let (catalogue, mut found) = (stores.key_catalogue(), Vec::<KeyRecord>::new());
    loop {
        let page = catalogue.records(Some(gun), found.last(), PAGE).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

async fn known(
    stores: &Stores,
    record: KeyRecord,
    retired_at: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<Known, StorageError> {
    let inventory = stores.inventory();
    let roots = StoredRoots::of(&*inventory, &record.gun).await?;
    let row = stores.keys().by_id(&record.key_id).await?;
    let (naming, root) = (roots.naming(&record.key_id), roots.current());
    let held_by = match record.home {
        KeyHome::Sealed => Home::Sealed,
        KeyHome::Token => Home::Token,
    };
    let public =
        row.map(|row| PublicKey::new(KeyType::parse(&row.algorithm), row.public).public_base64());
    Ok(Known { record, held_by, retired_at, public, naming, root })
}

async fn of_binding(stores: &Stores, binding: KeyBinding) -> Result<Known, StorageError> {
    let record = KeyRecord {
        key_id: binding.key_id,
        algorithm: binding.algorithm,
        passphrase_alias: String::new(),
        gun: binding.gun.as_str().to_owned(),
        role: binding.role.as_str().to_owned(),
        created_at: Some(binding.bound_at),
        last_used: binding.last_used,
        home: KeyHome::Sealed,
    };
    let known = known(stores, record, None).await?;
    Ok(Known { held_by: Home::Remote, public: None, ..known })
}

impl Known {
    /// The alias of its passphrase, where one seals it.
    fn alias(&self) -> Option<&str> {
        (self.held_by == Home::Sealed).then_some(&self.record.passphrase_alias)
    }

    fn json(&self) -> Value {
        let record = &self.record;
        json!({
            "gun": record.gun,
            "role": record.role,
            "key_id": record.key_id,
            "algorithm": record.algorithm,
            "held_by": self.held_by.as_str(),
            "passphrase_alias": self.alias(),
            "public": self.public,
            "created_at": record.created_at,
            "last_used": record.last_used,
            "retired_at": self.retired_at,
            "first_root": self.naming.map(|naming| naming.first),
            "last_root": self.naming.map(|naming| naming.last),
            "current_root": self.root,
        })
    }

    fn text(&self) -> String {
        let record = &self.record;
        let or = |text: &str, absent: &str| {
            if text.is_empty() { absent.to_owned() } else { shown(text) }
        };
        let mut lines = vec![
            ("key", record.key_id.clone()),
            ("GUN", or(&record.gun, "(none)")),
            ("role", or(&record.role, "(none)")),
            ("algorithm", shown(&record.algorithm)),
            ("held by", self.held_by.to_string()),
        ];
        lines.extend(self.alias().map(|alias| ("sealed under", shown(alias))));
        lines.extend(self.public.clone().map(|public| ("public half", public)));
        let made = if self.held_by == Home::Remote { "first met" } else { "made" };
        lines.push((made, time(record.created_at, "unknown")));
        lines.push(("last used", time(record.last_used, "never")));
        lines.extend(self.retired_at.map(|at| ("retired", time(Some(at), ""))));
        lines.push(("roots", self.roots()));
        let line = |(name, value): (&str, String)| format!("{name:13} {value}\n");
        lines.into_iter().map(line).chain(["\n".to_owned()]).collect()
    }

    fn roots(&self) -> String {
        match (self.naming, self.root) {
            (None, None) => "its GUN has none".to_owned(),
            (None, Some(current)) => format!("none names it; the current one is version {current}"),
            (Some(Naming { first, last }), current) if Some(last) == current => {
                format!("the current one (version {last}) names it, the first was version {first}")
            }
            (Some(Naming { first, last }), current) => format!(
                "versions {first} to {last} named it; the current one (version {}) does not",
                current.unwrap_or_default()
            ),
        }
    }
}
