//! `countersign backup`: a copy of the embedded database, secrets and certificates, of one moment.

mod unfinished;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_storage::engine::sqlite::{Applied, SqliteStore};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use self::unfinished::Unfinished;
use crate::backup_manifest::{DATABASE, FileState, KEYS_DATABASE, MANIFEST, Manifest};
use crate::data_dir::{DataDir, make_private_dir, write_private_file};
use crate::database::{Databases, Place};
use crate::exit::{self, Failure};
use crate::flags::DataDirFlags;

/// What is taken from a data directory besides its database.
const FOLDERS: [&str; 2] = ["certs", "secrets"];

/// How often the folders are copied anew because they changed meanwhile.
const TRIES: u32 = 5;

/// Copy the embedded database, the secrets and the certificates, beside a running server.
///
/// The copy is of one moment, is verified after it was written, and appears under its name only
/// when it is whole. Whoever can read it can use the server's keys: keep it as safe as the data
/// directory. `countersign restore` puts it back.
///
/// A database of PostgreSQL or MySQL is backed up with its own tools; docs/operating.md says how.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Backup {
    /// The directory to make; it must not exist, and the one above it must
    #[arg(value_name = "DEST")]
    dest: PathBuf,
    #[command(flatten)]
    flags: DataDirFlags,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign backup /var/backups/countersign-2026-11-24
  countersign backup \"/var/backups/countersign-$(date +%F)\" --data-dir /var/lib/countersign";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

impl Backup {
    /// Makes one backup.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self { dest, flags } = self;
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let sources = embedded(&databases)?;
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        let unfinished = Unfinished::begin(&dest)?;
        // Before anything is read: whatever is published later may be missing.
        let taken_at = SystemClock.now();
        let applied = runtime.block_on(copy_databases(&sources, unfinished.path()))?;
        copy_folders(dir.path(), unfinished.path())?;
        let files = list(unfinished.path())?;
        let manifest = Manifest {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at,
            metadata_migration: applied.metadata,
            keys_migration: applied.keys,
            files,
        };
        let path = unfinished.path().join(MANIFEST);
        write_private_file(&path, manifest.to_text().as_bytes())
            .map_err(|error| broken(&path, &error))?;
        // What counts is what can be read again.
        Manifest::read(unfinished.path())?.verify(unfinished.path())?;
        unfinished.finish()?;
        tell(&manifest, &dest).map_err(Failure::Output)
    }
}

/// The files to copy, each with its name in the backup.
fn embedded(databases: &Databases) -> Result<Vec<(PathBuf, &'static str)>, Failure> {
    let file = |place: &Place, name| match place {
        Place::Sqlite(path) => Ok((path.clone(), name)),
        Place::MySql(address) => Err(of_a_server(address, "MySQL's", "mariadb-dump or mysqldump")),
        Place::Postgres(address) => {
            Err(of_a_server(address, "PostgreSQL's", "pg_dump or pg_basebackup"))
        }
    };
    let mut files = vec![file(databases.metadata(), DATABASE)?];
    if let Some(keys) = databases.other_keys() {
        files.push(file(keys, KEYS_DATABASE)?);
    }
    Ok(files)
}

fn of_a_server(address: &impl std::fmt::Display, whose: &str, tools: &str) -> Failure {
    Failure::Usage(format!(
        "backup copies the embedded database, and the database {address} is {whose}: back it up \
         with {tools}, and copy secrets and certs of the data directory; docs/operating.md says how"
    ))
}

async fn copy_databases(
    sources: &[(PathBuf, &'static str)],
    into: &Path,
) -> Result<Applied, Failure> {
    let mut applied = Applied { metadata: 0, keys: 0 };
    for (path, name) in sources {
        let failed = |error| Failure::of_storage(error, &Place::Sqlite(path.clone()));
        let copy = into.join(name);
        let one = SqliteStore::copy(path, &copy).await.map_err(failed)?;
        SqliteStore::examine(&copy).await.map_err(failed)?;
        applied = one;
    }
    Ok(applied)
}

/// Copies secrets and certificates; again when one was replaced meanwhile, so that what belongs
/// together stays together.
fn copy_folders(from: &Path, into: &Path) -> Result<(), Failure> {
    let mut before = contents(from)?;
    for _ in 0..TRIES {
        for (name, content) in &before {
            let path = into.join(name);
            let write = || {
                path.parent().map_or(Ok(()), make_private_dir)?;
                write_private_file(&path, content)
            };
            write().map_err(|error| broken(&path, &error))?;
        }
        let after = contents(from)?;
        if after == before {
            return Ok(());
        }
        before = after;
    }
    Err(Failure::Backup {
        path: from.to_owned(),
        problem: "its files keep changing".to_owned(),
        mend: "try again when nothing changes them",
    })
}

/// The files in the folders, by path, with what they hold.
fn contents(from: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut found = BTreeMap::new();
    for folder in FOLDERS {
        let path = from.join(folder);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(|error| broken(&path, &error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| broken(&path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // One that a server is writing at this moment.
            if name.ends_with(".unfinished") || !entry.path().is_file() {
                continue;
            }
            let content = fs::read(entry.path()).map_err(|error| broken(&entry.path(), &error))?;
            found.insert(format!("{folder}/{name}"), content);
        }
    }
    Ok(found)
}

/// Every file of the backup as it is on disk.
fn list(directory: &Path) -> Result<BTreeMap<String, FileState>, Failure> {
    let mut files = BTreeMap::new();
    for folder in ["", "certs", "secrets"] {
        let path = directory.join(folder);
        let failed = |error: &io::Error| broken(&path, error);
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            if !entry.path().is_file() {
                continue;
            }
            let file = fs::File::open(entry.path()).map_err(|error| failed(&error))?;
            file.sync_all().map_err(|error| failed(&error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.insert(name, FileState::of(&entry.path()).map_err(|error| failed(&error))?);
        }
    }
    Ok(files)
}

fn tell(manifest: &Manifest, dest: &Path) -> io::Result<()> {
    let (files, bytes) = (manifest.files.len(), manifest.bytes());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "backed up to {}: {files} files, {bytes} bytes, verified", dest.display())?;
    if !manifest.files.keys().any(|name| name.starts_with("secrets/key-passphrase")) {
        writeln!(stdout, "the passphrase of the keys is not in it: keep it yourself")?;
    }
    stdout.flush()
}

/// A file that cannot be read or written.
pub(super) fn broken(path: &Path, error: &io::Error) -> Failure {
    Failure::Backup {
        path: path.to_owned(),
        problem: error.to_string(),
        mend: "check that the path exists, who may use it, and that there is room",
    }
}
