//! `countersign keys verify`: whether the server can sign with the keys that roots name.

use std::io::{self, BufWriter};

use clap::Args;
use countersign_custody::pkcs11::{Leftover, Token, leftovers};
use countersign_storage::StorageError;
use countersign_trust::operate::keys::{KeyVerdict, KeyVerifier, TriedRole};
use countersign_trust::{Clock as _, SystemClock};
use countersign_tuf::names::Gun;
use serde_json::json;

use super::workroom::{Faces, Workroom};
use super::{Format, gun, shown};
use crate::custody::Opened;
use crate::database::Stores;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// How many GUNs are asked for at a time.
const PAGE: u32 = 500;

/// Try out the keys that current roots name: each is looked for in every home, opened, and signs
/// a message that is no metadata; the signature is verified.
///
/// Tells of each GUN which keys sign and where they live; which nobody holds; and which fail, and
/// why. A snapshot key that is not held, and never was as far as is known, is its owner's and not
/// told of. Where a token is configured, keys of ours in it that no row names are told of too. Ends
/// with code 21 unless all is well.
///
/// Works beside a running server, needs the passphrase, and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys verify
  countersign keys verify --gun example.com/team/app
  countersign keys verify --format json | jq 'select(.well | not)'")]
pub(super) struct Verify {
    #[command(flatten)]
    flags: DataDirFlags,
    /// Only the keys of this GUN
    #[arg(long, value_name = "GUN", value_parser = gun)]
    gun: Option<Gun>,
    /// Text to read, or JSON with one object per GUN and role
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How many GUNs there were, and how many are not well.
#[derive(Default)]
struct Count {
    all: u64,
    unwell: u64,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, gun, format } = self;
        let room = Workroom::of(flags)?;
        room.run(async |stores| {
            let Opened { custody, token, .. } = room.open_keys(stores).await?;
            let (metadata, inventory) = (stores.metadata(), stores.inventory());
            let (bindings, faces) = (stores.key_bindings(), Faces::of(stores));
            let verifier = KeyVerifier {
                homes: &custody,
                metadata: &*metadata,
                at_signer: &*bindings,
                retired: faces.retiring(),
                now: SystemClock.now(),
            };
            let mut report = Report { out: BufWriter::new(io::stdout()), format };
            let mut count = Count::default();
            let mut last: Option<String> = None;
            loop {
                let page = match &gun {
                    Some(gun) if last.is_none() => Ok(vec![gun.as_str().to_owned()]),
                    Some(_) => Ok(Vec::new()),
                    None => inventory.guns(last.as_deref(), PAGE).await,
                };
                let page = page.map_err(|error| room.failed(error))?;
                let Some(end) = page.last() else { break };
                last = Some(end.clone());
                for name in &page {
                    let tried = try_gun(verifier, name).await;
                    let tried = tried.map_err(|error| room.failed(error))?;
                    count.all += 1;
                    count.unwell += u64::from(!is_well(tried.as_deref()));
                    report.tell(name, tried.as_deref()).map_err(Failure::Output)?;
                }
            }
            let found = left_over(token, stores, gun.as_ref()).await;
            report.tell_left_over(&found).map_err(Failure::Output)?;
            report.end(&count).map_err(Failure::Output)?;
            conclude(&count, found)
        })
    }
}

/// What no row names of the keys in the token, of this GUN or of all.
async fn left_over(
    token: Option<Token>,
    stores: &Stores,
    gun: Option<&Gun>,
) -> Result<Vec<Leftover>, String> {
    let Some(token) = token else { return Ok(Vec::new()) };
    let found = leftovers(&token, &*stores.keys(), &*stores.key_upkeep()).await;
    let mut found = found.map_err(|error| error.to_string())?;
    found.retain(|left| gun.is_none_or(|gun| left.gun == gun.as_str()));
    Ok(found)
}

fn conclude(count: &Count, left_over: Result<Vec<Leftover>, String>) -> Result<(), Failure> {
    let Count { all, unwell } = *count;
    if unwell > 0 {
        return Err(Failure::KeysFail { unwell, all });
    }
    match left_over.map_err(|reason| Failure::KeysUnavailable { reason })?.len() {
        0 => Ok(()),
        count => Err(Failure::KeysLeftOver { count }),
    }
}

