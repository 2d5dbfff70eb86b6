//! `countersign keys purge`: removes retired keys for good.
//!
//! Of a key in a token the row goes first: a row whose key is gone would be a lost key once it is
//! brought back, and a key whose row is gone is found by `keys verify` and by the next purge.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};

use chrono::{DateTime, Duration, Utc};
use clap::Args;
use countersign_custody::pkcs11::{Leftover, Token, TokenKey, TokenUri, leftovers};
use countersign_storage::{KeyHome, KeyUpkeep, RetiredKey, StorageError, StorageResult};
use countersign_trust::operate::keys::{RootsOf, StoredRoots};
use countersign_trust::{Clock as _, SystemClock};

use super::Format;
use super::workroom::Workroom;
use crate::custody::token;
use crate::database::Stores;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

mod tell;

use tell::Report;

/// How many keys are looked at by one query.
const PAGE: u32 = 500;

/// Remove retired keys for good.
///
/// Only those that were retired long enough ago, and that the current root of their GUN does not
/// name: one that it does was retired by somebody else, and can still be brought back with
/// countersign keys retire --undo. A key in a token is removed from it too.
///
/// Where a token is configured, keys of ours in it that no row names are told of: a process ended
/// between making a key and storing its row, or another database has the row. They are removed only
/// when they are named with --leftover.
///
/// Works beside running servers, needs no passphrase.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys purge --dry-run
  countersign keys purge --older-than 365
  countersign keys purge --leftover 4f0b6c2e51d78a93c0e4b1f26d3a5978e60c1b4d92f7a835c1e06b4f7d29a8c3")]
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
    /// Remove the key with this CKA_ID from the token, if no row names it; may be given several times
    #[arg(long, value_name = "CKA-ID", value_parser = cka_id)]
    leftover: Vec<String>,
    /// With --leftover, where no root is stored, as on the database of a signer: the roots of its
    /// servers do not name it
    #[arg(long, requires = "leftover")]
    roots_elsewhere: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Text to read, or JSON with one object per line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What became of a key.
enum Fate {
    Removed,
    /// Its row was; the token has the key still.
    HalfRemoved(String),
    /// It stays, as it should.
    Left(String),
    /// It stays, and should not.
    Stuck(String),
}

/// Whether the current root of a GUN needs a key.
enum Need {
    None,
    Named,
    Unknown,
}

const UNREADABLE: &str = "the root of its GUN cannot be read";

/// The token of the settings.
enum Reach {
    /// There is none in the settings.
    Unset,
    Away(String),
    There(Token),
}

/// What a purge works with.
struct Work<'a> {
    stores: &'a Stores,
    reach: Reach,
    /// Where the keys in a token are, by their IDs.
    places: BTreeMap<String, TokenUri>,
    before: DateTime<Utc>,
    dry_run: bool,
    /// Whose roots may name what no row names.
    roots: RootsOf,
}

/// A `CKA_ID` of the command line.
fn cka_id(text: &str) -> Result<String, String> {
    let is_id = !text.is_empty()
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let mend =
        "a CKA_ID is pairs of digits and letters from a to f: countersign keys verify shows them";
    if is_id { Ok(text.to_owned()) } else { Err(mend.to_owned()) }
}

impl Purge {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, older_than, leftover, roots_elsewhere, dry_run, format } = self;
        let roots = if roots_elsewhere { RootsOf::OtherServers } else { RootsOf::ThisServer };
        let room = Workroom::of(flags)?;
        // A key that was retired at this moment counts too.
        let before = SystemClock.now() - Duration::days(i64::from(older_than));
        let before = before + Duration::microseconds(1);
        room.run(async |stores| {
            let reach = reach(&room, &leftover).await?;
            let upkeep = stores.key_upkeep();
            let places = match &reach {
                Reach::There(_) => places(&*upkeep).await.map_err(|error| room.failed(error))?,
                Reach::Unset | Reach::Away(_) => BTreeMap::new(),
            };
            let work = Work { stores, reach, places, before, dry_run, roots };
            let did = if dry_run { "would remove" } else { "removed" };
            let mut report = Report::new(BufWriter::new(io::stdout()), format, did);
            let mut last = None::<String>;
            loop {
                let page = upkeep.retired(before, last.as_deref(), PAGE).await;
                let page = page.map_err(|error| room.failed(error))?;
                let Some(end) = page.last() else { break };
                last = Some(end.record.key_id.clone());
                for key in page {
                    let fate = work.treat(&key).await.map_err(|error| room.failed(error))?;
                    report.tell(&key, &fate).map_err(Failure::Output)?;
                }
            }
            work.treat_leftovers(&leftover, &mut report).await?;
            report.end()
        })
    }
}

/// The token, which must be there where something is to be removed from it by name.
async fn reach(room: &Workroom, leftover: &[String]) -> Result<Reach, Failure> {
    let section = &room.settings.pkcs11;
    if section.configured().is_none() && leftover.is_empty() {
        return Ok(Reach::Unset);
    }
    match token::open_now(section).await {
        Ok(token) => Ok(Reach::There(token)),
        Err(failure) if leftover.is_empty() => Ok(Reach::Away(failure.to_string())),
        Err(failure) => Err(failure),
    }
}

