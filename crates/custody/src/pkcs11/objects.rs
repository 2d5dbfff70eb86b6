//! What is done with the keys in a token, in one session: made, put in, used, read and removed.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{
    Attribute, AttributeType, KeyType as TokenKeyType, ObjectClass, ObjectHandle,
};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::error::TokenError;
use super::point;
use super::session::{OpenSession, hex};
use super::wrapped;
use countersign_tuf::keys::{KeyType, PublicKey, ServerKeyAlgorithm, verify_signature};

/// What a new key signs before it is used for anything.
const TRIAL: &[u8] = b"countersign: the first signature of a key";

/// How a pair is made.
pub(super) struct Wanted {
    pub(super) algorithm: ServerKeyAlgorithm,
    /// The `CKA_LABEL` of both halves.
    pub(super) label: String,
    /// The `CKA_ID` that they are made with. They get their key ID, where the token lets them.
    pub(super) first_id: Vec<u8>,
}

/// Makes a pair whose private half can neither be read nor leave. It has signed, and the signature
/// verified. Its public half and `CKA_ID`.
pub(super) fn make(
    session: &mut OpenSession,
    wanted: &Wanted,
) -> Result<(PublicKey, Vec<u8>), TokenError> {
    let (mechanism, name) = match wanted.algorithm {
        ServerKeyAlgorithm::Ecdsa => (Mechanism::EccKeyPairGen, "CKM_EC_KEY_PAIR_GEN"),
        ServerKeyAlgorithm::Ed25519 => {
            (Mechanism::EccEdwardsKeyPairGen, "CKM_EC_EDWARDS_KEY_PAIR_GEN")
        }
    };
    let (label, id) = (wanted.label.as_bytes().to_vec(), wanted.first_id.clone());
    let public_half = [
        Attribute::Token(true),
        Attribute::Verify(true),
        Attribute::EcParams(point::curve_of(wanted.algorithm).to_vec()),
        Attribute::Label(label.clone()),
        Attribute::Id(id.clone()),
    ];
    let private_half = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Label(label),
        Attribute::Id(id),
    ];
    let pair = session.raw().generate_key_pair(&mechanism, &public_half, &private_half);
    let (public, private) =
        pair.map_err(|error| TokenError::of_mechanism(&error, session.label(), name))?;
    settle(session, wanted, public, private).inspect_err(|error| {
        for half in [private, public] {
            if let Err(left) = session.raw().destroy_object(half) {
                let (token, left) = (session.label(), session.error(&left));
                tracing::warn!(
                    token, label = wanted.label, %error, %left,
                    "a new key that cannot be used stays behind in the token"
                );
            }
        }
    })
}

/// Looks at a new pair, names it, and has it sign.
fn settle(
    session: &mut OpenSession,
    wanted: &Wanted,
    public: ObjectHandle,
    private: ObjectHandle,
) -> Result<(PublicKey, Vec<u8>), TokenError> {
    refuse_if_readable(session, private)?;
    let point = session.raw().get_attributes(public, &[AttributeType::EcPoint]);
    let point = point.map_err(|error| session.error(&error))?;
    let key = point.into_iter().find_map(|attribute| match attribute {
        Attribute::EcPoint(point) => point::public_key(wanted.algorithm, &point),
        _ => None,
    });
    let key = key.ok_or_else(|| refused(session, "its new public key has no known form"))?;
    let id = name_by_key_id(session, &key, wanted, public, private);
    let signature = sign_with(session, private, &key, TRIAL)?;
    if !verifies(&key, TRIAL, &signature) {
        return Err(bad_signature(session, &id));
    }
    Ok((key, id))
}

/// A token may ignore what it was asked; then its keys would be no safer than files.
fn refuse_if_readable(session: &OpenSession, private: ObjectHandle) -> Result<(), TokenError> {
    let asked = [AttributeType::Sensitive, AttributeType::Extractable];
    let said = session.raw().get_attributes(private, &asked);
    let said = said.map_err(|error| session.error(&error))?;
    let holds = |attribute: &Attribute| {
        matches!(attribute, Attribute::Sensitive(true) | Attribute::Extractable(false))
    };
    if said.len() == asked.len() && said.iter().all(holds) {
        return Ok(());
    }
    Err(refused(session, "it makes private keys that can be read"))
}

/// Gives both halves their key ID as `CKA_ID`, so that an operator finds them. Where the token does
/// not let them, they keep the first one.
fn name_by_key_id(
    session: &OpenSession,
    key: &PublicKey,
    wanted: &Wanted,
    public: ObjectHandle,
    private: ObjectHandle,
) -> Vec<u8> {
    let Some(id) = id_bytes(key) else { return wanted.first_id.clone() };
    let rename =
        |half, id: &[u8]| session.raw().update_attributes(half, &[Attribute::Id(id.to_vec())]);
    let renamed = rename(public, &id).and_then(|()| rename(private, &id));
    match renamed {
        Ok(()) => id,
        Err(error) => {
            let error = session.error(&error);
            tracing::debug!(token = session.label(), %error, "a key keeps its first CKA_ID");
            if let Err(error) = rename(public, &wanted.first_id) {
                tracing::debug!(token = session.label(), %error, "its public half does not");
            }
            wanted.first_id.clone()
        }
    }
}