async fn try_gun(
    verifier: KeyVerifier<'_>,
    name: &str,
) -> Result<Option<Vec<TriedRole>>, StorageError> {
    match Gun::parse(name) {
        Ok(gun) => verifier.verify(&gun).await,
        Err(_) => Ok(None),
    }
}

fn is_well(tried: Option<&[TriedRole]>) -> bool {
    tried.is_some_and(|roles| roles.iter().all(TriedRole::is_well))
}

/// What is said of each GUN.
struct Report<W> {
    out: W,
    format: Format,
}

impl<W: io::Write> Report<W> {
    fn tell(&mut self, gun: &str, tried: Option<&[TriedRole]>) -> io::Result<()> {
        match (tried, self.format) {
            (None, Format::Text) => {
                writeln!(self.out, "{}\n  no root that can be read", shown(gun))
            }
            (None, Format::Json) => {
                let line = json!({"gun": gun, "role": null, "well": false, "keys": []});
                writeln!(self.out, "{line}")
            }
            (Some(roles), Format::Text) => self.tell_text(gun, roles),
            (Some(roles), Format::Json) => self.tell_json(gun, roles),
        }
    }

    fn tell_text(&mut self, gun: &str, roles: &[TriedRole]) -> io::Result<()> {
        writeln!(self.out, "{}", shown(gun))?;
        for tried in roles {
            for key in &tried.keys {
                let verdict = match &key.verdict {
                    KeyVerdict::Signs(home) => format!("signs, held by: {home}"),
                    KeyVerdict::NotHeld => "NOT HELD by any home".to_owned(),
                    KeyVerdict::Fails(why) => format!("FAILS: {}", shown(why)),
                    KeyVerdict::NotAsked(why) => format!("COULD NOT BE ASKED: {}", shown(why)),
                };
                writeln!(self.out, "  {:9}  {}  {verdict}", tried.role.as_str(), key.key_id)?;
            }
        }
        Ok(())
    }

    fn tell_json(&mut self, gun: &str, roles: &[TriedRole]) -> io::Result<()> {
        for tried in roles {
            let keys: Vec<_> = tried
                .keys
                .iter()
                .map(|key| {
                    let (verdict, held_by, reason) = match &key.verdict {
                        KeyVerdict::Signs(home) => ("signs", Some(home.as_str()), None),
                        KeyVerdict::NotHeld => ("not held", None, None),
                        KeyVerdict::Fails(why) => ("fails", None, Some(why)),
                        KeyVerdict::NotAsked(why) => ("not asked", None, Some(why)),
                    };
                    json!({
                        "key_id": key.key_id,
                        "verdict": verdict,
                        "held_by": held_by,
                        "reason": reason,
                    })
                })
                .collect();
            let line = json!({
                "gun": gun,
                "role": tried.role.as_str(),
                "well": tried.is_well(),
                "keys": keys,
            });
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn tell_left_over(&mut self, found: &Result<Vec<Leftover>, String>) -> io::Result<()> {
        let found = match (found, self.format) {
            (Ok(found), _) => found,
            (Err(why), Format::Text) => {
                return writeln!(self.out, "the token COULD NOT BE ASKED: {}", shown(why));
            }
            // The code and standard error tell it.
            (Err(_), Format::Json) => return Ok(()),
        };
        if self.format == Format::Text && !found.is_empty() {
            writeln!(self.out, "in the token, and NAMED BY NO ROW")?;
        }
        for left in found {
            let (id, Leftover { key_id, gun, role, .. }) = (left.id(), left);
            match self.format {
                Format::Text => writeln!(self.out, "  {role:9}  {id}  made for {}", shown(gun))?,
                Format::Json => {
                    let line = json!({
                        "gun": gun,
                        "role": role,
                        "well": false,
                        "keys": [],
                        "left_over": {"cka_id": id, "key_id": key_id},
                    });
                    writeln!(self.out, "{line}")?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, count: &Count) -> io::Result<()> {
        if self.format == Format::Text {
            let Count { all, unwell } = count;
            writeln!(self.out, "{all} GUNs, {unwell} of them with keys that do not sign")?;
        }
        self.out.flush()
    }
}
