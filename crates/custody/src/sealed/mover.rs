//! Rows on their way from one key database to another: looked into, and sealed anew on request.
//!
//! Source: signer spec 8.3; contract section 3.

use std::sync::Arc;

use countersign_storage::{KeyHome, SealedKey};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::fault::Fault;
use super::key_wrap::Rounds;
use super::passphrase::variable_of;
use super::passphrases::Passphrases;
use super::row;
use crate::CustodyError;

/// How rows arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Sealed as they were, under the alias they had.
    AsTheyAre,
    /// Sealed with the passphrase of new rows, under its alias.
    SealedAnew(Rounds),
}

/// Why a row gives no key that can sign. Its texts hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyFlaw {
    /// No passphrase is known for its alias.
    #[error("no passphrase for its alias {alias:?}: give it in {variable}, or {variable}_FILE")]
    NoPassphrase {
        /// The alias.
        alias: String,
        /// The environment variable that Notary reads it from.
        variable: String,
    },
    /// It does not open, or its parts do not belong together.
    #[error("{0}")]
    Unusable(String),
}

/// A row as it is to arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The row. Where there is a flaw it is as it was.
    pub key: SealedKey,
    /// What is wrong with it.
    pub flaw: Option<KeyFlaw>,
}

/// Looks into rows and seals them anew.
#[derive(Clone, Debug)]
pub struct KeyMover {
    passphrases: Arc<Passphrases>,
    arrival: Arrival,
}

impl KeyMover {
    /// A mover with these passphrases; new rows are sealed with the default one.
    #[must_use]
    pub fn new(passphrases: Passphrases, arrival: Arrival) -> Self {
        Self { passphrases: Arc::new(passphrases), arrival }
    }

    /// The row as it is to arrive, where `there` has arrived earlier, if it has.
    ///
    /// What is sealed is kept from `there` when that is how it is to arrive, and what points to a
    /// token always; all else is from `row`.
    #[must_use]
    pub fn kept(&self, row: &SealedKey, there: &SealedKey) -> Option<SealedKey> {
        let is_same = there.sealed == row.sealed && there.passphrase_alias == row.passphrase_alias;
        let is_anew = self.arrival != Arrival::AsTheyAre
            && there.passphrase_alias == self.passphrases.alias_of_new_keys()
            && (row.passphrase_alias != there.passphrase_alias || is_same);
        let is_settled = match self.arrival {
            _ if there.home() == KeyHome::Token => true,
            Arrival::AsTheyAre => is_same,
            Arrival::SealedAnew(_) => is_anew,
        };
        let same_key = (&there.key_id, &there.public) == (&row.key_id, &row.public);
        (is_settled && same_key).then(|| SealedKey {
            encryption_alg: there.encryption_alg.clone(),
            keywrap_alg: there.keywrap_alg.clone(),
            passphrase_alias: there.passphrase_alias.clone(),
            sealed: there.sealed.clone(),
            ..row.clone()
        })
    }

    /// Opens the row, proves that its parts belong together, and seals it anew where that is asked
    /// for. The row of a key in a token stays as it is: only who has the token can look into it.
    ///
    /// # Errors
    /// [`CustodyError::Other`] when the work did not end.
    pub async fn look_into(&self, row: SealedKey) -> Result<Moved, CustodyError> {
        if row.home() == KeyHome::Token {
            return Ok(Moved { key: row, flaw: None });
        }
        let (passphrases, arrival) = (Arc::clone(&self.passphrases), self.arrival);
        let looked = spawn_blocking(move || match arrive(&row, &passphrases, arrival) {
            Ok(key) => Moved { key, flaw: None },
            Err(fault) => Moved { flaw: Some(flaw(&row, &fault)), key: row },
        });
        looked
            .await
            .map_err(|error| CustodyError::Other(format!("key work did not finish: {error}")))
    }
}

fn arrive(
    row: &SealedKey,
    passphrases: &Passphrases,
    arrival: Arrival,
) -> Result<SealedKey, Fault> {
    let key = row::open(row, passphrases)?;
    let sealing = passphrases.sealing();
    match arrival {
        Arrival::SealedAnew(rounds) if row.passphrase_alias != sealing.alias => {
            row::seal_anew(row, &key, &sealing, rounds)
        }
        Arrival::AsTheyAre | Arrival::SealedAnew(_) => Ok(row.clone()),
    }
}

pub(super) fn flaw(row: &SealedKey, fault: &Fault) -> KeyFlaw {
    match fault {
        Fault::NoPassphrase { .. } => KeyFlaw::NoPassphrase {
            alias: row.passphrase_alias.clone(),
            variable: variable_of(&row.passphrase_alias),
        },
        other => KeyFlaw::Unusable(format!("{other} (alias {:?})", row.passphrase_alias)),
    }
}

