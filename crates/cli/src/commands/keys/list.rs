//! `countersign keys list`: which keys there are.

use std::io::{self, BufWriter, Write};

use clap::{Args, ValueEnum};
use countersign_trust::{KeyList, ListedKey};
use countersign_tuf::names::Gun;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::data_dir::DataDir;
use crate::database::Databases;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// List the keys that the server holds, by GUN and role.
///
/// Says of each key its role, ID, algorithm, when it was made, when it last signed (noted at
/// most daily), the alias of the passphrase that seals it, and what the current root of its GUN says of it: yes (it names the key), no
/// (another key took its place), no root (the GUN was deleted), pending (the key has not
/// signed yet), unbound (an old key without GUN or role), unreadable root.
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
    #[arg(long, value_name = "GUN")]
    gun: Option<String>,
    /// Text to read, or JSON with one object per line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, gun, format } = self;
        let only = gun.map(|text| {
            Gun::parse(&text).map_err(|error| Failure::Usage(format!("--gun {text:?}: {error}")))
        });
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let only = only.transpose()?;
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        runtime.block_on(list(&databases, only, format))
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
    let mut keys = KeyList::new(&*catalogue, &*metadata, only);
    let mut out = Printer { out: BufWriter::new(io::stdout()), format, gun: None };
    while let Some(key) = keys.next().await.map_err(failed)? {
        out.print(&key).map_err(Failure::Output)?;
    }
    out.end().map_err(Failure::Output)?;
    stores.close().await;
    Ok(())
}

/// Prints one key at a time, so that any number of keys needs little memory.
struct Printer<W> {
    out: W,
    format: Format,
    /// The GUN of the key that was printed last.
    gun: Option<String>,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, key: &ListedKey) -> io::Result<()> {
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

    fn print_json(&mut self, key: &ListedKey) -> io::Result<()> {
        let record = &key.record;
        let line = json!({
            "gun": record.gun,
            "role": record.role,
            "key_id": record.key_id,
            "algorithm": record.algorithm,
            "passphrase_alias": record.passphrase_alias,
            "created_at": record.created_at,
            "last_used": record.last_used,
            "in_root": key.standing.as_str(),
        });
        writeln!(self.out, "{line}")
    }

    fn print_text(&mut self, key: &ListedKey) -> io::Result<()> {
        let record = &key.record;
        if self.gun.as_ref() != Some(&record.gun) {
            let shown = if record.gun.is_empty() { "(no GUN)" } else { &record.gun };
            writeln!(self.out, "{}", shown.replace(char::is_control, "?"))?;
            self.gun = Some(record.gun.clone());
        }
        let time = |at: Option<chrono::DateTime<chrono::Utc>>, absent: &str| {
            at.map_or(absent.to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        };
        let role = if record.role.is_empty() { "(no role)" } else { &record.role };
        writeln!(
            self.out,
            "  {role:9}  {}  {:7}  made {:20}  last used {:20}  sealed under {}  in root: {}",
            record.key_id,
            record.algorithm,
            time(record.created_at, "unknown"),
            time(record.last_used, "never"),
            record.passphrase_alias.replace(char::is_control, "?"),
            key.standing
        )
    }
}
