//! A key that an operator made in the token by hand, so that it can leave, and put into the database.

use anyhow::{Context as _, Result};
use countersign_storage::{KeyStore as _, SealedKey, TOKEN_ROW};
use countersign_tests::peers::softhsm::{LABEL, PIN};
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType};
use cryptoki::session::UserType;

use crate::bench::gun;
use crate::database::{Bench, time};

/// The first byte of the `CKA_ID`; the second says the algorithm.
const ID: u8 = 0x2a;

fn id_of(algorithm: ServerKeyAlgorithm) -> [u8; 2] {
    match algorithm {
        ServerKeyAlgorithm::Ecdsa => [ID, 1],
        ServerKeyAlgorithm::Ed25519 => [ID, 2],
    }
}

/// What precedes a point on P-256 in its `SubjectPublicKeyInfo`.
const P256_INFO: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

/// How it may leave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// Whoever has the PIN reads it.
    Plain,
    /// Under another key of the token's user.
    Wrapped,
}

/// A key that can be read, pending for [`gun`]'s timestamp role.
pub(crate) async fn make(bench: &Bench, algorithm: ServerKeyAlgorithm) -> Result<PublicKey> {
    make_so(bench, algorithm, Leaves::Plain).await
}

/// The same for one that leaves so.
pub(crate) async fn make_so(
    bench: &Bench,
    algorithm: ServerKeyAlgorithm,
    leaves: Leaves,
) -> Result<PublicKey> {
    let point = make_pair(bench, algorithm, leaves)?;
    // Without the head of the OCTET STRING around it.
    let point = point.get(2..).context("a point")?;
    let public = match algorithm {
        ServerKeyAlgorithm::Ecdsa => [&hex::decode(P256_INFO)?[..], point].concat(),
        ServerKeyAlgorithm::Ed25519 => point.to_vec(),
    };
    let key = PublicKey::new(algorithm.key_type(), public);
    let row = SealedKey {
        key_id: key.id().as_str().to_owned(),
        encryption_alg: TOKEN_ROW.to_owned(),
        keywrap_alg: TOKEN_ROW.to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        passphrase_alias: TOKEN_ROW.to_owned(),
        public: key.public().to_vec(),
        sealed: format!("pkcs11:token={LABEL};id=%2A%0{};type=private", id_of(algorithm)[1])
            .into_bytes(),
        gun: gun().as_str().to_owned(),
        role: "timestamp".to_owned(),
        last_used: None,
    };
    bench.store.insert_unless_pending(&row, time()).await?;
    Ok(key)
}

/// Makes the pair; its `CKA_EC_POINT`.
fn make_pair(bench: &Bench, algorithm: ServerKeyAlgorithm, leaves: Leaves) -> Result<Vec<u8>> {
    let library = Pkcs11::new(bench.hsm.faulty_module()?)?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(error.into()),
    }
    let slots = library.get_slots_with_initialized_token()?;
    let session = library.open_rw_session(*slots.first().context("a token")?)?;
    match session.login(UserType::User, Some(&PIN.into())) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
        Err(error) => return Err(error.into()),
    }
    let (mechanism, curve) = match algorithm {
        ServerKeyAlgorithm::Ecdsa => (Mechanism::EccKeyPairGen, "06082a8648ce3d030107"),
        ServerKeyAlgorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, "06032b6570"),
    };
    let public = [
        Attribute::Token(true),
        Attribute::Id(id_of(algorithm).to_vec()),
        Attribute::EcParams(hex::decode(curve)?),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Id(id_of(algorithm).to_vec()),
        Attribute::Sign(true),
        Attribute::Sensitive(leaves == Leaves::Wrapped),
        Attribute::Extractable(true),
    ];
    let (public, _) = session.generate_key_pair(&mechanism, &public, &private)?;
    let point = session.get_attributes(public, &[AttributeType::EcPoint])?.into_iter().next();
    match point {
        Some(Attribute::EcPoint(point)) => Ok(point),
        other => anyhow::bail!("{other:?} is no point"),
    }
}