async fn places(upkeep: &dyn KeyUpkeep) -> StorageResult<BTreeMap<String, TokenUri>> {
    let (mut places, mut last) = (BTreeMap::new(), None::<String>);
    loop {
        let page = upkeep.in_token(last.as_deref(), PAGE).await?;
        let Some(end) = page.last() else { return Ok(places) };
        last = Some(end.key_id.clone());
        for row in page {
            places.extend(TokenUri::parse(&row.sealed).map(|uri| (row.key_id, uri)));
        }
    }
}

impl Work<'_> {
    async fn treat(&self, key: &RetiredKey) -> StorageResult<Fate> {
        let record = &key.record;
        let place = match record.home {
            KeyHome::Sealed => None,
            KeyHome::Token => match self.place(&record.key_id) {
                Ok(place) => Some(place),
                Err(why) => return Ok(Fate::Stuck(why)),
            },
        };
        match self.need(&record.gun, &record.key_id).await? {
            Need::None => {}
            Need::Named => {
                return Ok(Fate::Left("the current root names it: bring it back".to_owned()));
            }
            Need::Unknown => return Ok(Fate::Left(UNREADABLE.to_owned())),
        }
        if self.dry_run {
            return Ok(Fate::Removed);
        }
        if !self.stores.key_upkeep().erase(&record.key_id, self.before).await? {
            return Ok(Fate::Left("it was brought back just now".to_owned()));
        }
        let Some((token, uri)) = place else { return Ok(Fate::Removed) };
        Ok(match TokenKey::remove(token, uri).await {
            Ok(()) => Fate::Removed,
            Err(error) => Fate::HalfRemoved(error.to_string()),
        })
    }

    /// Where a key in a token is, if that can be removed from now.
    fn place(&self, key_id: &str) -> Result<(&Token, &TokenUri), String> {
        let token = match &self.reach {
            Reach::There(token) => token,
            Reach::Unset => return Err("it is in a token, and [pkcs11] names none".to_owned()),
            Reach::Away(why) => return Err(why.clone()),
        };
        let no_place =
            || "its row names no key of a token: restore the row from a backup".to_owned();
        let uri = self.places.get(key_id).ok_or_else(no_place)?;
        if uri.token() == token.label() {
            return Ok((token, uri));
        }
        let (its, ours) = (uri.token(), token.label());
        Err(format!("it is in the token {its:?}, and pkcs11.token names {ours:?}"))
    }

    async fn need(&self, gun: &str, key_id: &str) -> StorageResult<Need> {
        let roots = StoredRoots::of(&*self.stores.inventory(), gun).await?;
        Ok(match roots.names_now(key_id) {
            Some(false) => Need::None,
            Some(true) => Need::Named,
            None => Need::Unknown,
        })
    }

    /// Whether what is stored here says which keys are in use.
    async fn has_roots(&self) -> StorageResult<bool> {
        Ok(self.roots == RootsOf::OtherServers
            || !self.stores.inventory().guns(None, 1).await?.is_empty())
    }

    /// Tells of the keys in the token that no row names, and removes those that are `named`.
    async fn treat_leftovers(
        &self,
        named: &[String],
        report: &mut Report<impl io::Write>,
    ) -> Result<(), Failure> {
        let Reach::There(token) = &self.reach else { return Ok(()) };
        let (keys, upkeep) = (self.stores.keys(), self.stores.key_upkeep());
        let found = leftovers(token, &*keys, &*upkeep).await;
        let found =
            found.map_err(|error| Failure::KeysUnavailable { reason: error.to_string() })?;
        for id in named.iter().filter(|id| !found.iter().any(|left| left.id() == **id)) {
            report.tell_not_found(id).map_err(Failure::Output)?;
        }
        for left in found {
            let fate = match named.contains(&left.id()) {
                true => self.treat_leftover(token, &left).await?,
                false => {
                    Fate::Left(format!("no row names it; --leftover {} removes it", left.id()))
                }
            };
            report.tell_leftover(&left, &fate).map_err(Failure::Output)?;
        }
        Ok(())
    }

    async fn treat_leftover(&self, token: &Token, left: &Leftover) -> Result<Fate, Failure> {
        let unavailable =
            |error: StorageError| Failure::KeysUnavailable { reason: error.to_string() };
        let (Some(key_id), false) = (&left.key_id, left.gun.is_empty()) else {
            let why = "whether a root names it cannot be told: remove it with the token's own tool";
            return Ok(Fate::Stuck(why.to_owned()));
        };
        match self.need(&left.gun, key_id).await.map_err(unavailable)? {
            Need::None if !self.has_roots().await.map_err(unavailable)? => {
                let why = "no root is stored here to say whether one names it, as on a signer's \
                           database: look at its servers, and if none names it give --roots-elsewhere";
                return Ok(Fate::Stuck(why.to_owned()));
            }
            Need::None if self.dry_run => return Ok(Fate::Removed),
            Need::None => {}
            Need::Named => {
                let why = "the current root names it: restore its row from a backup";
                return Ok(Fate::Stuck(why.to_owned()));
            }
            Need::Unknown => return Ok(Fate::Stuck(UNREADABLE.to_owned())),
        }
        Ok(match left.clone().remove(token).await {
            Ok(()) => Fate::Removed,
            Err(error) => Fate::Stuck(error.to_string()),
        })
    }
}
