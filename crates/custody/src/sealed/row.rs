//! A key becomes a row of the key database, and a row a key.
//!
//! Nothing of a row is believed: ID, algorithm, public half and private half must all agree.
//!
//! Source: signer spec 3.1 (columns), 3.2 (hardening), 9.

use super::fault::Fault;
use super::jwe;
use super::jwe_header::{ContentAlg, KeyWrapAlg};
use super::key_wrap::Rounds;
use super::passphrase::Passphrase;
use super::passphrases::{Passphrases, Sealing};
use super::private_key::ServerKey;
use countersign_storage::SealedKey;
use countersign_tuf::keys::{KeyType, PublicKey};
use countersign_tuf::names::{Gun, ServerRole};

/// Seals `key` into a row that is pending for `gun` and `role`. Slow on purpose.
pub(super) fn seal(
    key: &ServerKey,
    gun: &Gun,
    role: ServerRole,
    passphrases: &Passphrases,
    rounds: Rounds,
) -> Result<SealedKey, Fault> {
    let Sealing { alias, passphrase } = passphrases.sealing();
    let sealed = jwe::seal(&key.to_plaintext(), &passphrase, rounds)?;
    Ok(SealedKey {
        key_id: key.public().id().as_str().to_owned(),
        encryption_alg: ContentAlg::A256Gcm.as_str().to_owned(),
        keywrap_alg: KeyWrapAlg::Hs256A128.as_str().to_owned(),
        algorithm: key.public().key_type().as_str().to_owned(),
        passphrase_alias: alias,
        public: key.public().public().to_vec(),
        sealed,
        gun: gun.as_str().to_owned(),
        role: role.as_str().to_owned(),
        last_used: None,
    })
}

/// The same row with `key`, which it holds, sealed anew. Slow on purpose.
pub(super) fn seal_anew(
    row: &SealedKey,
    key: &ServerKey,
    sealing: &Sealing,
    rounds: Rounds,
) -> Result<SealedKey, Fault> {
    Ok(SealedKey {
        encryption_alg: ContentAlg::A256Gcm.as_str().to_owned(),
        keywrap_alg: KeyWrapAlg::Hs256A128.as_str().to_owned(),
        passphrase_alias: sealing.alias.clone(),
        sealed: jwe::seal(&key.to_plaintext(), &sealing.passphrase, rounds)?,
        ..row.clone()
    })
}

/// The row's public half, proved to be the one that its ID names.
pub(super) fn public_half(row: &SealedKey) -> Result<PublicKey, Fault> {
    let key_type = KeyType::parse(&row.algorithm);
    // A type by which no server signs is no server key, whatever is sealed.
    if key_type.server_method().is_none() {
        return Err(Fault::Algorithm(row.algorithm.clone()));
    }
    let public = PublicKey::new(key_type, row.public.clone());
    if public.id().as_str() != row.key_id {
        return Err(Fault::KeyIdMismatch);
    }
    Ok(public)
}

/// Opens the row and proves that its parts belong together. Slow on purpose.
pub(super) fn open(row: &SealedKey, passphrases: &Passphrases) -> Result<ServerKey, Fault> {
    let public = public_half(row)?;
    let open = |passphrase: &Passphrase| jwe::open(&row.sealed, passphrase);
    let (plaintext, _) = passphrases.open_with(&row.passphrase_alias, open)?;
    ServerKey::load(public, &plaintext)
}

#[cfg(test)]
mod tests {
    use countersign_tuf::keys::ServerKeyAlgorithm;

    use super::*;

    fn passphrases() -> Passphrases {
        Passphrases::new("countersign", Passphrase::new("right".into()).unwrap())
    }

    fn row(algorithm: ServerKeyAlgorithm) -> SealedKey {
        let key = ServerKey::generate(algorithm).unwrap();
        let gun = Gun::parse("registry.example/app").unwrap();
        let rounds = Rounds::new(1_000).unwrap();
        seal(&key, &gun, ServerRole::Timestamp, &passphrases(), rounds).unwrap()
    }

    fn check(damage: impl Fn(&mut SealedKey), expected: &Fault) {
        let mut row = row(ServerKeyAlgorithm::Ecdsa);
        damage(&mut row);
        assert_eq!(&open(&row, &passphrases()).unwrap_err(), expected);
    }

    /// Signer spec 3.1, contract section 1.
    #[test]
    fn new_row_says_truly_how_it_is_sealed() {
        let row = row(ServerKeyAlgorithm::Ed25519);
        assert_eq!(row.encryption_alg, "A256GCM");
        assert_eq!(row.keywrap_alg, "PBES2-HS256+A128KW");
        assert_eq!((row.algorithm.as_str(), row.role.as_str()), ("ed25519", "timestamp"));
        assert_eq!(row.passphrase_alias, "countersign");
        assert_eq!(row.last_used, None);
    }

    #[test]
    fn row_opens_whatever_its_algorithm_columns_say() {
        let mut row = row(ServerKeyAlgorithm::Ecdsa);
        row.encryption_alg = String::new();
        row.keywrap_alg = "nonsense".to_owned();
        assert_eq!(open(&row, &passphrases()).unwrap().public().id().as_str(), row.key_id);
    }

    #[test]
    fn another_key_id_is_refused() {
        check(|row| row.key_id = "ab".repeat(32), &Fault::KeyIdMismatch);
    }

    #[test]
    fn public_half_of_another_key_is_refused() {
        check(|it| it.public = row(ServerKeyAlgorithm::Ecdsa).public, &Fault::KeyIdMismatch);
    }

    /// ID and public half agree here, and the sealed half is another key's.
    #[test]
    fn sealed_half_of_another_key_is_refused() {
        check(|it| it.sealed = row(ServerKeyAlgorithm::Ecdsa).sealed, &Fault::PublicMismatch);
    }

    #[test]
    fn another_algorithm_is_refused() {
        check(|row| row.algorithm = "ed25519".to_owned(), &Fault::KeyIdMismatch);
        check(|row| row.algorithm = "ECDSA".to_owned(), &Fault::Algorithm("ECDSA".to_owned()));
    }

    #[test]
    fn alias_without_passphrase_is_refused_by_name() {
        check(
            |row| row.passphrase_alias = "old.one".to_owned(),
            &Fault::NoPassphrase { variable: "NOTARY_SIGNER_OLD_ONE".to_owned() },
        );
    }
}
