//! `countersign keys rotate`: prepares the next key of a role, and says what the owner of the root
//! does to have it used.

use std::io::{self, Write as _};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use countersign_custody::{Custody as _, CustodyError, Home, KeyChoice};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::Unverified;
use serde_json::{Value, json};

use super::workroom::Workroom;
use super::{Format, gun, shown};
use crate::commands::serve::key_plan;
use crate::database::Stores;
use crate::exit::Failure;
use crate::flags::DataDirFlags;

/// Prepare the next key of a role, and print what the owner of the root does to have it used.
///
/// The key is made where and how the settings say ([keys] and [[keys.rules]]); --to and --algorithm
/// only make sure of it. Nothing changes for anybody until the owner of the root gives the line that
/// is printed: the server then answers with the prepared key, the new root names it, and clients
/// follow by themselves. Give the command again, and the same key is prepared.
///
/// Works beside a running server, which must have been started with the same settings; needs the
/// passphrase where it seals the key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign keys rotate example.com/team/app timestamp
  countersign keys rotate example.com/team/app snapshot --to sealed --algorithm ed25519")]
pub(super) struct Rotate {
    #[command(flatten)]
    flags: DataDirFlags,
    /// The GUN
    #[arg(value_name = "GUN", value_parser = gun)]
    gun: Gun,
    /// timestamp or snapshot
    #[arg(value_name = "ROLE")]
    role: Role,
    /// Where the key is to live
    #[arg(long, value_name = "HOME")]
    to: Option<To>,
    /// Its algorithm
    #[arg(long, value_name = "ALGORITHM")]
    algorithm: Option<Algorithm>,
    /// Text to read, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Timestamp,
    Snapshot,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    Sealed,
    Token,
    Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    Ecdsa,
    Ed25519,
}

/// What was prepared.
struct Prepared<'a> {
    gun: &'a Gun,
    role: ServerRole,
    choice: KeyChoice,
    key: PublicKey,
    named: Vec<KeyId>,
}

impl Rotate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { flags, gun, role, to, algorithm, format } = self;
        let room = Workroom::of(flags)?;
        let role = match role {
            Role::Timestamp => ServerRole::Timestamp,
            Role::Snapshot => ServerRole::Snapshot,
        };
        let choice = key_plan(&room.settings).choose(&gun, role);
        refuse_another(&gun, role, choice, to.map(To::home), algorithm.map(Algorithm::known))?;
        room.run(async |stores| {
            let named = named_keys(&room, stores, &gun, role).await?;
            let homes = room.homes(stores).await?;
            let made = Arc::clone(&homes).pending_key(&gun, role, choice.algorithm).await;
            let key = made.map_err(|error| not_made(&room, error))?;
            let prepared = Prepared { gun: &gun, role, choice, key, named };
            let text = match format {
                Format::Text => prepared.text(),
                Format::Json => format!("{}\n", prepared.json()),
            };
            io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
        })
    }
}

impl To {
    fn home(self) -> Home {
        match self {
            Self::Sealed => Home::Sealed,
            Self::Token => Home::Token,
            Self::Remote => Home::Remote,
        }
    }
}

impl Algorithm {
    fn known(self) -> ServerKeyAlgorithm {
        match self {
            Self::Ecdsa => ServerKeyAlgorithm::Ecdsa,
            Self::Ed25519 => ServerKeyAlgorithm::Ed25519,
        }
    }
}

/// The server answers with the key that its settings ask for; any other would wait for nobody.
fn refuse_another(
    gun: &Gun,
    role: ServerRole,
    choice: KeyChoice,
    home: Option<Home>,
    algorithm: Option<ServerKeyAlgorithm>,
) -> Result<(), Failure> {
    let wanted = KeyChoice {
        home: home.unwrap_or(choice.home),
        algorithm: algorithm.unwrap_or(choice.algorithm),
    };
    if wanted == choice {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "the settings give {role} keys of {gun} the home {} and the algorithm {}, and the server \
         would not ask for another: write [[keys.rules]] with gun = {:?}, role = \"{role}\", \
         custody = \"{}\" and algorithm = \"{}\" into its file of settings, start it again, and \
         give this command again",
        choice.home,
        choice.algorithm,
        gun.as_str(),
        wanted.home,
        wanted.algorithm
    )))
}

/// The keys that the current root names for the role.
async fn named_keys(
    room: &Workroom,
    stores: &Stores,
    gun: &Gun,
    role: ServerRole,
) -> Result<Vec<KeyId>, Failure> {
    let newest = stores.metadata().newest(gun, &RoleName::Root).await;
    let Some(stored) = newest.map_err(|error| room.failed(error))? else {
        return Err(Failure::Usage(format!(
            "{gun} has no root, so there is no key to replace: its first publish gets a new one"
        )));
    };
    let root = Unverified::<Root>::parse(RoleName::Root, stored.bytes)
        .and_then(|root| root.read_untrusted())
        .map_err(|reason| Failure::DatabaseDamaged {
            database: room.databases.metadata().to_string(),
            reason: format!("the root of {gun}: {reason}"),
        })?;
    Ok(root.role_keys(&role.name()).keys.into_keys().collect())
}

fn not_made(room: &Workroom, error: CustodyError) -> Failure {
    match error {
        full @ CustodyError::TooManyPending { .. } => Failure::Usage(full.to_string()),
        CustodyError::Unavailable { reason } => Failure::KeysUnavailable { reason },
        other => Failure::DatabaseDamaged {
            database: room.databases.keys().to_string(),
            reason: other.to_string(),
        },
    }
}

impl Prepared<'_> {
    /// What the owner of the root gives.
    fn line(&self) -> String {
        format!("notary key rotate {} {} -r", self.gun, self.role)
    }

    fn text(&self) -> String {
        let Self { gun, role, choice, key, named } = self;
        let (id, gun, line) = (key.id(), shown(gun.as_str()), shown(&self.line()));
        let ids: Vec<&str> = named.iter().map(KeyId::as_str).collect();
        format!(
            "prepared: {id}\n  the next {role} key of {gun} ({}, held by: {})\n\
             until the root names it, this one signs: {}\n\
             whoever holds the root key gives, with the server's address and their own directory:\n  \
             {line}\n\
             readers follow by themselves; countersign keys retire lets go of the old key afterwards\n",
            choice.algorithm,
            choice.home,
            ids.join(", ")
        )
    }

    fn json(&self) -> Value {
        let named: Vec<&str> = self.named.iter().map(KeyId::as_str).collect();
        json!({
            "gun": self.gun.as_str(),
            "role": self.role.as_str(),
            "key_id": self.key.id().as_str(),
            "algorithm": self.choice.algorithm.as_str(),
            "held_by": self.choice.home.as_str(),
            "public": self.key.public_base64(),
            "in_root": named,
            "owner_gives": self.line(),
        })
    }
}