#[cfg(test)]
mod tests {
    use countersign_storage::TOKEN_ROW;
    use countersign_tuf::keys::ServerKeyAlgorithm;
    use countersign_tuf::names::{Gun, ServerRole};

    use super::super::passphrase::Passphrase;
    use super::super::private_key::ServerKey;
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.into()).unwrap()
    }

    fn quick() -> Rounds {
        Rounds::new(1_000).unwrap()
    }

    /// A row as a Notary with the alias `old` made it.
    fn row() -> SealedKey {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ecdsa).unwrap();
        let gun = Gun::parse("a/b").unwrap();
        let notarys = Passphrases::new("old", passphrase("notarys"));
        row::seal(&key, &gun, ServerRole::Timestamp, &notarys, quick()).unwrap()
    }

    fn mover(arrival: Arrival) -> KeyMover {
        let ours = Passphrases::new("countersign", passphrase("ours"));
        KeyMover::new(ours.with("old", passphrase("notarys")), arrival)
    }

    #[tokio::test]
    async fn a_row_arrives_as_it_is_unless_told() {
        let (mover, row) = (mover(Arrival::AsTheyAre), row());
        let moved = mover.look_into(row.clone()).await.unwrap();
        assert_eq!(moved, Moved { key: row.clone(), flaw: None });
        assert_eq!(mover.kept(&row, &row), Some(row));
    }

    #[tokio::test]
    async fn a_row_sealed_anew_opens_with_our_passphrase_alone_and_is_not_sealed_twice() {
        let (mover, row) = (mover(Arrival::SealedAnew(quick())), row());
        let moved = mover.look_into(row.clone()).await.unwrap();
        assert_eq!(moved.flaw, None);
        assert_eq!(moved.key.passphrase_alias, "countersign");
        let ours = Passphrases::new("countersign", passphrase("ours"));
        let opened = row::open(&moved.key, &ours).unwrap();
        assert_eq!(opened.public().id().as_str(), row.key_id);
        assert_eq!(mover.kept(&row, &moved.key), Some(moved.key.clone()));
        assert_eq!(mover.kept(&row, &row), None);
        assert_eq!(mover.look_into(moved.key.clone()).await.unwrap().key, moved.key);
    }

    #[tokio::test]
    async fn the_row_of_a_key_in_a_token_passes_as_it_is_and_stays_where_it_has_arrived() {
        for arrival in [Arrival::AsTheyAre, Arrival::SealedAnew(quick())] {
            let (mover, sealed) = (mover(arrival), row());
            let token = SealedKey {
                encryption_alg: TOKEN_ROW.to_owned(),
                keywrap_alg: TOKEN_ROW.to_owned(),
                passphrase_alias: TOKEN_ROW.to_owned(),
                sealed: b"pkcs11:token=t;id=%01".to_vec(),
                ..sealed.clone()
            };
            let moved = mover.look_into(token.clone()).await.unwrap();
            assert_eq!(moved, Moved { key: token.clone(), flaw: None });
            assert_eq!(mover.kept(&token, &token), Some(token.clone()));
            assert_eq!(mover.kept(&sealed, &token), Some(token.clone()));
            let other = SealedKey { public: b"other".to_vec(), ..token.clone() };
            assert_eq!(mover.kept(&sealed, &other), None);
        }
    }

    #[tokio::test]
    async fn a_row_that_does_not_open_stays_as_it_is_and_tells_why() {
        for arrival in [Arrival::AsTheyAre, Arrival::SealedAnew(quick())] {
            let other = SealedKey { passphrase_alias: "lost.one".to_owned(), ..row() };
            let moved = mover(arrival).look_into(other.clone()).await.unwrap();
            let flaw = moved.flaw.unwrap();
            assert!(matches!(&flaw, KeyFlaw::NoPassphrase { alias, .. } if alias == "lost.one"));
            assert!(flaw.to_string().contains("NOTARY_SIGNER_LOST_ONE"), "{flaw}");
            assert_eq!(moved.key, other);
            for damaged in [
                SealedKey { passphrase_alias: "countersign".to_owned(), ..row() },
                SealedKey { key_id: "ab".repeat(32), ..row() },
                SealedKey { sealed: row().sealed, ..row() },
                SealedKey { sealed: b"no token".to_vec(), ..row() },
            ] {
                let moved = mover(arrival).look_into(damaged.clone()).await.unwrap();
                assert!(matches!(moved.flaw, Some(KeyFlaw::Unusable(_))), "{moved:?}");
                assert_eq!(moved.key, damaged);
            }
        }
    }
}
