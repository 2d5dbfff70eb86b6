//! `countersign keys import`: the same keys in another home.

use std::io::{self, Write as _};
use std::sync::Arc;

use clap::{ArgGroup, Args, ValueEnum};
use countersign_custody::CustodyError;
use countersign_custody::sealed::{KeyRelocation, Relocated, Rounds, prove_passphrases};
use countersign_storage::{KeyRecord, KeyStore, SealedKey, StorageResult};
use countersign_trust::{Clock as _, SystemClock};
use countersign_tuf::keys::KeyId;
use countersign_tuf::names::Gun;
use tokio::runtime::Runtime;

use crate::custody::token;
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::{self, Failure};
use crate::flags::DataDirFlags;
use crate::key_ring;

/// How many records are read at a time.
const PAGE: u32 = 100;

/// Move keys as they are between the database and the token of [pkcs11].
///
/// A key that is moved stays the same: no root changes, and no client notices. Each has signed in
/// its new home before its row names that, and then the old one is given up: after `--to token` the
/// database holds no private key of it any more. What could not be moved is as it was.
///
/// Works beside running servers, which must have the token in their settings before: each finds a
/// key in its new home with the next signature. Most tokens give no private key out, so `--to
/// sealed` is refused for nearly all keys; countersign keys rotate makes a new one instead. Keys of
/// RSA stay where they are.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
#[command(group = ArgGroup::new("which").args(["keys", "gun", "all"]).required(true))]
pub(super) struct Import {
    #[command(flatten)]
    flags: DataDirFlags,
    /// Where the keys go
    #[arg(long, value_name = "HOME")]
    to: Destination,
    /// The keys with these IDs
    #[arg(value_name = "KEY-ID")]
    keys: Vec<String>,
    /// All keys of this GUN
    #[arg(long, value_name = "GUN")]
    gun: Option<String>,
    /// All keys
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Destination {
    /// Sealed, in the database
    Sealed,
    /// In the token
    Token,
}

/// Which keys.
enum Which {
    These(Vec<KeyId>),
    Of(Option<Gun>),
}

/// What came of them.
#[derive(Default)]
struct Tally {
    moved: u64,
    there: u64,
    left: u64,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign keys import --to token --all --config countersign.toml
  countersign keys import --to token --gun example.com/team/app
  countersign keys import --to sealed 4f0b6c2e51d78a93c0e4b1f26d3a5978e60c1b4d92f7a835c1e06b4f7d29a8c3";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, to, keys, gun, all: _ } = self;
        let which = which(&keys, gun.as_deref())?;
        let settings = flags.settings()?;
        let dir = DataDir::at(settings.server.data_dir())?;
        let databases = Databases::of(&settings, &dir)?;
        let passphrases = Arc::new(key_ring::look(&settings.keys, &dir)?);
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        let done = runtime.block_on(Box::pin(async {
            let token = token::open_now(&settings.pkcs11).await?;
            let stores = databases.work().await?;
            let keys = stores.keys();
            prove_passphrases(&*keys, Arc::clone(&passphrases))
                .await
                .map_err(|error| Failure::of_custody(error, databases.keys()))?;
            let upkeep = stores.key_upkeep();
            let moves = KeyRelocation::new(&*keys, &*upkeep, token, passphrases, Rounds::default());
            let done = move_all(&databases, &stores, &moves, which, to).await;
            stores.close().await;
            done
        }));
        // A module that hangs does not hold the command up.
        runtime.shutdown_background();
        done
    }
}

fn which(keys: &[String], gun: Option<&str>) -> Result<Which, Failure> {
    if keys.is_empty() {
        let gun = gun.map(|text| {
            Gun::parse(text).map_err(|error| Failure::Usage(format!("--gun {text:?}: {error}")))
        });
        return Ok(Which::Of(gun.transpose()?));
    }
    let id = |text: &String| {
        let id = KeyId::claimed(text);
        let odd = || Failure::Usage(format!("{text:?} is no key ID: write its 64 hex digits"));
        id.is_well_formed().then_some(id).ok_or_else(odd)
    };
    keys.iter().map(id).collect::<Result<_, _>>().map(Which::These)
}

async fn move_all(
    databases: &Databases,
    stores: &Stores,
    moves: &KeyRelocation<'_>,
    which: Which,
    to: Destination,
) -> Result<(), Failure> {
    let failed = |error| Failure::of_storage(error, databases.keys());
    let (keys, catalogue) = (stores.keys(), stores.key_catalogue());
    let mut tally = Tally::default();
    match which {
        Which::These(ids) => {
            for id in ids {
                move_one(&*keys, moves, id.as_str(), to, &mut tally).await.map_err(failed)??;
            }
        }
        Which::Of(gun) => {
            let mut last: Option<KeyRecord> = None;
            loop {
                let gun = gun.as_ref().map(Gun::as_str);
                let page = catalogue.records(gun, last.as_ref(), PAGE).await.map_err(failed)?;
                for record in &page {
                    let id = record.key_id.as_str();
                    move_one(&*keys, moves, id, to, &mut tally).await.map_err(failed)??;
                }
                let Some(end) = page.into_iter().last() else { break };
                last = Some(end);
            }
        }
    }
    conclude(&tally, to)
}

/// Moves one key, and says what came of it. An error ends all: the database or the token is away.
async fn move_one(
    keys: &dyn KeyStore,
    moves: &KeyRelocation<'_>,
    id: &str,
    to: Destination,
    tally: &mut Tally,
) -> StorageResult<Result<(), Failure>> {
    let Some(row) = keys.by_id(id).await? else {
        tally.left = tally.left.saturating_add(1);
        return Ok(say(&format!("{id}  not there: there is no such key")));
    };
    let now = SystemClock.now();
    let outcome = match to {
        Destination::Token => moves.into_token(&row, now).await,
        Destination::Sealed => moves.into_row(&row, now).await,
    };
    let (count, said) = match outcome {
        Ok(Relocated::Moved) => (&mut tally.moved, "moved".to_owned()),
        Ok(Relocated::WasThere) => (&mut tally.there, "was there already".to_owned()),
        Ok(Relocated::Changed) => {
            (&mut tally.left, "left: it changed meanwhile; give the same command again".to_owned())
        }
        Err(CustodyError::Unavailable { reason }) => {
            return Ok(Err(Failure::Signing { reason }));
        }
        Err(CustodyError::BadKey { reason, .. }) => (&mut tally.left, format!("left: {reason}")),
        Err(error) => (&mut tally.left, format!("left: {error}")),
    };
    *count = count.saturating_add(1);
    Ok(say(&line(&row, &said)))
}

fn line(row: &SealedKey, said: &str) -> String {
    let gun = if row.gun.is_empty() { "(no GUN)" } else { &row.gun };
    let role = if row.role.is_empty() { "(no role)" } else { &row.role };
    format!("{}  {role}  {gun}  {said}", row.key_id)
}

fn say(text: &str) -> Result<(), Failure> {
    let text = text.replace(char::is_control, "?");
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

fn conclude(tally: &Tally, to: Destination) -> Result<(), Failure> {
    let Tally { moved, there, left } = tally;
    say(&format!("{moved} moved, {there} were there already, {left} left"))?;
    if *moved > 0 && to == Destination::Sealed {
        say("the token has them still: remove them there once every server uses the rows")?;
    }
    if *left > 0 {
        let all = moved.saturating_add(*there).saturating_add(*left);
        return Err(Failure::NotMoved { left: *left, all });
    }
    Ok(())
}
