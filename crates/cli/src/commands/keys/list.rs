//! `countersign keys list`: which keys there are.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use countersign_custody::Home;
use countersign_storage::{KeyBinding, KeyHome};
use countersign_trust::{KeyList, ListedKey, RemoteKeyList, Standing};
use countersign_tuf::names::Gun;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{Format, gun, shown, time};
use crate::data_dir::DataDir;
use crate::database::Databases;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// List the keys that the server holds, by GUN and role.
///
/// Says of each key its role, ID, algorithm, when it was made, when it last signed (noted at
/// most daily), which home holds it (for a sealed one with the alias of the passphrase that seals
/// it), and what the current root of its GUN says of it: yes (it names the key), no (another key
/// took its place), no root (the GUN was deleted), pending (the key has not signed yet), unbound
/// (an old key without GUN or role), unreadable root. Keys of another signer come last.
///
/// Works beside a running server, needs no passphrase, and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys list
  countersign keys list --data-dir /var/lib/countersign --gun example.com/team/app
  countersign keys list --format json | jq 'select(.in_root == \"no\")'")]
pub(super) struct List {
    #[command(flatten)]
    flags: DataDirFlags,
    /// Only the keys of this GUN
    #[arg(long, value_name = "GUN", value_parser = gun)]
    gun: Option<Gun>,
    /// Text to read, or JSON with one object per line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, gun, format } = self;
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        runtime.block_on(list(&databases, gun, format))
    }
}

async fn list(databases: &Databases, only: Option<Gun>, format: Format) -> Result<(), Failure> {
    let Some(stores) = databases.look().await? else {
        let reason = "it is not there; start countersign serve once, or name its --data-dir";
        let database = databases.keys().to_string();
        return Err(Failure::DatabaseUnavailable { database, reason: reason.to_owned() });
    };
    let failed = |error| Failure::of_storage(error, databases.metadata());
    let (catalogue, metadata) = (stores.key_catalogue(), stores.metadata());
    let mut keys = KeyList::new(&*catalogue, &*metadata, only.clone());
    let mut out = Printer { out: BufWriter::new(io::stdout()), format, gun: None };
    while let Some(key) = keys.next().await.map_err(failed)? {
        out.print(&Line::of(&key)).map_err(Failure::Output)?;
    }
    let bindings = stores.key_bindings();
    let mut remote = RemoteKeyList::new(&*bindings, &*metadata, only);
    while let Some((binding, standing)) = remote.next().await.map_err(failed)? {
        out.print(&Line::of_remote(&binding, standing)).map_err(Failure::Output)?;
    }
    out.end().map_err(Failure::Output)?;
    stores.close().await;
    Ok(())
}

/// What is said of one key.
struct Line<'k> {
    gun: &'k str,
    role: &'k str,
    key_id: &'k str,
    algorithm: &'k str,
    held_by: Home,
    alias: Option<&'k str>,
    created_at: Option<DateTime<Utc>>,
    last_used: Option<DateTime<Utc>>,
    standing: Standing,
}

impl<'k> Line<'k> {
    fn of(key: &'k ListedKey) -> Self {
        let record = &key.record;
        let (held_by, alias) = match record.home {
            KeyHome::Sealed => (Home::Sealed, Some(record.passphrase_alias.as_str())),
            KeyHome::Token => (Home::Token, None),
        };
        Self {
            gun: &record.gun,
            role: &record.role,
            key_id: &record.key_id,
            algorithm: &record.algorithm,
            held_by,
            alias,
            created_at: record.created_at,
            last_used: record.last_used,
            standing: key.standing,
        }
    }

    fn of_remote(binding: &'k KeyBinding, standing: Standing) -> Self {
        Self {
            gun: binding.gun.as_str(),
            role: binding.role.as_str(),
            key_id: &binding.key_id,
            algorithm: &binding.algorithm,
            held_by: Home::Remote,
            alias: None,
            created_at: Some(binding.bound_at),
            last_used: binding.last_used,
            standing,
        }
    }
}

/// Prints one key at a time, so that any number of keys needs little memory.
struct Printer<W> {
    out: W,
    format: Format,
    /// The GUN of the key that was printed last.
    gun: Option<String>,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, key: &Line<'_>) -> io::Result<()> {
        match self.format {
            Format::Json => self.print_json(key),
            Format::Text => self.print_text(key),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if matches!((self.format, &self.gun), (Format::Text, None)) {
            writeln!(self.out, "no keys")?;
        }
        self.out.flush()
    }

    fn print_json(&mut self, key: &Line<'_>) -> io::Result<()> {
        let line = json!({
            "gun": key.gun,
            "role": key.role,
            "key_id": key.key_id,
            "algorithm": key.algorithm,
            "held_by": key.held_by.as_str(),
            "passphrase_alias": key.alias,
            "created_at": key.created_at,
            "last_used": key.last_used,
            "in_root": key.standing.as_str(),
        });
        writeln!(self.out, "{line}")
    }

    fn print_text(&mut self, key: &Line<'_>) -> io::Result<()> {
        if self.gun.as_deref() != Some(key.gun) {
            let name = if key.gun.is_empty() { "(no GUN)" } else { key.gun };
            writeln!(self.out, "{}", shown(name))?;
            self.gun = Some(key.gun.to_owned());
        }
        let role = if key.role.is_empty() { "(no role)" } else { key.role };
        let under = key.alias.map_or(String::new(), |alias| format!(" under {}", shown(alias)));
        writeln!(
            self.out,
            "  {role:9}  {}  {:7}  made {:20}  last used {:20}  held by: {}{under}  in root: {}",
            key.key_id,
            key.algorithm,
            time(key.created_at, "unknown"),
            time(key.last_used, "never"),
            key.held_by,
            key.standing
        )
    }
}
