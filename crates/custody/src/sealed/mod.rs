//! Keys sealed in the database, in the row format that the Go signer reads and writes.
//!
//! - [`SealedCustody`] is the [`crate::Custody`] over a [`countersign_storage::KeyStore`].
//! - [`Passphrases`] are the secrets that seal rows, each under its alias; [`try_aliases`] tries
//!   them on what is stored.
//! - [`Rotation`] goes from one passphrase to the next: proposed, known to every process
//!   ([`CheckFollower`] is one, [`RollCall`] listens to all), every key sealed anew ([`Resealer`]),
//!   and only then the one that holds.
//! - `jwe` seals bytes into a compact JWE and opens it again (`jwe_header`, `key_wrap` and
//!   `content` are its parts, `derived_keys` what is derived once for many); `row` turns a key into a row and back; `private_key` makes, loads
//!   and uses the key itself (`ec_pair` and `rsa_pair` are two kinds of it).
//!
//! Never in here: SQL, the environment, the wall clock (a clock is handed in), and plaintext keys
//! outside memory that is wiped.
//!
//! Source: signer spec 2 (keys and signatures) and 3 (key database); contract sections 1 and 3.
//!
//! To read another JWE algorithm: a variant in `jwe_header`, its arm in `key_wrap` or `content`,
//! and a row in `tests/vectors/signer`.

mod alias_trial;
mod by_id;
mod check_follower;
mod content;
mod custody;
mod derived_keys;
mod ec_pair;
mod fault;
mod jwe;
mod jwe_header;
mod key_wrap;
mod mover;
mod opened_keys;
mod passphrase;
mod passphrase_check;
mod passphrases;
mod pending_room;
mod private_key;
mod relocation;
mod resealing;
mod roll_call;
mod rotate;
mod rotation;
mod row;
pub(crate) mod rows;
mod rsa_pair;
mod signing;
#[cfg(test)]
mod vectors;

pub use alias_trial::{AliasFinding, try_aliases};
pub use check_follower::{CheckFollower, follow_check};
pub use custody::{Now, SealedCustody, SealedSettings};
pub use key_wrap::{BadRounds, Rounds};
pub use mover::{Arrival, KeyFlaw, KeyMover, Moved};
pub use passphrase::{DEFAULT_ALIAS, Passphrase};
pub use passphrase_check::{OpenError, prove_passphrases};
pub use passphrases::{PassphraseSource, Passphrases};
pub use relocation::{KeyRelocation, Relocated};
pub use resealing::{LeftKey, ResealedPage, Resealer, Resealing};
pub use roll_call::{BEAT_EVERY, RollCall, SILENT_AFTER};
pub use rotate::{
    Onlooker, Proposal, RotationEnd, RotationEvent, RotationStores, Unopened, rotate,
};
pub use rotation::{Rotation, RotationError, Standing};