/// The 32 bytes of a key's ID.
fn id_bytes(key: &PublicKey) -> Option<Vec<u8>> {
    let digits = key.id().as_str().as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.map(byte).collect()
}

/// A private key on its way into a token.
pub(super) struct Arriving {
    pub(super) key: PublicKey,
    /// The scalar, big-endian, or the seed of Ed25519.
    pub(super) value: Zeroizing<Vec<u8>>,
    /// The `CKA_LABEL` of both halves.
    pub(super) label: String,
}

/// Puts a key into the token, unless it is there already. It has signed there, and the signature
/// verified. Its `CKA_ID`.
pub(super) fn put_in(session: &mut OpenSession, it: &Arriving) -> Result<Vec<u8>, TokenError> {
    let no_curve = || refused(session, "only keys on elliptic curves can be put into a token");
    let (curve, point) = point::curve_and_point(&it.key).ok_or_else(no_curve)?;
    let id = id_bytes(&it.key).ok_or_else(no_curve)?;
    if !session.find_all(ObjectClass::PRIVATE_KEY, &id)?.is_empty() {
        sign(session, &id, &it.key, TRIAL)?;
        return Ok(id);
    }
    let (key_type, mechanism) = match it.key.key_type() {
        KeyType::Ed25519 => (TokenKeyType::EC_EDWARDS, "CKK_EC_EDWARDS"),
        _ => (TokenKeyType::EC, "CKK_EC"),
    };
    let shared = |class| {
        [
            Attribute::Class(class),
            Attribute::KeyType(key_type),
            Attribute::Token(true),
            Attribute::EcParams(curve.to_vec()),
            Attribute::Label(it.label.as_bytes().to_vec()),
            Attribute::Id(id.clone()),
        ]
    };
    let mut private = Vec::from(shared(ObjectClass::PRIVATE_KEY));
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Value(it.value.to_vec()),
    ]);
    let put = session.raw().create_object(&private);
    for attribute in &mut private {
        if let Attribute::Value(value) = attribute {
            value.zeroize();
        }
    }
    put.map_err(|error| TokenError::of_mechanism(&error, session.label(), mechanism))?;
    let mut public = Vec::from(shared(ObjectClass::PUBLIC_KEY));
    public.extend([Attribute::Verify(true), Attribute::EcPoint(point)]);
    let whole = session
        .raw()
        .create_object(&public)
        .map_err(|error| session.error(&error))
        .and_then(|_| refuse_if_readable(session, session.find(ObjectClass::PRIVATE_KEY, &id)?))
        .and_then(|()| sign(session, &id, &it.key, TRIAL));
    if let Err(error) = whole {
        session.destroy(&id)?;
        return Err(error);
    }
    Ok(id)
}

/// The private half of a key that may leave the token: the scalar, or the seed of Ed25519. One that
/// may leave only wrapped is wrapped on its way.
pub(super) fn take_out(
    session: &mut OpenSession,
    id: &[u8],
) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    let private = session.private_key(id)?;
    let asked = [AttributeType::Value, AttributeType::Extractable];
    let said = session.raw().get_attributes(private, &asked);
    let said = said.map_err(|error| session.error(&error))?;
    let (mut value, mut may_leave) = (None, false);
    for attribute in said {
        match attribute {
            Attribute::Value(bytes) if !bytes.is_empty() => value = Some(Zeroizing::new(bytes)),
            Attribute::Extractable(extractable) => may_leave = extractable,
            _ => {}
        }
    }
    match value {
        Some(value) => Ok(value),
        None if may_leave => wrapped::take_out(session, id, private),
        None => Err(TokenError::NotExtractable { label: session.label().to_owned(), id: hex(id) }),
    }
}

/// Signs the whole `message`. The signature has been verified.
pub(super) fn sign(
    session: &mut OpenSession,
    id: &[u8],
    key: &PublicKey,
    message: &[u8],
) -> Result<Vec<u8>, TokenError> {
    let private = session.private_key(id)?;
    let signature = sign_with(session, private, key, message)?;
    if verifies(key, message, &signature) {
        return Ok(signature);
    }
    Err(bad_signature(session, id))
}

fn sign_with(
    session: &OpenSession,
    private: ObjectHandle,
    key: &PublicKey,
    message: &[u8],
) -> Result<Vec<u8>, TokenError> {
    let (signed, name) = match key.key_type() {
        KeyType::Ed25519 => {
            let pure = EddsaParams::new(EddsaSignatureScheme::Ed25519);
            (session.raw().sign(&Mechanism::Eddsa(pure), private, message), "CKM_EDDSA")
        }
        // Hashed here: not every token knows a mechanism that hashes and signs.
        _ => {
            let hash = Sha256::digest(message);
            (session.raw().sign(&Mechanism::Ecdsa, private, &hash), "CKM_ECDSA")
        }
    };
    signed.map_err(|error| TokenError::of_mechanism(&error, session.label(), name))
}

fn verifies(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let method = key.key_type().server_method();
    method.is_some_and(|method| verify_signature(key, &method, message, signature))
}

fn refused(session: &OpenSession, reason: &str) -> TokenError {
    TokenError::Refused { label: session.label().to_owned(), reason: reason.to_owned() }
}

fn bad_signature(session: &OpenSession, id: &[u8]) -> TokenError {
    TokenError::BadSignature { label: session.label().to_owned(), id: hex(id) }
}
