//! `countersign check`: judge everything that is stored.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use countersign_config::Settings;
use countersign_storage::Inventory;
use countersign_trust::operate::{Checker, HeldKeys, Report, Sources};
use countersign_trust::{Clock as _, SystemClock};
use countersign_tuf::names::Gun;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::{self, Failure};
use crate::flags::DataDirFlags;

/// How many GUNs are asked for at a time.
const PAGE: u32 = 500;

/// Judge everything that is stored: every row, every signature, every server key.
///
/// For each GUN: every stored version has the digest it says and can be read; a client that trusts
/// the first stored root can follow every later one to the current timestamp, snapshot, targets
/// and delegations; and the keys that the current root wants the server to sign timestamps with
/// are in the database. What has expired, and delegations that do not count, are said too, but are
/// their owners' to mend.
///
/// Works beside a running server on any database, needs no passphrase, and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Check {
    #[command(flatten)]
    flags: DataDirFlags,
    /// Only this GUN
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

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign check --data-dir /var/lib/countersign
  countersign check --gun example.com/team/app
  countersign check --format json | jq 'select(.faults != [])'
  COUNTERSIGN_DATABASE_URL_FILE=/etc/countersign/database countersign check";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

impl Check {
    /// Checks one GUN or all.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self { flags, gun, format } = self;
        if let Some(text) = &gun {
            Gun::parse(text).map_err(|error| Failure::Usage(format!("--gun {text:?}: {error}")))?;
        }
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        runtime.block_on(Box::pin(check(&databases, &settings, gun.as_deref(), format)))
    }
}

async fn check(
    databases: &Databases,
    settings: &Settings,
    gun: Option<&str>,
    format: Format,
) -> Result<(), Failure> {
    let Some(stores) = databases.look().await? else {
        let reason = "it is not there; start countersign serve once, or name its --data-dir";
        let database = databases.metadata().to_string();
        return Err(Failure::DatabaseUnavailable { database, reason: reason.to_owned() });
    };
    let mut printer = Printer::new(BufWriter::new(io::stdout()), format);
    let (keys, bindings) = (stores.keys(), stores.key_bindings());
    let held = HeldKeys::of(&*keys);
    let held = match &settings.signer.address {
        Some(_) => held.and_at_signer(&*bindings),
        None => held,
    };
    check_all(databases, &stores, held, gun, &mut printer).await?;
    stores.close().await;
    printer.end().map_err(Failure::Output)?;
    match printer.unsound {
        0 => Ok(()),
        unsound => Err(Failure::Unsound { unsound, all: printer.checked }),
    }
}

async fn check_all(
    databases: &Databases,
    stores: &Stores,
    keys: HeldKeys<'_>,
    only: Option<&str>,
    printer: &mut Printer<impl Write>,
) -> Result<(), Failure> {
    let inventory = stores.inventory();
    let failed = |error| Failure::of_storage(error, databases.metadata());
    let sources = Sources { inventory: &*inventory, keys };
    let now = SystemClock.now();
    let checker = Checker::new(sources, now);
    if let Some(gun) = only {
        let report = checker.check(gun).await.map_err(failed)?;
        if report.versions == 0 && report.faults.len() == 1 {
            return Err(Failure::Usage(format!("--gun {gun:?}: nothing is stored of it")));
        }
        return printer.print(&report, now).map_err(Failure::Output);
    }
    let mut last: Option<String> = None;
    loop {
        let page = inventory.guns(last.as_deref(), PAGE).await.map_err(failed)?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some(end.clone());
        for gun in page {
            let report = checker.check(&gun).await.map_err(failed)?;
            if is_gone(&*inventory, &report).await.map_err(failed)? {
                continue;
            }
            printer.print(&report, now).map_err(Failure::Output)?;
        }
    }
}

/// Whether the GUN was deleted while the check was on its way.
async fn is_gone(
    inventory: &dyn Inventory,
    report: &Report,
) -> Result<bool, countersign_storage::StorageError> {
    if report.verifies() {
        return Ok(false);
    }
    match inventory.versions(&report.gun).await {
        Ok(rows) => Ok(rows.is_empty()),
        Err(countersign_storage::StorageError::Corrupt { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Prints one report at a time, so that any number of GUNs needs little memory.
struct Printer<W> {
    out: W,
    format: Format,
    checked: u64,
    unsound: u64,
    versions: u64,
}

impl<W: Write> Printer<W> {
    fn new(out: W, format: Format) -> Self {
        Self { out, format, checked: 0, unsound: 0, versions: 0 }
    }

    fn print(&mut self, report: &Report, at: DateTime<Utc>) -> io::Result<()> {
        self.checked = self.checked.saturating_add(1);
        self.versions = self.versions.saturating_add(report.versions.try_into().unwrap_or(0));
        if !report.is_sound() {
            self.unsound = self.unsound.saturating_add(1);
        }
        match self.format {
            Format::Json => self.print_json(report, at),
            Format::Text => self.print_text(report),
        }
    }

    fn print_json(&mut self, report: &Report, at: DateTime<Utc>) -> io::Result<()> {
        fn texts<T: Display>(items: &[T]) -> Vec<String> {
            items.iter().map(ToString::to_string).collect()
        }
        let line = json!({
            "gun": report.gun,
            "checked_at": at,
            "versions": report.versions,
            "size_bytes": report.size_bytes,
            "sound": report.is_sound(),
            "faults": texts(&report.faults),
            "damaged_rows": texts(&report.damaged),
            "notes": texts(&report.notes),
        });
        writeln!(self.out, "{line}")
    }

    /// GUNs of which there is nothing to say are not named.
    fn print_text(&mut self, report: &Report) -> io::Result<()> {
        if report.is_sound() && report.notes.is_empty() {
            return Ok(());
        }
        let plain = |text: &dyn Display| text.to_string().replace(char::is_control, "?");
        writeln!(self.out, "{}", plain(&report.gun))?;
        for fault in &report.faults {
            writeln!(self.out, "  fault    {}", plain(fault))?;
        }
        for row in &report.damaged {
            writeln!(self.out, "  damaged  {}", plain(row))?;
        }
        for note in &report.notes {
            writeln!(self.out, "  note     {}", plain(note))?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if matches!(self.format, Format::Text) {
            let Self { checked, versions, unsound, .. } = self;
            writeln!(
                self.out,
                "checked {checked} GUNs with {versions} versions: {unsound} faulty"
            )?;
        }
        self.out.flush()
    }
}
